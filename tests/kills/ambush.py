"""Waits at a stand-in's door for a certain request, and says whose it is, so that its sender can be killed at that moment.

The request is kept waiting while that happens, before it took effect or after; either way its sender gets no answer. A
request whose sender is gone took effect all the same, as with a real server that had it already, or never did, as with one
that was still to read it. If nobody is killed in time, it goes its ordinary way.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import ASGIApp, Receive, Scope, Send

#: before: not processed, and never is; landed: not answered yet, processed after its sender's death; after: processed, then
#: kept waiting; answered: the killer comes when the answer is on its way.
Moment = Literal["before", "landed", "after", "answered"]
MOMENTS: tuple[Moment, ...] = ("before", "landed", "after", "answered")
#: how long a request is kept waiting for the killer at most.
PATIENCE_S = 120.0


@dataclass(slots=True)
class Trap:
    """The `nth` write from now on, or with `reads` the nth read. `port` is the sender's, once it has come."""

    nth: int
    moment: Moment
    reads: bool = False
    port: int = 0
    path: str = ""
    sprung: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    killed: bool = False


class Ambush:
    """An ASGI layer in front of a stand-in. One trap at a time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.trap: Trap | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trap = self._sprung_by(scope) if scope["type"] == "http" else None
        if trap is None:
            await self._app(scope, receive, send)
            return
        trap.port, trap.path = scope["client"][1], f"{scope['method']} {scope['path']}"
        if trap.moment in ("after", "answered"):
            await self._app(scope, receive, _held(trap, send) if trap.moment == "after" else _announced(trap, send))
            return
        await _wait(trap)
        if trap.killed and trap.moment == "before":
            return
        await self._app(scope, receive, send)

    def _sprung_by(self, scope: Scope) -> Trap | None:
        if scope["path"].startswith("/_control") or "token" in scope["path"].lower():
            return None
        trap, reads = self.trap, scope["method"] == "GET"
        if trap is None or trap.sprung.is_set() or trap.reads is not reads:
            return None
        trap.nth -= 1
        return trap if trap.nth <= 0 else None


async def _wait(trap: Trap) -> None:
    trap.sprung.set()
    await asyncio.to_thread(trap.released.wait, PATIENCE_S)


def _held(trap: Trap, send: Send) -> Send:
    async def held(message: object) -> None:
        if not trap.sprung.is_set():
            await _wait(trap)
        await send(message)  # type: ignore[arg-type]

    return held


def _announced(trap: Trap, send: Send) -> Send:
    async def announced(message: object) -> None:
        await send(message)  # type: ignore[arg-type]
        trap.sprung.set()

    return announced
