"""Collections and their allocation tables: which invoices each payment is for, and how each stands.

A row is written together with the posting that orders the payment, so that a collection without its invoices never
exists. While a collection keeps an invoice, the database refuses a second one for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, insert, or_, select, update

from bookkeeping.collecting import Order, Part
from bookkeeping.eligibility import LIVE, WITHOUT_END, Attempt, AttemptState
from bookkeeping.money import Money
from bookkeeping.postings import Posting
from connector_resources.store.engine import AnyRow, Database, chunks
from connector_resources.store.schema import COLLECTION_PARTS, COLLECTIONS, ENTITIES
from connector_resources.store.trail import Trail, TrailEntry

_collections = COLLECTIONS.c
_parts = COLLECTION_PARTS.c


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection as it was last known. `revision` counts its changes of state; `payment_status` is GoCardless's word."""

    reference: str
    posting_key: str
    customer: str
    mandate: str
    amount: Money
    charge_date: date | None
    state: AttemptState
    parts: tuple[Part, ...]
    planned_at: datetime
    changed_at: datetime
    payment_id: str = ""
    payment_status: str = ""
    cause: str = ""
    ours: bool = False
    revision: int = 0
    ended_on: date | None = None

    def attempts(self) -> list[tuple[str, Attempt]]:
        """The collection as an attempt of each of its debts."""
        return [
            (
                part.root,
                Attempt(
                    number=part.attempt,
                    reference=self.reference,
                    state=self.state,
                    amount=part.amount,
                    open_amount=part.open_amount,
                    mandate=self.mandate,
                    payment=self.payment_id,
                    cause=self.cause,
                    ours=self.ours,
                    ended_on=self.ended_on,
                ),
            )
            for part in self.parts
        ]


class Collections:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def add(
        self, connection: str, orders: Sequence[tuple[Order, Posting]], *, within: Connection
    ) -> list[CollectionRow]:
        """Keep orders with their postings, which `within` has just planned.

        Raises `IntegrityError` when another process has planned a collection of one of the invoices meanwhile: then
        the whole transaction is void, and the next run sees what the other one did.
        """
        now = self._database.now()
        self._trail.lock(connection, within=within)
        rows = [_new_row(order, posting, now) for order, posting in orders]
        if not rows:
            return []
        within.execute(insert(COLLECTIONS), [_columns(connection, row) for row in rows])
        within.execute(
            insert(COLLECTION_PARTS),
            [_part_columns(connection, row.reference, part) for row in rows for part in row.parts],
        )
        self._trail.append(connection, [_planned_entry(row) for row in rows], within=within)
        return rows

    def change(self, connection: str, changed: Sequence[CollectionRow], *, within: Connection | None = None) -> None:
        """Record how these collections stand now, one trail row each; each gets the next revision.

        A collection that comes back to life (a failed payment is tried again by GoCardless) takes its invoices back
        only where no other collection has them; both are then seen, and one is stopped.
        """
        if not changed:
            return
        now = self._database.now()
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            for row in changed:
                values = _state_columns(row) | {"revision": row.revision + 1, "changed_at": now}
                these = (_collections.connection == connection, _collections.reference == row.reference)
                transaction.execute(update(COLLECTIONS).where(*these).values(values))
                self._keep_invoices(transaction, connection, row)
            self._trail.append(connection, [_changed_entry(row) for row in changed], within=transaction)

    def _keep_invoices(self, transaction: Connection, connection: str, row: CollectionRow) -> None:
        own = (_parts.connection == connection, _parts.reference == row.reference)
        if row.state not in LIVE:
            transaction.execute(update(COLLECTION_PARTS).where(*own).values(keeps=False))
            return
        other = COLLECTION_PARTS.alias("other")
        taken = (
            select(other.c.root)
            .where(other.c.connection == connection, other.c.keeps, other.c.reference != row.reference)
            .where(other.c.root == _parts.root)
        )
        transaction.execute(update(COLLECTION_PARTS).where(*own, ~taken.exists()).values(keeps=True))

    def all(self, connection: str, states: Collection[AttemptState] | None = None) -> list[CollectionRow]:
        """Every collection, or those in one of `states`, in the order in which they were planned."""
        conditions = [] if states is None else [_collections.state.in_(sorted(state.value for state in states))]
        return self._rows(connection, *conditions)

    def newest(self, connection: str, limit: int) -> list[CollectionRow]:
        """The collections that were planned last, newest first."""
        wanted = (
            select(_collections.reference)
            .where(_collections.connection == connection)
            .order_by(_collections.planned_at.desc(), _collections.reference.desc())
            .limit(limit)
        )
        with self._database.read() as reading:
            references = list(reading.scalars(wanted))
        rows = self.get_many(connection, references)
        return [rows[reference] for reference in references]

    def to_look_at(self, connection: str) -> list[CollectionRow]:
        """Collections that may have changed: those without an end, and those whose payment was read since."""
        payment = ENTITIES.alias("payment")
        read_since = exists().where(
            payment.c.connection == _collections.connection,
            payment.c.resource_type == "payments",
            payment.c.id == _collections.payment_id,
            payment.c.fetched_at >= _collections.changed_at,
        )
        without_end = _collections.state.in_(sorted(state.value for state in WITHOUT_END))
        return self._rows(connection, or_(without_end, read_since))

    def get_many(self, connection: str, references: Iterable[str]) -> dict[str, CollectionRow]:
        """The collections of those references that exist."""
        found: dict[str, CollectionRow] = {}
        for some in chunks(sorted(set(references))):
            found |= {row.reference: row for row in self._rows(connection, _collections.reference.in_(some))}
        return found

    def attempts(self, connection: str, roots: Collection[str]) -> dict[str, list[Attempt]]:
        """Every attempt so far of each debt, by root."""
        wanted: set[str] = set()
        with self._database.read() as reading:
            for slice_roots in chunks(sorted(set(roots))):
                of_roots = select(_parts.reference).where(_parts.connection == connection, _parts.root.in_(slice_roots))
                wanted.update(reading.scalars(of_roots))
        found: dict[str, list[Attempt]] = defaultdict(list)
        for references in chunks(sorted(wanted)):
            for row in self._rows(connection, _collections.reference.in_(references)):
                for root, attempt in row.attempts():
                    found[root].append(attempt)
        return found

    def _rows(self, connection: str, *conditions: ColumnElement[bool]) -> list[CollectionRow]:
        wanted = (
            select(COLLECTIONS)
            .where(_collections.connection == connection, *conditions)
            .order_by(_collections.planned_at, _collections.reference)
        )
        with self._database.snapshot() as reading:
            rows = reading.execute(wanted).all()
            parts = _parts_of(reading, connection, {row.reference: row.currency for row in rows})
        return [_collection(row, parts[row.reference]) for row in rows]


def _parts_of(reading: Connection, connection: str, currencies: dict[str, str]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = defaultdict(list)
    for references in chunks(sorted(currencies)):
        wanted = (
            select(COLLECTION_PARTS)
            .where(_parts.connection == connection, _parts.reference.in_(references))
            .order_by(_parts.reference, _parts.root)
        )
        for row in reading.execute(wanted):
            currency = currencies[row.reference]
            amount, opened = Money(row.amount_minor, currency), Money(row.open_minor, currency)
            found[row.reference].append(Part(row.root, row.item, row.attempt, amount, opened))
    return found


def _new_row(order: Order, posting: Posting, now: datetime) -> CollectionRow:
    return CollectionRow(
        reference=order.reference,
        posting_key=posting.key,
        customer=order.customer,
        mandate=order.mandate.id,
        amount=order.amount,
        charge_date=order.charge_date,
        state=AttemptState.PLANNED,
        parts=order.parts,
        planned_at=now,
        changed_at=now,
    )


def _columns(connection: str, row: CollectionRow) -> dict[str, Any]:
    return {
        "connection": connection,
        "reference": row.reference,
        "posting_key": row.posting_key,
        "customer": row.customer,
        "mandate": row.mandate,
        "amount_minor": row.amount.minor,
        "currency": row.amount.currency,
        "charge_date": row.charge_date,
        "revision": row.revision,
        "planned_at": row.planned_at,
        "changed_at": row.changed_at,
        **_state_columns(row),
    }


def _state_columns(row: CollectionRow) -> dict[str, Any]:
    return {
        "state": row.state.value,
        "payment_id": row.payment_id,
        "payment_status": row.payment_status,
        "cause": row.cause,
        "ours": row.ours,
        "ended_on": row.ended_on,
    }


def _part_columns(connection: str, reference: str, part: Part) -> dict[str, Any]:
    return {
        "connection": connection,
        "reference": reference,
        "root": part.root,
        "item": part.item,
        "attempt": part.attempt,
        "amount_minor": part.amount.minor,
        "open_minor": part.open_amount.minor,
        "keeps": True,
    }


def _collection(row: AnyRow, parts: Iterable[Part]) -> CollectionRow:
    return CollectionRow(
        reference=row.reference,
        posting_key=row.posting_key,
        customer=row.customer,
        mandate=row.mandate,
        amount=Money(row.amount_minor, row.currency),
        charge_date=row.charge_date,
        state=AttemptState(row.state),
        parts=tuple(parts),
        planned_at=row.planned_at,
        changed_at=row.changed_at,
        payment_id=row.payment_id,
        payment_status=row.payment_status,
        cause=row.cause,
        ours=row.ours,
        revision=row.revision,
        ended_on=row.ended_on,
    )


def _planned_entry(row: CollectionRow) -> TrailEntry:
    parts = [[part.root, part.item, part.attempt, part.amount.minor] for part in row.parts]
    payload = {"amount_minor": row.amount.minor, "currency": row.amount.currency, "mandate": row.mandate}
    return TrailEntry("collection_planned", row.reference, {**payload, "invoices": parts})


def _changed_entry(row: CollectionRow) -> TrailEntry:
    values = {name: value for name, value in _state_columns(row).items() if name != "ended_on" and value}
    return TrailEntry("collection_changed", row.reference, values)
