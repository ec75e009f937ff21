"""A served division with the standard chart, a fixed clock, and a small client that speaks the service's own forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.exact_online.app import ExactOnlineSandbox, create_app
from sandbox.exact_online.division import Division
from sandbox.exact_online.switches import Switches
from tests.sandbox.switchboard import Switchboard

CLIENT = "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11"
REDIRECT = "http://127.0.0.1:8123/callback"


class Api:
    """Real HTTP to one sandbox. `get`, `post` … answer with the response; builders make bodies in the wire's form."""

    def __init__(self, base: str, app: ExactOnlineSandbox) -> None:
        self.host = base
        self.app = app
        self.division = app.division
        self.base = f"{base}/api/v1/{app.division.code}"
        self.session = requests.Session()
        self.session.headers["Accept"] = "application/json"
        self.tokens: dict[str, str] = {}

    # -- OAuth ------------------------------------------------------------------------------------------------------

    def authorize(self, **changes: str) -> requests.Response:
        query = {"client_id": CLIENT, "redirect_uri": REDIRECT, "response_type": "code", "state": "s 1", **changes}
        return requests.get(f"{self.host}/api/oauth2/auth", params=query, timeout=10, allow_redirects=False)

    def code(self) -> str:
        return parse_qs(urlsplit(self.authorize().headers["Location"]).query)["code"][0]

    def token(self, **form: str) -> requests.Response:
        filled = {"client_id": CLIENT, "client_secret": "sandbox-secret", **form}
        return requests.post(f"{self.host}/api/oauth2/token", data=filled, timeout=10)

    def exchange(self, code: str, **changes: str) -> requests.Response:
        return self.token(**{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **changes})

    def refresh(self, token: str = "") -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=token or self.tokens["refresh_token"])

    def login(self) -> None:
        self.use(self.exchange(self.code()).json())

    def use(self, tokens: dict[str, str]) -> None:
        self.tokens = tokens
        self.session.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    # -- data calls -------------------------------------------------------------------------------------------------

    def get(self, path: str, query: dict[str, str] | None = None, **options: Any) -> requests.Response:
        address = path if path.startswith("http") else f"{self.base}/{path}"
        return self.session.get(address, params=query, timeout=10, **options)

    def post(self, path: str, body: Any, *, full: bool = True, **options: Any) -> requests.Response:
        headers = {"Prefer": "return=representation"} if full else {}
        return self.session.post(f"{self.base}/{path}", json=body, timeout=10, headers=headers, **options)

    def put(self, path: str, body: Any) -> requests.Response:
        return self.session.put(f"{self.base}/{path}", json=body, timeout=10)

    def delete(self, path: str) -> requests.Response:
        return self.session.delete(f"{self.base}/{path}", timeout=10)

    def rows(self, path: str, select: str = "", where: str = "", **more: str) -> list[dict[str, Any]]:
        """All pages of a collection, decimals kept."""
        query = {f"${name}": value for name, value in {"select": select, "filter": where, **more}.items() if value}
        answer = self.get(path, query)
        found: list[dict[str, Any]] = []
        while True:
            assert answer.status_code == 200, answer.text
            body = json.loads(answer.content, parse_float=Decimal)["d"]
            if isinstance(body, list):
                return body
            found += body["results"]
            if "__next" not in body:
                return found
            answer = self.get(body["__next"])

    def one(self, path: str, select: str, where: str) -> dict[str, Any]:
        (row,) = self.rows(path, select, where)
        return row

    def created(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return dict(json.loads(answer.content, parse_float=Decimal)["d"])

    @staticmethod
    def problem(answer: requests.Response, status: int) -> str:
        assert answer.status_code == status, (answer.status_code, answer.text)
        return str(answer.json()["error"]["message"]["value"])

    # -- ids and bodies ---------------------------------------------------------------------------------------------

    def gl(self, code: str) -> str:
        return str(self.division.gl_account(code)["ID"])

    def customer(self, code: str = "42") -> str:
        return str(self.division.account(code)["ID"])

    def receipt(self, amount: str = "121.00", invoice: int | None = 26700042, **line: Any) -> dict[str, Any]:
        """A bank entry with one line on receivables of customer 42; `line` changes the line, None removes a field."""
        fields = {
            "Date": "2026-11-20T00:00:00",
            "Description": "GC PM000ABC123 confirmed",
            "GLAccount": self.gl("1300"),
            "Account": self.customer(),
            "OurRef": invoice,
            "AmountFC": json.loads(amount),
            **line,
        }
        return {"JournalCode": "23", "BankEntryLines": [{k: v for k, v in fields.items() if v is not None}]}

    def journal(self, *lines: tuple[str, str], **header: Any) -> dict[str, Any]:
        rows = [
            {"GLAccount": self.gl(code), "AmountFC": json.loads(amount), "Date": "2026-11-20T00:00:00"}
            for code, amount in lines
        ]
        return {"JournalCode": "90", "GeneralJournalEntryLines": rows, **header}

    def open_items(self) -> list[tuple[int | None, str, int]]:
        return sorted(
            ((item["InvoiceNumber"] or 0), item["Journal"], item["minor"])
            for item in self.division.tables["Terms"].where("IsFullyPaid", False)
        )


@pytest.fixture
def division() -> Division:
    """Two customers and two open invoices, on 20 November 2026 at 11:00 in Amsterdam; without the call limits."""
    division = Division(
        clock=SandboxClock(datetime(2026, 11, 20, 10, tzinfo=UTC)),
        switches=Switches(calls_per_minute=100_000, calls_per_day=100_000),
    ).standard_chart()
    division.add_account("42", "Zonnebloem B.V.", Email="boeken@zonnebloem.example")
    division.add_account("43", "O'Brien & Zn.")
    division.add_invoice(26700042, "42", 12100, dated=date(2026, 11, 2), YourRef="WEB-42")
    division.add_invoice(26700043, "42", 5000, dated=date(2026, 11, 3))
    return division


@pytest.fixture
def api(division: Division, server: tuple[str, Switchboard]) -> Iterator[Api]:
    base, switchboard = server
    switchboard.app = app = create_app(division)
    api = Api(base, app)
    api.login()
    app.faults.requests.clear()
    yield api
    api.session.close()


@pytest.fixture
def pass_time(division: Division) -> Any:
    """Let so many seconds pass."""
    return lambda seconds: division.clock.advance(timedelta(seconds=seconds))
