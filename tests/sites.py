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
from connector_resources.gocardless.polling import EventPoll, PollResult
from connector_resources.posting.protocol import PostingReport
from connector_resources.store.deliveries import Delivery
from connector_resources.store.inbox import Inbox
from sandbox.datev.app import DatevApp
from sandbox.datev.books import Books
from sandbox.exact_online.app import ExactOnlineSandbox
from sandbox.exact_online.division import Division
from sandbox.faults import Fault
from sandbox.ifs_cloud.app import IfsCloudSandbox
from sandbox.ifs_cloud.tenant import Tenant
from sandbox.sage300.app import Sage300Sandbox
from sandbox.sage300.company import Company as Sage300Company
from sandbox.visma.company import Company
from tests.evenings import (
    DAY,
    MORNING,
    datacentre,
    evening_company,
    evening_division,
    evening_sage300,
    evening_tenant,
    evening_world,
)
from tests.installations import (
    Installation,
    datev_installation,
    exact_online_installation,
    ifs_cloud_installation,
    sage300_installation,
    visma_installation,
)
from tests.ledger_books import (
    DatevBooks,
    Documents,
    ExactOnlineBooks,
    IfsCloudBooks,
    LedgerBooks,
    Sage300Books,
    VismaBooks,
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
    ledger: LedgerBooks

    @property
    def company(self) -> Company:
        assert not isinstance(self.at.erp, DatevApp | ExactOnlineSandbox | Sage300Sandbox | IfsCloudSandbox)
        return self.at.erp.company

    @property
    def division(self) -> Division:
        assert isinstance(self.at.erp, ExactOnlineSandbox)
        return self.at.erp.division

    @property
    def tenant(self) -> Tenant:
        assert isinstance(self.at.erp, IfsCloudSandbox)
        return self.at.erp.tenant

    @property
    def sage300(self) -> Sage300Company:
        assert isinstance(self.at.erp, Sage300Sandbox)
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

    def deliver(self, *events: dict[str, Any]) -> None:
        """A webhook that carries these events, its signature already checked, as the receiver stores it."""
        body, time_zone = orjson.dumps({"events": events}), self.at.connection.books.time_zone
        webhook = Delivery(self.name, body, f"WB{next(_WEBHOOKS):04d}", len(events), time_zone)
        self.at.runtime.store.deliveries.keep([webhook])

    def break_next(self, kind: str, path: str, *, method: str = "POST|PUT", **details: Any) -> None:
        """Queue a fault for the ERP's next request to `path`."""
        self.at.erp.faults.add(Fault(kind, method=method, path=path, **details))

    def writes(self) -> list[tuple[str, str]]:
        """The ERP requests so far that were no reads, token calls left out."""
        return [(m, p) for m, p in self.at.erp.faults.requests if m != "GET" and not p.endswith("/token")]

    def documents(self) -> Documents:
        """Every document of the ERP with what it says; two that say the same are counted, drafts too."""
        return self.ledger.documents()

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
        self.at.runtime.store.deliveries.take()
        return [event.action for event in self.inbox.new_events(self.name, date.min, date.max)]

    def clearing(self, currency: str = "EUR") -> int:
        """The ERP's own balance of the clearing account, minor units."""
        return self.ledger.clearing(currency)

    def ledger_balances(self) -> dict[str, int]:
        """The ERP's own books: what is not zero, minor units by account or customer, and currency."""
        return self.ledger.balances()

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


@contextlib.contextmanager
def visma_site(
    home: Path, *, customers: int = KNOWN_CUSTOMERS, merchant: Merchant | None = None, **overrides: Any
) -> Iterator[Site]:
    """`customers` of the merchant exist in the company, as 10001 and so on. Several sites may share a merchant."""
    merchant = merchant or Merchant(evening_world(MORNING))
    company = evening_company(customers, merchant.world.clock)
    with visma_installation(home, merchant.world, company, **overrides) as at:
        yield Site(at, merchant, VismaBooks(company))


@contextlib.contextmanager
def datev_site(home: Path, *, merchant: Merchant | None = None, **overrides: Any) -> Iterator[Site]:
    merchant = merchant or Merchant(evening_world(MORNING))
    centre = datacentre(merchant.world.clock)
    with datev_installation(home, merchant.world, centre, **overrides) as at:
        yield Site(at, merchant, DatevBooks(centre))


@contextlib.contextmanager
def exact_online_site(
    home: Path, *, customers: int = KNOWN_CUSTOMERS, merchant: Merchant | None = None, **overrides: Any
) -> Iterator[Site]:
    """`customers` of the merchant exist in the division, as 10001 and so on. Several sites may share a merchant."""
    merchant = merchant or Merchant(evening_world(MORNING))
    division = evening_division(customers, merchant.world.clock)
    with exact_online_installation(home, merchant.world, division, **overrides) as at:
        yield Site(at, merchant, ExactOnlineBooks(division))


@contextlib.contextmanager
def sage300_site(
    home: Path, *, customers: int = KNOWN_CUSTOMERS, merchant: Merchant | None = None, **overrides: Any
) -> Iterator[Site]:
    """`customers` of the merchant exist in the company, as 10001 and so on. Several sites may share a merchant."""
    merchant = merchant or Merchant(evening_world(MORNING))
    in_pounds = {number for number, currency in merchant.mandates if currency == "GBP"}
    company = evening_sage300(customers, merchant.world.clock, in_pounds=in_pounds)
    with sage300_installation(home, merchant.world, company, **overrides) as at:
        yield Site(at, merchant, Sage300Books(company))


@contextlib.contextmanager
def ifs_cloud_site(
    home: Path, *, customers: int = KNOWN_CUSTOMERS, merchant: Merchant | None = None, **overrides: Any
) -> Iterator[Site]:
    """`customers` of the merchant exist in the tenant, as 10001 and so on. Several sites may share a merchant."""
    merchant = merchant or Merchant(evening_world(MORNING))
    tenant = evening_tenant(customers, merchant.world.clock)
    with ifs_cloud_installation(home, merchant.world, tenant, **overrides) as at:
        yield Site(at, merchant, IfsCloudBooks(tenant))
