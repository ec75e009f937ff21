"""A served company with the standard chart, a fixed clock, and a small client that speaks the service's own forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.visma.app import VismaSandbox, create_app
from sandbox.visma.company import Company
from tests.sandbox.switchboard import Switchboard

SCOPES = ("read", "create", "update", "delete")


class Api:
    """Real HTTP to one sandbox. `get`, `post` … answer with the response; builders make bodies in the wire's form."""

    def __init__(self, base: str, app: VismaSandbox) -> None:
        self.base = base
        self.app = app
        self.company = app.company
        self.session = requests.Session()
        self.login()

    def token(self, **changes: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": "isv_sandbox",
            "client_secret": "sandbox-secret",
            "tenant_id": self.company.tenant_id,
            "scope": " ".join(f"vismanet_erp_service_api:{suffix}" for suffix in SCOPES),
        }
        return requests.post(f"{self.base}/connect/token", data={**form, **changes}, timeout=10)

    def login(self, **changes: str) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.token(**changes).json()['access_token']}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.base + path, timeout=10, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.session.post(self.base + path, json=body, timeout=10, **options)

    def put(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.session.put(self.base + path, json=body, timeout=10, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.session.delete(self.base + path, timeout=10, **options)

    def rows(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        answer = self.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return list(json.loads(answer.content, parse_float=Decimal))

    @staticmethod
    def wrap(**fields: Any) -> dict[str, Any]:
        """`wrap(hold=True)` is `{"hold": {"value": true}}`; lists stay bare."""
        return {name: value if isinstance(value, list) else {"value": value} for name, value in fields.items()}

    def line(self, number: str, amount: str, kind: str = "Invoice") -> dict[str, Any]:
        return {"operation": "Insert", **self.wrap(documentType=kind, refNbr=number, amountPaid=_number(amount))}

    def payment(self, amount: str = "125.00", *lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A receipt of customer 10042 on the clearing account; `changes` replace or add wrapped fields."""
        fields: dict[str, Any] = {
            "type": "Payment",
            "customer": "10042",
            "paymentMethod": "GC",
            "cashAccount": "1985",
            "currency": "EUR",
            "paymentAmount": _number(amount),
            "applicationDate": "2026-03-02T00:00:00",
            "paymentRef": "PM00ABC123",
            "hold": False,
            "paymentLines": list(lines),
        }
        return self.wrap(**{**fields, **changes})

    def create_payment(self, amount: str = "125.00", *lines: dict[str, Any], **changes: Any) -> str:
        return self.number_of(self.post("/v1/customerPayment", self.payment(amount, *lines, **changes)))

    def release(self, number: str, kind: str = "Payment") -> requests.Response:
        return self.post(f"/v1/customerPayment/{number}/action/release", self.wrap(type=kind))

    def received(self, amount: str, *lines: dict[str, Any], **changes: Any) -> str:
        """A created and released receipt; its number."""
        number = self.create_payment(amount, *lines, **changes)
        answer = self.release(number, str(changes.get("type", "Payment")))
        assert answer.json().get("actionResult") == "Done", answer.text
        return number

    def journal(self, *lines: tuple[str, str, str], **changes: Any) -> dict[str, Any]:
        """A batch of (account, debit, credit) lines."""
        rows = [
            {
                "operation": "Insert",
                **self.wrap(accountNumber=account, referenceNumber="PO00XYZ789"),
                **(self.wrap(debitAmountInCurrency=_number(debit)) if debit else {}),
                **(self.wrap(creditAmountInCurrency=_number(credit)) if credit else {}),
            }
            for account, debit, credit in lines
        ]
        fields = {
            "hold": False,
            "transactionDate": "2026-03-05T00:00:00",
            "financialPeriod": "202603",
            "currencyId": "EUR",
            "description": "GoCardless payout PO00XYZ789",
            "journalTransactionLines": rows,
        }
        return self.wrap(**{**fields, **changes})

    def payout(self, **changes: Any) -> dict[str, Any]:
        return self.journal(("1920", "236.80", ""), ("7770", "3.20", ""), ("1985", "", "240.00"), **changes)

    def credit_note(self, net: str = "100.00", **changes: Any) -> dict[str, Any]:
        line = self.wrap(accountNumber="3000", manualAmountInCurrency=_number(net), vatCodeId="STANDARD")
        fields = {
            "customerNumber": "10042",
            "currencyId": "EUR",
            "documentDate": "2026-03-04T00:00:00",
            "externalReference": "RF000001",
            "hold": False,
            "lines": [{"operation": "Insert", **line}],
        }
        return self.wrap(**{**fields, **changes})

    @staticmethod
    def number_of(answer: requests.Response) -> str:
        assert answer.status_code == 201, answer.text
        assert answer.content == b""
        return answer.headers["Location"].rsplit("/", 1)[1]

    @staticmethod
    def message(answer: requests.Response) -> str:
        assert answer.status_code == 400, (answer.status_code, answer.text)
        return str(answer.json()["message"])


def _number(text: str) -> int | float:
    """A JSON number as a client writes it."""
    return json.loads(text)


@pytest.fixture
def company() -> Company:
    """Two customers and four open invoices, on 10 March 2026 at noon."""
    company = Company(clock=SandboxClock(datetime(2026, 3, 10, 12, tzinfo=UTC))).standard_chart()
    company.add_customer("10042", "Nordlys Kunde AS", email="kunde@example.com")
    company.add_customer("10043", "Fjord AS")
    for number, amount in (("000224", 12500), ("000225", 5000), ("000226", 20000)):
        company.add_invoice(number, "10042", amount, dated=date(2026, 2, 2), external_reference=f"WEB-{number}")
    company.add_invoice("000300", "10042", 8000, "GBP")
    return company


@pytest.fixture
def api(company: Company, server: tuple[str, Switchboard]) -> Iterator[Api]:
    base, switchboard = server
    switchboard.app = app = create_app(company)
    api = Api(base, app)
    yield api
    api.session.close()
