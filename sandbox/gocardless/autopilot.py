"""Moves money by the calendar: as the clock passes, payments are submitted, collected and paid out, mandates
activated.

Every record carries a fate. The sandbox's magic payer names choose it (gocardless.md section 10.3), the played
month sets it directly. Steps wait in an agenda; one whose record has meanwhile moved another way is dropped.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING

from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import CALENDAR_OF_CURRENCY, scheme_of, set_up_days
from sandbox.gocardless.working_days import add_working_days, is_working_day, roll_forward

if TYPE_CHECKING:
    from sandbox.gocardless.world import World


class Fate(StrEnum):
    """What the calendar will do to a payment."""

    COLLECTED = "collected"
    FAILS = "fails"
    FAILS_THEN_COLLECTED = "fails_then_collected"
    LATE_FAILURE_BEFORE_PAYOUT = "late_failure_before_payout"
    LATE_FAILURE_AFTER_PAYOUT = "late_failure_after_payout"
    CONFIRMED_TWICE = "confirmed_twice"
    CHARGED_BACK = "charged_back"
    CHARGEBACK_CANCELLED = "chargeback_cancelled"


class RefundFate(StrEnum):
    PAID = "paid"
    BOUNCED_AFTER_SETTLED = "bounced_after_settled"


#: The payer's given name decides in the sandbox.
MAGIC_NAMES = {
    "Successful": Fate.COLLECTED,
    "Penniless": Fate.FAILS,
    "Fickle": Fate.CHARGED_BACK,
    "Late": Fate.LATE_FAILURE_AFTER_PAYOUT,
}
MAGIC_MANDATES = {"Invalid": "fail", "Expired": "expire", "Switching": "transfer"}

_PAYOUTS = time(5, 30)
_SUBMISSIONS = time(7, 0)
_COLLECTIONS = time(8, 0)
_BANK_ANSWERS = time(14, 0)
_RATES = time(15, 0)


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """Something to do at `due`; `number` keeps steps of one moment in the order in which they were planned."""

    due: datetime
    number: int
    action: str
    record_id: str
    round: int


@dataclass(frozen=True, slots=True)
class Timetable:
    """The days of one collection attempt, by the scheme's timings (gocardless.md section 3.5)."""

    submitted_on: date
    charged_on: date
    confirmed_on: date
    paid_out_on: date


def timetable(scheme_name: str, today: date, charge_date: date | None, mandate_status: str) -> Timetable:
    """From today, or so that the payer is charged on `charge_date` (rolled forward to a working day)."""
    scheme = scheme_of(scheme_name)
    charged = add_working_days(today, scheme.charged + set_up_days(scheme, mandate_status), scheme.calendar)
    if charge_date is not None:
        charged = max(charged, roll_forward(charge_date, scheme.calendar))
    return Timetable(
        add_working_days(charged, scheme.submitted - scheme.charged, scheme.calendar),
        charged,
        add_working_days(charged, scheme.confirmed - scheme.charged, scheme.calendar),
        add_working_days(charged, scheme.paid_out - scheme.charged, scheme.calendar),
    )


class Autopilot:
    """The agenda and its execution. `run_until` is the only thing that makes anything happen."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.daily_payouts = True
        self._agenda: list[Step] = []
        self._number = 0
        self._payout_days: set[date] = set()
        self._actions: dict[str, Callable[[str, int], None]] = {
            "payouts": self._run_payouts,
            "submit": self._submit,
            "collect": self._collect,
            "late failure": self._late_failure,
            "charge back": self._charge_back,
            "withdraw chargeback": self._withdraw_chargeback,
            "retry": self._retry,
            "mandate submit": self._mandate_submit,
            "mandate activate": self._mandate_activate,
            "refund submit": self._refund_submit,
            "refund pay": self._refund_pay,
            "refund bounce": self._refund_bounce,
            "fx rate": self._fx_rate,
            "tax rates": self._tax_rates,
            "subscription": self._subscription,
        }

    def run_until(self, moment: datetime) -> int:
        """Do everything due up to `moment`, each at its own time, then stop the clock there. Returns how many steps."""
        done = 0
        while self._agenda and self._agenda[0].due <= moment:
            step = heapq.heappop(self._agenda)
            if step.due > self.world.now():
                self.world.clock.set(step.due)
            self._actions[step.action](step.record_id, step.round)
            done += 1
        if moment > self.world.now():
            self.world.clock.set(moment)
        return done

    def plan(self, day: date, at: time, action: str, record_id: str, round_number: int = 0) -> None:
        self._number += 1
        due = datetime.combine(day, at, UTC)
        heapq.heappush(self._agenda, Step(due, self._number, action, record_id, round_number))

    def enrol_payment(self, payment: Record) -> None:
        """Plan an attempt: called when a payment is created and each time it is retried."""
        wish = payment.hidden.pop("charge_date_wish", None)
        mandate = self.world.mandates.known(str(payment.links.get("mandate", "")))
        status = mandate.status if mandate else "active"
        days = timetable(str(payment.body["scheme"]), self.world.today(), wish, status)
        payment.hidden["timetable"] = days
        payment.change(charge_date=days.charged_on.isoformat())
        attempt = payment.hidden.get("retries", 0)
        self.plan(days.submitted_on, _SUBMISSIONS, "submit", payment.id, attempt)
        self.plan(days.confirmed_on, _COLLECTIONS, "collect", payment.id, attempt)

    def enrol_mandate(self, mandate: Record) -> None:
        scheme = scheme_of(str(mandate.body["scheme"]))
        if not scheme.mandate_with_payment:
            today = self.world.today()
            self.plan(add_working_days(today, 1, scheme.calendar), _SUBMISSIONS, "mandate submit", mandate.id)
            self.plan(add_working_days(today, 3, scheme.calendar), _COLLECTIONS, "mandate activate", mandate.id)

    def enrol_refund(self, refund: Record) -> None:
        calendar = CALENDAR_OF_CURRENCY[str(refund.body["currency"])]
        today = self.world.today()
        self.plan(add_working_days(today, 1, calendar), _SUBMISSIONS, "refund submit", refund.id)
        self.plan(add_working_days(today, 2, calendar), _BANK_ANSWERS, "refund pay", refund.id)
        if refund.hidden.get("fate") == RefundFate.BOUNCED_AFTER_SETTLED:
            self.plan(add_working_days(today, 4, calendar), _BANK_ANSWERS, "refund bounce", refund.id)

    def payout_day(self, payment: Record) -> date:
        """When the money confirmed now is paid out; ensures that a payout run happens then."""
        days: Timetable | None = payment.hidden.get("timetable")
        day = max(days.paid_out_on, self.world.today()) if days else self.world.today()
        self.ensure_payouts(day)
        return day

    def ensure_payouts(self, day: date) -> None:
        """One payout run on `day`, and one on each following working day for as long as something is pending."""
        if self.daily_payouts and day not in self._payout_days:
            self._payout_days.add(day)
            self.plan(day, _PAYOUTS, "payouts", "", 0)

    def paid_out(self, payment: Record) -> None:
        """The payout left: the fates that strike afterwards are planned from here."""
        scheme = scheme_of(str(payment.body["scheme"]))
        fate, today = fate_of(self.world, payment), self.world.today()
        if payment.hidden.get("struck"):
            return
        if fate is Fate.LATE_FAILURE_AFTER_PAYOUT:
            self.plan(add_working_days(today, 1, scheme.calendar), _BANK_ANSWERS, "late failure", payment.id)
        elif fate in (Fate.CHARGED_BACK, Fate.CHARGEBACK_CANCELLED):
            self.plan(add_working_days(today, 2, scheme.calendar), _BANK_ANSWERS, "charge back", payment.id)

    def _run_payouts(self, _record_id: str, _round: int) -> None:
        world, today = self.world, self.world.today()
        pairs = sorted({(entry.creditor, entry.currency) for entry in world.settlement.pending})
        for creditor, currency in pairs:
            if is_working_day(today, CALENDAR_OF_CURRENCY[currency]):
                for payout in world.payout_desk.build(creditor, currency):
                    world.payout_desk.pay(payout)
                    self._plan_rates(payout)
        if world.settlement.pending:
            self.ensure_payouts(add_working_days(today, 1, "TARGET"))

    def _plan_rates(self, payout: Record) -> None:
        today = self.world.today()
        if payout.body["fx"] is not None:
            self.plan(today, _RATES, "fx rate", payout.id)
        if payout.body["tax_currency"] not in (None, payout.body["currency"]):
            self.plan(add_working_days(today, 1, "GB"), _RATES, "tax rates", payout.id)

    def _fx_rate(self, payout_id: str, _round: int) -> None:
        payout = self.world.payouts.known(payout_id)
        if payout is not None and payout.status == "pending":
            rate = self.world.exchange_rate(str(payout.body["currency"]), str(payout.body["fx"]["fx_currency"]))
            self.world.payout_desk.confirm_fx(payout, rate)

    def _tax_rates(self, payout_id: str, _round: int) -> None:
        payout = self.world.payouts.known(payout_id)
        if payout is not None:
            rate = self.world.exchange_rate(str(payout.body["currency"]), str(payout.body["tax_currency"]))
            self.world.payout_desk.confirm_tax_rates(payout, rate)

    def _submit(self, payment_id: str, attempt: int) -> None:
        payment = self._waiting(payment_id, attempt, "pending_submission")
        if payment is not None:
            self.world.payment_states.submit(payment)

    def _collect(self, payment_id: str, attempt: int) -> None:
        payment = self._waiting(payment_id, attempt, "submitted")
        if payment is None:
            return
        scheme = scheme_of(str(payment.body["scheme"]))
        fate, first, today = fate_of(self.world, payment), attempt == 0, self.world.today()
        if fate is Fate.FAILS or (fate is Fate.FAILS_THEN_COLLECTED and first):
            self.world.payment_states.fail(payment, will_attempt_retry=fate is Fate.FAILS_THEN_COLLECTED)
            if fate is Fate.FAILS_THEN_COLLECTED:
                self.plan(add_working_days(today, 1, scheme.calendar), time(10), "retry", payment.id, attempt)
            return
        self.world.payment_states.confirm(payment)
        if fate is Fate.LATE_FAILURE_BEFORE_PAYOUT or (fate is Fate.CONFIRMED_TWICE and first):
            self.plan(today, _BANK_ANSWERS, "late failure", payment.id, attempt)

    def _late_failure(self, payment_id: str, attempt: int) -> None:
        payment = self.world.payments.known(payment_id)
        if payment is None or payment.status not in ("confirmed", "paid_out"):
            return
        self.world.payment_states.fail(payment)
        self._ensure_debit_day()
        if fate_of(self.world, payment) is Fate.CONFIRMED_TWICE:
            calendar = scheme_of(str(payment.body["scheme"])).calendar
            self.plan(add_working_days(self.world.today(), 1, calendar), time(10), "retry", payment.id, attempt)

    def _charge_back(self, payment_id: str, _round: int) -> None:
        payment = self.world.payments.known(payment_id)
        if payment is None or payment.status != "paid_out":
            return
        payment.hidden["struck"] = True
        self.world.payment_states.charge_back(payment)
        self._ensure_debit_day()
        if fate_of(self.world, payment) is Fate.CHARGEBACK_CANCELLED:
            calendar = scheme_of(str(payment.body["scheme"])).calendar
            self.plan(
                add_working_days(self.world.today(), 3, calendar), _BANK_ANSWERS, "withdraw chargeback", payment.id
            )

    def _withdraw_chargeback(self, payment_id: str, _round: int) -> None:
        payment = self.world.payments.known(payment_id)
        if payment is not None and payment.status == "charged_back":
            self.world.payment_states.cancel_chargeback(payment)
            self._ensure_debit_day()

    def _retry(self, payment_id: str, attempt: int) -> None:
        payment = self._waiting(payment_id, attempt, "failed")
        if payment is not None:
            self.world.payment_states.retry(payment)

    def _mandate_submit(self, mandate_id: str, _round: int) -> None:
        mandate = self.world.mandates.known(mandate_id)
        if mandate is not None and mandate.status == "pending_submission":
            self.world.mandate_states.submit(mandate)

    def _mandate_activate(self, mandate_id: str, _round: int) -> None:
        mandate = self.world.mandates.known(mandate_id)
        if mandate is None or mandate.status != "submitted":
            return
        fate = MAGIC_MANDATES.get(_given_name(self.world, mandate))
        if fate == "fail":
            self.world.mandate_states.fail(mandate)
            return
        self.world.mandate_states.activate(mandate)
        if fate == "expire":
            self.world.mandate_states.expire(mandate)
        elif fate == "transfer":
            self.world.mandate_states.transfer(mandate)

    def _refund_submit(self, refund_id: str, _round: int) -> None:
        refund = self.world.refunds.known(refund_id)
        if refund is not None and refund.status in ("created", "pending_submission"):
            self.world.refund_states.submit(refund)

    def _refund_pay(self, refund_id: str, _round: int) -> None:
        refund = self.world.refunds.known(refund_id)
        if refund is not None and refund.status == "submitted":
            self.world.refund_states.pay(refund)

    def _refund_bounce(self, refund_id: str, _round: int) -> None:
        refund = self.world.refunds.known(refund_id)
        if refund is not None and refund.status == "paid":
            self.world.refund_states.bounce(refund)
            self._ensure_debit_day()

    def _subscription(self, subscription_id: str, _round: int) -> None:
        subscription = self.world.subscriptions.known(subscription_id)
        if subscription is not None:
            self.world.subscription_states.charge(subscription)

    def _ensure_debit_day(self) -> None:
        self.ensure_payouts(add_working_days(self.world.today(), 1, "TARGET"))

    def _waiting(self, payment_id: str, attempt: int, status: str) -> Record | None:
        payment = self.world.payments.known(payment_id)
        if payment is None or payment.status != status or payment.hidden.get("retries", 0) != attempt:
            return None
        return payment


def fate_of(world: World, payment: Record) -> Fate:
    """The fate set on the payment, else the one its payer's magic name asks for."""
    chosen = payment.hidden.get("fate")
    if chosen is not None:
        return Fate(chosen)
    mandate = world.mandates.known(str(payment.links.get("mandate", "")))
    return MAGIC_NAMES.get(_given_name(world, mandate), Fate.COLLECTED) if mandate else Fate.COLLECTED


def _given_name(world: World, mandate: Record) -> str:
    customer = world.customers.known(str(mandate.links["customer"]))
    return str(customer.body["given_name"] or "") if customer else ""
