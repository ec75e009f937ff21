"""Subscriptions for people: each with its charge and state, and every recurring charge that is not followed, with why.

Reads the store alone, so it shows mandates as they were when they were last read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from bookkeeping.money import Money
from bookkeeping.subscribing import Change, Create, Drop, Left
from connector_resources.collections.payers import Payers
from connector_resources.connections.model import Connection
from connector_resources.store.store import Store
from connector_resources.store.subscriptions import SubscriptionRow
from connector_resources.subscriptions.ordering import SubscriptionOrders

#: what needs no explanation: all is well, or the ERP bills the charge no more.
SILENT = frozenset({"followed", "charge_ended", "planned"})


@dataclass(frozen=True, slots=True)
class Overview:
    """`next_steps` is how many things the next run would ask of GoCardless."""

    subscriptions: tuple[SubscriptionRow, ...]
    why_not: tuple[Left, ...]
    next_steps: int
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would be asked of GoCardless, for a list."""

    what: str
    charge: str
    subscription: str
    amount: Money
    start_on: date | None
    why: str


def overview(store: Store, connection: Connection, now: datetime) -> Overview:
    """All subscriptions, and the charges that are not followed as they should be."""
    answers = SubscriptionOrders(store, connection, Payers(store, connection, None)).compare(now)
    return Overview(
        subscriptions=tuple(store.subscriptions.all(connection.name)),
        why_not=tuple(why_not(answer for answer in answers if isinstance(answer, Left))),
        next_steps=sum(not isinstance(answer, Left) for answer in answers),
        read_at=store.recurring_charges.read_at(connection.name),
    )


def why_not(left: Iterable[Left]) -> Iterable[Left]:
    """Reasons that a person may want to read."""
    return (each for each in left if each.code not in SILENT)


def steps(created: Iterable[Create], changes: Iterable[Change], dropped: Iterable[Drop]) -> list[Step]:
    """What is to be asked, in the order create, change, drop."""
    listed = [
        Step("create", each.charge.number, each.reference, each.charge.amount, each.start_on, "") for each in created
    ]
    listed += [
        Step(
            each.action.value, each.follower.charge, each.follower.reference, each.amount or each.follower.amount, None,
            each.reason,
        )
        for each in changes
    ]  # fmt: skip
    listed += [
        Step("withdraw", each.follower.charge, each.follower.reference, each.follower.amount, None, each.reason)
        for each in dropped
    ]
    return listed
