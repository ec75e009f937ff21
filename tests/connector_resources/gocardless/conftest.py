"""A GoCardless client over real HTTP to a list endpoint with GoCardless's cursor paging, of any size and slowness."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.errors import explain, is_whole_json
from connector_resources.transport.http_transport import HttpTransport, Retries
from sandbox.faults import FaultLayer
from sandbox.gocardless.rate_limit import RateLimits
from sandbox.serve import running

START = datetime(2026, 3, 2, 0, 0, 0, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class PagingServer:
    """Answers `GET /<anything>` with pages of `entries` (kept oldest first). `delay_s` slows each page down.

    With `limits` every answer tells what is left of a window, and what is too much is refused.
    """

    entries: list[dict[str, Any]] = field(default_factory=list)
    delay_s: float = 0.0
    leave_out: str = ""
    answer: dict[str, Any] | None = None
    limits: RateLimits | None = None
    refused: int = 0
    queries: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    base_url: str = ""
    start: datetime = START
    layer: FaultLayer = field(default_factory=lambda: FaultLayer(Starlette()))

    @staticmethod
    def entry(number: int, moment: datetime, **fields: Any) -> dict[str, Any]:
        return {
            "id": f"EV{number:09d}",
            "created_at": stamp(moment),
            "resource_type": "payments",
            "action": "confirmed",
            "links": {"payment": f"PM{number:09d}"},
            **fields,
        }

    def spread(self, count: int, span: timedelta, start: datetime = START) -> list[dict[str, Any]]:
        """`count` entries evenly over `[start, start + span)`, several in one millisecond when they are many."""
        return [self.entry(number, start + span * number / count) for number in range(count)]

    def fill(self, entries: Sequence[dict[str, Any]]) -> None:
        """Replace the list and forget what was asked before."""
        self.entries = sorted(entries, key=lambda one: (one["created_at"], one["id"]))
        self.delay_s, self.leave_out, self.answer, self.most_in_flight = 0.0, "", None, 0
        self.limits, self.refused = None, 0
        for seen in (self.queries, self.paths, self.served):
            seen.clear()

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._page, methods=["GET", "POST"])])

    async def _page(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.queries.append(query)
        self.paths.append(request.scope["raw_path"].decode())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        self.in_flight -= 1
        headers, problem = self.limits.spend("general") if self.limits else ({}, None)
        if problem is not None:
            self.refused += 1
            return JSONResponse(problem.body("request"), 429, headers)
        if self.answer is not None:
            return JSONResponse(self.answer)
        body = orjson.dumps(self._body(request.path_params["path"], query))
        return Response(body, headers=headers, media_type="application/json")

    def _body(self, name: str, query: dict[str, str]) -> dict[str, Any]:
        limit = int(query["limit"])
        low = bisect.bisect_left(self.entries, query.get("created_at[gte]", ""), key=lambda one: one["created_at"])
        high = bisect.bisect_left(self.entries, query.get("created_at[lt]", "~"), key=lambda one: one["created_at"])
        if "after" in query:
            places = {one["id"]: place for place, one in enumerate(self.entries)}
            high = min(high, places[query["after"]])
        first = max(low, high - limit)
        page = self.entries[first:high][::-1]
        self.served.extend(one["id"] for one in page)
        body: dict[str, Any] = {name: page}
        if self.leave_out != "meta":
            cursors = {"before": None, "after": page[-1]["id"] if page and first > low else None}
            body["meta"] = {"limit": limit} if self.leave_out == "cursors" else {"limit": limit, "cursors": cursors}
        return body


@pytest.fixture(scope="module")
def running_lists() -> Iterator[PagingServer]:
    lists = PagingServer()
    lists.layer = FaultLayer(lists.app())
    with running(lists.layer) as base_url:
        lists.base_url = base_url
        yield lists


@pytest.fixture
def lists(running_lists: PagingServer) -> PagingServer:
    """The server with an empty list."""
    running_lists.fill([])
    running_lists.layer.clear()
    return running_lists


@pytest.fixture
def connect() -> Iterator[Callable[..., GoCardlessClient]]:
    """Builds clients; keyword arguments go to `HttpTransport`."""
    built: list[GoCardlessClient] = []

    def build(base_url: str, **settings: Any) -> GoCardlessClient:
        settings.setdefault("sleep", lambda _seconds: None)
        settings.setdefault("retries", Retries(attempts=3))
        client = GoCardlessClient(
            HttpTransport("gocardless", base_url, explain=explain, is_readable=is_whole_json, **settings)
        )
        built.append(client)
        return client

    yield build
    for client in built:
        client.close()


@pytest.fixture
def client(lists: PagingServer, connect: Callable[..., GoCardlessClient]) -> GoCardlessClient:
    return connect(lists.base_url)
