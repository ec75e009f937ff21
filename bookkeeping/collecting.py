"""From judged invoices to collections: grouping with allocation, references, and which collections are to be stopped.

`propose` looks at all open items of a connection at once, because credit notes and several items of one debt concern more
than one invoice. `to_stop` looks at what was ordered before. Both are pure; the same books always give the same answer.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from bookkeeping.collection_schemes import SCHEMES, is_usable, statement_reference
from bookkeeping.eligibility import (
    LIVE,
    Attempt,
    AttemptState,
    CollectionSettings,
    Context,
    Eligible,
    NotEligible,
    Payer,
    Receivable,
    judge,
)
from bookkeeping.entities import Mandate
from bookkeeping.money import Money, total


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the allocation table: how much of a collection is for which open item of which debt."""

    root: str
    item: str
    attempt: int
    amount: Money
    open_amount: Money


@dataclass(frozen=True, slots=True)
class Order:
    """One payment to be created. The parts always sum to `amount`."""

    reference: str
    customer: str
    mandate: Mandate
    amount: Money
    charge_date: date | None
    parts: tuple[Part, ...]
    description: str
    statement_reference: str

    def __post_init__(self) -> None:
        assert total([part.amount for part in self.parts], self.amount.currency) == self.amount, self.reference


@dataclass(frozen=True, slots=True)
class Books:
    """What is known when collections are proposed.

    payers    by ERP customer number; attempts, `allowed_after` and `covered_by` (see `Context`) by root
    """

    today: date
    payers: Mapping[str, Payer] = field(default_factory=dict)
    attempts: Mapping[str, Sequence[Attempt]] = field(default_factory=dict)
    allowed_after: Mapping[str, int] = field(default_factory=dict)
    covered_by: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Every open item is in exactly one order, or in `not_eligible` with its reason."""

    orders: tuple[Order, ...]
    not_eligible: tuple[NotEligible, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A collection that was ordered and may still be on its way. `cancellable`: it was not sent, or not to the banks yet."""

    reference: str
    state: AttemptState
    customer: str
    mandate: str
    charge_date: date | None
    parts: tuple[Part, ...]
    cancellable: bool
    order: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """A collection that must not go on. Where it is too late (`possible` is False), a person must know."""

    standing: Standing
    code: str
    reason: str
    possible: bool


def propose(invoices: Iterable[Receivable], books: Books, settings: CollectionSettings) -> Proposal:
    """What to collect now, and why each other open item is not collected."""
    ordered = sorted(invoices, key=lambda each: (each.customer, each.due_on or date.max, each.number))
    credit = _credit(ordered, books)
    chosen: list[Eligible] = []
    refused: list[NotEligible] = []
    roots: dict[str, str] = {}
    for invoice in ordered:
        # A debt that shows as its first invoice and as a re-opened item at once must not be collected from both.
        if invoice.root in roots and invoice.open_amount.minor > 0:
            reason = f"Item {roots[invoice.root]} of the same invoice is open as well."
            refused.append(NotEligible(invoice, "open_twice", reason, "Match the two items in the ERP."))
            continue
        if invoice.open_amount.minor > 0:
            roots[invoice.root] = invoice.number
        pool = (invoice.customer, invoice.open_amount.currency)
        context = Context(
            today=books.today,
            payer=books.payers.get(invoice.customer, Payer(invoice.customer)),
            attempts=tuple(books.attempts.get(invoice.root, ())),
            credit=max(credit[pool], 0),
            allowed_after=books.allowed_after.get(invoice.root, 0),
            covered_by=books.covered_by.get(invoice.root, ""),
        )
        match judge(invoice, context, settings):
            case Eligible() as eligible:
                credit[pool] -= (invoice.open_amount - eligible.amount).minor
                chosen.append(eligible)
            case NotEligible(code=code) as refusal:
                credit[pool] -= invoice.open_amount.minor if code == "covered_by_credit" else 0
                refused.append(refusal)
    if not settings.grouped:
        return Proposal(tuple(_order([each], settings) for each in chosen), tuple(refused))
    orders, too_small = _grouped(chosen, settings)
    return Proposal(tuple(orders), (*refused, *too_small))


def _credit(invoices: Sequence[Receivable], books: Books) -> defaultdict[tuple[str, str], int]:
    """Open credit per customer and currency, less what collections on their way have taken off their invoices already."""
    credit: defaultdict[tuple[str, str], int] = defaultdict(int)
    for invoice in invoices:
        pool = (invoice.customer, invoice.open_amount.currency)
        if invoice.open_amount.minor < 0:
            credit[pool] -= invoice.open_amount.minor
            continue
        for attempt in books.attempts.get(invoice.root, ()):
            if attempt.state in LIVE:
                credit[pool] -= (attempt.open_amount - attempt.amount).minor
    return credit


# --- orders and their references -------------------------------------------------------------------------------------


def _grouped(chosen: Sequence[Eligible], settings: CollectionSettings) -> tuple[list[Order], list[NotEligible]]:
    groups: dict[tuple[str, str, date | None], list[Eligible]] = {}
    for each in chosen:
        groups.setdefault((each.invoice.customer, each.mandate.id, each.charge_date), []).append(each)
    orders: list[Order] = []
    too_small: list[NotEligible] = []
    for members in groups.values():
        limits = settings.limits.of(SCHEMES[members[0].mandate.scheme or ""])
        for batch in _batches(members, limits.largest):
            amount = total([each.amount for each in batch], batch[0].amount.currency)
            if amount.minor >= (limits.smallest or 0):
                orders.append(_order(batch, settings))
                continue
            reason = (
                f"{amount} together is less than {Money(limits.smallest or 0, amount.currency)}, the least collected."
            )
            too_small += [NotEligible(each.invoice, "below_minimum", reason) for each in batch]
    return orders, too_small


def _batches(members: Sequence[Eligible], largest: int | None) -> Iterable[list[Eligible]]:
    """As many as fit into one payment, in order of due date."""
    batch: list[Eligible] = []
    for each in members:
        if largest is not None and batch and sum(m.amount.minor for m in batch) + each.amount.minor > largest:
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _order(members: Sequence[Eligible], settings: CollectionSettings) -> Order:
    first = members[0]
    parts = tuple(
        Part(each.invoice.root, each.invoice.number, each.attempt, each.amount, each.invoice.open_amount)
        for each in members
    )
    single = len(parts) == 1
    shown = first.invoice.root if single else first.invoice.customer
    scheme = first.mandate.scheme or ""
    on_statement = (
        "" if scheme in settings.no_statement_reference else statement_reference(shown, scheme, first.attempt)
    )
    numbers = ", ".join(part.root for part in parts)
    return Order(
        reference=order_reference(parts, first.invoice.customer),
        customer=first.invoice.customer,
        mandate=first.mandate,
        amount=total([part.amount for part in parts], first.amount.currency),
        charge_date=first.charge_date,
        parts=parts,
        description=_shortened(f"Invoice{'' if single else 's'} {numbers}"),
        statement_reference=on_statement,
    )


def order_reference(parts: Sequence[Part], customer: str) -> str:
    """Unique per connection and the same for the same attempts: `<invoice>#<attempt>`, for a group `<customer>#<digest>`."""
    if len(parts) == 1:
        return f"{parts[0].root}#{parts[0].attempt}"
    members = "\n".join(sorted(f"{part.root}#{part.attempt}" for part in parts))
    return f"{customer}#G{hashlib.sha256(members.encode()).hexdigest()[:16]}"


def _shortened(text: str, limit: int = 100) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# --- what must not go on ---------------------------------------------------------------------------------------------


def to_stop(
    standing: Sequence[Standing],
    invoices: Mapping[str, Receivable],
    mandates: Mapping[str, Mandate],
    collected: Mapping[str, str],
) -> list[Stop]:
    """The collections on their way that would now take money which is not owed, or cannot be sent as they are.

    invoices   the open items by number, read completely and after the collections were last looked at
    mandates   those of the collections, as GoCardless holds them now
    collected  root -> reference of a collection that has taken the money already
    """
    stops: list[Stop] = []
    keepers: dict[str, str] = dict(collected)
    for each in sorted(standing, key=lambda one: (one.cancellable, one.order)):
        code, reason = _objection(each, invoices) or _second(each, keepers) or _unsendable(each, mandates)
        if code:
            stops.append(Stop(each, code, reason, each.cancellable))
            if each.cancellable:
                continue
        keepers.update({part.root: each.reference for part in each.parts if part.root not in keepers})
    return stops


def _objection(standing: Standing, invoices: Mapping[str, Receivable]) -> tuple[str, str] | None:
    for part in standing.parts:
        invoice = invoices.get(part.item)
        if invoice is None:
            return "paid_otherwise", f"Invoice {part.item} is no longer open in the ERP."
        if invoice.open_amount.currency != part.amount.currency:
            return "currency_changed", f"Invoice {part.item} is now in {invoice.open_amount.currency}."
        if invoice.open_amount < part.amount:
            return "open_amount_fell", f"Only {invoice.open_amount} of invoice {part.item} is open, not {part.amount}."
        if invoice.on_hold:
            return "on_hold", f"The ERP holds invoice {part.item} back."
    return None


def _second(standing: Standing, keepers: Mapping[str, str]) -> tuple[str, str] | None:
    for part in standing.parts:
        other = keepers.get(part.root)
        if other is not None and other != standing.reference:
            return "second_collection", f"Collection {other} takes the money of invoice {part.root} as well."
    return None


def _unsendable(standing: Standing, mandates: Mapping[str, Mandate]) -> tuple[str, str]:
    """Only what GoCardless does not have yet can be planned anew; on its side it looks after mandates itself."""
    if standing.state is AttemptState.IN_FLIGHT:
        return "", ""
    mandate = mandates.get(standing.mandate)
    if mandate is None or not is_usable(mandate):
        status = mandate.status.replace("_", " ") if mandate else "not known"
        return "mandate_not_usable", f"Mandate {standing.mandate} is {status}."
    earliest, asked = mandate.next_possible_charge_date, standing.charge_date
    if asked is not None and earliest is not None and asked < earliest:
        return "charge_date_passed", f"It asks for {asked}; the mandate can be charged from {earliest} on."
    return "", ""
