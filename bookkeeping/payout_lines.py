"""The lines of a payout's journal: one group per item type, VAT per rate, rounded once (gocardless.md section 11).

Takes a proven payout; balances by construction, to the amount that stands on the bank statement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from bookkeeping.entities import Payout, PayoutItem
from bookkeeping.money import Money, round_minor
from bookkeeping.payment_rules import ReceiptState
from bookkeeping.payout_proof import FEE_TYPES, ITEM_RULES, summarise, vat_cost
from bookkeeping.postings import AccountRole, Line, Side
from bookkeeping.settings import BookSettings

_FEE_ROLES = {
    "gocardless_fee": AccountRole.FEES,
    "surcharge_fee": AccountRole.SURCHARGES,
    "app_fee": AccountRole.PARTNER_FEES,
}
_PAYMENT_TYPES = frozenset({"payment_paid_out", "payment_failed", "payment_charged_back"})
_TITLES = {
    "payment_paid_out": "payments paid out",
    "payment_failed": "late failures",
    "payment_charged_back": "chargebacks",
    "payment_refunded": "refunds of payments",
    "refund": "refunds",
    "refund_funds_returned": "refunds returned",
}


def payout_lines(
    payout: Payout, items: Sequence[PayoutItem], suspense: Collection[str], settings: BookSettings
) -> tuple[Line, ...]:
    """Every line of the deposit. `suspense` holds the payments whose money the books never saw arrive."""
    bank = bank_lines(payout)
    if payout.payout_type == "partner":
        return (*bank, *_partner_lines(payout, items, settings))
    return (*bank, *_fee_lines(payout, items, settings), *_movement_lines(payout, items, suspense))


def suspense_payments(items: Sequence[PayoutItem], receipts: Mapping[str, ReceiptState]) -> tuple[str, ...]:
    """Payments among the items that never had a receipt, in order of id."""
    payments = {item.payment_id for item in items if item.type in _PAYMENT_TYPES and item.payment_id}
    return tuple(sorted(p for p in payments if receipts.get(p, ReceiptState.NONE) is ReceiptState.NONE))


def bank_lines(payout: Payout) -> tuple[Line, ...]:
    """What the bank shows. A converted payout passes FX transit, so that each currency balances by itself."""
    received = bank_amount(payout)
    bank = signed_line(AccountRole.BANK, received, payout.reference or payout.id)
    if received is payout.amount:
        return bank
    collected = signed_line(AccountRole.FX_TRANSIT, payout.amount, f"{payout.id} in {payout.amount.currency}")
    converted = signed_line(AccountRole.FX_TRANSIT, -received, f"{payout.id} in {received.currency}")
    return (*bank, *converted, *collected)


def bank_amount(payout: Payout) -> Money:
    """The amount on the bank statement: the converted one of an FX payout. Its rate must be final."""
    fx = payout.fx
    if fx is None or fx.currency == payout.amount.currency:
        return payout.amount
    assert fx.amount is not None, f"payout {payout.id} has no amount in {fx.currency} yet"
    return fx.amount


def signed_line(role: AccountRole, debit: Money, text: str, tax_rate: str | None = None) -> tuple[Line, ...]:
    """A debit of `debit`, a credit when it is negative, no line when it is nothing."""
    if not debit:
        return ()
    return (Line(role, Side.DEBIT if debit.minor > 0 else Side.CREDIT, abs(debit), text, tax_rate=tax_rate),)


def _movement_lines(payout: Payout, items: Sequence[PayoutItem], suspense: Collection[str]) -> list[Line]:
    currency = payout.amount.currency
    groups: dict[tuple[int, str], list[int]] = {}
    for item in items:
        if item.type in FEE_TYPES or item.type == "revenue_share":
            continue
        held = item.payment_id if item.type in _PAYMENT_TYPES and item.payment_id in suspense else ""
        groups.setdefault((list(ITEM_RULES).index(item.type), held or ""), []).append(int(item.amount))
    lines: list[Line] = []
    for (position, payment), units in sorted(groups.items()):
        title = _TITLES[list(ITEM_RULES)[position]]
        amount = Money(-sum(units), currency)
        if payment:
            lines += signed_line(AccountRole.SUSPENSE, amount, f"{payment} without receipt ({title})")
        else:
            lines += signed_line(AccountRole.CLEARING, amount, f"{payout.id}: {len(units)} {title}")
    return lines


def _fee_lines(payout: Payout, items: Sequence[PayoutItem], settings: BookSettings) -> list[Line]:
    """Fees net of VAT per role and rate, VAT per rate, and the half units that are left over.

    VAT is rounded once per payout and rate. What all fees cost together is given by the payout itself, so the largest
    fee group takes the difference of rounding, or the ROUNDING role where the ERP must show the fee of an invoice.
    """
    currency = payout.amount.currency
    summary = summarise(currency, items)
    vat = {rate: round_minor(cost, currency) for rate, cost in sorted(summary.vat.items())}
    exact: dict[tuple[AccountRole, str], Decimal] = {}
    for item in items:
        role = _FEE_ROLES.get(item.type)
        if role is not None:
            rate = "+".join(sorted({tax.tax_rate_id for tax in item.taxes}))
            cost = -item.amount - sum((vat_cost(item, tax) for tax in item.taxes), Decimal(0))
            exact[role, rate] = exact.get((role, rate), Decimal(0)) + cost
    # A revenue share inside a merchant's payout is income of the same journal.
    share = summary.by_type.get("revenue_share", Decimal(0))
    income = round_minor(share, currency)
    net = {group: round_minor(cost, currency).minor for group, cost in sorted(exact.items())}
    due = int(summary.gross - share) + income.minor - payout.amount.minor
    left_over = due - sum(net.values()) - sum(amount.minor for amount in vat.values())
    rounding = left_over
    if settings.rounding == "fee" and exact:
        largest = max(exact, key=lambda group: (group[0] is AccountRole.FEES, abs(exact[group]), group[1]))
        net[largest] += left_over
        rounding = 0
    lines: list[Line] = []
    for (role, rate), units in net.items():
        lines += signed_line(role, Money(units, currency), f"{payout.id} {role.replace('_', ' ')}", rate or None)
    for rate, amount in vat.items():
        lines += signed_line(AccountRole.INPUT_VAT, amount, f"{payout.id} VAT on fees {rate}", rate)
    lines += signed_line(AccountRole.ROUNDING, Money(rounding, currency), f"{payout.id} half units of fees")
    lines += signed_line(_income_role(settings), -income, f"{payout.id} revenue share")
    return lines


def _partner_lines(payout: Payout, items: Sequence[PayoutItem], settings: BookSettings) -> list[Line]:
    """A partner's income journal: shares and app fees received are income, GoCardless's own fees are costs.

    The income is the balancing figure, because shares come in fractions of a unit.
    """
    currency = payout.amount.currency
    others = [item for item in items if item.type not in ("revenue_share", "app_fee")]
    lines = _movement_lines(payout, others, ())
    fee_items = [item for item in others if item.type in FEE_TYPES]
    if fee_items:
        summary = summarise(currency, fee_items)
        lines += _fee_lines(_as_if(payout, -round_minor(summary.fees, currency)), fee_items, settings)
    booked = sum(line.amount.minor * (1 if line.side is Side.DEBIT else -1) for line in lines)
    income = Money(-payout.amount.minor - booked, currency)
    lines += signed_line(_income_role(settings), income, f"{payout.id} partner income")
    return lines


def _as_if(payout: Payout, amount: Money) -> Payout:
    return Payout(payout.id, payout.created_at, amount, payout.deducted_fees, payout.status, payout.payout_type)


def _income_role(settings: BookSettings) -> AccountRole:
    return AccountRole.SUSPENSE if settings.partner_income == "suspense" else AccountRole.OTHER_INCOME
