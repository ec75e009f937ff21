"""Who is this customer in the ERP, and which invoices does this money settle? Answers with a method, or says why not.

Certain or not at all: names are compared whole, and an amount alone decides only where nothing else could be meant.
Nothing is fetched here; the ERP side brings the candidates. Source: gocardless.md sections 9 (row 9) and 11.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from bookkeeping.entities import Customer
from bookkeeping.money import Money, total
from bookkeeping.postings import Allocation


@dataclass(frozen=True, slots=True)
class CustomerCandidate:
    """An ERP customer as far as matching needs it. `gocardless_customer` is the link the ERP stores, if any."""

    number: str
    name: str
    email: str = ""
    active: bool = True
    gocardless_customer: str = ""


@dataclass(frozen=True, slots=True)
class CustomerMatch:
    """The ERP customer, and how it was found: `stored_link`, `metadata:<key>`, `email` or `name`."""

    number: str
    method: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several ERP customers fit equally well; a person decides."""

    numbers: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class NoMatch:
    why: str


@dataclass(frozen=True, slots=True)
class InvoiceCandidate:
    """An open receivable of the ERP. `references` are further fields a payer may quote (external number, KID …)."""

    number: str
    customer: str
    open_amount: Money
    references: tuple[str, ...] = ()
    due_on: date | None = None
    issued_on: date | None = None


@dataclass(frozen=True, slots=True)
class InvoiceMatch:
    """How an amount is spread: `allocations` plus `on_account` always sum to it. `notes` are for a person.

    `method` is `reference`, `reference_without_zeros`, `reference_in_text`, `only_open_invoice` or `none`.
    """

    allocations: tuple[Allocation, ...]
    on_account: Money
    method: str
    notes: tuple[str, ...] = ()


#: kinds of evidence, strongest first: the ERP stores the GoCardless id; a metadata value is an ERP number; the e-mail is the
#: same; the normalised name is the same.
Evidence = Literal["link", "metadata", "email", "name"]
EVIDENCE: tuple[Evidence, ...] = ("link", "metadata", "email", "name")


def match_customer(
    customer: Customer,
    candidates: Sequence[CustomerCandidate],
    metadata_keys: Sequence[str],
    believed: Sequence[Evidence] = EVIDENCE,
) -> CustomerMatch | Ambiguous | NoMatch:
    """The ERP customer of a GoCardless customer. The first evidence that finds anyone decides; inactive ones never.

    `believed` are kinds of `EVIDENCE` in the order in which they are tried; what is not among them is never believed.
    """
    active = [candidate for candidate in candidates if candidate.active]
    found = list(_evidence(customer, metadata_keys))
    for method, what, fits in (each for kind in believed for each in found if _KINDS[each[0].split(":")[0]] == kind):
        numbers = tuple(sorted({candidate.number for candidate in active if fits(candidate)}))
        if len(numbers) == 1:
            return CustomerMatch(numbers[0], method)
        if numbers:
            return Ambiguous(numbers, f"{len(numbers)} ERP customers share {what} of {customer.id}")
    sleeping = sorted(c.number for c in candidates if not c.active and c.gocardless_customer == customer.id)
    if sleeping:
        return NoMatch(f"{customer.id} is linked to {', '.join(sleeping)}, which is inactive in the ERP")
    *others, last = (_WORDS[kind] for kind in believed)
    what = f"{', '.join(others)} or {last}" if others else last
    return NoMatch(f"no active ERP customer has the {what} of {customer.id}")


_WORDS = {"link": "id", "metadata": "number", "email": "e-mail", "name": "exact name"}
_KINDS = {"stored_link": "link", "metadata": "metadata", "email": "email", "name": "name"}
_Fits = Callable[[CustomerCandidate], bool]


def _evidence(customer: Customer, metadata_keys: Sequence[str]) -> Iterable[tuple[str, str, _Fits]]:
    yield "stored_link", "the stored GoCardless id", lambda c: c.gocardless_customer == customer.id
    # A customer that is linked to another GoCardless customer cannot be this one as well by weaker evidence.
    for key in metadata_keys:
        number = (customer.metadata.get(key) or "").strip()
        if number:
            yield f"metadata:{key}", f"metadata {key}", _free(customer, _numbered(number))
    email = (customer.email or "").strip().casefold()
    if email:
        yield "email", "the e-mail", _free(customer, lambda c: c.email.strip().casefold() == email)
    name = normalised_name(customer.company_name or _person(customer))
    if name:
        yield "name", "the name", _free(customer, lambda c: normalised_name(c.name) == name)


def _free(customer: Customer, fits: _Fits) -> _Fits:
    return lambda candidate: candidate.gocardless_customer in ("", customer.id) and fits(candidate)


def _numbered(number: str) -> _Fits:
    return lambda candidate: candidate.number == number


def _person(customer: Customer) -> str:
    return " ".join(part for part in (customer.given_name, customer.family_name) if part)


def normalised_name(name: str) -> str:
    """Letters and digits in lower case, accents dropped, one blank between words: `Søn & Co. A/S` -> `søn co a s`."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(re.findall(r"\w+", plain.replace("_", " ")))


def match_invoices(
    references: Sequence[str], open_invoices: Sequence[InvoiceCandidate], amount: Money, customer_number: str | None
) -> InvoiceMatch:
    """Spread `amount` (positive) over the invoices that `references` name, best reference first.

    The first reference and the strongest way that finds an open invoice of this customer in this currency decide.
    What is left, or has no invoice, stays on account. Invoices of other customers or currencies are reported in
    `notes`, never settled. An amount alone decides only if the customer has one open invoice, of exactly that amount.
    """
    notes: list[str] = []
    for reference in references:
        for method, fits in _ways(reference):
            named = [invoice for invoice in open_invoices if fits(invoice)]
            usable = [invoice for invoice in named if _usable(invoice, amount, customer_number, notes)]
            if _ambiguous(usable, method):
                notes.append(f"{reference!r} fits several invoices: {', '.join(i.number for i in usable)}")
                break
            if usable:
                return _spread(usable, amount, method, notes)
    own = [invoice for invoice in open_invoices if invoice.customer == customer_number and invoice.open_amount]
    if customer_number and not _named_elsewhere(notes) and len(own) == 1 and own[0].open_amount == amount:
        return _spread(own, amount, "only_open_invoice", notes)
    return InvoiceMatch((), amount, "none", tuple(dict.fromkeys(notes)))


def _ways(reference: str) -> Iterable[tuple[str, Callable[[InvoiceCandidate], bool]]]:
    whole, bare = _normalised(reference), _normalised(reference).lstrip("0")
    words = tokens(reference)
    if whole:
        yield "reference", lambda invoice: whole in {_normalised(name) for name in _names(invoice)}
    if bare:
        yield "reference_without_zeros", lambda i: bare in {_normalised(name).lstrip("0") for name in _names(i)}
    if words:
        yield "reference_in_text", lambda i: any(_contains(words, tokens(name)) for name in _names(i))


def _names(invoice: InvoiceCandidate) -> tuple[str, ...]:
    return (invoice.number, *(reference for reference in invoice.references if reference))


def _normalised(reference: str) -> str:
    return re.sub(r"[\s\-‐‑–_]", "", reference).casefold()


def tokens(text: str) -> list[str]:
    """Words of a free text: runs of letters, digits and inner dashes, slashes and dots, in lower case."""
    return [word.strip("-/.") for word in re.findall(r"[\w\-/.]+", text.casefold()) if word.strip("-/.")]


def _contains(words: Sequence[str], name: Sequence[str]) -> bool:
    """True when the words of `name` stand in `words` next to each other and whole. One digit alone names nothing."""
    if not name or len("".join(name)) < 2:
        return False
    return any(list(words[i : i + len(name)]) == list(name) for i in range(len(words) - len(name) + 1))


def _usable(invoice: InvoiceCandidate, amount: Money, customer_number: str | None, notes: list[str]) -> bool:
    if invoice.open_amount.currency != amount.currency:
        notes.append(f"invoice {invoice.number} is in {invoice.open_amount.currency}, the payment in {amount.currency}")
        return False
    if customer_number is not None and invoice.customer != customer_number:
        notes.append(f"invoice {invoice.number} belongs to customer {invoice.customer}, not {customer_number}")
        return False
    if invoice.open_amount.minor <= 0:
        notes.append(f"invoice {invoice.number} has nothing open")
        return False
    return True


def _ambiguous(usable: Sequence[InvoiceCandidate], method: str) -> bool:
    """One whole reference means one invoice; only a text may name several, and several customers are never meant."""
    several = len({invoice.number for invoice in usable}) > 1
    return several and (method != "reference_in_text" or len({invoice.customer for invoice in usable}) > 1)


def _named_elsewhere(notes: Sequence[str]) -> bool:
    """The payer named an invoice we may not settle: then the amount must not decide for another one."""
    return bool(notes)


def _spread(invoices: Sequence[InvoiceCandidate], amount: Money, method: str, notes: Sequence[str]) -> InvoiceMatch:
    """Fill the invoices in order of due date and number; the rest stays on account."""
    rest = amount
    allocations: list[Allocation] = []
    explained = list(notes)
    for invoice in sorted(invoices, key=lambda candidate: (candidate.due_on or date.max, candidate.number)):
        part = min(rest.minor, invoice.open_amount.minor)
        if part > 0:
            allocations.append(Allocation(invoice.number, Money(part, amount.currency)))
            rest = rest - Money(part, amount.currency)
        if part < invoice.open_amount.minor:
            explained.append(
                f"invoice {invoice.number} keeps {invoice.open_amount - Money(part, amount.currency)} open"
            )
    if rest:
        explained.append(f"{rest} more than the invoices are open for: left on account")
    assert total([allocation.amount for allocation in allocations], amount.currency) + rest == amount
    return InvoiceMatch(tuple(allocations), rest, method, tuple(dict.fromkeys(explained)))
