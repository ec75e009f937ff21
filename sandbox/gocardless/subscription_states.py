"""The life of a subscription: its future charge dates, the payments they make, pauses and the end (section 2.5)."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import scheme_of
from sandbox.gocardless.working_days import add_working_days, roll_back, roll_forward

if TYPE_CHECKING:
    from sandbox.gocardless.world import World

MAX_UPCOMING = 10
MAX_AMENDMENTS = 10
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_UNBOUNDED = 10_000


class SubscriptionStates:
    """Moves subscriptions. Methods raise `IllegalStep` with the API's error reason as their text."""

    def __init__(self, world: World) -> None:
        self.world = world

    def start(self, subscription: Record) -> None:
        """Announce a new subscription and plan its first charge."""
        self._refresh(subscription)
        self._emit(subscription, "created", "subscription_created", "api")

    def charge(self, subscription: Record) -> Record | None:
        """Make the payment of the next charge date, when the subscription still runs."""
        upcoming = subscription.body["upcoming_payments"]
        mandate = self.world.mandates.known(str(subscription.links["mandate"]))
        if subscription.status != "active" or not upcoming or mandate is None:
            return None
        due = date.fromisoformat(upcoming[0]["charge_date"])
        subscription.hidden["charged"] = subscription.hidden.get("charged", 0) + 1
        body = subscription.body
        payment = self.world.builder.payment(
            mandate, body["amount"], body["currency"], charge_date=due, description=body["name"],
            reference=body["payment_reference"], metadata={}, app_fee=body["app_fee"],
            retry_if_possible=body["retry_if_possible"], links={"subscription": subscription.id}, origin="gocardless",
        )  # fmt: skip
        self._emit(subscription, "payment_created", "payment_created", "gocardless", {"payment": payment.id})
        self._refresh(subscription)
        if not subscription.body["upcoming_payments"]:
            subscription.change(status="finished")
            self._emit(subscription, "finished", "subscription_finished", "gocardless")
        return payment

    def amend(self, subscription: Record, amount: int | None) -> None:
        if amount is not None and amount != subscription.body["amount"]:
            if subscription.hidden.get("amendments", 0) >= MAX_AMENDMENTS:
                raise IllegalStep("number_of_subscription_amendments_exceeded")
            subscription.hidden["amendments"] = subscription.hidden.get("amendments", 0) + 1
            subscription.change(amount=amount)
            self._refresh(subscription, plan=False)
            self._emit(subscription, "amended", "subscription_amended", "api")

    def pause(self, subscription: Record) -> None:
        if subscription.status != "active":
            raise IllegalStep("subscription_cannot_be_paused")
        subscription.change(status="paused", upcoming_payments=[])
        self._emit(subscription, "paused", "subscription_paused", "api")

    def resume(self, subscription: Record) -> None:
        if subscription.status != "paused":
            raise IllegalStep("subscription_not_paused")
        subscription.change(status="active")
        self._refresh(subscription)
        self._emit(subscription, "resumed", "subscription_resumed", "api")

    def cancel(
        self,
        subscription: Record,
        cause: str = "subscription_cancelled",
        origin: str = "api",
        parent: Record | None = None,
    ) -> None:
        if subscription.status in ("cancelled", "finished"):
            raise IllegalStep("cancellation_failed")
        subscription.change(status="cancelled", upcoming_payments=[])
        self._emit(subscription, "cancelled", cause, origin, parent=parent)

    def _refresh(self, subscription: Record, plan: bool = True) -> None:
        dates = charge_dates(subscription, self.world.today())
        amount = subscription.body["amount"]
        upcoming = [{"amount": amount, "charge_date": day.isoformat()} for day in dates]
        subscription.change(upcoming_payments=upcoming)
        if plan and dates:
            scheme = scheme_of(subscription.hidden["scheme"])
            day = add_working_days(dates[0], -scheme.charged, scheme.calendar)
            self.world.autopilot.plan(max(day, self.world.today()), time(6), "subscription", subscription.id)

    def _emit(
        self,
        subscription: Record,
        action: str,
        cause: str,
        origin: str,
        links: dict[str, str] | None = None,
        parent: Record | None = None,
    ) -> None:
        self.world.emit(
            subscription, "subscriptions", action, cause=cause, origin=origin,
            description=f"Subscription {action.replace('_', ' ')}.", links=links, parent=parent,
        )  # fmt: skip


def charge_dates(subscription: Record, today: date) -> list[date]:
    """The next charge dates, at most ten, after what was charged already."""
    body, charged = subscription.body, subscription.hidden.get("charged", 0)
    count = body["count"] if body["count"] is not None else _UNBOUNDED
    end = date.fromisoformat(body["end_date"]) if body["end_date"] else None
    dates: list[date] = []
    for number in range(charged, min(count, charged + MAX_UPCOMING)):
        nominal = _nominal(body, number)
        if end is not None and nominal > end:
            break
        calendar = scheme_of(subscription.hidden["scheme"]).calendar
        dates.append(roll_back(nominal, calendar) if body["day_of_month"] == -1 else roll_forward(nominal, calendar))
    return dates


def _nominal(body: dict[str, Any], number: int) -> date:
    start, steps = date.fromisoformat(body["start_date"]), number * body["interval"]
    if body["interval_unit"] == "weekly":
        return start + timedelta(weeks=steps)
    months = steps if body["interval_unit"] == "monthly" else steps * 12
    month = MONTHS.index(body["month"]) if body["month"] else start.month - 1
    year, month0 = divmod(start.year * 12 + month + months, 12)
    last = monthrange(year, month0 + 1)[1]
    wanted = body["day_of_month"]
    day = start.day if wanted is None else last if wanted == -1 else wanted
    candidate = date(year, month0 + 1, min(day, last))
    if number == 0 and candidate < start:
        return start
    return candidate
