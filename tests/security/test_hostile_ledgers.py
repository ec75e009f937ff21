"""Every client against a server that answers nonsense: a typed error or nothing, never a crash, and no token elsewhere."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from connector_resources.errors import BadAnswer, ConnectorError
from connector_resources.runtime import Runtime
from connector_resources.transport.answers import MAX_DEPTH
from tests.security.hostile import Answer, Hostile, hostile_server, saying
from tests.security.targets import ACCESS_TOKEN, CREDENTIALS, ERPS, NAME, open_runtime

DEEP = 100_000
FRESH = "access-token-that-was-fetched-now"
TOKENS = saying(json.dumps({"access_token": FRESH, "token_type": "Bearer", "expires_in": 3600}).encode())


def rows(row: bytes) -> bytes:
    """`row` in the place of a list's row in every ledger's shape at once."""
    return b'{"value":[%s],"d":{"results":[%s]},"events":[%s],"payments":[%s],"meta":{"cursors":{}}}' % ((row,) * 4)


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    b"<eExact><Messages><Message type='0'><Description>&c;&f;</Description></Message></Messages></eExact>"
)
BODIES = {
    "nothing": b"",
    "null": b"null",
    "a number": b"7",
    "a list of everything": b'[1, null, "a", [], {}, true]',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"value":' * DEEP + b"1" + b"}" * DEEP,
    "a deep row": rows(b"[" * 900 + b"]" * 900),
    "a number without end": rows(b'{"ID":' + b"9" * 100_000 + b"}"),
    "an exponent": rows(b'{"AmountDC":1e999999999,"balance":1E+999999999,"amount":1e-999999999}'),
    "no numbers": rows(b'{"amount":NaN,"balance":Infinity,"AmountDC":-Infinity}'),
    "names given twice": b'{"value":[],"value":[{"ID":"a"}],"d":{"results":[]},"d":{"results":[1]}}',
    "wrong types": rows(b'{"id":[],"number":{},"ID":7,"Code":[],"name":1.5,"CustomerNumber":{},"active":"x"}'),
    "half a character": rows(b'{"id":"\\ud800","number":"\\udfff","ID":"\\ud800","Code":"\\ud800","CustomerNumber":"\\ud800"}'),
    "control characters": rows(b'{"id":"a\\u0000","number":"\\u0000","ID":"\\u0000","Code":"\\u0000"}'),
    "bytes that are no text": b'{"value":[{"a":"\xff\xfe"}]}',
    "another encoding": '{"value":[],"d":{"results":[]}}'.encode("utf-16"),
    "a broken end": b'{"value":[{"ID":',
    "entities": BOMB,
}  # fmt: skip


def lists(runtime: Runtime) -> dict[str, Callable[[], object]]:
    """What a run reads from the ledger and from GoCardless, by name."""
    connection = runtime.connection(NAME)

    def ledger(method: str) -> Callable[[], object]:
        def read() -> object:
            with runtime.erp(connection) as connector:
                found = getattr(connector, method)()
                return list(found) if isinstance(found, Iterator) else found

        return read

    def gocardless() -> object:
        with runtime.gocardless(connection) as client:
            return list(client.filtered_pages("payments", {})), client.get("payments", "PM1")

    names = ("ping", "customers", "customers_mark", "open_invoices", "recurring_charges")
    return {**{name: ledger(name) for name in names}, "gocardless": gocardless}


def tokens_and(answer: Answer) -> Answer:
    """Tokens for who asks for them, and `answer` to everything else."""

    def choose(caller: socket.socket, head: bytes) -> None:
        asks_for_token = b"token" in head.partition(b"\r\n")[0].lower()
        (TOKENS if asks_for_token else answer)(caller, head)

    return choose


@pytest.fixture(scope="module", params=ERPS)
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Hostile, Runtime]]:
    with (
        hostile_server(TOKENS) as server,
        open_runtime(tmp_path_factory.mktemp("home") / "home", request.param, server.address) as runtime,
    ):
        yield server, runtime


@pytest.mark.parametrize("name", BODIES)
def test_an_answer_that_is_nonsense_ends_in_an_error_of_ours(ledger: tuple[Hostile, Runtime], name: str) -> None:
    server, runtime = ledger
    server.answer = tokens_and(saying(BODIES[name]))
    ended = {what: _ended(read) for what, read in lists(runtime).items()}
    assert not {what: told for what, told in ended.items() if told.startswith("crash")}
    assert any(told != "nothing wrong" for told in ended.values()) or name == "another encoding"


def _ended(read: Callable[[], object]) -> str:
    try:
        read()
    except ConnectorError as error:
        told = [secret for secret in (ACCESS_TOKEN, FRESH, *CREDENTIALS.values()) if secret in str(error)]
        return f"crash: {told} are in the message" if told else type(error).__name__
    except Exception as error:  # noqa: BLE001 - any other type is what this test looks for
        return f"crash: {type(error).__name__}: {str(error)[:200]}"
    return "nothing wrong"


@pytest.mark.parametrize("levels", [MAX_DEPTH, 200])
def test_a_page_of_gocardless_that_nests_too_deep_is_refused(ledger: tuple[Hostile, Runtime], levels: int) -> None:
    server, runtime = ledger
    server.answer = saying(rows(b'{"id":"PM1","a":"]]]]","b":' + b"[" * levels + b"]" * levels + b"}"))
    with runtime.gocardless(runtime.connection(NAME)) as client, pytest.raises(BadAnswer):
        client.page("payments")


@pytest.mark.parametrize("name", ["deep lists", "null", "a list of everything", "a number without end", "nothing"])
def test_a_token_endpoint_that_answers_nonsense_ends_in_an_error_of_ours(
    ledger: tuple[Hostile, Runtime], name: str
) -> None:
    server, runtime = ledger
    vault = runtime.store.vault
    for token in ("visma_token", "ifs_cloud_token"):
        vault.remove(NAME, token)
    server.answer = saying(BODIES[name])
    assert not _ended(lists(runtime)["customers"]).startswith("crash")


def test_a_next_link_to_another_host_takes_no_credential_there(ledger: tuple[Hostile, Runtime]) -> None:
    server, runtime = ledger
    with hostile_server(saying(b'{"value":[],"d":{"results":[]}}')) as elsewhere:
        away = f"{elsewhere.address}/next?$skip=1".encode()
        page = (
            b'{"value":[],"@odata.nextLink":"%s","d":{"results":[],"__next":"%s"},"payments":[],'
            b'"meta":{"cursors":{"after":"%s"}}}' % ((away,) * 3)
        )
        server.answer = tokens_and(saying(page, f"Location: {away.decode()}", f'Link: <{away.decode()}>; rel="next"'))
        for read in lists(runtime).values():
            assert not _ended(read).startswith("crash")
        assert elsewhere.heads == []


def test_a_credential_goes_only_where_it_belongs(ledger: tuple[Hostile, Runtime], tmp_path: Path) -> None:
    """The token of the ledger is in requests to the ledger only; GoCardless gets its own."""
    server, runtime = ledger
    server.heads.clear()
    server.answer = tokens_and(saying(b"{}"))
    with runtime.gocardless(runtime.connection(NAME)) as client, pytest.raises(ConnectorError):
        client.get("payments", "PM1")
    sent = b"".join(server.heads).decode("latin-1")
    others = [value for name, value in CREDENTIALS.items() if name != "gocardless_access_token"]
    assert CREDENTIALS["gocardless_access_token"] in sent
    assert not [secret for secret in (ACCESS_TOKEN, FRESH, *others) if secret in sent]


def test_no_secret_stands_in_an_address(ledger: tuple[Hostile, Runtime]) -> None:
    """Addresses are written down by every proxy and server on the way."""
    server, runtime = ledger
    server.heads.clear()
    server.answer = tokens_and(saying(rows(b"{}")))
    for read in lists(runtime).values():
        assert not _ended(read).startswith("crash")
    lines = [unquote_plus(head.partition(b"\r\n")[0].decode("latin-1")) for head in server.heads]
    sent = b"".join(server.heads).decode("latin-1")
    secrets = [ACCESS_TOKEN, FRESH, *(value for name, value in CREDENTIALS.items() if name != "sage300_username")]
    assert len(lines) >= 4
    assert any(secret in sent for secret in secrets)
    assert not [line for line in lines if any(secret in line for secret in secrets)]
