"""The payout proof: do the items of a payout explain its amount and fees to the penny? (gocardless.md sections 2.2, 11)

Items are decimals of minor units, payouts whole ones. `prove` names every reason why a payout must not be posted;
`summarise` gives its totals. Nothing is rounded here and nothing is posted.

How far a sum may be off: GoCardless rounds halves, whether item by item or once, and which way, is not known.
Either way the result cannot move further than the items' own distances from whole units, and never more than one unit
is accepted. Without a fractional item the sums must be equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from bookkeeping.entities import Payout, PayoutItem, Tax
from bookkeeping.money import Money

#: Fee items: tax-inclusive, negative when charged, positive when given back.
FEE_TYPES = ("gocardless_fee", "surcharge_fee", "app_fee")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What an item type must look like: its sign (0: either) and the links it must carry."""

    sign: int
    links: tuple[str, ...]


ITEM_RULES: Mapping[str, _Rule] = {
    "payment_paid_out": _Rule(1, ("payment",)),
    "payment_failed": _Rule(-1, ("payment",)),
    "payment_charged_back": _Rule(-1, ("payment",)),
    "payment_refunded": _Rule(-1, ("payment", "refund")),
    "refund": _Rule(-1, ("refund", "mandate")),
    "refund_funds_returned": _Rule(1, ("refund",)),
    "gocardless_fee": _Rule(0, ("payment",)),
    "surcharge_fee": _Rule(0, ("payment",)),
    "app_fee": _Rule(0, ("payment",)),
    "revenue_share": _Rule(0, ("payment",)),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason not to post a payout. `amount` is the offending figure, in whole units."""

    code: str
    message: str
    amount: Money | None = None
    item_index: int | None = None


@dataclass(frozen=True, slots=True)
class PayoutSummary:
    """The totals of a payout's items, exact decimals of minor units of `currency`.

    by_type  sum per item type, signed as GoCardless sends them
    gross    sum of everything that is not a fee: what leaves the clearing account
    fees     cost of the fee items including VAT; negative when more was given back than charged
    vat      cost of the VAT in the fees, per tax rate id
    net      sum of all items: what the payout amounts to before rounding
    """

    currency: str
    by_type: Mapping[str, Decimal] = field(default_factory=dict)
    count_by_type: Mapping[str, int] = field(default_factory=dict)
    gross: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    vat: Mapping[str, Decimal] = field(default_factory=dict)
    net: Decimal = Decimal(0)

    @property
    def total_vat(self) -> Decimal:
        return sum(self.vat.values(), Decimal(0))


def prove(payout: Payout, items: Sequence[PayoutItem]) -> list[Finding]:
    """Every reason why this payout must not be posted; empty means proven."""
    findings = [finding for index, item in enumerate(items) for finding in _prove_item(payout, index, item)]
    findings += _prove_sums(payout, items)
    findings += _prove_unique(items)
    findings += _prove_conversion(payout)
    return findings


def summarise(currency: str, items: Sequence[PayoutItem]) -> PayoutSummary:
    """Totals of `items`; items of another currency are left out (the proof names them)."""
    own = [item for item in items if item.currency == currency]
    by_type: dict[str, Decimal] = {}
    vat: dict[str, Decimal] = {}
    for item in own:
        by_type[item.type] = by_type.get(item.type, Decimal(0)) + item.amount
        for tax in item.taxes if item.type in FEE_TYPES else ():
            vat[tax.tax_rate_id] = vat.get(tax.tax_rate_id, Decimal(0)) + vat_cost(item, tax)
    fees = -sum((item.amount for item in own if item.type in FEE_TYPES), Decimal(0))
    net = sum((item.amount for item in own), Decimal(0))
    counts = Counter(item.type for item in own)
    return PayoutSummary(currency, dict(sorted(by_type.items())), dict(counts), net + fees, fees, vat, net)


def vat_cost(item: PayoutItem, tax: Tax) -> Decimal:
    """The VAT of a fee item as a cost: positive when the fee was charged, negative when it was given back.

    The item's sign decides, because the sign GoCardless gives the tax of a refunded fee is not documented.
    """
    return -abs(tax.amount) if item.amount > 0 else abs(tax.amount)


def tolerance(items: Sequence[PayoutItem]) -> Decimal:
    """How far a whole amount may be from the sum of `items`: their distances from whole units, at most one unit."""
    distances = (abs(item.amount - item.amount.to_integral_value(ROUND_HALF_EVEN)) for item in items)
    return min(Decimal(1), sum(distances, Decimal(0)))


def _prove_item(payout: Payout, index: int, item: PayoutItem) -> Iterator[Finding]:
    shown = _rounded(item.amount, item.currency)
    where = f"Item {index + 1} of payout {payout.id} ({item.type} {item.amount} minor units)"
    rule = ITEM_RULES.get(item.type)
    if item.currency != payout.amount.currency:
        message = f"{where} is in {item.currency}, the payout in {payout.amount.currency}."
        yield Finding("item_currency", message, shown, index)
    if rule is None:
        yield Finding("unknown_item_type", f"{where} has a type no rule books; update the rules.", shown, index)
        return
    if rule.sign and item.amount * rule.sign < 0:
        expected = "positive" if rule.sign > 0 else "negative"
        yield Finding("item_sign", f"{where} must be {expected}.", shown, index)
    links = {"payment": item.payment_id, "refund": item.refund_id, "mandate": item.mandate_id}
    for link in rule.links:
        if not links[link]:
            yield Finding("missing_link", f"{where} names no {link}.", shown, index)
    if item.type not in (*FEE_TYPES, "revenue_share") and item.amount != item.amount.to_integral_value():
        yield Finding("fractional_amount", f"{where} moves a payment or refund, which are whole units.", shown, index)
    for tax in item.taxes:
        yield from _prove_tax(payout, index, item, tax, where)


def _prove_tax(payout: Payout, index: int, item: PayoutItem, tax: Tax, where: str) -> Iterator[Finding]:
    shown = _rounded(tax.amount, tax.currency)
    where = f"{where}: its tax {tax.tax_rate_id} of {tax.amount}"
    if tax.currency != item.currency:
        yield Finding("tax_currency", f"{where} is in {tax.currency}, not {item.currency}.", shown, index)
    if abs(tax.amount) > abs(item.amount):
        yield Finding("tax_exceeds_item", f"{where} is more than the item itself.", shown, index)
    target, amount, rate = tax.destination_currency, tax.destination_amount, tax.exchange_rate
    if target is None:
        return
    if payout.tax_currency is not None and target != payout.tax_currency:
        message = f"{where} is destined for {target}, the payout's tax currency is {payout.tax_currency}."
        yield Finding("tax_destination", message, shown, index)
    if target == tax.currency and amount is not None and amount != tax.amount:
        yield Finding("tax_destination", f"{where} becomes {amount} in the same currency.", shown, index)
    if target != tax.currency and amount is not None and rate is None:
        yield Finding("tax_destination", f"{where} becomes {amount} {target} without an exchange rate.", shown, index)
    # Destination amounts carry one decimal of a minor unit, so half of that is lost in rounding, or a whole one if cut.
    if target != tax.currency and amount is not None and rate is not None and abs(tax.amount * rate - amount) > 1:
        message = f"{where} at rate {rate} is {tax.amount * rate}, GoCardless says {amount} {target}."
        yield Finding("tax_destination", message, _rounded(amount, target), index)


def _prove_sums(payout: Payout, items: Sequence[PayoutItem]) -> Iterator[Finding]:
    currency = payout.amount.currency
    summary = summarise(currency, items)
    gap = summary.net - payout.amount.minor
    if abs(gap) > tolerance(items):
        message = (
            f"Payout {payout.id} is off by {gap} minor units: items sum to {summary.net}, "
            f"the payout says {payout.amount.minor} ({payout.amount}). Read its items again."
        )
        yield Finding("amount_mismatch", message, _rounded(gap, currency))
    fees = [item for item in items if item.type in _deducted_types(payout)]
    cost = -sum((item.amount for item in fees if item.currency == currency), Decimal(0))
    gap = cost - payout.deducted_fees.minor
    if payout.deducted_fees.currency != currency:
        message = f"Payout {payout.id} states its fees in {payout.deducted_fees.currency}, its amount in {currency}."
        yield Finding("fee_currency", message, payout.deducted_fees)
    elif abs(gap) > tolerance(fees):
        message = (
            f"Payout {payout.id}: the fee items cost {cost} minor units, {gap} more than "
            f"deducted_fees says ({payout.deducted_fees.minor}, {payout.deducted_fees}). Read its items again."
        )
        yield Finding("fee_mismatch", message, _rounded(gap, currency))


def _deducted_types(payout: Payout) -> tuple[str, ...]:
    """A partner's payout receives app fees as income, so they are not among what was deducted from it."""
    return tuple(kind for kind in FEE_TYPES if kind != "app_fee" or payout.payout_type != "partner")


def _prove_unique(items: Sequence[PayoutItem]) -> Iterator[Finding]:
    """Impossible repeats: a payment is credited again only after it was taken back, and a refund moves once."""
    standing: Counter[str] = Counter()
    for item in items:
        if item.payment_id and item.type in ("payment_failed", "payment_charged_back"):
            standing[item.payment_id] -= 1
        elif item.payment_id and item.type == "payment_paid_out":
            standing[item.payment_id] += 1
    seen: set[tuple[str, str]] = set()
    reported: set[str] = set()
    for index, item in enumerate(items):
        shown = _rounded(item.amount, item.currency)
        payment = item.payment_id or ""
        if item.type == "payment_paid_out" and standing[payment] > 1 and payment not in reported:
            reported.add(payment)
            message = f"Payment {payment} is paid out {standing[payment]} times more than it is taken back."
            yield Finding("duplicate_item", message, shown, index)
        if item.refund_id and item.type in ("payment_refunded", "refund", "refund_funds_returned"):
            natural_key = (item.type, item.refund_id)
            if natural_key in seen:
                message = f"Refund {item.refund_id} appears twice as {item.type}."
                yield Finding("duplicate_item", message, shown, index)
            seen.add(natural_key)


def _prove_conversion(payout: Payout) -> Iterator[Finding]:
    fx = payout.fx
    if fx is None or fx.currency == payout.amount.currency:
        return
    final = fx.rate is not None
    if final and fx.amount is None:
        message = f"Payout {payout.id} has a final rate of {fx.rate} but no amount in {fx.currency}."
        yield Finding("fx_amount_missing", message, payout.amount)
    if fx.amount is not None and fx.amount.currency != fx.currency:
        message = f"Payout {payout.id} is converted to {fx.currency}, yet its amount is {fx.amount}."
        yield Finding("fx_currency", message, fx.amount)


def _rounded(units: Decimal, currency: str) -> Money:
    return Money(int(units.to_integral_value(ROUND_HALF_EVEN)), currency)
