"""Some thousand inputs of the fuzz campaign, inputs drawn by Hypothesis, and proof that a weakness would be seen."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sensors.receiver
from tests.fuzz.campaign import SHARES, run
from tests.fuzz.mutation import BODY, SEEDS, make, request
from tests.fuzz.receiver_in_process import InProcess, receiver_in_process, signature
from tests.fuzz.receiver_on_sockets import receiver_on_sockets
from tests.fuzz.targets import PURE, raw_http, signature_header, signed_body, sockets, webhook_body

ROOT = Path(__file__).parents[2]
LETTERS = st.text(st.characters(codec="latin-1"), max_size=80)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with receiver_in_process(tmp_path_factory.mktemp("fuzz") / "home") as opened:
        yield opened


def test_some_thousand_inputs_find_no_weakness() -> None:
    outcome = run(3000, tell=lambda _line: None)
    assert outcome.failures == []
    assert outcome.total >= 2900


def test_the_seeds_reach_the_store_and_every_refusal(receiver: InProcess) -> None:
    good = request(BODY, b"Webhook-Signature: " + signature(BODY))
    statuses = {answer[9:12] for answer in receiver.feed(*SEEDS["raw http"])}
    assert {b"204", b"200", b"401", b"403", b"404"} <= statuses
    assert receiver.feed(good)[0].startswith(b"HTTP/1.1 204 ")
    assert receiver.new_rows()[-1] == BODY


def test_the_same_number_gives_the_same_input() -> None:
    assert [make("raw http", number) for number in range(50)] == [make("raw http", number) for number in range(50)]


@settings(max_examples=100)
@given(st.one_of(LETTERS.map(lambda text: text.encode("latin-1")), st.binary(max_size=80)))
def test_no_header_is_a_signature_but_the_right_one(header: bytes) -> None:
    signature_header(header)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON, "created_at": st.datetimes().map(lambda at: f"{at.isoformat()}+14:00") | JSON, "resource_type": JSON,
        "action": st.text(max_size=5) | JSON, "links": st.dictionaries(st.sampled_from(["payment", "payout"]), JSON) | JSON,
    },
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(EVENTS | JSON, max_size=4))
def test_no_list_of_anything_breaks_a_webhook(entries: list[Any]) -> None:
    import json

    webhook_body(json.dumps({"events": entries}).encode())


def test_a_receiver_that_forgets_to_check_is_found_out(receiver: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors.receiver, "verify_signature", lambda _raw, _header, _secrets: True)
    with pytest.raises(AssertionError, match="nobody signed"):
        raw_http(receiver)([request(BODY, b"Webhook-Signature: " + b"0" * 64)])


def test_a_row_beside_the_webhooks_is_found_out(receiver: InProcess) -> None:
    marks = receiver.runtime.store.marks
    marks.set("nordic", "erp_notified", "1")
    with pytest.raises(AssertionError, match="no webhook is stored in"):
        raw_http(receiver)([b"GET /health HTTP/1.1\r\nHost: r\r\n\r\n"])
    receiver.forget()


def test_an_answer_over_a_socket_is_judged_like_any_other(receiver: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    good = request(BODY, b"Webhook-Signature: " + signature(BODY))
    bad = request(BODY, b"Webhook-Signature: " + b"0" * 64)
    with receiver_on_sockets(receiver) as server:
        assert [answer[9:12] for answer in server.feed(good, bad, b"GET /health HTTP/1.1", b"")] == [
            b"204", b"401", b"", b"",
        ]  # fmt: skip
        assert receiver.new_rows() == [BODY]
        check = sockets(server)
        check(SEEDS["raw http, sockets"])
        monkeypatch.setattr(sensors.receiver, "verify_signature", lambda _raw, _header, _secrets: True)
        with pytest.raises(AssertionError, match="nobody signed"):
            check([bad])
    receiver.forget()


def test_a_campaign_tells_which_inputs_of_many_broke_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "0" * 64
    monkeypatch.setattr(sensors.receiver, "verify_signature", lambda _raw, header, _secrets: header == wrong)
    outcome = run(100 * 100 // SHARES["raw http"], tell=lambda _line: None)
    named = {number for target, number, _ in outcome.failures if target == "raw http"}
    assert named
    assert named <= {number for number in range(100) if wrong.encode() in make("raw http", number)}


def test_the_command_shares_the_inputs_between_processes_and_tells_what_it_did() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "301", "--first", "7", "--processes", "2"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert told.returncode == 0, told.stdout + told.stderr
    counts = dict(re.findall(r"^ *([a-z, ]+?) {2,}([0-9,]+) +[0-9,]+ +0$", told.stdout, re.MULTILINE))
    assert counts.keys() == SHARES.keys()
    assert int(counts["webhook body"]) == 151 * 25 // 100 + 150 * 25 // 100
    assert re.search(rf"^{sum(map(int, counts.values()))} inputs, 0 weaknesses, ", told.stdout, re.MULTILINE)


def test_a_receiver_that_breaks_is_found_out(receiver: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_raw: bytes) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(sensors.receiver, "open_envelope", breaks)
    with pytest.raises(AssertionError):
        signed_body(receiver)([BODY])
    receiver.crashes.texts.clear()


@pytest.mark.parametrize("name", PURE)
def test_every_seed_of_a_parser_passes(name: str) -> None:
    for seed in SEEDS[name]:
        PURE[name](seed)


def test_a_string_that_never_ends_costs_no_more_than_its_length() -> None:
    PURE["erp notification"](b'{"Content":' + b'"\\"' * 80_000)
    PURE["erp notification"](b'"\\' * 120_000)
