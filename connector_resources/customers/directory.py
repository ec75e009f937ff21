"""Links GoCardless customers to ERP customers, once, with the reason kept; never overwrites a link by itself.

Where the ERP has customers of its own they are matched; where we hand out the numbers (debtors) one is allocated. A posting
that was held because its customer was unknown is released as soon as the link exists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Connection as Transaction

from bookkeeping.entities import Customer
from bookkeeping.master_data_rules import plan_customer
from bookkeeping.matching import Ambiguous, CustomerCandidate, CustomerMatch, match_customer
from bookkeeping.postings import Party
from connector_resources.connections.model import Connection
from connector_resources.customers.alignment import AlignmentReport, CustomerAlignment
from connector_resources.erp.contract import ErpConnector, ErpCustomer
from connector_resources.gocardless.wire import customer_of
from connector_resources.posting.planning import SLICE, slices
from connector_resources.store.customers import ALLOCATED
from connector_resources.store.store import Store

MARK = "erp_customers"
NUMBERS_FORGOTTEN = (
    "the store was restored from a backup, and numbers were perhaps handed out since; link whom the ERP knows by "
    "`connector customers link`, then say by `connector customers continue-at` where to go on"
)


@dataclass(slots=True)
class LinkReport:
    """What linking did: links by method, and who is still open and why. No names: Dagster keeps its history for ever."""

    links: Counter[str] = field(default_factory=Counter)
    open: list[tuple[str, str]] = field(default_factory=list)
    released: int = 0
    erp_customers: int = 0
    changes: AlignmentReport = field(default_factory=AlignmentReport)

    def sentence(self) -> str:
        made = ", ".join(f"{count} by {how}" for how, count in self.links.items()) or "none"
        return f"new links: {made}; {len(self.open)} customers are not linked; {self.released} held postings released"

    def metadata(self) -> dict[str, Any]:
        rows = [f"| {key} | {why} |" for key, why in self.open[:50]]
        table = "\n".join(["| GoCardless customer | why not linked |", "| --- | --- |", *rows])
        shown: dict[str, Any] = {
            "new links": sum(self.links.values()),
            "not linked": len(self.open),
            "held postings released": self.released,
            "ERP customers read": self.erp_customers,
            "changes for GoCardless": self.changes.to_gocardless,
            "changes for the ERP": self.changes.to_erp,
        }
        if rows:
            from dagster import MetadataValue

            shown["customers not linked"] = MetadataValue.md(table)
        return shown


@runtime_checkable
class HandsOutNumbers(Protocol):
    """Settings of an ERP for which we hand out the customer numbers (`Traits.allocates_customer_numbers`)."""

    @property
    def customer_number_range(self) -> tuple[int, int]:
        """First and last number that may be handed out."""
        ...


class CustomerDirectory:
    """One connection's links."""

    def __init__(self, store: Store, connection: Connection, connector: ErpConnector) -> None:
        self._store = store
        self._connection = connection
        self._name = connection.name
        self._connector = connector

    def link_all(self, now: datetime) -> LinkReport:
        """Read what changed in the ERP, link every customer that is not linked yet, release what waited for it.

        Then plan what GoCardless and the ERP must tell each other of linked customers.
        """
        report = LinkReport()
        if self._connector.traits.reads_customers:
            report.erp_customers = self._read_erp_customers()
        for ids in slices(self._store.customers.unlinked(self._name), SLICE):
            bodies = self._store.entities.get(self._name, "customers", ids)
            self._link([customer_of(bodies[key]) for key in ids], now, report)
        report.released = self._release_waiting()
        alignment = CustomerAlignment(self._store, self._connection, reads_erp=self._connector.traits.reads_customers)
        report.changes = alignment.plan(now)
        return report

    def _read_erp_customers(self) -> int:
        mark = self._store.marks.get(self._name, MARK)
        read = 0
        for chunk in slices(self._connector.customers(mark), SLICE):
            self._store.customers.put_erp(self._name, chunk)
            read += len(chunk)
        new_mark = self._connector.customers_mark()
        if new_mark is not None:
            self._store.marks.set(self._name, MARK, new_mark)
        return read

    def _link(self, customers: Sequence[Customer], now: datetime, report: LinkReport) -> None:
        """One slice, in one transaction: numbers, links and the postings that tell the ERP."""
        if self._connector.traits.allocates_customer_numbers and self._store.customers.numbers_are_forgotten(
            self._name
        ):
            report.open.extend((customer.id, NUMBERS_FORGOTTEN) for customer in customers)
            return
        matched = [] if self._connector.traits.allocates_customer_numbers else self._matched(customers, report)
        with self._store.begin() as transaction:
            if self._connector.traits.allocates_customer_numbers:
                matched = self._allocated(customers, transaction)
            links = [(customer.id, number, method) for customer, number, method in matched]
            self._store.customers.put_all(self._name, links, within=transaction)
            postings = [
                plan_customer(customer, Party(customer.id, number, customer.name), self._connection.book_settings, now)
                for customer, number, _ in matched
            ]
            self._store.ledger.plan(self._name, postings, within=transaction)
        report.links.update(method for _, _, method in matched)

    def _allocated(self, customers: Sequence[Customer], transaction: Transaction) -> list[tuple[Customer, str, str]]:
        assert isinstance(self._connection.erp, HandsOutNumbers), self._connection.erp.kind
        first, last = self._connection.erp.customer_number_range
        numbers = self._store.customers.allocate_numbers(self._name, first, last, len(customers), within=transaction)
        return [(customer, str(number), ALLOCATED) for customer, number in zip(customers, numbers, strict=True)]

    def _matched(self, customers: Iterable[Customer], report: LinkReport) -> list[tuple[Customer, str, str]]:
        found: list[tuple[Customer, str, str]] = []
        for customer in customers:
            section = self._connection.customers
            match = match_customer(customer, self._candidates(customer), section.metadata_keys, section.match_by)
            if isinstance(match, CustomerMatch):
                found.append((customer, match.number, match.method))
                continue
            why = match.why if not isinstance(match, Ambiguous) else f"{match.why}: {', '.join(match.numbers)}"
            report.open.append((customer.id, why))
        return found

    def _candidates(self, customer: Customer) -> list[CustomerCandidate]:
        found: dict[str, ErpCustomer] = {}
        keys = [customer.metadata[k] for k in self._connection.customers.metadata_keys if k in customer.metadata]
        for row in self._store.customers.erp_candidates(
            self._name, gocardless_customer=customer.id, email=customer.email or "", name=customer.name, numbers=keys
        ):
            found[row.number] = row
        return [
            CustomerCandidate(
                number=row.number,
                name=row.name,
                email=row.email,
                active=row.active,
                gocardless_customer=row.gocardless_customer,
            )
            for row in found.values()
        ]

    def _release_waiting(self) -> int:
        """Postings held as `customer_unmapped` whose customer is linked now."""
        held = [row for row in self._store.ledger.held(self._name) if row.held_code == "customer_unmapped"]
        ids = sorted({r.posting.party.gocardless_customer or "" for r in held if r.posting.party})
        linked = set(self._store.customers.get(self._name, ids))
        keys = [
            row.posting.key
            for row in held
            if row.posting.party is not None and row.posting.party.gocardless_customer in linked
        ]
        if keys:
            self._store.ledger.release(self._name, keys, by="connector", note="the customer is linked now")
        return len(keys)
