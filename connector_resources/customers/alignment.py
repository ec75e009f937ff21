"""Plans what GoCardless and the ERP must tell each other of their linked customers (connection file, section `customers`).

Reads the store alone: the rules in `bookkeeping.customer_rules` compare both sides with what was last agreed, and the new
agreement is written in one transaction with the postings that carry it. Sending is the posting protocol's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookkeeping.customer_rules import (
    Agreement,
    Aligned,
    CustomerDetails,
    Sides,
    align_customer,
    carries,
    changed_details,
)
from bookkeeping.entities import Customer
from bookkeeping.postings import PostingKind
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import ErpCustomer
from connector_resources.gocardless.wire import customer_of
from connector_resources.posting.planning import SLICE, slices
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.states import UNFINISHED, PostingState
from connector_resources.store.store import Store

#: states in which a posting has not reached its system.
UNSENT = frozenset({*(state.value for state in UNFINISHED), PostingState.HELD.value})
MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class AlignmentReport:
    """How many customers one side must be told about."""

    to_gocardless: int = 0
    to_erp: int = 0


class CustomerAlignment:
    """One connection's customers. `reads_erp`: the ERP's customers can be read, so that one that is missing is gone."""

    def __init__(self, store: Store, connection: Connection, *, reads_erp: bool) -> None:
        self._store = store
        self._reads_erp = reads_erp
        self._name = connection.name
        self._books = connection.book_settings
        self._policy = connection.customers.policy

    def plan(self, now: datetime) -> AlignmentReport:
        """Plan every change that one side does not know yet. Planning again without a change plans nothing."""
        report = AlignmentReport()
        if self._policy.is_off:
            return report
        for bodies in slices(self._store.entities.all(self._name, "customers"), SLICE):
            self._plan_slice([customer_of(body) for body in bodies], now, report)
        return report

    def _plan_slice(self, customers: Sequence[Customer], now: datetime, report: AlignmentReport) -> None:
        known = self._sides(customers)
        ids = [sides.customer.id for sides in known]
        agreements = self._store.customer_agreements.get(self._name, ids)
        booked = self._store.ledger.of_subjects(self._name, ids)
        changes: list[tuple[Aligned, Sequence[LedgerRow]]] = []
        for sides in known:
            earlier = booked.get(sides.customer.id, ())
            unsent = [row for row in earlier if row.state in UNSENT]
            before = agreements.get(sides.customer.id)
            # Of two changes the one that occurred later is the newer, and a clock may go back between them.
            at = max([now, *(row.posting.occurred_at + MICROSECOND for row in earlier)])
            aligned = self._align(sides, before, unsent, at)
            if aligned.agreement != before:
                changes.append((aligned, unsent))
        self._record(changes)
        report.to_gocardless += sum(aligned.to_gocardless is not None for aligned, _ in changes)
        report.to_erp += sum(aligned.to_erp is not None for aligned, _ in changes)

    def _align(self, sides: Sides, before: Agreement | None, unsent: Sequence[LedgerRow], now: datetime) -> Aligned:
        return align_customer(
            sides,
            before,
            self._policy,
            self._books,
            now,
            unsent_to_gocardless=_unsent_details(unsent, PostingKind.GOCARDLESS_CUSTOMER),
            unsent_to_erp=_unsent_details(unsent, PostingKind.CUSTOMER),
        )

    def _record(self, changes: Sequence[tuple[Aligned, Sequence[LedgerRow]]]) -> None:
        """Agreements and postings in one transaction; a held posting that a newer one carries is withdrawn with it."""
        if not changes:
            return
        with self._store.begin() as transaction:
            self._store.customer_agreements.put(
                self._name, [aligned.agreement for aligned, _ in changes], within=transaction
            )
            for aligned, unsent in changes:
                for posting in filter(None, (aligned.to_gocardless, aligned.to_erp)):
                    self._store.ledger.plan(self._name, [posting], within=transaction)
                    held = [row.posting for row in unsent if row.state == PostingState.HELD.value]
                    replaced = [older.key for older in held if carries(posting, older)]
                    if replaced:
                        note = f"the newer {posting.key} carries this change"
                        self._store.ledger.withdraw(self._name, replaced, by="connector", note=note, within=transaction)

    # --- both sides as the store knows them ------------------------------------------------------------------------

    def _sides(self, customers: Sequence[Customer]) -> list[Sides]:
        """The linked ones of `customers`, but for those whose ERP customer is gone or inactive."""
        links = self._store.customers.get(self._name, [customer.id for customer in customers])
        numbers = sorted({link.erp_customer for link in links.values()})
        payers = self._store.customers.by_erp(self._name, numbers)
        rows = self._erp_customers(numbers)
        return [
            Sides(
                customer,
                number := links[customer.id].erp_customer,
                details_of_erp(rows[number]) if number in rows else None,
                is_shared=len(payers.get(number, ())) > 1,
            )
            for customer in customers
            if customer.id in links and (links[customer.id].erp_customer in rows or not self._reads_erp)
        ]

    def _erp_customers(self, numbers: Sequence[str]) -> Mapping[str, ErpCustomer]:
        """The active ones, by number."""
        rows = self._store.customers.erp_candidates(
            self._name, gocardless_customer="", email="", name="", numbers=numbers
        )
        return {row.number: row for row in rows if row.active}


def details_of_erp(row: ErpCustomer) -> CustomerDetails:
    """What the ERP says of a customer."""
    return CustomerDetails(
        name=row.name,
        email=row.email,
        address_line1=row.address_line1,
        address_line2=row.address_line2,
        address_line3=row.address_line3,
        city=row.city,
        postal_code=row.postal_code,
        country_code=row.country_code,
    )


def _unsent_details(rows: Iterable[LedgerRow], kind: PostingKind) -> frozenset[str]:
    return frozenset(name for row in rows if row.posting.kind is kind for name in changed_details(row.posting))
