"""Open invoices with a running balance, and which of them a receipt settles. Pure; shared by the ERPs that show invoices.

An ERP lowers a balance only when a receipt is final; what our own unfinished documents have promised is kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from bookkeeping.matching import InvoiceCandidate, InvoiceMatch, match_invoices
from bookkeeping.money import Money, total
from bookkeeping.postings import Allocation, Posting
from bookkeeping.subscription_coverage import ChargedOccurrence, match_occurrence
from connector_resources.erp.contract import OpenInvoice

#: facts of a receipt whose payment a subscription made: the ERP's recurring charge, and the day it was charged.
RECURRING_CHARGE, CHARGE_DATE = "recurring_charge", "charge_date"


@dataclass(frozen=True, slots=True)
class Draft:
    """What an unreleased payment of ours has promised, in minor units per invoice."""

    number: str
    applied: Mapping[str, int]


class InvoiceBook:
    """Open invoices by customer and by what a payer may quote. Copies share the index and have balances of their own."""

    def __init__(self, invoices: Iterable[OpenInvoice] = ()) -> None:
        self._invoices = {each.number: each for each in invoices}
        self._balances: dict[str, int] = {}
        self._reserved_by: dict[str, Draft] = {}
        self._by_customer: dict[str, list[str]] = {}
        self._by_reference: dict[str, list[str]] = {}
        for number, invoice in self._invoices.items():
            self._by_customer.setdefault(invoice.customer, []).append(number)
            for key in {_coarse(name) for name in (number, *invoice.references)}:
                self._by_reference.setdefault(key, []).append(number)

    def copy(self) -> InvoiceBook:
        twin = InvoiceBook()
        twin._invoices, twin._by_customer, twin._by_reference = self._invoices, self._by_customer, self._by_reference
        twin._balances, twin._reserved_by = dict(self._balances), dict(self._reserved_by)
        return twin

    def reserve(self, draft: Draft) -> None:
        """Count an unreleased payment of ours, once."""
        if draft.number not in self._reserved_by:
            self._reserved_by[draft.number] = draft
            for invoice, minor in draft.applied.items():
                self._lower(invoice, minor)

    def take(self, allocations: Iterable[Allocation]) -> None:
        """Lower the balances by what a receipt is about to settle."""
        for each in allocations:
            self._lower(each.invoice, each.amount.minor)

    def of_customer(self, customer: str) -> list[InvoiceCandidate]:
        return self._candidates(self._by_customer.get(customer, ()))

    def quoted(self, reference: str) -> list[InvoiceCandidate]:
        """Invoices of anybody that `reference` may mean, letter case, blanks and punctuation aside."""
        return self._candidates(self._by_reference.get(_coarse(reference), ()))

    def _lower(self, number: str, minor: int) -> None:
        if number in self._invoices:
            before = self._balances.get(number, self._invoices[number].open_amount.minor)
            self._balances[number] = max(before - minor, 0)

    def _candidates(self, numbers: Iterable[str]) -> list[InvoiceCandidate]:
        return [self._candidate(self._invoices[number]) for number in numbers]

    def _candidate(self, invoice: OpenInvoice) -> InvoiceCandidate:
        minor = self._balances.get(invoice.number, invoice.open_amount.minor)
        return InvoiceCandidate(
            number=invoice.number,
            customer=invoice.customer,
            open_amount=Money(minor, invoice.open_amount.currency),
            references=invoice.references,
            due_on=invoice.due_on,
            issued_on=invoice.issued_on,
        )


def allocations_of(posting: Posting, amount: Money, customer: str, book: InvoiceBook) -> InvoiceMatch:
    """The invoices a receipt settles: those decided before, else those its references name, else none.

    The payment of a subscription settles the invoice that the ERP made from the same recurring charge.
    """
    if posting.allocations:
        rest = amount - total([each.amount for each in posting.allocations], amount.currency)
        return InvoiceMatch(posting.allocations, rest, "given")
    charge = posting.facts.get(RECURRING_CHARGE)
    if charge:
        charged = ChargedOccurrence(charge, date.fromisoformat(posting.facts[CHARGE_DATE]))
        of_charge = match_occurrence(charged, book.of_customer(customer), amount)
        if of_charge is not None:
            return of_charge
    references = posting.invoices
    if references:
        # The rule with the whole list finds nothing else for the first reference: `quoted` is the wider net. It spares
        # a shop's single customer with thousands of invoices a pass over all of them per receipt.
        quick = match_invoices(references[:1], book.quoted(references[0]), amount, customer)
        if quick.method == "reference":
            return quick
    own = book.of_customer(customer)
    known = {each.number for each in own}
    others = {each.number: each for name in references for each in book.quoted(name) if each.number not in known}
    return match_invoices(references, [*own, *others.values()], amount, customer)


def _coarse(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()
