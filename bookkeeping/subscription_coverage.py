"""Which invoices of the ERP a subscription collects, so that none is collected twice, and which invoice a payment is for.

An invoice belongs to a recurring charge when it quotes the charge's number and has its customer; it is about the occurrence
that is nearest to its date. Where an ERP does not quote the charge, the invoice over its amount and dated on its day is taken
for it, one per occurrence: rather one invoice too few is collected than one twice. Nothing is fetched here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bookkeeping.charge_schedule import NotExpressible, nearest, recurrence_of
from bookkeeping.eligibility import Receivable
from bookkeeping.matching import InvoiceCandidate, InvoiceMatch
from bookkeeping.money import Money
from bookkeeping.postings import Allocation
from bookkeeping.recurring_charges import RecurringCharge

#: how far an invoice may be dated or due from the day its payment was charged, where nothing names the charge.
CLOSE = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The occurrences that one subscription collects: from `start_on` to `through`, None while it goes on.

    `amounts` are all that one occurrence has ever been charged.
    """

    subscription: str
    charge: RecurringCharge
    start_on: date
    through: date | None = None
    amounts: frozenset[Money] = frozenset()

    def takes(self, day: date) -> bool:
        return self.start_on <= day and (self.through is None or day <= self.through)


def covered_by(invoices: Iterable[Receivable], coverages: Iterable[Coverage]) -> dict[str, str]:
    """Root of each invoice that a subscription collects -> what the subscription is called."""
    known = sorted(coverages, key=lambda each: each.subscription)
    charges = {each.charge.number: each.charge for each in known}
    covered: dict[str, str] = {}
    taken: set[tuple[str, date]] = set()
    silent: list[Receivable] = []
    for invoice in sorted(invoices, key=lambda each: each.number):
        charge, day = charge_of(invoice, charges), _dated(invoice)
        if charge is None:
            silent.append(invoice)
        elif day is not None:
            about = nearest(charge, day)
            for coverage in known:
                if coverage.charge.number == charge.number and coverage.takes(about):
                    covered[invoice.root] = coverage.subscription
                    taken.add((coverage.subscription, about))
    for invoice in silent:
        found = next((each for each in known if _looks_like(invoice, each, taken)), None)
        day = _dated(invoice)
        if found is not None and day is not None:
            covered[invoice.root] = found.subscription
            taken.add((found.subscription, day))
    return covered


def _looks_like(invoice: Receivable, coverage: Coverage, taken: Collection[tuple[str, date]]) -> bool:
    """Same customer, one of its amounts, dated on a day it collects that no other invoice is for."""
    day, charge = _dated(invoice), coverage.charge
    if day is None or invoice.customer != charge.customer or invoice.open_amount not in coverage.amounts:
        return False
    return nearest(charge, day) == day and coverage.takes(day) and (coverage.subscription, day) not in taken


def taken_through(
    charges: Iterable[RecurringCharge], invoices: Iterable[Receivable], roots: Collection[str]
) -> dict[str, date]:
    """Charge -> the latest of its occurrences that one of the invoices with these roots is about."""
    by_number = {charge.number: charge for charge in charges if _is_regular(charge)}
    taken: dict[str, date] = {}
    for invoice in invoices:
        day = _dated(invoice)
        if day is None or invoice.root not in roots:
            continue
        named = charge_of(invoice, by_number)
        for charge in [named] if named is not None else by_number.values():
            is_alike = invoice.customer == charge.customer and invoice.open_amount == charge.amount
            about = nearest(charge, day)
            if named is not None or (is_alike and about == day):
                taken[charge.number] = max(about, taken.get(charge.number, about))
    return taken


def charge_of(invoice: Receivable, charges: Mapping[str, RecurringCharge]) -> RecurringCharge | None:
    """The charge whose number the invoice quotes, whole and with the charge's customer."""
    for reference in invoice.references:
        charge = charges.get(reference.strip())
        if charge is not None and charge.customer == invoice.customer:
            return charge
    return None


def _dated(invoice: Receivable) -> date | None:
    """An invoice is dated on the occurrence it is about, and falls due later."""
    return invoice.issued_on or invoice.due_on


def _is_regular(charge: RecurringCharge) -> bool:
    try:
        recurrence_of(charge)
    except NotExpressible:
        return False
    return True


@dataclass(frozen=True, slots=True)
class ChargedOccurrence:
    """What a subscription's payment is for: an occurrence of this charge of the ERP, taken on `charge_date`."""

    charge: str
    charge_date: date


def match_occurrence(charged: ChargedOccurrence, own: Sequence[InvoiceCandidate], amount: Money) -> InvoiceMatch | None:
    """The open invoice of this customer that the payment settles; None when that is not certain.

    Of the invoices that quote the charge, the one that is open over exactly this amount and dated or due nearest to the day
    it was charged. Where none quotes it, the only one over this amount that is dated or due within `CLOSE` of that day.
    """
    fitting = [each for each in own if each.open_amount == amount and (each.due_on or each.issued_on)]
    quoting = [each for each in fitting if _quotes(each, charged.charge)]
    if quoting:
        distances = sorted((_distance(each, charged), each.number) for each in quoting)
        if len(distances) > 1 and distances[0][0] == distances[1][0]:
            return None
        return _settles(distances[0][1], amount, "recurring_charge")
    if any(_quotes(each, charged.charge) for each in own):
        return None
    close = [each for each in fitting if _distance(each, charged) <= CLOSE]
    return _settles(close[0].number, amount, "amount_and_due_date") if len(close) == 1 else None


def _quotes(invoice: InvoiceCandidate, charge: str) -> bool:
    return charge in (name.strip() for name in invoice.references)


def _distance(invoice: InvoiceCandidate, charged: ChargedOccurrence) -> timedelta:
    days = [day for day in (invoice.due_on, invoice.issued_on) if day is not None]
    return min(abs(day - charged.charge_date) for day in days)


def _settles(invoice: str, amount: Money, method: str) -> InvoiceMatch:
    return InvoiceMatch((Allocation(invoice, amount),), Money(0, amount.currency), method)
