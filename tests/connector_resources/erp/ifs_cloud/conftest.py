"""An IFS Cloud tenant with two companies over real HTTP, a connection to it with a real store, and builders of postings."""

from __future__ import annotations

import contextlib
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
from bookkeeping.postings import AccountRole, Allocation, Line, Party, Posting, PostingKind, Side
from bookkeeping.settings import BookSettings
from connector_resources.erp.building import BuildContext
from connector_resources.erp.ifs_cloud.connector import IfsCloudConnector
from connector_resources.erp.ifs_cloud.resource import build_connector
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.wire import CompanyRow
from connector_resources.posting.protocol import PostingProtocol, PostingReport, Surroundings
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.ifs_cloud.app import IfsCloudSandbox, create_app
from sandbox.ifs_cloud.switches import Switches
from sandbox.ifs_cloud.tenant import Tenant
from sandbox.serve import running
from tests.given_postings import GivenPostings

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
DAY = date(2026, 3, 4)
CONNECTION = "enterprise"
CREDITOR, OTHER_CREDITOR = "CR10", "CR20"
CUSTOMER = "10:C1"
ROLE = AccountRole
ACCOUNTS = {
    "fees": "6570",
    "input_vat": "2641",
    "suspense": "2999",
    "fx_difference": "3960",
    "payout_transit": "2990",
    "other_income": "3010",
}


def section(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "ifs_cloud",
        "base_url": "https://acme.ifs.cloud",
        "realm": "acmeprod",
        "marker": {"strategy": "all"},
        "companies": {
            "10": {
                "creditor": CREDITOR,
                "user_group": "AC",
                "currencies": {
                    "EUR": {"cash_account": "GCEUR", "clearing_account": "1940", "bank_account": "1930"},
                    "GBP": {"cash_account": "GCGBP", "clearing_account": "1941", "bank_account": "1930"},
                },
                "accounts": ACCOUNTS,
            },
            "20": {
                "creditor": OTHER_CREDITOR,
                "user_group": "AC",
                "currencies": {"SEK": {"cash_account": "GCSEK", "clearing_account": "1940", "bank_account": "1930"}},
                "accounts": ACCOUNTS,
            },
        },
        **changes,
    }


def settings_for(**changes: Any) -> IfsCloudSettings:
    return IfsCloudSettings.model_validate(section(**changes))


# --- postings --------------------------------------------------------------------------------------------------------


GIVEN = GivenPostings(CONNECTION, NOW, DAY)


def posting(
    kind: PostingKind,
    subject: str,
    lines: Sequence[tuple[AccountRole, Side, int]] = (),
    *,
    customer: str | None = CUSTOMER,
    creditor: str = CREDITOR,
    **changes: Any,
) -> Posting:
    facts = {"creditor": creditor, **changes.pop("facts", {})}
    return GIVEN.of(kind, subject, lines, Party("CU000123", customer), facts=facts, **changes)


def receipt(subject: str = "PM000123", minor: int = 12_100, *, invoice: str = "", **changes: Any) -> Posting:
    lines = ((ROLE.CLEARING, Side.DEBIT, minor), (ROLE.RECEIVABLE, Side.CREDIT, minor))
    given = {"invoices": (invoice,) if invoice else (), **changes}
    return posting(PostingKind.RECEIPT, subject, lines, **given)


def share(invoice: str, minor: int, currency: str = "EUR") -> Allocation:
    return Allocation(invoice, Money(minor, currency))


def reversal(of: Posting, *, event: str = "EV00002", **changes: Any) -> Posting:
    assert of.activity_amount is not None
    minor, currency = of.activity_amount.minor, of.activity_amount.currency
    lines = ((ROLE.RECEIVABLE, Side.DEBIT, minor), (ROLE.CLEARING, Side.CREDIT, minor))
    given = {
        "currency": currency,
        "customer": of.party.erp_customer if of.party else None,
        "creditor": of.facts["creditor"],
        **changes,
    }
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
    rate: str = "SE_VAT_1",
    currency: str = "EUR",
    **changes: Any,
) -> Posting:
    made = posting(PostingKind.PAYOUT, subject, event=event, **changes)
    lines = [
        Line(ROLE.BANK, Side.DEBIT, Money(net, currency), subject),
        Line(ROLE.FEES, Side.DEBIT, Money(fees, currency), f"{subject} fees", tax_rate=rate if vat else None),
        *([Line(ROLE.INPUT_VAT, Side.DEBIT, Money(vat, currency), f"{subject} VAT", tax_rate=rate)] if vat else []),
        Line(ROLE.CLEARING, Side.CREDIT, Money(net + fees + vat, currency), f"{subject}: payments"),
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
    return replace(made, lines=lines, party=None)


def invoice_status(
    invoice: str, state: str, *, cause: str = "", event: str = "S1", payment: str = "PM000123"
) -> Posting:
    facts = {"state": state, "cause": cause, "payment": payment, "invoice": invoice}
    made = posting(PostingKind.INVOICE_STATUS, payment, event=event, invoices=(invoice,))
    return replace(made, facts={name: value for name, value in facts.items() if value})


def mandate(status: str, subject: str = "MD000123", *, event: str = "EV00007", **changes: Any) -> Posting:
    facts = {"status": status, "mandate_reference": "GCREF-1"}
    return posting(PostingKind.MANDATE_STATUS, subject, event=event, **{"facts": facts, **changes})


@pytest.fixture(scope="session")
def given() -> SimpleNamespace:
    """The builders above, for tests."""
    return SimpleNamespace(
        NOW=NOW, DAY=DAY, CONNECTION=CONNECTION, CUSTOMER=CUSTOMER, section=section, settings=settings_for,
        posting=posting, receipt=receipt, reversal=reversal, refund=refund, refund_reversal=refund_reversal, payout=payout,
        converted_payout=converted_payout, mandate=mandate, invoice_status=invoice_status, changed=replace,
        kinds=PostingKind, share=share, decimal=Decimal, row_model=CompanyRow, with_meddling=with_meddling, open_site=open_site,
    )  # fmt: skip


# --- the tenant and the connection -----------------------------------------------------------------------------------


@dataclass
class Site:
    """The connection with its store and stand-in. `naps` are the waits, during which the clock moves."""

    store: Store
    tenant: Tenant
    sandbox: IfsCloudSandbox
    address: str
    naps: list[float] = field(default_factory=list)
    connectors: list[IfsCloudConnector] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    marker: dict[str, Any] = field(default_factory=dict)
    prepared: list[Any] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.tenant.clock.advance(timedelta(seconds=seconds))

    def settings(self, **changes: Any) -> IfsCloudSettings:
        return settings_for(base_url=self.address, **{**self.changes, **changes})

    def connector(self, **changes: Any) -> IfsCloudConnector:
        """As a process of its own would have it."""
        books = BookSettings(CONNECTION, ZoneInfo("Europe/Stockholm"), date(2026, 1, 1))
        context = BuildContext(CONNECTION, books, self.store, self.tenant.clock.now, sleep=self.sleep)
        made = build_connector(self.settings(**changes), context)
        self.connectors.append(made)
        return made

    def post(self, *postings: Posting, **changes: Any) -> PostingReport:
        """Plan these postings into the ledger and run the protocol with a connector of its own."""
        if postings:
            self.store.ledger.plan(CONNECTION, postings)
        around = Surroundings(self.sleep, lambda: 0.5)
        connector = self.prepared.pop() if self.prepared else self.connector(**changes)
        return PostingProtocol(self.store, connector, CONNECTION, around).run(frozenset(PostingKind))

    def reuse(self, connector: Any) -> None:
        """Let the next `post` use this connector."""
        self.prepared.append(connector)

    def row(self, item: Posting) -> LedgerRow:
        found = self.store.ledger.get(CONNECTION, item.key)
        assert found is not None
        return found

    def state(self, item: Posting) -> str:
        return str(self.row(item).state)

    def states(self) -> dict[str, int]:
        """How many postings are in which state."""
        found: dict[str, int] = {}
        for row in self.store.ledger.counts(CONNECTION):
            found[row.state] = found.get(row.state, 0) + row.count
        return found

    def vouchers(self, company: str) -> list[dict[str, Any]]:
        """The vouchers of a company as the stand-in shows them to a person."""
        answer = requests.get(f"{self.address}/_control/books", timeout=10).json()
        return list(answer["companies"][company]["vouchers"])

    def held(self) -> dict[str, str]:
        """GoCardless id -> hold code."""
        return {row.posting.subject: row.held_code for row in self.store.ledger.held(CONNECTION)}

    def reasons(self) -> str:
        return "\n".join(f"{row.held_code}: {row.held_reason}" for row in self.store.ledger.held(CONNECTION))

    def release(self) -> None:
        keys = [row.posting.key for row in self.store.ledger.held(CONNECTION)]
        self.store.ledger.release(CONNECTION, keys, by="Ada", note="looked at it")

    def break_next(self, kind: str, path: str, *, method: str = "POST|PUT|PATCH", **details: Any) -> None:
        self.sandbox.faults.add(Fault(kind, method=method, path=path, **details))

    def owed(self, company: str, number: str, series: str = "CI") -> Money:
        return self.tenant.open_amount(company, series, number)

    def balance(self, company: str, account: str, currency: str) -> int:
        """The account's balance in minor units, debit positive."""
        return int(self.tenant.books[company].balance(account, currency))

    def calls(self) -> int:
        return sum(1 for _, path in self.sandbox.faults.requests if not path.endswith("/token"))


@contextlib.contextmanager
def open_site(home: Path, **switches: Any) -> Iterator[Site]:
    """Company 10 in EUR that also collects GBP, company 20 in SEK; customers C1 (both) and C2 (company 10)."""
    tenant = Tenant(SandboxClock(NOW), Switches(**{"calls_per_minute": 100_000, **switches}))
    tenant.add_company("10", "EUR", currencies=["GBP"])
    tenant.add_company("20", "SEK")
    tenant.add_rate("10", "GBP", "1.16", date(2026, 1, 1))
    tenant.add_customer("C1", "Acme AB", email="acme@example.se", country="SE")
    tenant.add_customer("C2", "Bolt GmbH", companies=("10",), email="bolt@example.de", country="DE")
    sandbox = create_app(tenant)
    key, _ = VaultKey.generate()
    url = f"sqlite:///{home / 'store.sqlite'}"
    with running(sandbox, dated=False) as address, Store.open(url, clock=tenant.clock.now, vault_key=key) as opened:
        opened.migrate()
        opened.vault.write(CONNECTION, "ifs_client_id", "gc_connector")
        opened.vault.write(CONNECTION, "ifs_client_secret", "sandbox-secret")
        made = Site(opened, tenant, sandbox, address)
        yield made
        for connector in made.connectors:
            connector.close()


class Meddling:
    """A connector beside which `act` happens once, right before a call whose path holds `word` is sent."""

    def __init__(self, connector: Any, word: str, act: Any, times: int = 1) -> None:
        self._connector = connector
        transport = connector._client._transport
        inner = transport._inner.send
        left = [times]

        def send(request: Any) -> Any:
            if left[0] and word in request.url and request.write:
                left[0] -= 1
                act()
            return inner(request)

        transport._inner.send = send

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)


def with_meddling(site: Site, word: str, act: Any, times: int = 1, **changes: Any) -> Any:
    return Meddling(site.connector(**changes), word, act, times)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as made:
        yield made
