"""A served company with the standard chart, a fixed clock, and a small client that speaks the Web API's own forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.sage300.app import Sage300Sandbox, create_app
from sandbox.sage300.company import Company
from tests.sandbox.switchboard import Switchboard

RECEIPTS = "AR/ARReceiptAndAdjustmentBatches"
INVOICES = "AR/ARInvoiceBatches"
REFUNDS = "AR/ARRefundBatches"
JOURNALS = "GL/GLJournalBatches"
DOCUMENTS = "AR/ARPostedDocuments"
CUSTOMERS = "AR/ARCustomers"
_PROCESSES = {INVOICES: "AR/ARPostInvoices", REFUNDS: "AR/ARPostRefunds", RECEIPTS: "AR/ARPostReceiptsAndAdjustments"}


class Api:
    """Real HTTP to one sandbox. `get`, `post` … answer with the response; builders make bodies in the wire's form."""

    def __init__(self, base: str, app: Sage300Sandbox) -> None:
        self.host = base
        self.app = app
        self.company = app.company
        self.root = f"{base}/Sage300WebApi/v1.0/-/{app.company.company_id}"
        self.session = requests.Session()
        self.session.auth = ("GCAPI", "GOCARD1ESS!")
        self.session.headers["Content-Type"] = "application/json"

    def send(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        """`query` names OData options without the dollar sign."""
        data = None if body is None else json.dumps(body, default=_plain)
        params = {f"${name}": value for name, value in query.items()}
        return self.session.request(method, f"{self.root}/{path}", params=params, data=data, timeout=20)

    def get(self, path: str, **query: str) -> requests.Response:
        return self.send("GET", path, **query)

    def post(self, path: str, body: Any) -> requests.Response:
        return self.send("POST", path, body)

    def patch(self, path: str, body: Any) -> requests.Response:
        return self.send("PATCH", path, body)

    def rows(self, path: str, **query: str) -> list[dict[str, Any]]:
        """One page of a feed, decimals kept."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return list(json.loads(answer.content, parse_float=Decimal)["value"])

    def record(self, path: str) -> dict[str, Any]:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return dict(json.loads(answer.content, parse_float=Decimal))

    def created(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return dict(json.loads(answer.content, parse_float=Decimal))

    @staticmethod
    def problem(answer: requests.Response, status: int, code: str) -> str:
        """The message of a refusal, after its status and code were checked."""
        assert answer.status_code == status, (answer.status_code, answer.text)
        error = answer.json()["error"]
        assert error["code"] == code, error
        return str(error["message"]["value"])

    # -- posting ------------------------------------------------------------------------------------------------------

    def key(self, path: str, number: int | str, record_type: str = "CA") -> str:
        if path == RECEIPTS:
            return f"{path}(BatchRecordType='{record_type}',BatchNumber={number})"
        return f"{path}('{number}')" if isinstance(number, str) else f"{path}({number})"

    def ready(self, path: str, number: int | str, record_type: str = "CA") -> None:
        body = {"ReadyToPost": "Yes"} if path == JOURNALS else {"BatchStatus": "ReadyToPost"}
        answer = self.patch(self.key(path, number, record_type), body)
        assert (answer.status_code, answer.content) == (204, b""), answer.text

    def process(self, path: str, number: int | str, record_type: str = "CA") -> requests.Response:
        if path == JOURNALS:
            given: dict[str, Any] = {"FromBatchNumber": number, "ToBatchNumber": number}
            return self.post("GL/GLPostJournal('$process')", {"PostAllBatches": "Donotpostallbatches", **given})
        given = {"PostAllBatches": "Donotpostallbatches", "PostBatchFrom": number, "PostBatchTo": number}
        if path == RECEIPTS:
            given = {"BatchType": record_type, **given}
        return self.post(f"{_PROCESSES[path]}('$process')", given)

    def posted(self, path: str, number: int | str, record_type: str = "CA") -> dict[str, Any]:
        """Make a batch ready, post it, and read it back."""
        self.ready(path, number, record_type)
        assert self.process(path, number, record_type).status_code == 204
        return self.record(self.key(path, number, record_type))

    def document(self, number: str, customer: str = "1200") -> dict[str, Any]:
        return self.record(f"{DOCUMENTS}(CustomerNumber='{customer}',DocumentNumber='{number}')")

    # -- bodies -------------------------------------------------------------------------------------------------------

    @staticmethod
    def receipt(amount: str = "125.00", document: str = "IN0000123", **entry: Any) -> dict[str, Any]:
        """One receipt entry; `document` empty leaves the application out, `entry` changes properties."""
        value = Decimal(amount)
        made: dict[str, Any] = {
            "BatchType": "CA",
            "ReceiptTransactionType": "Receipt",
            "CustomerNumber": "1200",
            "ReceiptDateAdjustmentDate": "2026-11-20",
            "PostingDate": "2026-11-20",
            "CheckReceiptNumber": "PM000123ABC",
            "PaymentCode": "GCDD",
            "EntryDescription": "GOCARDLESS PM000123ABC",
            "EntryReference": "GC:PM000123ABC:CONFIRMED",
            "BankReceiptAmount": value,
        }
        if document:
            made["AppliedReceiptsAdjustments"] = [
                {"DocumentNumber": document, "PaymentNumber": 1, "CustomerReceiptAmount": value}
            ]
        return made | entry

    @staticmethod
    def receipts(*entries: dict[str, Any], **batch: Any) -> dict[str, Any]:
        header = {"BatchRecordType": "CA", "BatchDate": "2026-11-20", "Description": "GC RCPT 1", "BankCode": "GCEUR"}
        return {**header, **batch, "ReceiptsAdjustments": list(entries)}

    @staticmethod
    def invoice(number: str = "GCI1", amount: str = "10.00", **entry: Any) -> dict[str, Any]:
        return {
            "CustomerNumber": "1200",
            "DocumentType": "Invoice",
            "DocumentNumber": number,
            "DocumentDate": "2026-11-20",
            "PostingDate": "2026-11-20",
            "TaxGroup": "NOTAX",
            "InvoiceDetails": [{"RevenueAccount": "4000", "ExtendedAmountWithTIP": Decimal(amount)}],
            **entry,
        }

    @staticmethod
    def invoices(*entries: dict[str, Any], **batch: Any) -> dict[str, Any]:
        return {"BatchDate": "2026-11-20", "Description": "GC INV 1", **batch, "Invoices": list(entries)}

    @staticmethod
    def journal(*lines: tuple[str, str], **header: Any) -> dict[str, Any]:
        details = [
            {"AccountNumber": account, "Amount": Decimal(amount), "Reference": "PO1"} for account, amount in lines
        ]
        entry = {
            "SourceLedger": "GL",
            "SourceType": "JE",
            "DocumentDate": "2026-11-20",
            "PostingDate": "2026-11-20",
            "Description": "GC PAYOUT PO1",
            **header,
            "JournalDetails": details,
        }
        return {"Description": "GC PAYOUT PO1", "JournalHeaders": [entry]}


def _plain(value: Any) -> Any:
    return int(value) if value == value.to_integral_value() else json.loads(str(value))


@pytest.fixture
def company() -> Company:
    """One customer with an open invoice of 125 euros, on 20 November 2026 at 11:00 in Amsterdam."""
    company = Company(clock=SandboxClock(datetime(2026, 11, 20, 10, tzinfo=UTC))).standard()
    company.add_customer("1200", "Nordlys Studio BV", Email="ap@nordlys.example")
    company.add_invoice("1200", "IN0000123", 12500, dated=date(2026, 11, 2), due=date(2026, 11, 30))
    return company


@pytest.fixture
def api(company: Company, server: tuple[str, Switchboard]) -> Iterator[Api]:
    base, switchboard = server
    switchboard.app = app = create_app(company)
    api = Api(base, app)
    yield api
    api.session.close()
