"""Subscriptions: which recurring charge of the ERP each follows, and how it stands.

A row is written together with the posting that orders it, so that a subscription without its charge never exists. The
database lets one subscription at a time follow a charge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from bookkeeping.money import Money
from bookkeeping.postings import Posting
from bookkeeping.subscribing import Create, SubscriptionState
from connector_resources.store.engine import AnyRow, Database, chunks
from connector_resources.store.schema import ENTITIES
from connector_resources.store.subscription_schema import SUBSCRIPTIONS
from connector_resources.store.trail import Trail, TrailEntry

_subscriptions = SUBSCRIPTIONS.c


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as it was last known.

    changes       how many things were asked of it so far; `change_key` is the posting of the last one until it has ended
    refused       fingerprint of the last change that a person withdrew
    payments_read after its end: its payments were looked at, and `paid_through` is the last day it can have charged
    """

    reference: str
    charge: str
    number: int
    posting_key: str
    customer: str
    mandate: str
    amount: Money
    name: str
    schedule: str
    day_of_month: int | None
    start_on: date
    state: SubscriptionState
    planned_at: datetime
    changed_at: datetime
    subscription_id: str = ""
    cause: str = ""
    ours: bool = False
    amendments: int = 0
    changes: int = 0
    change_key: str = ""
    refused: str = ""
    payments_read: bool = False
    paid_through: date | None = None


class Subscriptions:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def add(
        self, connection: str, orders: Sequence[tuple[Create, Posting]], *, within: Connection
    ) -> list[SubscriptionRow]:
        """Keep orders with their postings, which `within` has just planned.

        Raises `IntegrityError` when another process has planned a subscription of one of the charges meanwhile: then
        the whole transaction is void, and the next run sees what the other one did.
        """
        now = self._database.now()
        self._trail.lock(connection, within=within)
        rows = [_new_row(order, posting, now) for order, posting in orders]
        if rows:
            within.execute(insert(SUBSCRIPTIONS), [_columns(connection, row) for row in rows])
            self._trail.append(connection, [_entry("subscription_planned", row) for row in rows], within=within)
        return rows

    def change(self, connection: str, changed: Sequence[SubscriptionRow], *, within: Connection | None = None) -> None:
        """Record how these subscriptions stand now, one trail row each."""
        if not changed:
            return
        now = self._database.now()
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            for row in changed:
                these = (_subscriptions.connection == connection, _subscriptions.reference == row.reference)
                values = _state_columns(row) | {"changed_at": now}
                transaction.execute(update(SUBSCRIPTIONS).where(*these).values(values))
            entries = [_entry("subscription_changed", row) for row in changed]
            self._trail.append(connection, entries, within=transaction)

    def all(self, connection: str) -> list[SubscriptionRow]:
        """Every subscription, by charge and number."""
        wanted = select(SUBSCRIPTIONS).where(_subscriptions.connection == connection)
        with self._database.read() as reading:
            ordered = wanted.order_by(_subscriptions.charge, _subscriptions.number)
            return [_subscription(row) for row in reading.execute(ordered)]

    def by_id(self, connection: str, ids: Collection[str]) -> dict[str, SubscriptionRow]:
        """The subscriptions that GoCardless has under these ids."""
        found: dict[str, SubscriptionRow] = {}
        with self._database.read() as reading:
            for some in chunks(sorted({each for each in ids if each})):
                these = (_subscriptions.connection == connection, _subscriptions.subscription_id.in_(some))
                rows = [_subscription(row) for row in reading.execute(select(SUBSCRIPTIONS).where(*these))]
                found.update((row.subscription_id, row) for row in rows)
        return found

    def read_since(self, connection: str) -> set[str]:
        """Ids of the subscriptions that were read from GoCardless since their last change here."""
        body = ENTITIES.alias("body")
        wanted = (
            select(_subscriptions.subscription_id)
            .join(
                body,
                (body.c.connection == _subscriptions.connection)
                & (body.c.resource_type == "subscriptions")
                & (body.c.id == _subscriptions.subscription_id),
            )
            .where(_subscriptions.connection == connection, body.c.fetched_at >= _subscriptions.changed_at)
        )
        with self._database.read() as reading:
            return set(reading.scalars(wanted))


def _new_row(order: Create, posting: Posting, now: datetime) -> SubscriptionRow:
    return SubscriptionRow(
        reference=order.reference,
        charge=order.charge.number,
        number=order.number,
        posting_key=posting.key,
        customer=order.charge.customer,
        mandate=order.mandate.id,
        amount=order.charge.amount,
        name=order.name,
        schedule=order.schedule,
        day_of_month=order.recurrence.day_of_month,
        start_on=order.start_on,
        state=SubscriptionState.PLANNED,
        planned_at=now,
        changed_at=now,
    )


def _columns(connection: str, row: SubscriptionRow) -> dict[str, Any]:
    return {
        "connection": connection,
        "reference": row.reference,
        "charge": row.charge,
        "number": row.number,
        "posting_key": row.posting_key,
        "customer": row.customer,
        "currency": row.amount.currency,
        "schedule": row.schedule,
        "day_of_month": row.day_of_month,
        "start_on": row.start_on,
        "planned_at": row.planned_at,
        "changed_at": row.changed_at,
        **_state_columns(row),
    }


def _state_columns(row: SubscriptionRow) -> dict[str, Any]:
    return {
        "mandate": row.mandate,
        "amount_minor": row.amount.minor,
        "name": row.name,
        "state": row.state.value,
        "subscription_id": row.subscription_id,
        "cause": row.cause,
        "ours": row.ours,
        "amendments": row.amendments,
        "changes": row.changes,
        "change_key": row.change_key,
        "refused": row.refused,
        "payments_read": row.payments_read,
        "paid_through": row.paid_through,
    }


def _subscription(row: AnyRow) -> SubscriptionRow:
    return SubscriptionRow(
        reference=row.reference,
        charge=row.charge,
        number=row.number,
        posting_key=row.posting_key,
        customer=row.customer,
        mandate=row.mandate,
        amount=Money(row.amount_minor, row.currency),
        name=row.name,
        schedule=row.schedule,
        day_of_month=row.day_of_month,
        start_on=row.start_on,
        state=SubscriptionState(row.state),
        planned_at=row.planned_at,
        changed_at=row.changed_at,
        subscription_id=row.subscription_id,
        cause=row.cause,
        ours=row.ours,
        amendments=row.amendments,
        changes=row.changes,
        change_key=row.change_key,
        refused=row.refused,
        payments_read=row.payments_read,
        paid_through=row.paid_through,
    )


def _entry(kind: str, row: SubscriptionRow) -> TrailEntry:
    values = {name: value for name, value in _state_columns(row).items() if value and name != "paid_through"}
    return TrailEntry(kind, row.reference, {"charge": row.charge, "currency": row.amount.currency, **values})
