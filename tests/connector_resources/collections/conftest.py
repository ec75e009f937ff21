"""A merchant whose due invoices are collected: GoCardless and an ERP over real HTTP, judged by GoCardless's own books.

Visma's connector reads open invoices like those of the collecting ledgers; for these tests it is said to collect.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from connector_resources.erp.registry import ERPS
from connector_resources.store.collections import CollectionRow
from connector_resources.store.receivables import Snapshot
from sandbox.faults import Fault
from sandbox.gocardless.records import Record
from tests import polder as polders
from tests.evenings import DAY, MORNING, evening_world
from tests.merchant import Merchant
from tests.polder import Polder
from tests.sites import Site, visma_site


@dataclass(slots=True)
class Desk:
    """A site that collects. Invoices are due on `DAY` unless said otherwise."""

    site: Site

    @property
    def world(self) -> Any:
        return self.site.merchant.world

    @property
    def store(self) -> Any:
        return self.site.at.runtime.store

    def invoice(
        self, number: str, amount: int = 10_000, *, customer: int = 1, currency: str = "EUR", due: date = DAY
    ) -> None:
        self.site.company.add_invoice(
            number, str(10_000 + customer), amount, currency, dated=due - timedelta(days=14), due=due
        )

    def read(self) -> Snapshot:
        runtime, connection = self.site.at.runtime, self.site.at.connection
        with runtime.erp(connection) as connector:
            return read_open_invoices(runtime.store, connection.name, connector)

    def collect(self) -> CollectionReport:
        return collect(self.site.at.runtime, self.site.at.connection)

    def run(self) -> CollectionReport:
        """What the day job does, a minute later: events, receipts, invoices, collections."""
        self.site.merchant.tick()
        report = self.site.run_new()
        assert report.stopped == "", report.stopped
        self.read()
        return self.collect()

    def reasons(self, report: CollectionReport) -> dict[str, str]:
        return {each.invoice.number: each.code for each in report.not_eligible}

    def payments(self) -> list[Record]:
        """GoCardless's payments, in the order in which they were made."""
        with self.world.lock:
            return list(self.world.payments.ordered)

    def payment(self, reference: str) -> Record:
        (found,) = [p for p in self.payments() if p.body["metadata"].get("mlc_ref") == reference]
        return found

    def taken(self) -> Counter[str]:
        """What GoCardless has taken or is about to take, by invoice in the metadata, in minor units."""
        total: Counter[str] = Counter()
        for payment in self.payments():
            if payment.status not in ("cancelled", "failed", "charged_back", "customer_approval_denied"):
                total[payment.body["metadata"]["invoice"]] += payment.body["amount"]
        return total

    def writes(self) -> list[tuple[str, str]]:
        """GoCardless requests so far that were no reads."""
        return [(method, path) for method, path in self.site.at.gocardless.faults.requests if method != "GET"]

    def break_next(self, kind: str, path: str = "/payments$", **details: Any) -> None:
        self.site.at.gocardless.faults.add(Fault(kind, method="POST", path=path, **details))

    def rows(self) -> dict[str, CollectionRow]:
        return {row.reference: row for row in self.store.collections.all(self.site.name)}

    def states(self) -> dict[str, str]:
        return {reference: row.state.value for reference, row in self.rows().items()}

    def days_later(self, days: int) -> None:
        self.site.merchant.tick(timedelta(days=days))

    def cancel_at_gocardless(self, payment: Record) -> None:
        with self.world.lock:
            self.world.payment_states.cancel(payment)
        self.site.merchant.tick()


OpenDesk = Callable[..., contextlib.AbstractContextManager[Desk]]


@pytest.fixture
def open_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenDesk:
    """Opens a desk with these settings of the section `collections`."""
    visma = ERPS["visma"]
    collecting = dataclasses.replace(visma, traits=dataclasses.replace(visma.traits, collects=True))
    monkeypatch.setitem(ERPS, "visma", collecting)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def opened(*, world: dict[str, Any] | None = None, **collections: Any) -> Iterator[Desk]:
        settings = {"enabled": True, **collections}
        merchant = Merchant(evening_world(MORNING, **(world or {})))
        with visma_site(tmp_path, merchant=merchant, collections=settings) as site:
            yield Desk(site)

    return opened


@pytest.fixture
def desk(open_desk: OpenDesk) -> Iterator[Desk]:
    with open_desk() as opened:
        yield opened


OpenPolder = Callable[..., contextlib.AbstractContextManager[Polder]]


@pytest.fixture
def open_polder(tmp_path: Path) -> OpenPolder:
    """Opens a collecting connection to Exact Online with these sections of its file."""
    return functools.partial(polders.open_polder, tmp_path)


@pytest.fixture
def polder(open_polder: OpenPolder) -> Iterator[Polder]:
    with open_polder() as opened:
        yield opened
