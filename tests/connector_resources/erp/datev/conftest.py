"""Builders of DATEV settings and postings, and an office: DATEV's stand-in over real HTTP with a real store."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side, require_balance
from bookkeeping.settings import BookSettings
from connector_resources.erp.building import BuildContext
from connector_resources.erp.contract import Accepted, OpenSubmission, Outcome, PlannedSubmission, PostingWork, StepDone
from connector_resources.erp.datev.bookings import rows_of
from connector_resources.erp.datev.connector import DatevConnector
from connector_resources.erp.datev.documents import plan_work
from connector_resources.erp.datev.extf import BookingRow, amount_text
from connector_resources.erp.datev.resource import build_connector, oauth_client, token_shelf, token_transport
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.posting.protocol import PostingProtocol, Surroundings
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from connector_resources.transport.authorization_code import begin_consent, code_from_redirect, exchange_code
from sandbox.clock import SandboxClock
from sandbox.datev.app import DatevApp, create_app
from sandbox.datev.books import Books
from sandbox.datev.datacentre import DataCentre
from sandbox.faults import Fault
from sandbox.serve import running

NOW = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
CONNECTION = "kanzlei"
R, D, C = AccountRole, Side.DEBIT, Side.CREDIT
MUELLER = Party("CU0001", "10042", None)


class Builder:
    """Makes postings the way the rules of `bookkeeping` write them."""

    CUT_OFF = datetime(2026, 6, 30, 16, 15, tzinfo=UTC)

    def settings(self, **changes: Any) -> DatevSettings:
        values = {"kind": "datev", "consultant_number": 455148, "client_number": 1, "chart": "skr03"} | changes
        return DatevSettings.model_validate(values)

    def posting(
        self,
        kind: PostingKind,
        subject: str,
        lines: list[Line],
        *,
        event: str = "",
        day: date = date(2026, 6, 3),
        party: Party | None = None,
        facts: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Posting:
        event = event or f"EV{subject[2:]}{kind.value[:3]}"
        posting = Posting(
            key=f"{event}:{kind}",
            connection=CONNECTION,
            kind=kind,
            event_id=event,
            subject=subject,
            occurred_at=datetime(day.year, day.month, day.day, 9, 30, tzinfo=UTC),
            booking_date=day,
            reference=f"GC{event}",
            text=f"{kind} {subject}",
            lines=tuple(lines),
            party=party,
            facts=facts or {},
            **more,
        )
        require_balance(posting)
        return posting

    def receipt(
        self, subject: str = "PM00K7Q2M4ZV9A", minor: int = 11900, *, currency: str = "EUR",
        invoice: str = "RE-2026-0042", party: Party = MUELLER, facts: Mapping[str, str] | None = None, **more: Any,
    ) -> Posting:  # fmt: skip
        amount = Money(minor, currency)
        lines = [Line(R.CLEARING, D, amount), Line(R.RECEIVABLE, C, amount, party=party)]
        known = {"payment": subject, "payment_reference": invoice} | dict(facts or {})
        return self.posting(PostingKind.RECEIPT, subject, lines, party=party, facts=known, **more)

    def reversal(
        self, subject: str = "PM00K7Q2M4ZV9A", minor: int = 11900, *, kind: PostingKind = PostingKind.RECEIPT_REVERSAL,
        invoice: str = "RE-2026-0042", party: Party = MUELLER, **more: Any,
    ) -> Posting:  # fmt: skip
        amount = Money(minor, "EUR")
        lines = [Line(R.RECEIVABLE, D, amount, party=party), Line(R.CLEARING, C, amount)]
        return self.posting(kind, subject, lines, party=party, facts={"payment_reference": invoice}, **more)

    def refund(
        self, subject: str = "RF0001H3N6YP2D", minor: int = 5000, *, party: Party, invoice: str, **more: Any
    ) -> Posting:
        amount = Money(minor, "EUR")
        lines = [
            Line(R.SALES_RETURNS, D, amount),
            Line(R.RECEIVABLE, C, amount, party=party),
            Line(R.RECEIVABLE, D, amount, party=party),
            Line(R.CLEARING, C, amount),
        ]
        return self.posting(
            PostingKind.REFUND, subject, lines, party=party, facts={"payment_reference": invoice}, **more
        )

    def payout(self, lines: list[Line], subject: str = "PO0009TR5X8WCB", **more: Any) -> Posting:
        more = {"day": date(2026, 6, 8), "kind": PostingKind.PAYOUT} | more
        facts = {"payout": subject} | dict(more.pop("facts", {}))
        return self.posting(more.pop("kind"), subject, lines, facts=facts, **more)

    def line(self, role: AccountRole, minor: int, currency: str = "EUR", tax_rate: str | None = None) -> Line:
        """A debit of `minor`, or a credit when it is negative."""
        return Line(role, D if minor > 0 else C, Money(abs(minor), currency), tax_rate=tax_rate)

    def simple_payout(self, net: int = 35343, fee: int = 357, **more: Any) -> Posting:
        lines = [self.line(R.BANK, net), self.line(R.FEES, fee), self.line(R.CLEARING, -net - fee)]
        return self.payout(lines, **more)

    def work(self, *postings: Posting, done: tuple[StepDone, ...] = ()) -> list[PostingWork]:
        return [PostingWork(posting, done) for posting in postings]

    def plan(self, *postings: Posting, **settings: Any) -> list[Any]:
        return plan_work(self.work(*postings), self.CUT_OFF, self.settings(**settings))

    def files(self, *postings: Posting, **settings: Any) -> list[PlannedSubmission]:
        planned = self.plan(*postings, **settings)
        assert all(isinstance(answer, PlannedSubmission) for answer in planned), planned
        return planned

    def book(self, posting: Posting, **settings: Any) -> str:
        """The rows of a posting as text, one a line."""
        return "\n".join(row_text(row) for row in rows_of(posting, self.settings(**settings)))


def row_text(row: BookingRow) -> str:
    """A row as an accountant notes it: side, accounts, amount, then what else is filled."""
    parts = [f"{'S' if row.debit else 'H'} {row.account}/{row.contra} {amount_text(row.amount)} {row.amount.currency}"]
    if row.base is not None:
        parts.append(f"@ {row.rate:f} = {amount_text(row.base)} {row.base.currency}")
    parts.append(f"{row.day:%d.%m.%Y}")
    parts.append(row.document_number)
    parts += [f"BU {row.tax_key}"] if row.tax_key else []
    parts += ["GU"] if row.general_reversal else []
    parts.append(f'"{row.text}"')
    return " ".join(parts)


@pytest.fixture
def build() -> Builder:
    return Builder()


@pytest.fixture
def ledger() -> Callable[[str], str]:
    """An expected ledger written with the indentation of its test."""

    def dedented(text: str) -> str:
        return "\n".join(line.strip() for line in text.strip().splitlines())

    return dedented


@dataclass(slots=True)
class Office:
    """One connection to one client. `sleep` moves the shared clock, so that waiting takes no time."""

    app: DatevApp
    centre: DataCentre
    clock: SandboxClock
    store: Store
    settings: DatevSettings
    context: BuildContext
    connector: DatevConnector = field(init=False)

    def __post_init__(self) -> None:
        self.connector = build_connector(self.settings, self.context)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return self.app.faults.requests

    @property
    def uploads(self) -> int:
        return sum(method == "POST" and path.endswith("/import") for method, path in self.calls)

    @property
    def books(self) -> Books:
        return self.centre.books(self.settings.datev_client)

    def fault(self, kind: str, path: str = "/import", **details: Any) -> None:
        self.app.faults.add(Fault(kind, path=path, **details))

    def open(self, planned: PlannedSubmission, job_id: str = "") -> OpenSubmission:
        return OpenSubmission(planned, self.clock.now(), 1, job_id)

    def polled(self, planned: PlannedSubmission, job_id: str, looks: int = 5) -> Outcome:
        """Wait and look, as the protocol does, until the job is no longer running or `looks` are used up."""
        outcome: Outcome = Accepted(job_id)
        while looks and isinstance(outcome, Accepted):
            self.context.sleep(5)
            outcome = self.connector.poll(self.open(planned, job_id))
            looks -= 1
        return outcome

    def protocol(self) -> PostingProtocol:
        around = Surroundings(self.context.sleep)
        return PostingProtocol(self.store, self.connector, CONNECTION, around)

    def authorise(self) -> None:
        """What `connector authorize` does; the stand-in's consent page answers by itself."""
        client = oauth_client(self.settings, self.context)
        consent = begin_consent(client)
        page = requests.get(consent.url, allow_redirects=False, timeout=10)
        code = code_from_redirect(consent, page.headers["location"])
        transport = token_transport(self.settings, self.context)
        pair, _ = exchange_code(client, transport, consent, code, now=self.clock.now)
        transport.close()
        token_shelf(self.context).write(pair)


@contextlib.contextmanager
def open_office(tmp_path: Path, client_number: int = 1, **changes: Any) -> Iterator[Office]:
    """An office whose person has authorised. `changes` are settings."""
    clock = SandboxClock(NOW)
    centre = DataCentre(clock, random.Random(7))
    app = create_app(centre)
    with running(app) as address:
        settings = DatevSettings.model_validate(_section(address, client_number) | changes)
        with Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", clock=clock.now, vault_key=_key()) as store:
            store.migrate()
            store.vault.write(
                CONNECTION, "datev_client_id", "sandbox-public" if settings.public_app else "sandbox-confidential"
            )
            if not settings.public_app:
                store.vault.write(CONNECTION, "datev_client_secret", "sandbox-secret")
            books = BookSettings(CONNECTION, ZoneInfo("Europe/Berlin"), NOW.date())
            context = BuildContext(CONNECTION, books, store, clock.now, lambda s: _pass(clock, s), random.Random(3))
            made = Office(app, centre, clock, store, settings, context)
            made.authorise()
            app.faults.requests.clear()
            try:
                yield made
            finally:
                made.connector.close()


def _pass(clock: SandboxClock, seconds: float) -> None:
    clock.advance(timedelta(seconds=seconds))


def _key() -> VaultKey:
    return VaultKey([bytes(range(32))])


def _section(address: str, client_number: int) -> dict[str, Any]:
    return {
        "kind": "datev",
        "consultant_number": 455148,
        "client_number": client_number,
        "chart": "skr04" if client_number == 2 else "skr03",
        "public_app": True,
        "redirect_uri": "https://connector.example/datev/callback",
        "addresses": {
            "authorize": f"{address}/openid/authorize",
            "token": f"{address}/token",
            "revoke": f"{address}/revoke",
            "userinfo": f"{address}/userinfo",
            "clients": f"{address}/accounting-clients/platform/v2",
            "extf_files": f"{address}/accounting-extf-files/platform/v3",
            "documents": f"{address}/accounting-documents/platform/v2",
            "dxso_jobs": f"{address}/accounting-dxso-jobs/platform/v2",
        },
    }


@pytest.fixture
def office(tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[Office]]:
    """`with office(client_number, **settings) as made:`"""
    return partial(open_office, tmp_path)
