"""Plays a planned month in a GoCardless world, day by day, through the same steps as the API and its simulators.

The plan's payments are made by the merchant itself, in GoCardless; months that a ledger starts are in `ledger_month`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sandbox.business.agenda import MISCHIEF, Action, Agenda, Day
from sandbox.business.merchant import open_world, sign_up
from sandbox.business.plan import (
    MONTH_END,
    SETUP,
    MonthPlan,
    PlannedBounce,
    PlannedMandateChange,
    PlannedPayment,
    PlannedRefund,
)
from sandbox.gocardless.records import Record
from sandbox.gocardless.webhook_desk import Mischief
from sandbox.gocardless.world import World

_WRONG_INVOICE = 98765


def new_world(plan: MonthPlan) -> World:
    """A world that stands at the start of the set-up, with the plan's merchant as its only creditor."""
    return open_world(plan.profile, plan.seed)


class Month:
    """A plan being played. `payment_ids`, `refund_ids`, `customer_ids` and `mandate_ids` lead from plan keys to
    GoCardless.
    """

    def __init__(self, plan: MonthPlan, world: World, mischief: Mischief = MISCHIEF) -> None:
        self.plan = plan
        self.world = world
        self.payment_ids: dict[str, str] = {}
        self.refund_ids: dict[str, str] = {}
        self.customer_ids: dict[str, str] = {}
        #: the mandate in use now, by customer number
        self.mandate_ids: dict[str, str] = {}
        self.bounced_payouts: list[str] = []
        chance = random.Random(f"{plan.seed}:{plan.profile.name}:webhooks")
        self._agenda = Agenda(world, self._actions(), chance, mischief)

    def days(self) -> Iterator[Day]:
        """Set-up and month, 26 May to 30 June: play each day to its end, then yield it."""
        day = SETUP.date()
        while day <= MONTH_END:
            yield self.play_day(day)
            day += timedelta(days=1)

    def play_day(self, day: date) -> Day:
        """Everything up to eleven at night of that day. Days must be played in order."""
        return self._agenda.play_day(day, time(23))

    def _actions(self) -> list[tuple[datetime, Action]]:
        """All of the plan's actions."""
        plan = self.plan
        listed: list[tuple[datetime, Action]] = [(SETUP, self._set_up)]
        listed += [(change.at, bind(self._change_mandate, change)) for change in plan.mandate_changes]
        for payment in plan.payments:
            listed.append((payment.created_at, bind(self._collect, payment)))
            if payment.cancelled_at is not None:
                listed.append((payment.cancelled_at, bind(self._cancel, payment)))
        listed += [(refund.created_at, bind(self._refund, refund)) for refund in plan.refunds]
        for bounce in plan.bounces:
            listed.append((bounce.bounced_at, bind(self._bounce, bounce)))
            listed.append((bounce.repeated_at, bind(self._repeat, bounce)))
        listed.append((datetime(2026, 6, 16, 12, tzinfo=UTC), self._strange_events))
        return listed

    def _set_up(self) -> None:
        for customer in self.plan.customers:
            signed = sign_up(self.world, self.plan.profile, customer)
            self.customer_ids[customer.number] = str(signed.links["customer"])
            self.mandate_ids[customer.number] = signed.id

    def _collect(self, planned: PlannedPayment) -> None:
        invoice = planned.invoice
        metadata = {}
        if planned.trace == "metadata" and invoice:
            metadata = {"invoice": invoice}
        elif planned.trace == "wrong":
            metadata = {"invoice": self.plan.profile.invoice_format.format(_WRONG_INVOICE)}
        payment = self.world.builder.payment(
            self._mandate(planned.customer), planned.amount_minor, planned.currency, charge_date=planned.charge_date,
            description=_description(planned), reference=invoice if planned.trace == "reference" else None,
            metadata=metadata, hidden={"fate": planned.fate},
        )  # fmt: skip
        self.payment_ids[planned.key] = payment.id

    def _cancel(self, planned: PlannedPayment) -> None:
        self.world.payment_states.cancel(self._payment(planned.key))

    def _refund(self, planned: PlannedRefund) -> None:
        refund = self.world.builder.refund(
            planned.amount_minor,
            payment=self._payment(planned.payment),
            metadata={"reason": "goodwill"},
            fate=planned.fate,
        )
        self.refund_ids[planned.key] = refund.id

    def _change_mandate(self, change: PlannedMandateChange) -> None:
        states, mandate = self.world.mandate_states, self._mandate(change.customer)
        if change.what == "cancelled_by_bank":
            states.cancel(
                mandate, "mandate_cancelled", "bank", "ADDACS-0" if mandate.body["scheme"] == "bacs" else "MD01"
            )
        elif change.what == "cancelled_by_merchant":
            states.cancel(mandate)
        elif change.what == "replaced":
            self.mandate_ids[change.customer] = states.replace(mandate).id
        elif change.what == "transferred":
            states.transfer(mandate)
        elif change.what == "failed":
            states.fail(mandate, "invalid_bank_details", "AUDDIS-5")
        elif change.what == "expired":
            states.expire(mandate)
        else:
            raise ValueError(f"unknown mandate change {change.what!r}")

    def _bounce(self, planned: PlannedBounce) -> None:
        payouts = [p for p in self.world.payouts if p.body["currency"] == planned.currency and p.status == "paid"]
        # A negative balance may have put the payout of that very day off.
        since = [payout for payout in payouts if payout.body["arrival_date"] >= planned.paid_on.isoformat()]
        if not since:
            raise ValueError(
                f"the plan lets a {planned.currency} payout since {planned.paid_on} bounce, but there is none"
            )
        self.world.payout_desk.bounce(since[0])
        self.bounced_payouts.append(since[0].id)

    def _repeat(self, planned: PlannedBounce) -> None:
        for payout in self.world.payouts:
            if payout.id in self.bounced_payouts and payout.body["currency"] == planned.currency:
                self.world.payout_desk.retry(payout)

    def _strange_events(self) -> None:
        """What nobody has documented: a resource type and an action that a reader must be able to ignore."""
        creditor = self.world.creditors.ordered[0]
        payment = self._payment(self.plan.payments[0].key)
        self.world.emit(
            creditor,
            "wallets",
            "rebalanced",
            cause="wallet_rebalanced",
            origin="gocardless",
            description="A wallet moved.",
        )
        self.world.emit(
            payment, "payments", "sds_settlement_delayed",
            cause="sds_settlement_delayed", origin="gocardless", description="Settlement is delayed.",
        )  # fmt: skip

    def _mandate(self, customer: str) -> Record:
        mandate = self.world.mandates.get(self.mandate_ids[customer])
        assert mandate is not None, customer
        return mandate

    def _payment(self, key: str) -> Record:
        payment = self.world.payments.get(self.payment_ids[key])
        assert payment is not None, key
        return payment


def play(plan: MonthPlan, world: World, mischief: Mischief = MISCHIEF) -> tuple[Month, list[Day]]:
    """The whole month at once; the deliveries are in the days."""
    month = Month(plan, world, mischief)
    return month, list(month.days())


def bind(method: Callable[[Any], None], planned: Any) -> Action:
    return lambda: method(planned)


def _description(planned: PlannedPayment) -> str | None:
    if planned.kind == "dashboard":
        return "Manual charge agreed by telephone"
    return f"Invoice {planned.invoice}" if planned.trace == "description" else None
