"""One server for all tests of a stand-in; each test plugs in its own application."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Switchboard:
    """An application that is whatever `app` is at the time of a request."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "no test has plugged in an application"
        await self.app(scope, receive, send)
