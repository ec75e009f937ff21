"""What the items of a converted payout stand for in the books, in the currency the bank receives.

Each payment was valued at the rate that was known when it was booked; the payout brings another. The difference is the
exchange gain or loss of the payout (gocardless.md section 11, row "payout paid, FX").
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from bookkeeping.entities import PayoutItem
from bookkeeping.money import Money, total
from bookkeeping.payout_proof import FEE_TYPES
from bookkeeping.postings import Posting, PostingKind

#: which posting an item's money was booked by.
_BOOKED_BY = {
    "payment_paid_out": PostingKind.RECEIPT,
    "payment_failed": PostingKind.RECEIPT_REVERSAL,
    "payment_charged_back": PostingKind.RECEIPT_REVERSAL,
    "payment_refunded": PostingKind.REFUND,
    "refund": PostingKind.REFUND,
    "refund_funds_returned": PostingKind.REFUND_REVERSAL,
}


def clearing_value(
    items: Sequence[PayoutItem],
    booked: Mapping[str, Sequence[Posting]],
    suspense: Collection[str],
    currency: str,
) -> Money | None:
    """The sum of the items' booked values in `currency`; None while one of them is not known.

    booked    postings by payment or refund id
    suspense  payments whose items never were on the clearing account
    """
    values: list[Money] = []
    for item in items:
        if item.type in FEE_TYPES or (item.payment_id in suspense and item.refund_id is None):
            continue
        value = _value(item, booked, currency)
        if value is None:
            return None
        values.append(value if item.amount > 0 else -value)
    return total(values, currency)


def _value(item: PayoutItem, booked: Mapping[str, Sequence[Posting]], currency: str) -> Money | None:
    kind = _BOOKED_BY.get(item.type)
    postings = [p for p in booked.get(item.refund_id or item.payment_id or "", ()) if p.kind is kind]
    units = abs(item.amount)
    for posting in reversed(postings):
        amount = posting.activity_amount
        if amount is None or posting.facts.get("fx_currency") != currency:
            continue
        # A refund's debits hold the credit memo and the outgoing payment: twice the money of the item.
        if amount.minor in (units, 2 * units):
            return _stated(posting, currency)
    return None


def _stated(posting: Posting, currency: str) -> Money | None:
    try:
        return Money.from_major(Decimal(posting.facts["fx_amount"]), currency)
    except (KeyError, InvalidOperation):
        return None
