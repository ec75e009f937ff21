"""An Exact Online division over real HTTP, a consented connection to it with a real store, and small builders of postings."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from bookkeeping.settings import BookSettings
from connector_resources.erp.building import BuildContext
from connector_resources.erp.exact_online.authorisation import authorise
from connector_resources.erp.exact_online.connector import ExactOnlineConnector
from connector_resources.erp.exact_online.resource import build_connector
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.posting.protocol import PostingProtocol, PostingReport, Surroundings
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from sandbox.clock import SandboxClock
from sandbox.exact_online import bank_entries
from sandbox.exact_online.app import ExactOnlineSandbox, create_app
from sandbox.exact_online.calls import Call
from sandbox.exact_online.division import Division
from sandbox.faults import Fault
from sandbox.serve import running
from tests.given_postings import GivenPostings

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
CONNECTION = "polder"
CUSTOMER = "42"
CLIENT_ID = "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11"
REDIRECT = "http://127.0.0.1:8123/callback"
ROLE = AccountRole
NOBODY = Call("POST", {}, {}, b"", "", "")


def section(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "exact_online",
        "currencies": {
            "EUR": {"bank_journal": "23", "clearing_account": "1230", "transit_account": "2000"},
            "GBP": {"bank_journal": "24", "clearing_account": "1231", "transit_account": "2000"},
        },
        "accounts": {
            "receivable": "1300",
            "fees": "4500",
            "input_vat": "1510",
            "suspense": "2990",
            "sales_returns": "8000",
            "payout_transit": "2990",
            "fx_transit": "2010",
            "fx_difference": "9500",
            "other_income": "8000",
        },
        "general_journal": "90",
        "sales_journal": "70",
        **changes,
    }


def settings_for(**changes: Any) -> ExactOnlineSettings:
    return ExactOnlineSettings.model_validate(section(**changes))


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


def receipt(subject: str = "PM000123", minor: int = 12_100, *, invoice: str = "", **changes: Any) -> Posting:
    lines = ((ROLE.CLEARING, Side.DEBIT, minor), (ROLE.RECEIVABLE, Side.CREDIT, minor))
    given = {"invoices": (invoice,) if invoice else (), **changes}
    return posting(PostingKind.RECEIPT, subject, lines, **given)


def reversal(of: Posting, *, event: str = "EV00002", **changes: Any) -> Posting:
    assert of.activity_amount is not None
    minor, currency = of.activity_amount.minor, of.activity_amount.currency
    lines = ((ROLE.RECEIVABLE, Side.DEBIT, minor), (ROLE.CLEARING, Side.CREDIT, minor))
    given = {"currency": currency, "customer": of.party.erp_customer if of.party else None, **changes}
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


def payout(
    subject: str = "PO000123",
    *,
    net: int = 23_680,
    fees: int = 264,
    vat: int = 56,
    event: str = "EV00005",
    rate: str = "NL_VAT_1",
    **changes: Any,
) -> Posting:
    made = posting(PostingKind.PAYOUT, subject, event=event, **changes)
    euro = "EUR"
    lines = [
        Line(ROLE.BANK, Side.DEBIT, Money(net, euro), subject),
        Line(ROLE.FEES, Side.DEBIT, Money(fees, euro), f"{subject} fees", tax_rate=rate if vat else None),
        *([Line(ROLE.INPUT_VAT, Side.DEBIT, Money(vat, euro), f"{subject} VAT", tax_rate=rate)] if vat else []),
        Line(ROLE.CLEARING, Side.CREDIT, Money(net + fees + vat, euro), f"{subject}: payments"),
    ]
    return replace(made, lines=tuple(lines), party=None)


def converted_payout(subject: str = "PO000GBP", *, event: str = "EV00006") -> Posting:
    """100.00 GBP collected, 1.00 GBP fees, 99.00 GBP paid out as 115.83 EUR at 1.17."""
    made = posting(PostingKind.PAYOUT, subject, event=event)
    lines = (
        Line(ROLE.BANK, Side.DEBIT, Money(11_583, "EUR"), subject),
        Line(ROLE.FX_TRANSIT, Side.CREDIT, Money(11_583, "EUR"), f"{subject} in EUR"),
        Line(ROLE.FX_TRANSIT, Side.DEBIT, Money(9_900, "GBP"), f"{subject} in GBP"),
        Line(ROLE.FEES, Side.DEBIT, Money(100, "GBP"), f"{subject} fees"),
        Line(ROLE.CLEARING, Side.CREDIT, Money(10_000, "GBP"), f"{subject}: payments"),
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
    facts = {"status": status, "mandate_reference": "GCREF-1"}
    return posting(PostingKind.MANDATE_STATUS, subject, event=event, **{"facts": facts, **changes})


@pytest.fixture(scope="session")
def given() -> SimpleNamespace:
    """The builders above, for tests."""
    return SimpleNamespace(
        NOW=NOW, DAY=DAY, CONNECTION=CONNECTION, CUSTOMER=CUSTOMER, CLIENT_ID=CLIENT_ID, REDIRECT=REDIRECT,
        section=section, settings=settings_for, posting=posting, receipt=receipt, reversal=reversal, refund=refund,
        refund_reversal=refund_reversal, payout=payout, converted_payout=converted_payout, moved_payout=moved_payout,
        mandate=mandate, changed=replace, kinds=PostingKind, open_site=open_site,
        by_hand=Overtaken, days=lambda count: timedelta(days=count),
    )  # fmt: skip


class Overtaken:
    """A connector beside which a person books 50.00 in the journal, right before the first entry is sent."""

    def __init__(self, site: Site, connector: ExactOnlineConnector) -> None:
        self._site = site
        self._connector = connector
        self._came = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def submit(self, submission: Any) -> Any:
        if not self._came:
            self._came = True
            line = {"GLAccount": self._site.division.gl_account("2990")["ID"], "AmountFC": Decimal("50.00")}
            self._site.create_by_hand({"JournalCode": "23", "BankEntryLines": [line]})
        return self._connector.submit(submission)


# --- the division and the connection ---------------------------------------------------------------------------------


@dataclass
class Site:
    """The connection with its store and stand-in. `naps` are the waits, during which the clock moves.

    `nap_s` is how long each of them takes in truth, for what must reach the stand-in meanwhile.
    """

    store: Store
    division: Division
    sandbox: ExactOnlineSandbox
    address: str
    vault_key: str
    naps: list[float] = field(default_factory=list)
    connectors: list[ExactOnlineConnector] = field(default_factory=list)
    prepared: list[Any] = field(default_factory=list)
    nap_s: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        time.sleep(self.nap_s)
        self.division.clock.advance(timedelta(seconds=seconds))

    def settings(self, **changes: Any) -> ExactOnlineSettings:
        return settings_for(base_url=self.address, **changes)

    def context(self) -> BuildContext:
        books = BookSettings(CONNECTION, ZoneInfo("Europe/Amsterdam"), date(2026, 1, 1))
        return BuildContext(CONNECTION, books, self.store, self.division.clock.now, sleep=self.sleep)

    def connector(self, **changes: Any) -> ExactOnlineConnector:
        """As a process of its own would have it."""
        made = build_connector(self.settings(**changes), self.context())
        self.connectors.append(made)
        return made

    def consent(self) -> str:
        """What `connector authorize` does; the stand-in's page agrees by itself."""
        begun = authorise(self.settings(), self.context(), REDIRECT)
        page = requests.get(begun.url, allow_redirects=False, timeout=10)
        return begun.complete(page.headers["location"])

    def post(self, *postings: Posting, **changes: Any) -> PostingReport:
        """Plan these postings into the ledger and run the protocol with a connector of its own."""
        if postings:
            self.store.ledger.plan(CONNECTION, postings)
        around = Surroundings(self.sleep, lambda: 0.5)
        connector = self.prepared.pop() if self.prepared else self.connector(**changes)
        protocol = PostingProtocol(self.store, connector, CONNECTION, around)
        return protocol.run(frozenset(PostingKind))

    def reuse(self, connector: Any) -> None:
        """Let the next `post` use this connector, with what it has read already."""
        self.prepared.append(connector)

    def paid_out(self, payout: Posting, *payments: Posting) -> None:
        """What GoCardless said of a payout: that it pays out these receipts, in the currency they were collected in."""
        clearing = [line.amount for line in payout.lines if line.role is ROLE.CLEARING]
        body = {"id": payout.subject, "created_at": "2026-03-02T10:00:00.000Z", "currency": clearing[0].currency}
        items = [
            {
                "type": "payment_paid_out" if each.kind is PostingKind.RECEIPT else "payment_failed",
                "amount": str(each.activity_amount.minor if each.activity_amount else 0),
                "links": {"payment": each.subject},
            }
            for each in payments
        ]
        self.store.entities.put(CONNECTION, "payouts", [body], day_of=lambda moment: moment.date())
        self.store.entities.put_payout_items(CONNECTION, payout.subject, items)

    def row(self, item: Posting) -> LedgerRow:
        found = self.store.ledger.get(CONNECTION, item.key)
        assert found is not None
        return found

    def state(self, item: Posting) -> str:
        return str(self.row(item).state)

    def held(self) -> dict[str, str]:
        """GoCardless id -> hold code."""
        return {row.posting.subject: row.held_code for row in self.store.ledger.held(CONNECTION)}

    def release(self) -> None:
        keys = [row.posting.key for row in self.store.ledger.held(CONNECTION)]
        self.store.ledger.release(CONNECTION, keys, by="Ada", note="looked at it")

    def break_next(self, kind: str, path: str, *, method: str = "POST|PUT", **details: Any) -> None:
        self.sandbox.faults.add(Fault(kind, method=method, path=path, **details))

    def create_by_hand(self, body: dict[str, Any]) -> None:
        """A person enters a bank entry on the screen."""
        with self.division.lock:
            bank_entries.create(self.division, NOBODY, body)

    @staticmethod
    def fault(kind: str, **details: Any) -> Fault:
        return Fault(kind, **details)

    def entries(self, kind: str = "BankEntry") -> int:
        return sum(1 for entry in self.division.books.effective() if entry.kind == kind)

    def calls(self) -> int:
        return len(self.sandbox.faults.requests)


@contextlib.contextmanager
def open_site(home: Path) -> Iterator[Site]:
    """A division with two customers, and a connection to it whose consent was given."""
    division = Division(clock=SandboxClock(NOW)).standard_chart(years=(2025, 2026))
    division.add_account(CUSTOMER, "Bakker B.V.", Email="post@bakker.example")
    division.add_account("43", "De Vries", Email="post@devries.example")
    sandbox = create_app(division)
    key, key_text = VaultKey.generate()
    url = f"sqlite:///{home / 'store.sqlite'}"
    with running(sandbox, dated=False) as address, Store.open(url, clock=division.clock.now, vault_key=key) as opened:
        opened.migrate()
        opened.vault.write(CONNECTION, "exact_client_id", CLIENT_ID)
        opened.vault.write(CONNECTION, "exact_client_secret", "sandbox-secret")
        made = Site(opened, division, sandbox, address, key_text)
        made.consent()
        yield made
        for connector in made.connectors:
            connector.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as made:
        yield made
