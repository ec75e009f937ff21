"""Plans collections and their cancellations: the rules' proposals become postings for GoCardless, with their allocation tables.

A proposal, its posting and its rows are one transaction. Sending them is the posting protocol's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction
from sqlalchemy.exc import IntegrityError

from bookkeeping.collecting import Books, Order, Proposal, Standing, Stop, propose, to_stop
from bookkeeping.collection_outcomes import CANCELLABLE_STATUSES
from bookkeeping.collection_rules import CollectionOrder, plan_collection, plan_collection_cancel
from bookkeeping.eligibility import WITHOUT_END, AttemptState, Receivable
from bookkeeping.postings import Party, Posting
from bookkeeping.settings import activity_day
from bookkeeping.subscription_coverage import covered_by
from connector_resources.collections.payers import Payers
from connector_resources.collections.reading import receivables
from connector_resources.connections.model import Connection
from connector_resources.errors import StoreError
from connector_resources.posting.unsent import was_never_sent, withdraw_unsent
from connector_resources.store.collections import CollectionRow
from connector_resources.store.store import Store
from connector_resources.store.trail import TrailEntry
from connector_resources.subscriptions.coverage import coverages, own_invoices

#: open items read longer ago than this are not collected from: somebody may have paid since.
MOST_AGE = timedelta(hours=6)
#: prefix of the mark by which a person allows another attempt.
ALLOWED = "collect_again:"
#: the mark of the reading that was judged last.
PLANNED_FROM = "collections_planned_from"


class Orders:
    """One connection's collections, as they are planned."""

    def __init__(self, store: Store, connection: Connection, payers: Payers) -> None:
        self._store = store
        self._name = connection.name
        self._books = connection.book_settings
        self._rules = connection.collections.rules
        self._subscribes = connection.subscriptions.enabled
        self._invoices = connection.subscriptions.sales_invoices.write != "none"
        self._payers = payers

    def is_stale(self, now: datetime) -> str:
        """Why nothing may be planned, "" when the open items are fresh."""
        read_at = self._store.receivables.read_at(self._name)
        if read_at is not None and now - read_at <= MOST_AGE:
            return ""
        when = "never" if read_at is None else f"last at {read_at:%Y-%m-%d %H:%M} UTC"
        return f"The open invoices were read {when}; nothing is collected from what may be paid by now."

    def nothing_new(self) -> str:
        """Why planning again could find nothing else, "" when it could."""
        read_at = self._store.receivables.read_at(self._name)
        planned_from = self._store.marks.get(self._name, PLANNED_FROM)
        if read_at is None or planned_from != read_at.isoformat():
            return ""
        if self._store.collections.all(self._name, {AttemptState.PLANNED}):
            return ""
        return "Nothing has changed since the open invoices were last read and judged."

    def note_planned(self) -> None:
        """Remember which reading of the open items was judged to its end."""
        read_at = self._store.receivables.read_at(self._name)
        assert read_at is not None, self._name
        self._store.marks.set(self._name, PLANNED_FROM, read_at.isoformat())

    def stop(self, now: datetime) -> tuple[list[Stop], list[Stop]]:
        """Take back what must not go on: withdrawn where it was not sent, cancelled where GoCardless has it.

        Gives (stopped, too late to stop).
        """
        rows = self._store.collections.all(self._name, WITHOUT_END)
        if not rows:
            return [], []
        invoices = {each.number: each for each in receivables(self._store, self._name)}
        standing = [self._standing(row, place) for place, row in enumerate(rows)]
        roots = {part.root for row in rows for part in row.parts}
        mandates = self._payers.mandates({row.mandate for row in rows})
        stops = to_stop(standing, invoices, mandates, self._collected(roots))
        possible = [stop for stop in stops if stop.possible]
        by_reference = {row.reference: row for row in rows}
        with self._store.begin() as transaction:
            # Whoever claims these postings queues behind this lock, so that none is sent and withdrawn at once.
            self._store.trail.lock(self._name, within=transaction)
            for stop in possible:
                self._stop(by_reference[stop.standing.reference], stop, now, transaction)
        return possible, [stop for stop in stops if not stop.possible]

    def propose(self, now: datetime) -> Proposal:
        """What would be ordered now, from what the store knows; and why each other open item would not."""
        invoices = list(receivables(self._store, self._name))
        roots = {invoice.root for invoice in invoices}
        books = Books(
            today=activity_day(now, self._books),
            payers=self._payers.of({invoice.customer for invoice in invoices if invoice.open_amount.minor > 0}),
            attempts=self._store.collections.attempts(self._name, roots),
            allowed_after=self._allowed(roots),
            covered_by=self._covered(invoices),
        )
        return propose(invoices, books, self._rules)

    def order(self, orders: Sequence[Order], now: datetime) -> None:
        """Plan these collections, all or none. Raises `StoreError` when another process has planned one meanwhile."""
        if not orders:
            return
        try:
            with self._store.begin() as transaction:
                planned = [(order, self._posting(order, now)) for order in orders]
                self._store.ledger.plan(self._name, [posting for _, posting in planned], within=transaction)
                self._store.collections.add(self._name, planned, within=transaction)
        except IntegrityError as error:
            raise StoreError(
                "another process has planned collections of the same invoices; nothing was planned here",
                connection=self._name,
                next_step="run it again, it sees what the other one did",
            ) from error

    def previous_payments(self, orders: Sequence[Order]) -> set[str]:
        """Payments of earlier attempts of what is to be tried again: they must not have come back to life."""
        roots = {part.root for order in orders for part in order.parts if part.attempt > 1}
        attempts = self._store.collections.attempts(self._name, roots)
        return {each.payment for found in attempts.values() for each in found if each.payment}

    def _posting(self, order: Order, now: datetime) -> Posting:
        wanted = CollectionOrder(
            reference=order.reference,
            mandate=order.mandate.id,
            amount=order.amount,
            charge_date=order.charge_date,
            description=order.description,
            payment_reference=order.statement_reference,
        )
        party = Party(order.mandate.customer_id, order.customer)
        return plan_collection(wanted, self._books, now, party=party, invoices=tuple(p.item for p in order.parts))

    def _standing(self, row: CollectionRow, place: int) -> Standing:
        in_flight = row.state is AttemptState.IN_FLIGHT
        cancellable = (
            row.payment_status in CANCELLABLE_STATUSES
            if in_flight
            else was_never_sent(self._store, self._name, row.posting_key)
        )
        return Standing(
            row.reference, row.state, row.customer, row.mandate, row.charge_date, row.parts, cancellable, place
        )

    def _stop(self, row: CollectionRow, stop: Stop, now: datetime, transaction: Transaction) -> None:
        ledger, name = self._store.ledger, self._name
        posting = ledger.by_key(name, [row.posting_key])[row.posting_key]
        if row.state is AttemptState.IN_FLIGHT:
            cancel = plan_collection_cancel(posting.posting, self._books, now, stop.reason)
            ledger.plan(name, [cancel], within=transaction)
            return
        withdraw_unsent(self._store, name, row.posting_key, stop.code, stop.reason, within=transaction)
        withdrawn = replace(row, state=AttemptState.WITHDRAWN, ours=True, cause=stop.code)
        self._store.collections.change(name, [withdrawn], within=transaction)

    def _collected(self, roots: Collection[str]) -> Mapping[str, str]:
        attempts = self._store.collections.attempts(self._name, roots)
        return {
            root: each.reference
            for root, found in attempts.items()
            for each in found
            if each.state is AttemptState.COLLECTED
        }

    def _covered(self, invoices: Sequence[Receivable]) -> dict[str, str]:
        """What subscriptions collect: the invoices of charges they follow, and those that we wrote for their payments."""
        followed = covered_by(invoices, coverages(self._store, self._name)) if self._subscribes else {}
        return followed | (own_invoices(self._store, self._name, invoices) if self._invoices else {})

    def _allowed(self, roots: Collection[str]) -> dict[str, int]:
        marks = self._store.marks.starting_with(self._name, ALLOWED)
        return {root: int(value) for name, value in marks.items() if (root := name.removeprefix(ALLOWED)) in roots}


def allow_again(store: Store, connection: str, root: str, *, by: str, note: str) -> int:
    """A person allows another attempt for an invoice, whatever ended the last; gives that attempt's number.

    Raises `StoreError` when the invoice has no attempt that ended.
    """
    attempts = store.collections.attempts(connection, [root]).get(root, [])
    if not attempts or any(each.state in WITHOUT_END for each in attempts):
        raise StoreError(
            f"invoice {root} has no collection that ended",
            connection=connection,
            subject=root,
            next_step="look at `connector collections list`",
        )
    last = max(each.number for each in attempts)
    with store.begin() as transaction:
        store.marks.set(connection, f"{ALLOWED}{root}", str(last), within=transaction)
        entry = TrailEntry("collection_allowed", root, {"after": last, "by": by, "note": note})
        store.trail.append(connection, [entry], within=transaction)
    return last
