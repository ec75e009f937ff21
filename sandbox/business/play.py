"""Plays a planned month in a GoCardless world, day by day, through the same steps as the API and its simulators.

After each day the deliveries of that day's events are handed out, shuffled, some twice, some never: nothing is sent
here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sandbox.business.plan import (
    MONTH_END,
    SETUP,
    MonthPlan,
    PlannedBounce,
    PlannedCustomer,
    PlannedMandateChange,
    PlannedPayment,
    PlannedRefund,
)
from sandbox.clock import SandboxClock
from sandbox.gocardless.records import Record
from sandbox.gocardless.webhook_desk import Delivery, Mischief
from sandbox.gocardless.world import Settings, World

#: How webhooks misbehave in the month.
MISCHIEF = Mischief(shuffle=True, duplicate_percent=8, drop_percent=5, batch=40)
#: An agreed overdraft, so that a refund never depends on the balance of the hour.
OVERDRAFT_MINOR = 2_000_000
_LATE_EVENTS_PER_THOUSAND = 12
_WRONG_INVOICE = 98765


@dataclass(frozen=True, slots=True)
class Day:
    """One played day: the ids of its events, also of those no webhook tells, and the deliveries to send."""

    day: date
    event_ids: tuple[str, ...]
    deliveries: tuple[Delivery, ...]


def new_world(plan: MonthPlan) -> World:
    """A world that stands at the start of the set-up, with the plan's merchant as its only creditor."""
    settings = Settings(
        negative_balance_limit_minor=OVERDRAFT_MINOR, late_events_per_thousand=_LATE_EVENTS_PER_THOUSAND
    )
    world = World(SandboxClock(SETUP), plan.seed, settings, default_creditor=False)
    profile = plan.profile
    world.builder.creditor(
        profile.merchant,
        profile.creditor_country,
        accounts=profile.payout_accounts,
        fx_payout_currency=profile.fx_payout_currency,
        prefix=profile.bank_reference_prefix,
        prices=profile.prices,
    )
    return world


class Month:
    """A plan being played. `payment_ids`, `refund_ids`, `customer_ids` and `mandate_ids` lead from plan keys to
    GoCardless.
    """

    def __init__(self, plan: MonthPlan, world: World, mischief: Mischief = MISCHIEF) -> None:
        self.plan = plan
        self.world = world
        self.mischief = mischief
        self.payment_ids: dict[str, str] = {}
        self.refund_ids: dict[str, str] = {}
        self.customer_ids: dict[str, str] = {}
        #: the mandate in use now, by customer number
        self.mandate_ids: dict[str, str] = {}
        self.bounced_payouts: list[str] = []
        self._chance = random.Random(f"{plan.seed}:{plan.profile.name}:webhooks")
        self._seen = 0
        self._actions = self._agenda()

    def days(self) -> Iterator[Day]:
        """Set-up and month, 26 May to 30 June: play each day to its end, then yield it."""
        day = SETUP.date()
        while day <= MONTH_END:
            yield self.play_day(day)
            day += timedelta(days=1)

    def play_day(self, day: date) -> Day:
        """Everything up to eleven at night of that day. Days must be played in order."""
        world, end = self.world, datetime.combine(day, time(23), UTC)
        with world.lock:
            while self._actions and self._actions[0][0] <= end:
                moment, _, action = self._actions.pop(0)
                world.autopilot.run_until(moment)
                action()
            world.autopilot.run_until(end)
            world.release_late_events()
            deliveries = world.webhook_desk.plan(self.mischief, self._chance)
            recorded = [event.id for event in world.events if event.created_at[:10] == day.isoformat()]
        return Day(day, tuple(recorded), tuple(deliveries))

    def _agenda(self) -> list[tuple[datetime, int, Callable[[], None]]]:
        """All of the plan's actions in time order; equal times keep the order of the plan."""
        plan = self.plan
        listed: list[tuple[datetime, Callable[[], None]]] = [(SETUP, self._set_up)]
        listed += [(change.at, _bind(self._change_mandate, change)) for change in plan.mandate_changes]
        for payment in plan.payments:
            listed.append((payment.created_at, _bind(self._collect, payment)))
            if payment.cancelled_at is not None:
                listed.append((payment.cancelled_at, _bind(self._cancel, payment)))
        listed += [(refund.created_at, _bind(self._refund, refund)) for refund in plan.refunds]
        for bounce in plan.bounces:
            listed.append((bounce.bounced_at, _bind(self._bounce, bounce)))
            listed.append((bounce.repeated_at, _bind(self._repeat, bounce)))
        listed.append((datetime(2026, 6, 16, 12, tzinfo=UTC), self._strange_events))
        numbered = [(moment, number, action) for number, (moment, action) in enumerate(listed)]
        return sorted(numbered, key=lambda entry: entry[:2])

    def _set_up(self) -> None:
        creditor = self.world.creditors.ordered[0].id
        for customer in self.plan.customers:
            record = self.world.builder.customer(_customer_fields(customer), _customer_metadata(customer))
            identity = customer.identity
            account = self.world.builder.bank_account(
                record.id, identity.name[:60], f"{identity.country_code}:{customer.number}",
                country_code=identity.country_code, currency=customer.currency, ending=customer.number[-2:],
            )  # fmt: skip
            scheme = self.plan.profile.scheme_of[customer.currency]
            mandate = self.world.builder.mandate(account, creditor, scheme=scheme)
            self.customer_ids[customer.number] = record.id
            self.mandate_ids[customer.number] = mandate.id

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


def _bind(method: Callable[[Any], None], planned: Any) -> Callable[[], None]:
    return lambda: method(planned)


def _customer_fields(customer: PlannedCustomer) -> dict[str, str | None]:
    identity = customer.identity
    return {
        "company_name": identity.company_name, "given_name": identity.given_name, "family_name": identity.family_name,
        "email": identity.email, "address_line1": identity.address_line1, "city": identity.city,
        "postal_code": identity.postal_code, "country_code": identity.country_code, "language": identity.language,
    }  # fmt: skip


def _customer_metadata(customer: PlannedCustomer) -> dict[str, str]:
    return {"erp_customer": customer.number} if customer.known_by == "metadata" else {}


def _description(planned: PlannedPayment) -> str | None:
    if planned.kind == "dashboard":
        return "Manual charge agreed by telephone"
    return f"Invoice {planned.invoice}" if planned.trace == "description" else None
