"""A connection with a merchant and an ERP, and what the ERP's own books say of it: the judge of exactly-once."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from bookkeeping.postings import Side
from bookkeeping.settings import activity_day
from connector_resources.gocardless.polling import EventPoll, PollResult
from connector_resources.posting.protocol import PostingReport
from connector_resources.store.inbox import Inbox
from sandbox.datev.app import DatevApp
from sandbox.datev.books import Books
from sandbox.faults import Fault
from sandbox.visma.company import Company
from tests.installations import (
    DAY,
    MORNING,
    Installation,
    datacentre,
    datev_installation,
    evening_company,
    evening_world,
    visma_installation,
)
from tests.merchant import Merchant

#: far enough from `DAY` that every event of a test lies in the range.
LAST = date(2026, 6, 30)
KNOWN_CUSTOMERS = 5

_WEBHOOKS = itertools.count(1)


@dataclass(slots=True)
class Site:
    """An installation whose clock, merchant and ERP belong together; it starts in the morning of `DAY`."""

    at: Installation
    merchant: Merchant

    @property
    def company(self) -> Company:
        assert not isinstance(self.at.erp, DatevApp)
        return self.at.erp.company

    @property
    def inbox(self) -> Inbox:
        return self.at.runtime.store.inbox

    @property
    def name(self) -> str:
        return self.at.connection.name

    def run(self) -> PostingReport:
        """Everything from the first day to the end of the month, read again, planned and posted."""
        return self.at.run(DAY, LAST)

    def run_new(self) -> PostingReport:
        """What the sensors start: the event poll, then a run that looks only at what is new."""
        self.poll()
        return self.run_inbox()

    def run_inbox(self) -> PostingReport:
        """A run that looks only at the events that were delivered and not decided."""
        return self.at.run(DAY, LAST, only_new=True)

    def poll(self) -> PollResult:
        runtime, connection = self.at.runtime, self.at.connection
        with runtime.gocardless(connection) as client:
            poll = EventPoll(runtime.store, client, connection)
            return poll.run(runtime.clock(), time.monotonic() + 60)

    def events(self, *subjects: str) -> list[dict[str, Any]]:
        """The bodies of all events, or of those that link one of `subjects`, oldest first."""
        world = self.merchant.world
        with world.lock:
            bodies = [event.body for event in world.events.ordered]
        return [body for body in bodies if not subjects or set(subjects) & set(body["links"].values())]

    def deliver(self, *events: dict[str, Any]) -> int:
        """A webhook that carries these events, its signature already checked; how many were new."""
        books = self.at.connection.book_settings
        return self.inbox.drop_webhook(
            self.name,
            body=orjson.dumps({"events": events}),
            webhook_id=f"WB{next(_WEBHOOKS):04d}",
            events=events,
            day_of=lambda moment: activity_day(moment, books),
        )

    def break_next(self, kind: str, path: str, *, method: str = "POST|PUT", **details: Any) -> None:
        """Queue a fault for the ERP's next request to `path`."""
        self.at.erp.faults.add(Fault(kind, method=method, path=path, **details))

    def writes(self) -> list[tuple[str, str]]:
        """The ERP requests so far that were no reads, token calls left out."""
        return [(m, p) for m, p in self.at.erp.faults.requests if m != "GET" and not p.endswith("/token")]

    def documents(self) -> Counter[tuple[Any, ...]]:
        """Every document of the ERP with what it says; two that say the same are counted, drafts too."""
        if isinstance(self.at.erp, DatevApp):
            return _datev_documents(self.books())
        return _visma_documents(self.company)

    def books(self) -> Books:
        assert isinstance(self.at.erp, DatevApp)
        return self.at.erp.datacentre.books("455148-1")

    def balances(self) -> dict[tuple[str, str, str], int]:
        """What all postings together say: net minor units per (role, GoCardless customer, currency), zeros left out."""
        sums: Counter[tuple[str, str, str]] = Counter()
        for row in self.at.runtime.store.ledger.of_day(self.name, date.min, date.max):
            for line in row.posting.lines:
                payer = (line.party.gocardless_customer or "") if line.party else ""
                sign = 1 if line.side is Side.DEBIT else -1
                sums[str(line.role), payer, line.amount.currency] += sign * line.amount.minor
        return {key: minor for key, minor in sums.items() if minor}

    def waiting(self) -> list[str]:
        """Actions of the events that nobody has decided yet."""
        return [event.action for event in self.inbox.new_events(self.name, date.min, date.max)]

    def clearing(self, currency: str = "EUR") -> int:
        """The ERP's own balance of the clearing account, minor units."""
        if isinstance(self.at.erp, DatevApp):
            return self.books().balance("1360")
        return self.company.books.balance({"EUR": "1985", "GBP": "1986"}[currency], currency)

    def unfinished(self) -> dict[str, int]:
        """Postings that are neither settled nor withdrawn, by kind and state."""
        done = ("posted", "delivered", "withdrawn")
        return {key: count for key, count in self.at.states().items() if key.split()[1] not in done}

    def held(self) -> dict[str, str]:
        """GoCardless id -> hold code."""
        rows = self.at.runtime.store.ledger.held(self.name)
        return {row.posting.subject: row.held_code for row in rows}

    def release(self) -> None:
        """A person releases everything that is held."""
        ledger = self.at.runtime.store.ledger
        keys = [row.posting.key for row in ledger.held(self.name)]
        ledger.release(self.name, keys, by="Ada", note="looked at it")

    def trail_is_whole(self) -> bool:
        return self.at.runtime.store.trail.verify(self.name).ok


def _visma_documents(company: Company) -> Counter[tuple[Any, ...]]:
    with company.lock:
        found: Counter[tuple[Any, ...]] = Counter(
            (p.type, p.reference, p.status, p.customer, p.amount_minor, p.currency) for p in company.payments.values()
        )
        found.update(
            (d.kind, d.external_reference, d.status, d.customer, d.total_minor, d.balance_minor)
            for d in company.documents.values()
        )
        found.update(
            ("Journal", b.description, b.status, b.debit_minor, b.credit_minor)
            for b in company.batches.values()
            if b.module == "GL"
        )
        found.update(("Customer", c.number, *sorted(c.attributes.items())) for c in company.customers.values())
        return found


def _datev_documents(books: Books) -> Counter[tuple[Any, ...]]:
    rejected = [record for record in books.files if record.state == "rejected"]
    assert not rejected, rejected
    found: Counter[tuple[Any, ...]] = Counter(row.meaning for row in books.rows)
    found.update(("Debtor", number, columns.get(244, "")) for number, columns in books.parties.items())
    return found


@contextlib.contextmanager
def visma_site(
    home: Path, *, customers: int = KNOWN_CUSTOMERS, merchant: Merchant | None = None, **overrides: Any
) -> Iterator[Site]:
    """`customers` of the merchant exist in the company, as 10001 and so on. Several sites may share a merchant."""
    merchant = merchant or Merchant(evening_world(MORNING))
    company = evening_company(customers, merchant.world.clock)
    with visma_installation(home, merchant.world, company, **overrides) as at:
        yield Site(at, merchant)


@contextlib.contextmanager
def datev_site(home: Path, *, merchant: Merchant | None = None, **overrides: Any) -> Iterator[Site]:
    merchant = merchant or Merchant(evening_world(MORNING))
    with datev_installation(home, merchant.world, datacentre(merchant.world.clock), **overrides) as at:
        yield Site(at, merchant)
