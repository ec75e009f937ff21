"""Subscriptions as postings: one to be made at GoCardless, and what is asked of it later. They book nothing themselves.

Whether a charge is followed, and how, is decided in `subscribing`. The money is booked by the receipts of the payments that
GoCardless makes from a subscription. Source: gocardless.md section 2.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from bookkeeping.drafting import posting_text
from bookkeeping.money import Money
from bookkeeping.postings import Party, Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day
from bookkeeping.subscribing import Action, Change, Create


@dataclass(frozen=True, slots=True)
class SubscriptionOrder:
    """What a SUBSCRIPTION posting asks for, in GoCardless's words."""

    reference: str
    charge: str
    mandate: str
    amount: Money
    name: str
    interval_unit: str
    interval: int
    start_on: date
    day_of_month: int | None = None
    month: str = ""
    count: int | None = None
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class ChangeOrder:
    """What a SUBSCRIPTION_CHANGE posting asks for. `amount` and `name` are set where they change."""

    action: Action
    subscription: str
    amount: Money | None = None
    name: str | None = None


def plan_subscription(wanted: Create, settings: BookSettings, at: datetime) -> Posting:
    """The SUBSCRIPTION posting of `wanted`, one per reference for ever. `at` is the moment of the plan (aware UTC)."""
    charge, recurrence = wanted.charge, wanted.recurrence
    facts = {
        "charge": charge.number,
        "mandate": wanted.mandate.id,
        "amount_minor": str(charge.amount.minor),
        "currency": charge.amount.currency,
        "name": wanted.name,
        "interval_unit": recurrence.interval_unit.value,
        "interval": str(recurrence.interval),
        "day_of_month": "" if recurrence.day_of_month is None else str(recurrence.day_of_month),
        "month": recurrence.month,
        "start_on": wanted.start_on.isoformat(),
        "count": "" if wanted.count is None else str(wanted.count),
        "payment_reference": wanted.statement_reference,
    }
    key = f"{PostingKind.SUBSCRIPTION}:{wanted.reference}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.SUBSCRIPTION,
        event_id=key,
        subject=wanted.mandate.id,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=wanted.reference,
        text=posting_text("Subscription on", wanted.mandate.id, str(charge.amount), charge.number),
        party=Party(wanted.mandate.customer_id, charge.customer),
        facts={name: value for name, value in facts.items() if value},
    )


def order_of(posting: Posting) -> SubscriptionOrder:
    """The order a SUBSCRIPTION posting carries. Raises `KeyError` or `ValueError` when it is not whole."""
    facts = posting.facts
    day, count = facts.get("day_of_month"), facts.get("count")
    return SubscriptionOrder(
        reference=posting.reference,
        charge=facts["charge"],
        mandate=facts["mandate"],
        amount=Money(int(facts["amount_minor"]), facts["currency"]),
        name=facts["name"],
        interval_unit=facts["interval_unit"],
        interval=int(facts["interval"]),
        start_on=date.fromisoformat(facts["start_on"]),
        day_of_month=int(day) if day else None,
        month=facts.get("month", ""),
        count=int(count) if count else None,
        payment_reference=facts.get("payment_reference", ""),
    )


def plan_subscription_change(
    change: Change, number: int, subscription: str, settings: BookSettings, at: datetime, party: Party | None
) -> Posting:
    """The `number`-th thing asked of a subscription that GoCardless has under the id `subscription`."""
    amount = change.amount
    facts = {
        "action": change.action.value,
        "amount_minor": "" if amount is None else str(amount.minor),
        "currency": "" if amount is None else amount.currency,
        "name": change.name or "",
        "why": change.reason,
        "wish": change.wish,
    }
    reference = f"{change.follower.reference}/{number}"
    key = f"{PostingKind.SUBSCRIPTION_CHANGE}:{reference}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.SUBSCRIPTION_CHANGE,
        event_id=key,
        subject=subscription,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=reference,
        text=posting_text(f"{change.action.value.capitalize()} subscription", subscription, change.reason),
        party=party,
        facts={name: value for name, value in facts.items() if value},
    )


def change_of(posting: Posting) -> ChangeOrder:
    """The change a SUBSCRIPTION_CHANGE posting carries. Raises `KeyError` or `ValueError` when it is not whole."""
    facts = posting.facts
    minor = facts.get("amount_minor")
    return ChangeOrder(
        action=Action(facts["action"]),
        subscription=posting.subject,
        amount=Money(int(minor), facts["currency"]) if minor else None,
        name=facts.get("name"),
    )
