"""The transport against a server that answers as an attacker would: bounded, typed, and no credential goes elsewhere."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connector_resources.errors import BadAnswer, NotSent, RateLimited, RemoteError, Uncertain
from connector_resources.transport.back_off import Retries
from connector_resources.transport.exchange import Limits
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.messages import Request
from tests.security.hostile import Answer, Hostile, endlessly, hostile_server, saying

TOKEN = "a-token-that-must-stay-here"
MOST_BYTES = 1_000_000
LIMITS = Limits(connect_s=5, read_s=5, total_s=0.6, body_bytes=MOST_BYTES)
READ, WRITE = Request("GET", "/things"), Request("POST", "/things", body=b"{}", write=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class OneToken:
    """A token source whose token is never replaced."""

    def token(self) -> str:
        return TOKEN

    def renew(self, refused: str) -> str:
        return TOKEN


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def server() -> Iterator[Hostile]:
    with hostile_server(saying(b"{}")) as opened:
        yield opened


def transport(server: Hostile, **settings: Any) -> HttpTransport:
    settings = {"limits": LIMITS, "retries": Retries(attempts=1), "sleep": lambda _s: None, **settings}
    return HttpTransport("erp", server.address, connection="acme", tokens=OneToken(), **settings)


def outcome(server: Hostile, request: Request) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        transport(server).send(request)
    assert TOKEN not in str(caught.value)
    return caught.value


def bomb(unpacked: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"0" * 1_000_000
    return b"".join(packer.compress(block) for _ in range(unpacked // len(block))) + packer.flush()


def attacks() -> dict[str, Callable[[threading.Event], Answer]]:
    packed = bomb(50_000_000)
    return {
        "silence": lambda stop: lambda _caller, _head: stop.wait(20) and None,
        "an endless status line": lambda stop: endlessly(b"HTTP/1.1 200 ", b"x" * 4096, stop),
        "headers that trickle": lambda stop: endlessly(b"HTTP/1.1 200 OK\r\nX: ", b"x", stop, 0.02),
        "endless headers": lambda stop: endlessly(OK, b"X-Header: " + b"y" * 500 + b"\r\n", stop),
        "one endless header": lambda stop: endlessly(OK + b"X: ", b"y" * 65536, stop),
        "endless informational answers": lambda stop: endlessly(b"", b"HTTP/1.1 100 Continue\r\n\r\n", stop),
        "an endless body": lambda stop: endlessly(OK + b"\r\n", b"9" * 65536, stop),
        "a body that trickles": lambda stop: endlessly(OK + b"Content-Length: 900000\r\n\r\n", b" ", stop, 0.02),
        "chunks that trickle": lambda stop: endlessly(
            OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", stop, 0.02
        ),
        "an endless chunk size": lambda stop: endlessly(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"f" * 100, stop),
        "a decompression bomb": lambda _stop: saying(packed, "Content-Encoding: gzip"),
        "a bomb within a bomb": lambda _stop: saying(gzip.compress(packed), "Content-Encoding: gzip, gzip"),
        "nothing but a lie about packing": lambda _stop: saying(b"{}", "Content-Encoding: gzip"),
        "twenty packings": lambda _stop: saying(b"{}", "Content-Encoding: " + ", ".join(["gzip"] * 20)),
        "a page": lambda _stop: saying(b"<html>log in", kind="text/html"),
        "a page that says it is JSON": lambda _stop: saying(b"<!DOCTYPE html><p>log in"),
        "too short a body": lambda _stop: saying(b"{", "Content-Length: 500"),
        "no HTTP at all": lambda _stop: lambda caller, _head: caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        "two answers in one": lambda _stop: lambda caller, _head: caller.sendall(b"HTTP/1.1 999 Odd\r\n\r\n" * 2),
    }


ATTACKS = attacks()


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_every_hostile_answer_is_bounded_and_says_whether_the_request_may_be_repeated(
    server: Hostile, stop: threading.Event, name: str, request_: Request
) -> None:
    server.answer = ATTACKS[name](stop)
    tracemalloc.start()
    try:
        error = outcome(server, request_)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert isinstance(error, Uncertain if request_.write else (BadAnswer, NotSent))
    assert peak < 12 * MOST_BYTES
    assert len(server.heads) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_no_redirect_is_followed(server: Hostile, status: str, request_: Request) -> None:
    with hostile_server(saying(b"{}")) as elsewhere:
        server.answer = saying(b"", f"Location: {elsewhere.address}/things", status=status)
        error = outcome(server, request_)
        assert isinstance(error, Uncertain if request_.write else BadAnswer)
        assert elsewhere.heads == []


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:{port}/next", "//127.0.0.1:{port}/next", "http://127.0.0.1:{own}@127.0.0.1:{port}/"]
)
def test_an_address_that_an_answer_names_gets_no_credential_unless_it_is_trusted(server: Hostile, place: str) -> None:
    with hostile_server(saying(b"{}")) as elsewhere:
        url = place.format(port=elsewhere.port, own=server.port)
        try:
            transport(server).send(Request("GET", url))
        except NotSent:
            assert server.heads == []
        assert elsewhere.heads == []


def test_an_answers_cookies_are_not_sent_back(server: Hostile) -> None:
    server.answer = saying(b"{}", "Set-Cookie: session=planted; Path=/")
    client = transport(server)
    client.send(READ)
    client.send(READ)
    assert b"planted" not in b"".join(server.heads)


def test_an_absurd_wait_is_told_and_not_slept(server: Hostile) -> None:
    slept: list[float] = []
    server.answer = saying(b"{}", "Retry-After: 999999999", status="429 Too Many Requests")
    with pytest.raises(RateLimited):
        transport(server, sleep=slept.append, retries=Retries(attempts=5)).send(READ)
    assert slept == []


@pytest.mark.parametrize("value", ["a\r\nX-Planted: 1", "a\nX-Planted: 1", "a\r\n\r\nGET /planted HTTP/1.1", "a\0b"])
def test_no_value_becomes_a_header_of_its_own(server: Hostile, value: str) -> None:
    for request in (
        Request("GET", "/things", headers=(("x-reference", value),)),
        Request("GET", f"/things/{value}"),
        Request("POST", "/things", body=b"{}", content_type=value, write=True),
    ):
        with pytest.raises(NotSent):
            transport(server).send(request)
    transport(server).send(Request("GET", "/things", params=(("name", value),)))
    assert len(server.heads) == 1
    assert b"planted" not in server.heads[0].lower().partition(b"\r\n")[2]


def test_an_error_of_the_other_side_is_shown_in_part_and_without_what_is_secret(server: Hostile) -> None:
    said = f'{{"token": "{TOKEN}", "iban": "DE89370400440532013000", "pad": "{"x" * 5000}"}}'.encode()
    server.answer = saying(said, status="400 Bad Request")
    told = str(outcome(server, READ))
    assert "DE8937" not in told
    assert len(told) < 700
