"""A webhook is believed only with the right signature over the raw bytes, and one bad event blocks no other."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from gocardless_pro import webhooks as official
from hypothesis import given
from hypothesis import strategies as st

from connector_resources.errors import WebhookRefused
from connector_resources.gocardless.webhook import MAX_WEBHOOK_BYTES, Webhook, parse_webhook, verify_signature

SECRETS = st.text(min_size=1, max_size=40)


def sign(raw: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def event(number: int) -> dict[str, Any]:
    return {
        "id": f"EV{number}",
        "created_at": "2026-03-02T09:00:00.000Z",
        "resource_type": "payments",
        "action": "confirmed",
        "links": {"payment": f"PM{number}"},
    }


@given(st.binary(max_size=500), SECRETS)
def test_the_right_signature_fits(raw: bytes, secret: str) -> None:
    assert verify_signature(raw, sign(raw, secret), [secret])


@given(st.binary(max_size=200), SECRETS, SECRETS)
def test_during_rotation_either_secret_fits(raw: bytes, old: str, new: str) -> None:
    assert verify_signature(raw, sign(raw, old), [new, old])
    assert verify_signature(raw, sign(raw, new), [new, old])


@given(st.binary(min_size=1, max_size=200), SECRETS, st.data())
def test_one_changed_bit_breaks_it(raw: bytes, secret: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(raw) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(raw)
    changed[place] ^= 1 << bit
    assert not verify_signature(bytes(changed), sign(raw, secret), [secret])


@given(st.binary(max_size=100), st.none() | st.text(max_size=80), SECRETS)
def test_whatever_else_the_header_holds_it_does_not_fit(raw: bytes, header: str | None, secret: str) -> None:
    assert not verify_signature(raw, header, [secret])


def test_no_secret_and_the_empty_secret_never_fit() -> None:
    assert not verify_signature(b"{}", sign(b"{}", ""), [])
    assert not verify_signature(b"{}", sign(b"{}", ""), [""])


def test_upper_case_and_surrounding_blanks_do_not_fit() -> None:
    good = sign(b"{}", "secret")
    assert not verify_signature(b"{}", good.upper(), ["secret"])
    assert not verify_signature(b"{}", f" {good}", ["secret"])


def test_the_official_client_and_we_agree() -> None:
    raw = json.dumps({"events": [event(1)], "meta": {"webhook_id": "WB1"}}, ensure_ascii=False).encode()
    signature = sign(raw, "sécret")
    assert [e.id for e in official.parse(raw, "sécret", signature)] == ["EV1"]
    assert verify_signature(raw, signature, ["sécret"])


def test_a_batch_gives_its_events_in_order() -> None:
    raw = b' {"events": ' + json.dumps([event(n) for n in range(250)]).encode() + b', "meta": {"webhook_id": "WB1"}}\n'
    webhook = parse_webhook(raw)
    assert webhook.webhook_id == "WB1"
    assert [e["id"] for e in webhook.events] == [f"EV{n}" for n in range(250)]
    assert webhook.malformed == ()


def test_older_deliveries_have_no_meta() -> None:
    assert parse_webhook(b'{"events": []}').webhook_id is None


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        "EV9",
        {},
        {"id": "EV9"},
        {**event(9), "id": ""},
        {**event(9), "links": ["PM1"]},
        {**event(9), "action": 1},
        {**event(9), "created_at": "yesterday"},
        {**event(9), "created_at": "2026-03-02T09:00:00"},
    ],
)
def test_one_bad_event_does_not_block_the_others(bad: Any) -> None:
    webhook = parse_webhook(json.dumps({"events": [event(1), bad, event(2)]}).encode())
    assert [e["id"] for e in webhook.events] == ["EV1", "EV2"]
    assert webhook.malformed == (bad,)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{}", b'{"events": {}}', b"<html>", b'{"events": [}', b"\xff\xfe"]
)
def test_what_is_no_webhook_is_refused_with_400(raw: bytes) -> None:
    with pytest.raises(WebhookRefused) as caught:
        parse_webhook(raw)
    assert caught.value.status == 400


@given(st.binary(max_size=300))
def test_any_bytes_are_a_webhook_or_refused(raw: bytes) -> None:
    try:
        parsed: object = parse_webhook(raw)
    except WebhookRefused as refused:
        parsed = refused.status
    assert isinstance(parsed, Webhook) or parsed == 400


def test_a_body_above_the_limit_is_refused_with_413() -> None:
    with pytest.raises(WebhookRefused) as caught:
        parse_webhook(b" " * (MAX_WEBHOOK_BYTES + 1))
    assert caught.value.status == 413
