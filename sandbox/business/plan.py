"""What happens in June 2026, decided before anything is played: customers, invoices, payments with their fate, and
troubles.

The plan speaks of the merchant's business only. Which day the banks act on follows from the schemes' calendars when
it is played; the plan keeps clear of the month's end where a story must be over by then, and lets a few stories
stay open.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sandbox.business.names import Identity, invent
from sandbox.business.profiles import PROFILES, Profile
from sandbox.gocardless.autopilot import Fate, RefundFate

MONTH_START = date(2026, 6, 1)
MONTH_END = date(2026, 6, 30)
#: Customers, bank accounts and mandates are set up in the last days of May; Whit Monday is over.
SETUP = datetime(2026, 5, 26, 8, 0, tzinfo=UTC)
#: The big collection run, paid out on one day (SEPA: created 2 June, paid out 10 June).
MAIN_RUN = date(2026, 6, 2)
#: Payments made on this day are paid out together on 17 June by SEPA; that payout bounces.
BOUNCE_RUN = date(2026, 6, 9)
BOUNCED_PAYOUT_DAY = date(2026, 6, 17)
BOUNCED_AT = datetime(2026, 6, 19, 13, 0, tzinfo=UTC)
REPEATED_AT = datetime(2026, 6, 23, 9, 0, tzinfo=UTC)

MIN_CUSTOMERS = 40
MIN_PAYMENTS = 90
#: At least this many payments of the main run make more than 500 payout items.
BIG_RUN = 275


@dataclass(frozen=True, slots=True)
class PlannedCustomer:
    """`number` is the ERP's customer number. `known_by` says how GoCardless's customer leads to it."""

    number: str
    identity: Identity
    currency: str
    known_by: str


@dataclass(frozen=True, slots=True)
class PlannedInvoice:
    number: str
    customer: str
    amount_minor: int
    currency: str
    issued_on: date
    due_on: date


@dataclass(frozen=True, slots=True)
class PlannedPayment:
    """`key` names it within the plan. `trace` says where the payment names its invoice; `kind` what is odd about it.

    kind: `exact`, `overpayment`, `part_payment`, or `dashboard` (made outside the integration, for no invoice)
    trace: `metadata`, `reference`, `description`, `wrong` (metadata names an invoice that does not exist) or `none`
    """

    key: str
    customer: str
    amount_minor: int
    currency: str
    created_at: datetime
    fate: Fate
    invoice: str | None
    trace: str = "metadata"
    kind: str = "exact"
    charge_date: date | None = None
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedRefund:
    key: str
    payment: str
    amount_minor: int
    created_at: datetime
    fate: RefundFate = RefundFate.PAID


@dataclass(frozen=True, slots=True)
class PlannedMandateChange:
    """`what`: cancelled_by_bank, cancelled_by_merchant, replaced, transferred, failed or expired."""

    customer: str
    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class PlannedBounce:
    """The first payout of `currency` that arrived on `paid_on` or later comes back, and is paid again."""

    currency: str
    paid_on: date
    bounced_at: datetime
    repeated_at: datetime


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """Everything the merchant and the banks are going to do. Equal seeds and sizes give equal plans."""

    profile: Profile
    seed: int
    customers: tuple[PlannedCustomer, ...]
    invoices: tuple[PlannedInvoice, ...]
    payments: tuple[PlannedPayment, ...]
    refunds: tuple[PlannedRefund, ...]
    mandate_changes: tuple[PlannedMandateChange, ...]
    bounces: tuple[PlannedBounce, ...]

    def payment(self, key: str) -> PlannedPayment:
        return next(payment for payment in self.payments if payment.key == key)


def plan_month(seed: int, customers: int = 220, payments: int = 460, profile: str = "nordic") -> MonthPlan:
    """The month of a merchant. Raises `ValueError` for sizes in which not every kind of occurrence finds room."""
    if customers < MIN_CUSTOMERS or payments < MIN_PAYMENTS:
        raise ValueError(f"a month needs at least {MIN_CUSTOMERS} customers and {MIN_PAYMENTS} payments")
    return _Planner(PROFILES[profile], seed, customers, payments).plan()


#: Fates that every month contains, per currency; all of them are over before the month ends.
_FATES = {
    "EUR": (
        *(Fate.FAILS,) * 4,
        *(Fate.FAILS_THEN_COLLECTED,) * 2,
        *(Fate.LATE_FAILURE_BEFORE_PAYOUT,) * 2,
        *(Fate.LATE_FAILURE_AFTER_PAYOUT,) * 2,
        *(Fate.CONFIRMED_TWICE,) * 2,
        *(Fate.CHARGED_BACK,) * 2,
        Fate.CHARGEBACK_CANCELLED,
    ),
    "GBP": (
        Fate.FAILS,
        Fate.LATE_FAILURE_BEFORE_PAYOUT,
        Fate.LATE_FAILURE_AFTER_PAYOUT,
        Fate.CONFIRMED_TWICE,
        Fate.CHARGED_BACK,
        Fate.CHARGEBACK_CANCELLED,
    ),
}
_TRACES = ("reference", "reference", "description", "description", "none", "wrong")


class _Planner:
    """Draws everything from one seeded source, in one fixed order."""

    def __init__(self, profile: Profile, seed: int, customers: int, payments: int) -> None:
        self.profile = profile
        self.seed = seed
        self.chance = random.Random(f"{seed}:{profile.name}:month")
        self.customer_count = customers
        self.payment_count = payments
        self.invoices: list[PlannedInvoice] = []
        self.payments: list[PlannedPayment] = []

    def plan(self) -> MonthPlan:
        customers = self._customers()
        sepa = [customer for customer in customers if customer.currency == "EUR"]
        bacs = [customer for customer in customers if customer.currency == "GBP"]
        # The last few of each currency are kept for mandate troubles and have no ordinary payments.
        quiet_sepa, quiet_bacs = sepa[-4:], bacs[-5:]
        changes = self._mandate_changes(quiet_sepa, quiet_bacs)
        self._special_payments(sepa, quiet_sepa, quiet_bacs)
        self._fated_payments(sepa[:-4], bacs[:-5])
        self._ordinary_payments(sepa[:-4], bacs[:-5])
        payments = tuple(sorted(self.payments, key=lambda payment: (payment.created_at, payment.key)))
        return MonthPlan(
            self.profile,
            self.seed,
            tuple(customers),
            tuple(self.invoices),
            payments,
            self._refunds(payments),
            changes,
            (PlannedBounce("EUR", BOUNCED_PAYOUT_DAY, BOUNCED_AT, REPEATED_AT),),
        )

    def _customers(self) -> list[PlannedCustomer]:
        sterling = max(12, self.customer_count // 5)
        made: list[PlannedCustomer] = []
        for place in range(self.customer_count):
            currency = "GBP" if place >= self.customer_count - sterling else "EUR"
            country = self.chance.choice(self.profile.countries[currency])
            known_by = "email" if place % 11 == 5 else "metadata"
            identity = invent(self.chance, country, place + 1)
            number = str(self.profile.first_customer_number + place)
            made.append(PlannedCustomer(number, identity, currency, known_by))
        return made

    def _mandate_changes(
        self, sepa: Sequence[PlannedCustomer], bacs: Sequence[PlannedCustomer]
    ) -> tuple[PlannedMandateChange, ...]:
        return (
            PlannedMandateChange(bacs[0].number, _at(date(2026, 5, 28), 12), "failed"),
            PlannedMandateChange(sepa[0].number, _at(date(2026, 6, 4), 11), "cancelled_by_merchant"),
            PlannedMandateChange(bacs[1].number, _at(date(2026, 6, 9), 10), "transferred"),
            PlannedMandateChange(bacs[2].number, _at(date(2026, 6, 12), 13), "cancelled_by_bank"),
            PlannedMandateChange(sepa[1].number, _at(date(2026, 6, 15), 9), "replaced"),
            PlannedMandateChange(bacs[3].number, _at(date(2026, 6, 18), 3), "expired"),
            PlannedMandateChange(sepa[2].number, _at(date(2026, 6, 18), 3), "expired"),
        )

    def _special_payments(
        self,
        sepa: Sequence[PlannedCustomer],
        quiet_sepa: Sequence[PlannedCustomer],
        quiet_bacs: Sequence[PlannedCustomer],
    ) -> None:
        """The payments that each month needs exactly once."""
        self._add(sepa[0], date(2026, 6, 4), kind="overpayment")
        self._add(sepa[1], date(2026, 6, 4), kind="part_payment")
        self._add(sepa[2], date(2026, 6, 5), kind="dashboard", trace="none")
        self._add(sepa[3], date(2026, 6, 3), charge_date=date(2026, 6, 15), cancelled_at=_at(date(2026, 6, 4), 15))
        # Cancelled with its mandate, by the payer's bank.
        self._add(quiet_bacs[2], date(2026, 6, 10), charge_date=date(2026, 6, 24))
        # One collection on the old mandate, one on the mandate that replaced it.
        self._add(quiet_sepa[1], date(2026, 6, 5))
        self._add(quiet_sepa[1], date(2026, 6, 16))
        self._add(quiet_bacs[1], date(2026, 6, 11))
        # Charged back on the last day, so that the month ends with an unsettled debit.
        self._add(sepa[4], date(2026, 6, 18), fate=Fate.CHARGED_BACK)
        # Ends the month confirmed and not paid out.
        self._add(sepa[5], date(2026, 6, 24))

    def _fated_payments(self, sepa: Sequence[PlannedCustomer], bacs: Sequence[PlannedCustomer]) -> None:
        for currency, payers in (("EUR", sepa), ("GBP", bacs)):
            for place, fate in enumerate(_FATES[currency]):
                day = MONTH_START + timedelta(days=place % 4)
                self._add(payers[(7 + place) % len(payers)], day, fate=fate)

    def _ordinary_payments(self, sepa: Sequence[PlannedCustomer], bacs: Sequence[PlannedCustomer]) -> None:
        left = self.payment_count - len(self.payments)
        sterling = left // 5
        main_run = BIG_RUN if left - sterling > BIG_RUN + 30 else (left - sterling) * 6 // 10
        for place in range(main_run):
            self._add(sepa[place % len(sepa)], MAIN_RUN, hour=9, trace=_trace(place))
        others = left - sterling - main_run
        bounced = max(4, others // 8)
        for place in range(others):
            day = BOUNCE_RUN if place < bounced else self._any_day()
            self._add(self.chance.choice(sepa), day, trace=_trace(place))
        for place in range(sterling):
            self._add(bacs[place % len(bacs)], self._any_day(), trace=_trace(place))

    def _any_day(self) -> date:
        """Mostly working days; now and then a week-end, when nobody's bank moves."""
        while True:
            day = MONTH_START + timedelta(days=self.chance.randrange(0, 28))
            if day.weekday() < 5 or self.chance.random() < 0.1:
                return day

    def _add(
        self,
        customer: PlannedCustomer,
        day: date,
        *,
        fate: Fate = Fate.COLLECTED,
        trace: str = "metadata",
        kind: str = "exact",
        hour: int | None = None,
        charge_date: date | None = None,
        cancelled_at: datetime | None = None,
    ) -> None:
        amount = self.chance.randrange(1_900, 240_000)
        due, invoice = amount, None
        if kind == "overpayment":
            due = amount - 1_750
        elif kind == "part_payment":
            due = amount + 12_340
        if kind != "dashboard":
            invoice = self._invoice(customer, due, day)
        moment = _at(day, hour if hour is not None else self.chance.randrange(9, 13))
        moment += timedelta(milliseconds=self.chance.randrange(0, 3_500_000))
        key = f"P{len(self.payments) + 1:04d}"
        self.payments.append(
            PlannedPayment(
                key,
                customer.number,
                amount,
                customer.currency,
                moment,
                fate,
                invoice,
                trace,
                kind,
                charge_date,
                cancelled_at,
            )
        )

    def _invoice(self, customer: PlannedCustomer, amount: int, day: date) -> str:
        number = self.profile.invoice_format.format(1200 + len(self.invoices))
        issued = day - timedelta(days=self.chance.randrange(8, 25))
        due = day + timedelta(days=self.chance.randrange(0, 10))
        self.invoices.append(PlannedInvoice(number, customer.number, amount, customer.currency, issued, due))
        return number

    def _refunds(self, payments: Sequence[PlannedPayment]) -> tuple[PlannedRefund, ...]:
        """Of payments collected early: whole, in parts, bounced after it was settled, and one still on its way."""
        collected = [p for p in payments if p.fate is Fate.COLLECTED and p.kind == "exact" and p.charge_date is None]
        sepa = [p for p in collected if p.currency == "EUR" and p.created_at.date() <= MAIN_RUN]
        bacs = [p for p in collected if p.currency == "GBP" and p.created_at.date() <= date(2026, 6, 12)]
        days = [date(2026, 6, 11), date(2026, 6, 11), date(2026, 6, 15), date(2026, 6, 18), date(2026, 6, 22)]
        refunds = [
            PlannedRefund(f"R{place + 1}", sepa[place].key, _part(sepa[place].amount_minor, place), _at(day, 11))
            for place, day in enumerate(days)
        ]
        bounced, open_one = sepa[len(days)], sepa[len(days) + 1]
        refunds.append(
            PlannedRefund(
                "R6",
                bounced.key,
                bounced.amount_minor // 2,
                _at(date(2026, 6, 12), 11),
                RefundFate.BOUNCED_AFTER_SETTLED,
            )
        )
        refunds += [PlannedRefund("R8", p.key, p.amount_minor // 4, _at(date(2026, 6, 22), 11)) for p in bacs[:1]]
        refunds.append(PlannedRefund("R7", open_one.key, open_one.amount_minor // 3, _at(date(2026, 6, 29), 11)))
        return tuple(refunds)


def _part(amount: int, place: int) -> int:
    return amount if place == 0 else amount * (place + 3) // 10


def _trace(place: int) -> str:
    """Nine out of ten payments carry the invoice in metadata."""
    return _TRACES[place // 10 % len(_TRACES)] if place % 10 == 3 else "metadata"


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)
