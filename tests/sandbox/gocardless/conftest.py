"""A served GoCardless with a clock that stands, a small HTTP client, and a webhook receiver that can be told how to answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.clock import SandboxClock
from sandbox.gocardless.app import SandboxApp, create_app
from sandbox.gocardless.auth import VERSION
from sandbox.gocardless.world import READ_WRITE_TOKEN, Settings, World
from sandbox.serve import running

MONDAY = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
GERMAN_IBAN = "DE89370400440532013000"


class Api:
    """Real HTTP to one sandbox, with builders for the resources that most tests need first."""

    def __init__(self, base: str, app: SandboxApp) -> None:
        self.base = base
        self.app = app
        self.world = app.world
        self.session = requests.Session()
        self.session.headers.update({"Authorization": f"Bearer {READ_WRITE_TOKEN}", "GoCardless-Version": VERSION})

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.base + path, params=query, timeout=10)

    def listed(self, path: str, **query: Any) -> requests.Response:
        """Query names with brackets are given with double underscores: `created_at__gte`."""
        named = {(f"{k.split('__')[0]}[{k.split('__')[1]}]" if "__" in k else k): v for k, v in query.items()}
        return self.session.get(self.base + path, params=named, timeout=10)

    def post(self, path: str, body: Any = None, key: str | None = None) -> requests.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.session.post(self.base + path, json=body, headers=headers, timeout=10)

    def put(self, path: str, body: Any) -> requests.Response:
        return self.session.put(self.base + path, json=body, timeout=10)

    def made(self, resource: str, **fields: Any) -> dict[str, Any]:
        answer = self.post(f"/{resource}", {resource: fields})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()[resource]
        return found

    def customer(self, **fields: Any) -> dict[str, Any]:
        return self.made(
            "customers", **{"given_name": "Anna", "family_name": "Groß", "email": "anna@example.de", **fields}
        )

    def mandate(self, scheme: str = "sepa_core", **customer: Any) -> dict[str, Any]:
        owner = self.customer(**customer)
        details: dict[str, Any] = {"iban": GERMAN_IBAN}
        if scheme == "bacs":
            details = {"country_code": "GB", "branch_code": "20-00-00", "account_number": "55779911"}
        account = self.made(
            "customer_bank_accounts", account_holder_name="Anna", links={"customer": owner["id"]}, **details
        )
        return self.made("mandates", scheme=scheme, links={"customer_bank_account": account["id"]})

    def payment(self, mandate: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        mandate = mandate or self.mandate()
        currency = "GBP" if mandate["scheme"] == "bacs" else "EUR"
        given = {"amount": 10_000, "currency": currency, "links": {"mandate": mandate["id"]}, **fields}
        return self.made("payments", **given)

    def simulate(self, name: str, resource: str) -> requests.Response:
        return self.post(f"/scenario_simulators/{name}/actions/run", {"data": {"links": {"resource": resource}}})

    def simulated(self, name: str, resource: str) -> None:
        answer = self.simulate(name, resource)
        assert answer.status_code == 200, answer.text

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = requests.request(method, f"{self.base}/_control/{path}", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, moment: str) -> None:
        """Let the sandbox's time pass; everything due by the calendar happens."""
        self.control("clock", {"set": moment})

    def one(self, resource: str, identity: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/{resource}/{identity}").json()[resource]
        return found

    def events(self, **query: Any) -> list[tuple[str, str]]:
        """(resource type, action), oldest first."""
        rows = self.get("/events", limit=500, **query).json()["events"]
        return [(row["resource_type"], row["action"]) for row in reversed(rows)]

    def items(self, payout: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get("/payout_items", payout=payout, limit=500).json()["payout_items"]
        return rows

    @staticmethod
    def reason(answer: requests.Response) -> tuple[int, str, str]:
        """(status, error type, reason of the first entry)."""
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        return answer.status_code, error["type"], error["errors"][0].get("reason", "")

    @staticmethod
    def bad_fields(answer: requests.Response) -> set[str]:
        assert answer.status_code == 422, answer.text
        error = answer.json()["error"]
        assert error["type"] == "validation_failed"
        assert all(entry["request_pointer"].startswith("/") and entry["message"] for entry in error["errors"])
        return {entry["field"] for entry in error["errors"]}

    @staticmethod
    def eventually(condition: Callable[[], bool]) -> None:
        """Wait at most five seconds of real time for what another thread does."""
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.01)


class Switch:
    """Serves whichever application it holds: one server for all tests, because stopping one takes its time."""

    def __init__(self) -> None:
        self.app: ASGIApp = Starlette()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[tuple[str, Switch]]:
    switch = Switch()
    with running(switch) as base:
        yield base, switch


@pytest.fixture(scope="session")
def receiver_server() -> Iterator[tuple[str, Switch]]:
    switch = Switch()
    with running(switch) as base:
        yield base, switch


@pytest.fixture
def api(sandbox_server: tuple[str, Switch]) -> Api:
    base, switch = sandbox_server
    world = World(SandboxClock(MONDAY), settings=Settings(rate_limit=1_000_000))
    app = create_app(world)
    switch.app = app
    return Api(base, app)


class Receiver:
    """A webhook endpoint: keeps what arrives and answers with `status` after `delay_s`."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 204
        self.delay_s = 0.0
        self.arrived: list[tuple[bytes, dict[str, str]]] = []
        self.headers: dict[str, str] = {}

    async def receive(self, request: Request) -> Response:
        self.arrived.append((await request.body(), dict(request.headers)))
        await asyncio.sleep(self.delay_s)
        return Response(status_code=self.status, headers=self.headers)


@pytest.fixture
def receiver(receiver_server: tuple[str, Switch]) -> Receiver:
    base, switch = receiver_server
    kept = Receiver()
    switch.app = Starlette(routes=[Route("/hook", kept.receive, methods=["POST", "GET"])])
    kept.url = f"{base}/hook"
    return kept
