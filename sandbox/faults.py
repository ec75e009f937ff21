"""Faults on demand for every sandbox: an ASGI layer that breaks chosen requests before or after they took effect.

A fault is queued through the control API (`POST /_control/faults`) and is used up by the next `times` matching requests.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: what can be done to a request; "after" kinds let it take effect first.
KINDS = (
    "drop_before",  # the connection is closed, nothing was processed
    "drop_after",  # processed, then the connection is closed without an answer
    "error_before",  # answered with `status`, not processed
    "error_after",  # processed, then answered with `status`
    "html",  # not processed, answered with an HTML page and `status`
    "html_after",  # processed, then answered with an HTML page and `status`
    "truncate",  # processed, the body is cut in half while the length says otherwise
    "delay",  # waits `delay_s`, then processes normally
    "delay_after",  # processes, then waits `delay_s` before it answers
    "rate_limit",  # answered 429 with `headers`, not processed
)


@dataclass(slots=True)
class Fault:
    """One queued fault. `path` is a regular expression searched in the request path; `skip` lets that many pass first.

    `containing` is a text that the request's body must contain; empty, any body is met.
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    containing: str = ""
    times: int = 1
    skip: int = 0
    status: int = 502
    delay_s: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault kind {self.kind!r}; known: {', '.join(KINDS)}")


class FaultLayer:
    """Wraps a sandbox application. Paths under `/_control` are never broken and never counted."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.queued: list[Fault] = []
        #: every request seen, as (method, path): the call budgets are read from here.
        self.requests: list[tuple[str, str]] = []
        #: every fault that a request has met, once for each time.
        self.met: list[Fault] = []
        #: requests that are being processed now, also those whose client has given up.
        self.under_way = 0

    def add(self, fault: Fault) -> None:
        self.queued.append(fault)

    def clear(self) -> None:
        """Forget what is queued, and what was met."""
        self.queued.clear()
        self.met.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self.app(scope, receive, send)
            return
        self.requests.append((scope["method"], scope["path"]))
        self.under_way += 1
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self.under_way -= 1

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        if any(fault.containing for fault in self.queued):
            body = await _whole_body(receive)
            receive = _again(body, receive)
        fault = self._matching(scope["method"], scope["path"], body)
        if fault is None:
            await self.app(scope, receive, send)
        else:
            await _break(self.app, fault, scope, receive, send)

    def _matching(self, method: str, path: str, body: bytes) -> Fault | None:
        for fault in self.queued:
            is_meant = re.fullmatch(fault.method, method) and re.search(fault.path, path)
            if is_meant and fault.containing.encode() in body:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.queued.remove(fault)
                self.met.append(fault)
                return fault
        return None


async def _whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before the body was read from it."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return rest.pop() if rest else await receive()

    return again


async def _break(app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind in ("delay", "delay_after"):
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
        answer = await _processed(app, scope, receive)
        if fault.kind == "delay_after":
            await asyncio.sleep(fault.delay_s)
        for message in answer:
            await send(message)
        return
    if fault.kind in ("drop_after", "error_after", "truncate", "html_after"):
        answer = await _processed(app, scope, receive)
        if fault.kind == "truncate":
            await _send_truncated(answer, send)
            return
    if fault.kind in ("drop_before", "drop_after"):
        _drop_connection(send)
        return
    await _answer(fault, send)


async def _processed(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    answer: list[Message] = []

    async def keep(message: MutableMapping[str, Any]) -> None:
        answer.append(message)

    await app(scope, receive, keep)
    return answer


async def _answer(fault: Fault, send: Send) -> None:
    page = fault.kind in ("html", "html_after")
    status = 429 if fault.kind == "rate_limit" else fault.status
    text = fault.body or (
        "<html><body><h1>Bad gateway</h1></body></html>" if page else json.dumps({"message": "fault"})
    )
    kind = b"text/html" if page else b"application/json"
    headers = [(b"content-type", kind), *((k.lower().encode(), v.encode()) for k, v in fault.headers.items())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


async def _send_truncated(answer: list[Message], send: Send) -> None:
    body = b"".join(m.get("body", b"") for m in answer if m["type"] == "http.response.body")
    start = next(m for m in answer if m["type"] == "http.response.start")
    headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
    await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    _drop_connection(send)


def _drop_connection(send: Send) -> None:
    """Reset the socket without an answer. `send` is bound to the server's request cycle, which holds the transport."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    transport.abort()
