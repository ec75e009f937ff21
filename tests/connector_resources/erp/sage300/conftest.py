"""A Sage 300 company over real HTTP, a connection to it with a real store, and small builders of postings."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from bookkeeping.settings import BookSettings
from connector_resources.erp.building import BuildContext
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.sage300.connector import Sage300Connector
from connector_resources.erp.sage300.resource import build_connector
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.posting.protocol import PostingProtocol, PostingReport, Surroundings
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.sage300.app import Sage300Sandbox, create_app
from sandbox.sage300.company import Company, HalfWrite
from sandbox.serve import running
from tests.given_postings import GivenPostings

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
CONNECTION = "harbour"
CUSTOMER = "1200"
PASSWORD = "Gocard1ess!"
ROLE = AccountRole
OPTIONAL_FIELDS = {"bank_account": "GCBANK"}


def section(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "sage300",
        "base_url": "http://127.0.0.1:1/Sage300WebApi",
        "company": "SAMLTD",
        "mode": "ar_receipts",
        "currencies": {
            "EUR": {"bank_code": "GCEUR", "clearing_account": "1099", "bank_account": "1020",
                    "direct_bank_code": "MAIN"},
            "GBP": {"bank_code": "GCGBP", "clearing_account": "1098", "bank_account": "1025"},
        },
        "accounts": {
            "receivable": "1100",
            "fees": "6115",
            "input_vat": "2150",
            "suspense": "9999",
            "sales_returns": "4090",
            "payout_transit": "9999",
            "fx_difference": "7100",
            "other_income": "4010-100",
            "revenue": "4010-100",
        },
        "no_tax_group": "NOTAX",
        "refund_tax_group": "NOTAX",
        "invoice_tax_group": "NOTAX",
        **changes,
    }  # fmt: skip


def settings_for(**changes: Any) -> Sage300Settings:
    return Sage300Settings.model_validate(section(**changes))


# --- postings --------------------------------------------------------------------------------------------------------


GIVEN = GivenPostings(CONNECTION, NOW, DAY)


def posting(
    kind: PostingKind,
    subject: str,
    lines: Sequence[tuple[AccountRole, Side, int]] = (),
    *,
    customer: str | None = CUSTOMER,
    **changes: Any,
) -> Posting:
    return GIVEN.of(kind, subject, lines, Party("CU000123", customer), **changes)


def receipt(subject: str = "PM000123", minor: int = 12_500, *, invoice: str = "", **changes: Any) -> Posting:
    lines = ((ROLE.CLEARING, Side.DEBIT, minor), (ROLE.RECEIVABLE, Side.CREDIT, minor))
    given = {"invoices": (invoice,) if invoice else (), **changes}
    return posting(PostingKind.RECEIPT, subject, lines, **given)


def receipts(count: int, minor: int = 1_000, **changes: Any) -> list[Posting]:
    return [receipt(f"PM{n:06d}", minor, event=f"EV1{n:05d}", **changes) for n in range(1, count + 1)]


def direct_receipt(subject: str = "PM000777", minor: int = 12_500, **changes: Any) -> Posting:
    lines = ((ROLE.BANK, Side.DEBIT, minor), (ROLE.RECEIVABLE, Side.CREDIT, minor))
    return posting(PostingKind.RECEIPT, subject, lines, **changes)


def reversal(of: Posting, *, event: str = "EV00002", **changes: Any) -> Posting:
    assert of.activity_amount is not None
    minor, currency = of.activity_amount.minor, of.activity_amount.currency
    lines = ((ROLE.RECEIVABLE, Side.DEBIT, minor), (ROLE.CLEARING, Side.CREDIT, minor))
    given = {"currency": currency, "invoices": of.invoices, **changes}
    return posting(PostingKind.RECEIPT_REVERSAL, of.subject, lines, event=event, reverses=of.key, **given)


def refund(subject: str = "RF000123", minor: int = 4_000, *, event: str = "EV00003", **changes: Any) -> Posting:
    lines = (
        (ROLE.SALES_RETURNS, Side.DEBIT, minor),
        (ROLE.RECEIVABLE, Side.CREDIT, minor),
        (ROLE.RECEIVABLE, Side.DEBIT, minor),
        (ROLE.CLEARING, Side.CREDIT, minor),
    )
    return posting(PostingKind.REFUND, subject, lines, event=event, **changes)


def refund_reversal(of: Posting, *, event: str = "EV00004") -> Posting:
    minor = of.lines[0].amount.minor
    lines = ((ROLE.CLEARING, Side.DEBIT, minor), (ROLE.RECEIVABLE, Side.CREDIT, minor))
    return posting(PostingKind.REFUND_REVERSAL, of.subject, lines, event=event, reverses=of.key)


def sales_invoice(subject: str = "PM000500", minor: int = 2_500, *, event: str = "EV00009", **changes: Any) -> Posting:
    """As `bookkeeping.sales_invoice_rules` makes it."""
    lines = ((ROLE.RECEIVABLE, Side.DEBIT, minor), (ROLE.REVENUE, Side.CREDIT, minor))
    fields = {"key": f"sales_invoice:{subject}", "reference": f"GCI{subject}", "facts": {"due_on": "2026-03-05"}}
    return posting(PostingKind.SALES_INVOICE, subject, lines, event=event, **{**fields, **changes})


def invoice_credit(of: Posting, *, event: str = "EV00010") -> Posting:
    """Takes a sales invoice back, because its payment was."""
    lines = tuple(replace(line, side=line.side.opposite) for line in reversed(of.lines))
    fields: dict[str, Any] = {
        "reference": f"{of.reference}C", "invoices": (of.reference,), "facts": {"credits": "sales_invoice"},
    }  # fmt: skip
    return replace(posting(PostingKind.CORRECTION, of.subject, event=event, reverses=of.key, **fields), lines=lines)


def payout(
    subject: str = "PO000123", *, net: int = 98_500, fees: int = 1_250, vat: int = 250, event: str = "EV00005",
    **changes: Any,
) -> Posting:  # fmt: skip
    """The sheet's example: 1,000.00 collected, 12.50 fees and 2.50 VAT on them, 985.00 paid out."""
    made = posting(PostingKind.PAYOUT, subject, event=event, **changes)
    lines = [
        Line(ROLE.BANK, Side.DEBIT, Money(net, "EUR"), subject),
        Line(ROLE.FEES, Side.DEBIT, Money(fees, "EUR"), f"{subject} fees"),
        Line(ROLE.INPUT_VAT, Side.DEBIT, Money(vat, "EUR"), f"{subject} VAT"),
        Line(ROLE.CLEARING, Side.CREDIT, Money(net + fees + vat, "EUR"), f"{subject}: payments"),
    ]
    return replace(made, lines=tuple(line for line in lines if line.amount), party=None)


def converted_payout(subject: str = "PO000GBP", *, event: str = "EV00006", clearing: int = 10_000) -> Posting:
    """100.00 GBP collected, 1.00 GBP fees, 99.00 GBP paid out as 115.83 EUR at 1.17."""
    made = posting(PostingKind.PAYOUT, subject, event=event)
    lines = (
        Line(ROLE.BANK, Side.DEBIT, Money(11_583, "EUR"), subject),
        Line(ROLE.FX_TRANSIT, Side.CREDIT, Money(11_583, "EUR"), f"{subject} in EUR"),
        Line(ROLE.FX_TRANSIT, Side.DEBIT, Money(clearing - 100, "GBP"), f"{subject} in GBP"),
        Line(ROLE.FEES, Side.DEBIT, Money(100, "GBP"), f"{subject} fees"),
        Line(ROLE.CLEARING, Side.CREDIT, Money(clearing, "GBP"), f"{subject}: payments"),
    )
    return replace(made, lines=lines, party=None, facts={"fx_currency": "EUR", "fx_rate": "1.17"})


def moved_payout(of: Posting, kind: PostingKind, *, event: str) -> Posting:
    """The bank sent a payout back, or it was paid again."""
    back = kind is PostingKind.PAYOUT_REVERSAL
    amount = next(line.amount.minor for line in of.lines if line.role is ROLE.BANK)
    sides = (Side.CREDIT, Side.DEBIT) if back else (Side.DEBIT, Side.CREDIT)
    lines = ((ROLE.BANK, sides[0], amount), (ROLE.PAYOUT_TRANSIT, sides[1], amount))
    return replace(posting(kind, of.subject, lines, event=event), party=None, reverses=of.key if back else None)


def mandate(status: str, subject: str = "MD000123", *, event: str = "EV00007", **changes: Any) -> Posting:
    facts = {"status": status, "scheme": "sepa_core", "bank_account": "BA000123"}
    return posting(PostingKind.MANDATE_STATUS, subject, event=event, **{"facts": facts, **changes})


def item(type: str, minor: int, payment: str = "", refund: str = "") -> dict[str, Any]:
    """A payout item as GoCardless sends it."""
    links = {**({"payment": payment} if payment else {}), **({"refund": refund} if refund else {})}
    return {"type": type, "amount": f"{minor}.0", "links": links, "taxes": []}


@pytest.fixture(scope="session")
def given() -> SimpleNamespace:
    """The builders above, for tests."""
    return SimpleNamespace(
        NOW=NOW, DAY=DAY, CONNECTION=CONNECTION, CUSTOMER=CUSTOMER, PASSWORD=PASSWORD, Party=Party, roles=AccountRole,
        section=section, settings=settings_for, posting=posting, receipt=receipt, receipts=receipts,
        direct_receipt=direct_receipt, reversal=reversal, refund=refund, refund_reversal=refund_reversal,
        sales_invoice=sales_invoice, invoice_credit=invoice_credit, payout=payout, converted_payout=converted_payout,
        moved_payout=moved_payout,
        mandate=mandate, item=item, changed=replace, kinds=PostingKind, open_site=open_site,
        hours=lambda count: timedelta(hours=count),
    )  # fmt: skip


class Beside:
    """A connector beside which a person is at work: `before` each send, and `after` each answer."""

    def __init__(
        self,
        connector: Sage300Connector,
        before: Callable[[PlannedSubmission], None] | None = None,
        after: Callable[[PlannedSubmission], None] | None = None,
    ) -> None:
        self._connector = connector
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def submit(self, submission: PlannedSubmission) -> Any:
        if self._before is not None:
            self._before(submission)
        outcome = self._connector.submit(submission)
        if self._after is not None:
            self._after(submission)
        return outcome


# --- the company and the connection ----------------------------------------------------------------------------------


@dataclass
class Site:
    """The connection with its store and stand-in. `naps` are the waits, during which the clock moves."""

    store: Store
    company: Company
    sandbox: Sage300Sandbox
    address: str
    defaults: dict[str, Any] = field(default_factory=dict)
    naps: list[float] = field(default_factory=list)
    #: what a person does while the connector waits.
    meanwhile: Callable[[], None] | None = None
    connectors: list[Sage300Connector] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.company.clock.advance(timedelta(seconds=seconds))
        if self.meanwhile is not None:
            self.meanwhile()

    def settings(self, **changes: Any) -> Sage300Settings:
        base = {"base_url": f"{self.address}/Sage300WebApi", "optional_fields": OPTIONAL_FIELDS}
        return settings_for(**{**base, **self.defaults, **changes})

    def context(self, connection: str = CONNECTION) -> BuildContext:
        books = BookSettings(connection, ZoneInfo("Europe/Amsterdam"), date(2026, 1, 1))
        clock: Callable[[], datetime] = self.company.clock.now
        return BuildContext(connection, books, self.store, clock, sleep=self.sleep, rng=random.Random(1))

    def connector(self, connection: str = CONNECTION, **changes: Any) -> Sage300Connector:
        """As a process of its own would have it."""
        made = build_connector(self.settings(**changes), self.context(connection))
        self.connectors.append(made)
        return made

    def post(self, *postings: Posting, before: Any = None, after: Any = None, **changes: Any) -> PostingReport:
        """Plan these postings into the ledger and run the protocol with a connector of its own.

        `before` and `after` are what a person does right before a send and right after an answer.
        """
        if postings:
            self.store.ledger.plan(CONNECTION, postings)
        around = Surroundings(self.sleep, lambda: 0.5)
        connector: Any = Beside(self.connector(**changes), before, after)
        return PostingProtocol(self.store, connector, CONNECTION, around).run(frozenset(PostingKind))

    def row(self, item: Posting) -> LedgerRow:
        found = self.store.ledger.get(CONNECTION, item.key)
        assert found is not None
        return found

    def state(self, item: Posting) -> str:
        return str(self.row(item).state)

    def held(self) -> dict[str, str]:
        """GoCardless id -> hold code."""
        return {row.posting.subject: row.held_code for row in self.store.ledger.held(CONNECTION)}

    def reasons(self) -> str:
        return " | ".join(f"{row.held_reason} {row.held_next_step}" for row in self.store.ledger.held(CONNECTION))

    def release(self) -> None:
        keys = [row.posting.key for row in self.store.ledger.held(CONNECTION)]
        self.store.ledger.release(CONNECTION, keys, by="Ada", note="looked at it")

    def break_next(self, kind: str, path: str, *, method: str = "POST|PATCH", **details: Any) -> None:
        self.sandbox.faults.add(Fault(kind, method=method, path=path, **details))

    def batches(self, resource: str) -> list[Any]:
        """Batches of a resource that were not deleted and hold something, whatever their status."""
        status = "Status" if resource == "GLJournalBatches" else "BatchStatus"
        return [row for row in self.company.tables[resource] if row[status] != "Deleted" and row["NumberOfEntries"]]

    def receipts(self) -> list[Any]:
        """Every receipt entry of every batch."""
        return [x for row in self.batches("ARReceiptAndAdjustmentBatches") for x in row["ReceiptsAdjustments"]]

    def invoices(self) -> list[Any]:
        """Invoices and notes of our own batches."""
        ours = (row for row in self.batches("ARInvoiceBatches") if row["Description"].startswith("GC "))
        return [x for row in ours for x in row["Invoices"]]

    def journals(self) -> list[Any]:
        return [x for row in self.batches("GLJournalBatches") for x in row["JournalHeaders"]]

    def calls(self) -> int:
        return len(self.sandbox.faults.requests)

    def half_write(self, resource: str, entries: int) -> None:
        """The next insert breaks off after so many entries."""
        self.company.half_writes.append(HalfWrite(resource, entries))

    def keep_items(self, payout_id: str, *items: dict[str, Any]) -> None:
        self.store.entities.put_payout_items(CONNECTION, payout_id, items)


@contextlib.contextmanager
def open_site(home: Path, **defaults: Any) -> Iterator[Site]:
    """A company with two customers, and a connection to it."""
    company = Company("SAMLTD", clock=SandboxClock(NOW), password=PASSWORD).standard()
    company.add_optional_field("GCBANK", "Text", 20)
    company.add_customer(CUSTOMER, "Nordlys Studio", Email="ap@nordlys.example")
    company.add_customer("1300", "De Vries", Email="post@devries.example")
    sandbox = create_app(company)
    key, _ = VaultKey.generate()
    url = f"sqlite:///{home / 'store.sqlite'}"
    with running(sandbox, dated=False) as address, Store.open(url, clock=company.clock.now, vault_key=key) as opened:
        opened.migrate()
        opened.vault.write(CONNECTION, "sage300_username", "gcapi")
        opened.vault.write(CONNECTION, "sage300_password", PASSWORD)
        made = Site(opened, company, sandbox, address, defaults)
        yield made
        for connector in made.connectors:
            connector.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """In mode ar_receipts."""
    with open_site(tmp_path) as made:
        yield made


@pytest.fixture
def payout_site(tmp_path: Path) -> Iterator[Site]:
    """In mode payout_gl."""
    with open_site(tmp_path, mode="payout_gl") as made:
        yield made
