"""A connection whose collections are written to GoCardless, and what GoCardless then holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bookkeeping.collection_rules import CollectionOrder, plan_collection, plan_collection_cancel
from bookkeeping.money import Money
from bookkeeping.postings import GOCARDLESS_KINDS, Posting
from connector_resources.erp.contract import ErpConnector
from connector_resources.posting.protocol import PostingReport
from sandbox.faults import Fault
from sandbox.gocardless.records import Record
from tests.sites import Site, visma_site


@dataclass(slots=True)
class Collector:
    """Plans collections from the merchant's mandates and runs the protocol with GoCardless as its target."""

    site: Site
    planned: list[Posting] = field(default_factory=list)

    @property
    def store(self) -> Any:
        return self.site.at.runtime.store

    def order(self, amount: int = 12_500, *, customer: int = 1, reference: str = "", **details: Any) -> Posting:
        """A collection that waits to be sent; customers 1, 2, … have mandates."""
        runtime, connection = self.site.at.runtime, self.site.at.connection
        invoices = details.pop("invoices", ("INV-1",))
        order = CollectionOrder(
            reference=reference or f"INV-{len(self.planned) + 1}#1",
            mandate=details.pop("mandate", "") or self.site.merchant.mandate(customer).id,
            amount=Money(amount, details.pop("currency", "EUR")),
            **details,
        )
        posting = plan_collection(order, connection.book_settings, runtime.clock(), invoices=invoices)
        self.store.ledger.plan(connection.name, [posting])
        self.planned.append(posting)
        return posting

    def take_back(self, posting: Posting) -> Posting:
        runtime, connection = self.site.at.runtime, self.site.at.connection
        cancel = plan_collection_cancel(posting, connection.book_settings, runtime.clock(), "paid otherwise")
        self.store.ledger.plan(connection.name, [cancel])
        return cancel

    def run(self) -> PostingReport:
        runtime, connection = self.site.at.runtime, self.site.at.connection
        with runtime.gocardless_target(connection) as target:
            return runtime.protocol(connection, target).run(GOCARDLESS_KINDS)

    def target(self) -> AbstractContextManager[ErpConnector]:
        """The target itself, for what the protocol never does: sending the same request twice."""
        return self.site.at.runtime.gocardless_target(self.site.at.connection)

    def payments(self) -> list[Record]:
        world = self.site.merchant.world
        with world.lock:
            return list(world.payments.ordered)

    def state(self, posting: Posting) -> str:
        return str(self.store.ledger.get(self.site.name, posting.key).state)

    def held(self, posting: Posting) -> str:
        return str(self.store.ledger.get(self.site.name, posting.key).held_code)

    def document(self, posting: Posting) -> Any:
        return self.store.ledger.get(self.site.name, posting.key).documents[-1].document

    def break_next(self, kind: str, path: str = "/payments$", *, method: str = "POST", **details: Any) -> None:
        self.site.at.gocardless.faults.add(Fault(kind, method=method, path=path, **details))

    def requests(self, method: str = "POST") -> list[str]:
        return [path for each, path in self.site.at.gocardless.faults.requests if each == method]

    def release(self) -> None:
        self.site.release()


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with visma_site(tmp_path) as site:
        yield Collector(site)


@pytest.fixture
def charge_date() -> date:
    """A working day that every scheme can keep."""
    return date(2026, 6, 15)
