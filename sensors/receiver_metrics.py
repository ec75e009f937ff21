"""Counts of what the receiver was sent and how it answered, for Prometheus. It sees addresses and statuses, no bodies."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: first parts of the paths of webhooks, and what they are called in a label.
SOURCES = {"gocardless": "gocardless", "erp": "erp"}


class CountedReceiver:
    """The receiver's application with its answers counted. Strangers' words never become a label."""

    def __init__(self, application: ASGIApp, connections: Collection[str], registry: CollectorRegistry) -> None:
        self._application = application
        self._connections = frozenset(connections)
        self._webhooks = Counter(
            "connector_webhooks",
            "Webhooks by answer: accepted is stored, refused is turned away, failed is to be sent again.",
            labelnames=["connection", "source", "answer"],
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        connection, source = self._labels(str(scope["path"]))

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start" and source:
                self._webhooks.labels(connection, source, _answer(int(message["status"]))).inc()
            await send(message)

        await self._application(scope, receive, counted)

    def _labels(self, path: str) -> tuple[str, str]:
        """(connection or nothing, source or nothing): only names that are configured."""
        parts = path.strip("/").split("/")
        if len(parts) not in (2, 3) or parts[0] != "webhooks":
            return "", ""
        name = parts[2] if len(parts) == 3 else ""
        return (name if name in self._connections else ""), SOURCES.get(parts[1], "")


def _answer(status: int) -> str:
    if status < 300:
        return "accepted"
    return "refused" if status < 500 else "failed"
