"""Collections for people: each with its invoices and state, and every open item that is not collected with the reason.

Reads the store alone, so it shows mandates as they were when they were last read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from bookkeeping.eligibility import WITHOUT_END, NotEligible
from bookkeeping.money import Money
from connector_resources.collections.ordering import Orders
from connector_resources.collections.payers import Payers
from connector_resources.connections.model import Connection
from connector_resources.store.collections import CollectionRow
from connector_resources.store.mandate_setups import SetupRow
from connector_resources.store.store import Store

#: what needs no explanation: nothing is open, or it is no invoice at all.
SILENT = frozenset({"nothing_open", "not_an_invoice"})


@dataclass(frozen=True, slots=True)
class CollectionLine:
    """One collection."""

    reference: str
    customer: str
    invoices: str
    amount: Money
    charge_date: date | None
    state: str
    payment: str
    cause: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class WhyNot:
    """One open item that is not collected."""

    invoice: str
    customer: str
    open_amount: Money
    due_on: date | None
    code: str
    reason: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Overview:
    """`due` is how many the next run would order."""

    collections: tuple[CollectionLine, ...]
    why_not: tuple[WhyNot, ...]
    set_ups: tuple[SetupRow, ...]
    due: int
    read_at: datetime | None


def overview(store: Store, connection: Connection, now: datetime, *, since: datetime | None = None) -> Overview:
    """All collections, or those on their way and those that changed since a moment."""
    rows = store.collections.all(connection.name)
    shown = [row for row in rows if since is None or row.state in WITHOUT_END or row.changed_at >= since]
    proposal = Orders(store, connection, Payers(store, connection, None)).propose(now)
    return Overview(
        collections=tuple(collection_line(row) for row in shown),
        why_not=tuple(why_not(proposal.not_eligible)),
        set_ups=tuple(store.mandate_setups.all(connection.name)),
        due=len(proposal.orders),
        read_at=store.receivables.read_at(connection.name),
    )


def why_not(refused: Iterable[NotEligible]) -> Iterable[WhyNot]:
    """Reasons that a person may want to read."""
    for each in refused:
        if each.code not in SILENT:
            item = each.invoice
            yield WhyNot(
                item.number, item.customer, item.open_amount, item.due_on, each.code, each.reason, each.next_step
            )


def collection_line(row: CollectionRow) -> CollectionLine:
    return CollectionLine(
        reference=row.reference,
        customer=row.customer,
        invoices=", ".join(f"{part.item} ({part.amount})" for part in row.parts),
        amount=row.amount,
        charge_date=row.charge_date,
        state=row.state.value,
        payment=row.payment_id,
        cause=row.cause,
        changed_at=row.changed_at,
    )
