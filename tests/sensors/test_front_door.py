"""The receiver's own server over raw sockets: slow callers, many callers, and requests that are no HTTP."""

from __future__ import annotations

import re
import socket
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sensors.front_door import MAX_HEADER_BYTES

PATH = "/webhooks/gocardless/nordic"
#: far beyond every limit that these tests set: a machine under load may be slow, the door may not.
PATIENCE_S = 60.0
#: all that is ever said: none of it tells why.
SAYINGS = {b"", b"Invalid HTTP request received.", b"Method Not Allowed", b"Not Found"}
CHUNK = re.compile(rb"(?:\r\n)?[0-9a-f]+\r\n(?:\r\n)?")


def dial(post: Any) -> socket.socket:
    parts = urlsplit(post.address)
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S)


def all_of(line: socket.socket) -> bytes:
    """What comes until the server hangs up; a connection that is cut ends it as well."""
    answer = b""
    try:
        while piece := line.recv(65536):
            answer += piece
    except ConnectionError:
        return answer
    return answer


def head(*lines: str, method: str = "POST", path: str = PATH) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: receiver", *lines, "", ""]).encode("latin-1")


LAST = "Connection: close"


def ask(post: Any, raw: bytes) -> bytes:
    """Everything the server says to these bytes until it hangs up: a last request, or none that it understands."""
    with dial(post) as line:
        line.sendall(raw.replace(b"Host: receiver", f"Host: receiver\r\n{LAST}".encode(), 1))
        return all_of(line)


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    return int(answer[9:12])


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"POST /webhooks/gocardless/nordic HTTP/1.1\r\nHost: rec",
        head("Content-Length: 500") + b'{"events"',
        head("Transfer-Encoding: chunked") + b"5\r\n{",
        head("Content-Length: 500", "Expect: 100-continue"),
    ],
    ids=["silence", "half a head", "half a body", "half a chunk", "a promise"],
)
def test_a_caller_who_stops_talking_is_cut_off(door: Any, said: bytes) -> None:
    with door(request_s=0.3) as post, dial(post) as line:
        line.sendall(said)
        assert b" 204 " not in all_of(line)
        assert post.rows() == (0, 0)


def test_a_caller_who_trickles_is_cut_off_as_well(door: Any) -> None:
    with door(request_s=0.3) as post, dial(post) as line:
        line.settimeout(0.02)
        line.sendall(head("Content-Length: 100000"))
        give_up = time.monotonic() + PATIENCE_S
        while _holds(line):
            assert time.monotonic() < give_up
        assert post.rows() == (0, 0)


def _holds(line: socket.socket) -> bool:
    """One byte more, and whether the server still listens after it."""
    try:
        line.sendall(b" ")
        return line.recv(4096) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_a_caller_who_keeps_the_line_has_the_same_time_again_for_each_request(door: Any, say: SimpleNamespace) -> None:
    with door(request_s=2.0) as post, requests.Session() as session:
        for number in range(3):
            raw = say.body(say.event(f"EV{number}"))
            answer = session.post(
                post.address + PATH, data=raw, headers={"webhook-signature": say.signature(raw)}, timeout=PATIENCE_S
            )
            assert answer.status_code == 204
        with dial(post) as line:
            line.sendall(head("Content-Length: 0"))
            assert status(all_of(line)) == 401
        assert post.events() == 3


def test_connections_beyond_the_limit_are_cut_and_those_within_are_served(door: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    with door(request_s=PATIENCE_S, busy=50, connections=5) as post:
        held = [dial(post) for _ in range(4)]
        for line in held:
            line.sendall(b"POST ")
        assert post.signed(raw).status_code == 204
        held += [dial(post) for _ in range(3)]
        cut = [line for line in held[4:] if _is_cut(line)]
        assert len(cut) >= 2
        for line in held:
            line.close()
        deadline = time.monotonic() + PATIENCE_S
        while not _served(post, raw):
            assert time.monotonic() < deadline


def _is_cut(line: socket.socket) -> bool:
    line.settimeout(2)
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def _served(post: Any, raw: bytes) -> bool:
    try:
        return bool(post.signed(raw).status_code == 204)
    except requests.ConnectionError:
        return False


def test_a_busy_receiver_says_so_to_all_but_those_it_serves(door: Any, say: SimpleNamespace) -> None:
    with door(request_s=PATIENCE_S, busy=3, connections=50) as post:
        held = [dial(post) for _ in range(4)]
        try:
            for line in held:
                line.sendall(b"POST ")
            answer = ask(post, head("Content-Length: 0"))
            assert status(answer) == 503
        finally:
            for line in held:
                line.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\nConnection: close\r\n\r\n",
        head("Content-Length: -1"),
        head("Content-Length: +5") + b"12345",
        head("Content-Length: 5", "Content-Length: 6") + b"123456",
        head("Content-Length: 99999999999999999999"),
        head("Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"" + b"f" * 30 + b"\r\n{}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked", "Content-Length: 3") + b"0\r\n\r\n",
        head("X: " + "a" * (MAX_HEADER_BYTES + 1), "Content-Length: 0"),
        head("Webhook Signature: x", "Content-Length: 0"),
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: a\r\n folded: b\r\nConnection: close\r\n\r\n",
        b"POST http://[::1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        head("Upgrade: websocket", "Connection: Upgrade", method="GET"),
        head(method="GET"),
        head(method="TRACE"),
        head("Content-Length: 0", path="/webhooks/gocardless/nordic/"),
        head("Content-Length: 0", path="//evil.example/"),
        head("Content-Length: 0", path="/webhooks/gocardless/%2e%2e%2fhealth"),
    ],
)
def test_what_is_no_webhook_is_refused_without_a_word(standing_door: Any, raw: bytes) -> None:
    answer = ask(standing_door, raw)
    shown, _, content = answer.partition(b"\r\n\r\n")
    assert 400 <= status(answer) < 500, answer
    assert b"".join(CHUNK.split(content)) in SAYINGS
    assert b"location:" not in shown.lower()
    assert b"server:" not in shown.lower()
    assert standing_door.rows() == (0, 0)
    assert requests.get(standing_door.address + "/health", timeout=PATIENCE_S).ok


@pytest.mark.parametrize(
    "given",
    ["\xe4\xf6", "0" * 64, "0" * 63, "a" * 20_000, "sha256=" + "0" * 64, "\t", "0" * 64 + ", " + "0" * 64],
)
def test_a_malformed_signature_is_refused_cleanly(standing_door: Any, say: SimpleNamespace, given: str) -> None:
    raw = say.body(say.event("EV1"))
    answer = ask(standing_door, head(f"Webhook-Signature: {given}", f"Content-Length: {len(raw)}") + raw)
    assert (status(answer), answer.partition(b"\r\n\r\n")[2]) == (401, b"")
    assert standing_door.rows() == (0, 0)


def test_a_head_beyond_its_limit_is_refused_whatever_it_says(standing_door: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    lines = [f"Webhook-Signature: {say.signature(raw)}", f"Content-Length: {len(raw)}"]
    answer = ask(standing_door, head("X: " + "a" * 100_000, *lines) + raw)
    assert not answer or 400 <= status(answer) < 500
    assert standing_door.rows() == (0, 0)


def test_two_signatures_are_none_unless_the_first_is_right(door: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    length = f"Content-Length: {len(raw)}"
    right, wrong = f"Webhook-Signature: {say.signature(raw)}", f"Webhook-Signature: {'0' * 64}"
    with door() as post:
        assert status(ask(post, head(wrong, right, length) + raw)) == 401
        assert post.rows() == (0, 0)


def test_a_replayed_request_changes_nothing(door: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    request = head(f"Webhook-Signature: {say.signature(raw)}", f"Content-Length: {len(raw)}") + raw
    with door() as post:
        assert [status(ask(post, request)) for _ in range(3)] == [204, 204, 204]
        assert post.events() == 1


def test_requests_sent_at_once_on_one_line_are_each_judged(door: Any, say: SimpleNamespace) -> None:
    raw = say.body(say.event("EV1"))
    length = f"Content-Length: {len(raw)}"
    good = head(f"Webhook-Signature: {say.signature(raw)}", length) + raw
    bad = head(f"Webhook-Signature: {'0' * 64}", length) + raw
    with door() as post, dial(post) as line:
        line.sendall(bad + good + bad.replace(b"Host: receiver", f"Host: receiver\r\n{LAST}".encode()))
        answer = all_of(line)
        assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"401", b"204", b"401"]
        assert post.rows() == (1, 1)
