"""How figures and texts of reports are written for people: exact, unambiguous in every country, account numbers masked.

Thousands are parted by a narrow space and decimals by a point, so that 1 234.50 cannot be misread where a comma means the
other thing. Days are written 2026-06-30.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from bookkeeping.money import exponent
from connector_resources.reports.model import Amount, Share
from connector_resources.transport.redaction import redact

#: between thousands; it does not break at the end of a line.
NARROW_SPACE = "\u202f"
MINUS = "\u2212"
#: characters that are not seen, or that turn the direction of what follows: a name must not disguise another cell.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")


def amount_text(amount: Amount) -> str:
    """The figure without its currency, with one more digit where there is half a minor unit."""
    places = exponent(amount.currency)
    value = amount.major
    digits = places
    while value != value.quantize(Decimal(1).scaleb(-digits)):
        digits += 1
    return grouped(f"{abs(value):,.{digits}f}", negative=value < 0)


def count_text(count: int) -> str:
    return grouped(f"{abs(count):,}", negative=count < 0)


def counted(count: int, what: str) -> str:
    """`counted(1, "item")` is "1 item", `counted(2, "item")` "2 items"."""
    return f"{count_text(count)} {what}" if count == 1 else f"{count_text(count)} {what}s"


def share_text(share: Share) -> str:
    """Per cent with one decimal, or nothing."""
    if share.value is None:
        return ""
    percent = (share.value * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return grouped(f"{abs(percent):,.1f}", negative=percent < 0) + f"{NARROW_SPACE}%"


def day_text(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def moment_text(moment: datetime) -> str:
    """A moment with its zone, to the minute."""
    return moment.strftime("%Y-%m-%d %H:%M %Z")


def grouped(figure: str, *, negative: bool) -> str:
    return (MINUS if negative else "") + figure.replace(",", NARROW_SPACE)


def plain(text: str) -> str:
    """A text as a report may show it: no character that is not seen, no account number, no secret."""
    return redact(_UNSEEN.sub("", text))


def words(name: str) -> str:
    """A name of the program as words: `payment_paid_out` is "payment paid out"."""
    return name.replace("_", " ")
