"""June 2026 of a merchant whose ledger starts the money: its customers, its invoices, and what becomes of each.

The merchant only writes invoices and keeps its books; who collects them, and how, is not said. The plan says what the banks
will do with each attempt, what the bookkeeper, the payers and GoCardless's dashboard do in between, and what must have become
of each invoice in the end. It counts on somebody who looks at the ledger at least every nine days and on 30 June, orders an
invoice 14 days before it is due at the earliest, and tries a failed one twice in all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sandbox.business.names import invent
from sandbox.business.plan import PlannedCustomer
from sandbox.business.profiles import PROFILES, Profile
from sandbox.gocardless.autopilot import Fate

#: how early before its due date an invoice may be ordered, for whoever collects this month.
WINDOW_DAYS = 14
#: how often a failed invoice is tried in all, and the days between.
ATTEMPTS, WAIT_DAYS = 2, 2
#: the most that is taken at once: the usual SEPA limit of GoCardless, minor units.
MOST_MINOR = 5_000_00


class Wanted(StrEnum):
    """What must have become of an invoice in the end.

    collected   one payment has taken its money, or is about to
    given_up    it was tried, and nothing may be on its way any more
    left_alone  no payment may ever have been made for it
    """

    COLLECTED = "collected"
    GIVEN_UP = "given_up"
    LEFT_ALONE = "left_alone"


class Signing(StrEnum):
    """How a customer of the ledger comes to a mandate: has one, never gets one, or signs up when asked to."""

    SIGNED = "signed"
    NEVER = "never"
    WHEN_ASKED = "when_asked"


@dataclass(frozen=True, slots=True)
class LedgerCustomer:
    """A customer of the ledger; GoCardless knows those that are `signed` from the start. `billed_in` is a currency."""

    planned: PlannedCustomer
    billed_in: str
    signing: Signing = Signing.SIGNED

    @property
    def number(self) -> str:
        return self.planned.number


@dataclass(frozen=True, slots=True)
class LedgerInvoice:
    """`fates` are what the banks do with its first, second … payment. `wanted_minor` is what a payment must take of it.

    held  the ledger itself keeps it from being collected
    """

    number: str
    customer: str
    amount_minor: int
    currency: str
    issued_on: date
    due_on: date
    wanted: Wanted = Wanted.COLLECTED
    wanted_minor: int = 0
    fates: tuple[Fate, ...] = ()
    held: bool = False


@dataclass(frozen=True, slots=True)
class LedgerCredit:
    """A credit note of the customer that no invoice has used yet; the amount is positive."""

    number: str
    customer: str
    amount_minor: int
    currency: str
    issued_on: date


@dataclass(frozen=True, slots=True)
class BankTransfer:
    """The customer pays an invoice by an ordinary transfer, wholly or in part; the bookkeeper books it on that day."""

    invoice: str
    amount_minor: int
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerRefund:
    """Made in GoCardless's dashboard, of the payment that has collected `invoice`."""

    invoice: str
    amount_minor: int
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerCharge:
    """What the ledger bills its customer again and again, from `dates[0]` on, by itself; `dates` are those of the month.

    It is to be followed by a subscription, so that none of its invoices may be collected on its own. `schedule` is WEEKLY or
    MONTHLY.
    """

    code: str
    customer: str
    amount_minor: int
    currency: str
    schedule: str
    dates: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class LedgerPlan:
    """Everything that is going to happen. Equal seeds and sizes give equal plans. Cancellations are of mandates."""

    profile: Profile
    seed: int
    customers: tuple[LedgerCustomer, ...]
    invoices: tuple[LedgerInvoice, ...]
    credits: tuple[LedgerCredit, ...]
    charges: tuple[LedgerCharge, ...]
    transfers: tuple[BankTransfer, ...]
    refunds: tuple[LedgerRefund, ...]
    cancellations: tuple[tuple[datetime, str], ...]
    sign_ups_at: datetime

    def invoice(self, number: str) -> LedgerInvoice:
        return next(invoice for invoice in self.invoices if invoice.number == number)


def plan_ledger_month(seed: int, ordinary: int = 60, profile: str = "dutch") -> LedgerPlan:
    """The month with `ordinary` invoices that are simply collected, besides one or two of every other kind."""
    return _Planner(PROFILES[profile], seed, ordinary).plan()


def _june(day: int) -> date:
    return date(2026, 6, day)


class _Planner:
    """Draws everything from one seeded source, in one fixed order."""

    def __init__(self, profile: Profile, seed: int, ordinary: int) -> None:
        self.profile = profile
        self.seed = seed
        self.ordinary = ordinary
        self.chance = random.Random(f"{seed}:{profile.name}:ledger")
        self.customers: list[LedgerCustomer] = []
        self.invoices: list[LedgerInvoice] = []
        self.credits: list[LedgerCredit] = []
        self.charges: list[LedgerCharge] = []
        self.transfers: list[BankTransfer] = []
        self.refunds: list[LedgerRefund] = []
        self.cancellations: list[tuple[datetime, str]] = []
        self.numbers = 0

    def plan(self) -> LedgerPlan:
        self._bank_stories()
        self._bookkeeper_stories()
        self._customer_stories()
        self._left_alone()
        self._ordinary()
        if self.profile.bills_charges:
            self._charges()
        if self.profile.branch is not None:
            self._branch(self.profile.branch.currency)
        return LedgerPlan(
            self.profile,
            self.seed,
            tuple(self.customers),
            tuple(sorted(self.invoices, key=lambda invoice: (invoice.issued_on, invoice.number))),
            tuple(self.credits),
            tuple(self.charges),
            tuple(self.transfers),
            tuple(self.refunds),
            tuple(self.cancellations),
            _at(_june(8), 11),
        )

    def _bank_stories(self) -> None:
        """What banks do to a payment that is ordered on 3 June; due dates put two of the endings after a booked receipt."""
        twice = (Fate.FAILS, Fate.COLLECTED)
        for _ in range(2):
            self._invoice(due=_june(8), fates=twice)
            self._invoice(due=_june(5), fates=(Fate.FAILS_THEN_COLLECTED,))
        self._invoice(due=_june(8), fates=(Fate.FAILS, Fate.FAILS), wanted=Wanted.GIVEN_UP)
        self._invoice(due=_june(8), fates=(Fate.LATE_FAILURE_BEFORE_PAYOUT, Fate.COLLECTED))
        self._invoice(due=_june(10), fates=(Fate.LATE_FAILURE_AFTER_PAYOUT, Fate.COLLECTED))
        self._invoice(due=_june(8), fates=(Fate.CHARGED_BACK,), wanted=Wanted.GIVEN_UP)
        self._invoice(due=_june(10), fates=(Fate.CHARGED_BACK,), wanted=Wanted.GIVEN_UP)
        self._invoice(due=_june(10), fates=(Fate.CHARGEBACK_CANCELLED,))
        for part, day in ((1, 15), (2, 16)):
            refunded = self._invoice(due=_june(8))
            self.refunds.append(LedgerRefund(refunded.number, refunded.amount_minor // part, _at(_june(day), 11)))

    def _bookkeeper_stories(self) -> None:
        """Paid by transfer before it is ordered, after it is ordered, and in part; and an open credit note."""
        before = self._invoice(due=_june(9), wanted=Wanted.LEFT_ALONE)
        self.transfers.append(BankTransfer(before.number, before.amount_minor, _at(_june(2), 10)))
        # Ordered on 3 June for its due date: on the 12th there is still time to stop it.
        after = self._invoice(due=_june(17), wanted=Wanted.GIVEN_UP)
        self.transfers.append(BankTransfer(after.number, after.amount_minor, _at(_june(9), 10)))
        amount = self._amount()
        part = self._invoice(due=_june(17), amount=amount, wanted_minor=amount - amount // 3)
        self.transfers.append(BankTransfer(part.number, amount // 3, _at(_june(9), 10)))
        credit = amount // 4
        credited = self._invoice(due=_june(8), amount=amount, wanted_minor=amount - credit)
        self.credits.append(LedgerCredit(self._number(), credited.customer, credit, "EUR", date(2026, 5, 29)))

    def _customer_stories(self) -> None:
        """Two invoices on one day, a mandate that ends in the middle of the month, a payer who signs up when asked to."""
        pair = self._invoice(due=_june(8))
        self._invoice(customer=pair.customer, due=_june(8))
        first = self._invoice(due=_june(8))
        self._invoice(customer=first.customer, issued=_june(10), due=_june(24), wanted=Wanted.GIVEN_UP)
        self._invoice(customer=first.customer, issued=_june(18), due=_june(30), wanted=Wanted.LEFT_ALONE)
        self.cancellations.append((_at(_june(16), 10), first.customer))
        self._invoice(customer=self._customer(Signing.WHEN_ASKED), due=_june(5))

    def _left_alone(self) -> None:
        alone = Wanted.LEFT_ALONE
        self._invoice(customer=self._customer(Signing.NEVER), due=_june(5), wanted=alone)
        self._invoice(customer=self._customer(Signing.NEVER), issued=_june(11), due=_june(20), wanted=alone)
        self._invoice(due=_june(8), amount=MOST_MINOR + 1_00, wanted=alone)
        self._invoice(due=_june(8), currency="GBP", wanted=alone)
        self._invoice(due=date(2026, 8, 15), wanted=alone)
        self._invoice(due=_june(8), held=True, wanted=alone)

    def _ordinary(self) -> None:
        """Several a customer, some on one day. Those of the last days are still on their way when the month ends."""
        payers = [self._customer() for _ in range(max(1, self.ordinary * 2 // 3))]
        for place in range(self.ordinary):
            issued = date(2026, 5, 27) + timedelta(days=self.chance.randrange(0, 33))
            due = issued + timedelta(days=self.chance.choice((8, 10, 14)))
            self._invoice(customer=payers[place % len(payers)], issued=issued, due=due)

    def _charges(self) -> None:
        """Each begins late enough that a subscription, ordered on 3 June, makes its first payment, too."""
        for code, schedule, dates in (
            ("COFFEE", "WEEKLY", (_june(10), _june(17), _june(24))),
            ("COPIER", "MONTHLY", (_june(15),)),
        ):
            self.charges.append(LedgerCharge(code, self._customer(), self._amount(), "EUR", schedule, dates))

    def _branch(self, currency: str) -> None:
        """Some of the branch's own: simply collected, tried again, charged back, paid in part by transfer."""
        self._invoice(book=currency, due=_june(11), fates=(Fate.FAILS, Fate.COLLECTED))
        self._invoice(book=currency, due=_june(11), fates=(Fate.CHARGED_BACK,), wanted=Wanted.GIVEN_UP)
        amount = self._amount()
        part = self._invoice(book=currency, due=_june(18), amount=amount, wanted_minor=amount - amount // 3)
        self.transfers.append(BankTransfer(part.number, amount // 3, _at(_june(9), 10)))
        for _ in range(max(2, self.ordinary // 2)):
            issued = date(2026, 5, 27) + timedelta(days=self.chance.randrange(0, 30))
            self._invoice(book=currency, issued=issued, due=issued + timedelta(days=self.chance.choice((10, 14))))

    def _customer(self, signing: Signing = Signing.SIGNED, billed_in: str = "EUR", book: str = "EUR") -> str:
        place = len(self.customers)
        number = f"{self.profile.companies.get(book, '')}{self.profile.first_customer_number + place}"
        identity = invent(self.chance, self.chance.choice(self.profile.countries[book]), place + 1)
        known_by = "email" if place % 7 == 5 else "metadata"
        self.customers.append(LedgerCustomer(PlannedCustomer(number, identity, book, known_by), billed_in, signing))
        return number

    def _invoice(
        self,
        *,
        due: date,
        customer: str = "",
        amount: int = 0,
        book: str = "EUR",
        currency: str = "",
        issued: date = date(2026, 5, 28),
        wanted: Wanted = Wanted.COLLECTED,
        wanted_minor: int = 0,
        fates: Sequence[Fate] = (),
        held: bool = False,
    ) -> LedgerInvoice:
        """`book` is what its company collects; it is billed in that, or in another `currency`."""
        amount, currency = amount or self._amount(), currency or book
        made = LedgerInvoice(
            self._number(book),
            customer or self._customer(billed_in=currency, book=book),
            amount,
            currency,
            issued,
            due,
            wanted,
            wanted_minor or amount,
            tuple(fates),
            held,
        )
        self.invoices.append(made)
        return made

    def _amount(self) -> int:
        return self.chance.randrange(1_900, 240_000)

    def _number(self, book: str = "EUR") -> str:
        self.numbers += 1
        return self.profile.companies.get(book, "") + self.profile.invoice_format.format(self.numbers)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), UTC)
