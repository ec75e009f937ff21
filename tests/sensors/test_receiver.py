"""The webhook receiver over real HTTP: what is stored, what is refused, and what the sender is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from sqlalchemy import select

from connector_resources.store.schema import INBOX_DELIVERIES
from sensors.receiver import MAX_BODY_BYTES

PATH = "/webhooks/gocardless/nordic"


def test_a_signed_webhook_is_stored_as_it_came_before_it_is_answered(post: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"), say.event("EV2"))
    answer = post.signed(raw)

    assert (answer.status_code, answer.content) == (204, b"")
    with post.runtime.store.database.read() as reading:
        stored = reading.execute(select(INBOX_DELIVERIES)).one()
    assert (bytes(stored.body), stored.webhook_id, stored.event_count, stored.state) == (raw, "WB1", 2, "waiting")
    assert post.rows() == (1, 2)
    waiting = post.runtime.store.inbox.waiting()
    assert [(row.connection, row.activity_day.isoformat(), row.count) for row in waiting] == [
        ("nordic", "2026-06-03", 2)
    ]


def test_events_that_come_again_add_nothing(post: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"), say.event("EV2"))

    assert [post.signed(raw).status_code for _ in range(3)] == [204, 204, 204]
    assert post.signed(say.body(say.event("EV2"), say.event("EV3"), say.event("EV3"))).status_code == 204
    assert post.events() == 3


def test_deliveries_that_arrive_together_store_each_event_once(post: Any, say: SimpleNamespace) -> None:
    bodies = [say.body(say.event("EV1"), say.event(f"EV{n % 4}")) for n in range(12)]

    with ThreadPoolExecutor(max_workers=6) as pool:
        statuses = [answer.status_code for answer in pool.map(post.signed, bodies)]

    assert statuses == [204] * 12
    assert post.events() == 4


@pytest.mark.parametrize(
    "given",
    [None, "", "0" * 64, "not hexadecimal", "A" * 63, "ümläut".encode(), b"\xff\xfe"],
    ids=["missing", "empty", "wrong", "malformed", "short", "utf-8", "bytes"],
)
def test_a_wrong_signature_is_refused_and_nothing_is_stored(post: Any, say: SimpleNamespace, given: Any) -> None:
    raw = say.body(say.event("EV1"))
    headers = {} if given is None else {"Webhook-Signature": given}

    answer = requests.post(post.address + PATH, data=raw, headers=headers, timeout=10)

    assert (answer.status_code, answer.content) == (401, b"")
    assert post.rows() == (0, 0)


def test_an_upper_case_signature_is_another_signature(post: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    given = say.signature(raw).upper()
    assert given != given.lower()
    assert post.send(PATH, raw, webhook_signature=given).status_code == 401


def test_the_answer_to_a_wrong_signature_is_a_setting(listen: Any, say: SimpleNamespace) -> None:
    with listen(nordic=say.document(webhook={"invalid_signature_status": 498})) as post:
        post.runtime.store.vault.write("nordic", "gocardless_webhook_secret", say.SECRET)
        assert post.signed(say.body(), secret="another").status_code == 498


def test_a_changed_body_does_not_fit_its_signature(post: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    assert post.send(PATH, raw + b" ", webhook_signature=say.signature(raw)).status_code == 401
    assert post.rows() == (0, 0)


def test_two_secrets_are_valid_while_one_is_rotated(listen: Any, say: SimpleNamespace) -> None:
    names = ["webhook_secret_old", "webhook_secret_new"]
    with listen(nordic=say.document(gocardless={"environment": "sandbox", "webhook_secrets": names})) as post:
        post.runtime.store.vault.write("nordic", "webhook_secret_old", "old-secret-value")
        post.runtime.store.vault.write("nordic", "webhook_secret_new", "new-secret-value")

        assert post.signed(say.body(say.event("EV1")), secret="old-secret-value").status_code == 204
        assert post.signed(say.body(say.event("EV2")), secret="new-secret-value").status_code == 204
        assert post.signed(say.body(say.event("EV3")), secret="third-secret-value").status_code == 401
        assert post.events() == 2


def test_a_secret_set_later_is_used_at_once(listen: Any, say: SimpleNamespace) -> None:
    with listen(nordic=say.document()) as post:
        raw = say.body(say.event("EV1"))
        assert post.signed(raw).status_code == 401
        post.runtime.store.vault.write("nordic", "gocardless_webhook_secret", say.SECRET)
        assert post.signed(raw).status_code == 204


def test_without_a_secret_in_the_vault_nothing_is_accepted_and_the_log_says_which(
    listen: Any, say: SimpleNamespace, logged: list[Any]
) -> None:
    with listen(nordic=say.document()) as post:
        raw = say.body(say.event("EV1"))
        assert post.signed(raw).status_code == 401
        assert post.signed(raw, secret="").status_code == 401
        assert post.rows() == (0, 0)
    missing = [line for line in logged if "missing" in line["event"]]
    assert missing
    assert missing[0]["names"] == ["gocardless_webhook_secret"]
    assert missing[0]["connection"] == "nordic"


def test_an_unknown_connection_does_not_exist(post: Any, say: SimpleNamespace) -> None:
    answer = post.signed(say.body(say.event("EV1")), connection="nobody")
    assert (answer.status_code, answer.content) == (404, b"")
    assert post.rows() == (0, 0)


def test_a_body_that_says_it_is_too_large_is_not_read(post: Any, say: SimpleNamespace) -> None:
    raw = b" " * (MAX_BODY_BYTES + 1)
    assert post.signed(raw).status_code == 413
    assert post.rows() == (0, 0)


def test_a_body_that_grows_too_large_in_chunks_is_cut_off(post: Any, say: SimpleNamespace) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65536 + 1):
            yield b" " * 65536

    answer = post.send(PATH, chunks(), webhook_signature="0" * 64)

    assert answer.status_code == 413
    assert post.rows() == (0, 0)


def test_a_chunked_body_of_the_right_size_is_a_webhook_like_any_other(post: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    chunks = (raw[start : start + 7] for start in range(0, len(raw), 7))
    assert post.send(PATH, chunks, webhook_signature=say.signature(raw)).status_code == 204
    assert post.events() == 1


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"events": {}}', b'{"events": 1}', b"\xff"])
def test_a_signed_body_that_is_no_webhook_is_a_bad_request(post: Any, say: SimpleNamespace, raw: bytes) -> None:
    answer = post.signed(raw)
    assert (answer.status_code, answer.content) == (400, b"")
    assert post.rows() == (0, 0)


def test_an_empty_list_of_events_is_fine(post: Any, say: SimpleNamespace) -> None:
    assert post.signed(say.body()).status_code == 204
    assert post.rows() == (1, 0)


def test_event_types_nobody_knows_are_stored_as_well(post: Any, say: SimpleNamespace) -> None:
    strange = say.event("EV1", resource_type="wallets", action="rebalanced", links={"wallet": "WA1"}, surprise=[1])
    assert post.signed(say.body(strange)).status_code == 204
    assert post.rows() == (1, 1)

    stored = post.runtime.store.inbox.new_events("nordic", *say.ALL_DAYS)
    assert [(row.event_id, row.resource_type, row.body["surprise"]) for row in stored] == [("EV1", "wallets", [1])]


def test_an_entry_that_is_no_event_blocks_no_other(post: Any, say: SimpleNamespace, logged: list[Any]) -> None:
    raw = json.dumps({"events": [say.event("EV1"), {"id": "EV2"}, "text", None]}).encode()
    assert post.signed(raw).status_code == 204
    assert post.events() == 1
    assert [line["entries"] for line in logged if "no events" in line["event"]] == [3]


def test_a_live_webhook_for_a_sandbox_connection_is_forbidden(post: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    assert post.signed(raw, origin="https://api.gocardless.com").status_code == 403
    assert post.rows() == (0, 0)
    assert post.signed(raw, origin="https://api-sandbox.gocardless.com").status_code == 204


def test_a_sandbox_webhook_for_a_live_connection_is_forbidden(listen: Any, say: SimpleNamespace) -> None:
    with listen(nordic=say.document(gocardless={"environment": "live"})) as post:
        post.runtime.store.vault.write("nordic", "gocardless_webhook_secret", say.SECRET)
        raw = say.body(say.event("EV1"))
        assert post.signed(raw, origin="https://api-sandbox.gocardless.com").status_code == 403
        assert post.signed(raw, origin="https://api.gocardless.com").status_code == 204


@pytest.mark.parametrize("path", [PATH, "/webhooks/gocardless", "/webhooks/erp/nordic"])
def test_only_posts_are_taken(post: Any, path: str) -> None:
    assert requests.get(post.address + path, timeout=10).status_code == 405


def test_health_tells_the_newest_inbox_row(post: Any, say: SimpleNamespace) -> None:
    post.signed(say.body(say.event("EV1")))
    answer = requests.get(post.address + "/health", timeout=10).json()
    assert answer == {"ok": True, "highest_inbox_row": post.runtime.store.inbox.highest_seq()}


def test_one_connections_secret_opens_no_other(listen: Any, say: SimpleNamespace, tmp_path: Path) -> None:
    with listen(nordic=say.document(), south=say.document()) as post:
        post.runtime.store.vault.write("nordic", "gocardless_webhook_secret", say.SECRET)
        post.runtime.store.vault.write("south", "gocardless_webhook_secret", "the-secret-of-south")
        assert post.signed(say.body(say.event("EV1")), connection="south").status_code == 401
        assert post.signed(say.body(say.event("EV1")), connection="nordic").status_code == 204
        assert (post.events("nordic"), post.events("south")) == (1, 0)
