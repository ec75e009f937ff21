"""Makes inputs from seeds: the same number gives the same input, so that a failure can be played again."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence

from tests.fuzz.receiver_in_process import NAME, signature

EVENT = {
    "id": "EV1",
    "created_at": "2026-06-03T12:00:00Z",
    "resource_type": "payments",
    "action": "confirmed",
    "links": {"payment": "PM1"},
}
BODY = json.dumps({"events": [EVENT], "meta": {"webhook_id": "WB1"}}).encode()


def request(body: bytes, *headers: bytes, path: bytes = b"/webhooks/gocardless/" + NAME.encode()) -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: receiver", b"Content-Length: %d" % len(body), *headers, b"", b""]
    return b"\r\n".join(lines) + body


_SIGNED = b"Webhook-Signature: " + signature(BODY)
_CHUNKED = (
    request(b"", _SIGNED).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"%x\r\n" % len(BODY) + BODY
)
_BODIES = [
    BODY,
    b'{"events":[]}',
    b'{"events":[{"id":"EV1","created_at":"0001-01-01T00:00:00Z","resource_type":"a","action":"b","links":null}]}',
    b'{"events":[{"id":"\\u0000","created_at":"2026-06-03T12:00:00+23:59","resource_type":"payments","action":"b",'
    b'"links":{"payment":{"a":[]},"payout":null}}],"meta":{"webhook_id":[]}}',
    b'{"Content":{"Topic":"a","Division":1,"b":"\\"}"},"HashCode":"AA"}',
    b'{"company":"10"}',
    b"\"\\\"" * 400,
    b"[" * 300 + b"]" * 300,
    b'{"a":1e400,"b":123456789012345678901234567890,"c":-0.0,"d":"\\ud800","e":NaN}',
]  # fmt: skip
_REQUESTS = [
    request(BODY, _SIGNED),
    request(BODY, _SIGNED) * 2,
    request(BODY, b"Webhook-Signature: " + b"0" * 64),
    _CHUNKED + b"\r\n0\r\n\r\n",
    request(BODY, _SIGNED, b"Origin: https://api.gocardless.com"),
    request(BODY, _SIGNED, path=b"/webhooks/gocardless"),
    request(b"{}", b"x-vwd-signature-v1: AAAA", path=b"/webhooks/erp/nordic"),
    request(BODY, _SIGNED, b"Expect: 100-continue"),
    b"GET /health HTTP/1.1\r\nHost: r\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: r\r\n\r\n",
    b"POST /webhooks/gocardless/%00 HTTP/1.0\r\n\r\n",
]
#: by target: what a right input looks like.
SEEDS: Mapping[str, Sequence[bytes]] = {
    "raw http": _REQUESTS,
    "raw http, sockets": _REQUESTS,
    "signed body": _BODIES,
    "signature header": [signature(b'{"events":[]}'), b"0" * 64, b"sha256=" + b"a" * 64, b"\xe4", b""],
    "webhook body": _BODIES,
    "erp notification": _BODIES,
    "remote json": _BODIES,
    "remote xml": [
        b"<eExact><Messages><Message type='0'><Description>no</Description></Message></Messages></eExact>",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'cc'>]><a>&b;</a>",
        b"<a xmlns='urn:b' c='d'><![CDATA[e]]><!-- f --><?g h?></a>",
    ],
}
#: pieces that mean something to one of the parsers.
WORDS = [
    b"\r\n", b"\r\n\r\n", b"\0", b"\n", b" ", b":", b"%00", b"%2f", b"\xff", b"chunked", b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Connection: close\r\n", b"Upgrade: websocket\r\n", b"HTTP/1.0",
    b"Webhook-Signature: ", b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b"null", b"1e999", b"NaN", b"&a;",
    b"<!DOCTYPE a>", b"<![CDATA[", b'"links":', b'"created_at":', b"9999-12-31T23:59:59.999999-23:59", b"0000-00-00",
    b"18446744073709551616",
]  # fmt: skip


def make(target: str, number: int) -> bytes:
    """Input `number` for a target: a seed, changed in up to six places."""
    chance = random.Random(f"{target} {number}")
    seeds = SEEDS[target]
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
        _change(data, chance, seeds)
    return bytes(data)


def _change(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice((0, 1, 1, 4, 30)))
    kind = chance.randrange(7)
    if kind == 0:
        data[start:end] = chance.choice(WORDS)
    elif kind == 1:
        data[start:end] = chance.randbytes(chance.randint(0, 4))
    elif kind == 2:
        del data[start:end]
    elif kind == 3:
        data[start:start] = data[start:end] * chance.choice((1, 2, 50))
    elif kind == 4:
        other = chance.choice(seeds)
        data[start:] = other[chance.randint(0, len(other)) :]
    elif kind == 5 and data:
        data[start % len(data)] ^= 1 << chance.randrange(8)
    else:
        data[start:start] = chance.choice(WORDS)
