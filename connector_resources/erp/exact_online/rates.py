"""The rate at which a converted payout is booked: GoCardless's own, so that both currencies meet on the transit account (11).

What the receipts were booked at is Exact's daily rate; the difference is an entry of its own, see `exchange`.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from bookkeeping.postings import PAYOUT_KINDS, AccountRole, Posting

RATE_PLACES = Decimal("0.0000000001")


def payout_rate(posting: Posting, currency: str, division_currency: str) -> Decimal | None:
    """Units of the division's currency per unit of `currency`; None where Exact's own rate is to be used."""
    received, rate = posting.facts.get("fx_currency"), _decimal(posting.facts.get("fx_rate"))
    if posting.kind not in PAYOUT_KINDS or received is None or rate is None or rate <= 0:
        return None
    if not any(line.role is AccountRole.FX_TRANSIT for line in posting.lines):
        return None
    if currency == division_currency:
        return None
    if received == division_currency:
        return rate
    if received == currency:
        return (1 / rate).quantize(RATE_PLACES, ROUND_HALF_UP)
    return None


def _decimal(text: str | None) -> Decimal | None:
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
