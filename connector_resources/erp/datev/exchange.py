"""Exchange rates of a posting the way DATEV wants them: foreign units per euro, and the amount in euros (datev.md 3.4).

GoCardless gives the rate the other way round (amount × rate = amount in the other currency). Nothing is looked up here:
rates come from the posting's facts or from the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Posting, PostingKind
from connector_resources.erp.datev.extf import BASE_CURRENCY
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.refusal import CannotBook

RATE_PLACES = Decimal("0.000001")
HIGHEST_RATE = Decimal(10_000)
CENT = Decimal("0.01")
#: fact of a foreign payout: what its items were booked at on the clearing account, in euros (major units).
CLEARING_BASE = "clearing_base"


@dataclass(frozen=True, slots=True)
class Converted:
    """Kurs and Basis-Umsatz of one amount."""

    rate: Decimal
    base: Money


@dataclass(frozen=True, slots=True)
class Conversion:
    """How amounts of one posting are converted to euros."""

    posting: Posting
    settings: DatevSettings

    def convert(self, amount: Money) -> Converted | None:
        """None for euros. Raises `CannotBook` (`exchange_rate_missing`, `exchange_rate_out_of_range`)."""
        if amount.currency == BASE_CURRENCY:
            return None
        rate = self._rate(amount.currency).quantize(RATE_PLACES, ROUND_HALF_UP)
        if not 0 < rate < HIGHEST_RATE:
            raise CannotBook(
                "exchange_rate_out_of_range",
                f"DATEV takes rates up to 9999,999999; {amount.currency} stands at {rate} for one euro.",
                "Book this posting by hand in DATEV, then `connector withdraw` it.",
            )
        base = in_euros(amount, rate)
        stated = self._stated_base(amount)
        if stated is not None and abs(stated.minor - base.minor) <= 1:
            base = stated
        return Converted(rate, base)

    def _rate(self, currency: str) -> Decimal:
        facts = self.posting.facts
        stated = decimal_of(facts.get("fx_rate"))
        other = facts.get("fx_currency")
        if stated is not None and stated > 0:
            if other == BASE_CURRENCY and currency == _collected(self.posting):
                return 1 / stated
            if other == currency and _collected(self.posting) == BASE_CURRENCY:
                return stated
        month = f"{self.posting.booking_date:%Y-%m}"
        configured = self.settings.exchange_rates.get(currency, {}).get(month)
        if configured is None:
            raise CannotBook(
                "exchange_rate_missing",
                f"{self.posting.subject} is in {currency} and no exchange rate to the euro is known.",
                f"Enter the rate in the connection file under erp.exchange_rates.{currency}.{month} ({currency} "
                "per euro), then `connector release` the posting.",
            )
        return configured

    def _stated_base(self, amount: Money) -> Money | None:
        """What GoCardless itself says the whole amount is worth in euros."""
        facts = self.posting.facts
        stated = decimal_of(facts.get("fx_amount"))
        if stated is None or facts.get("fx_currency") != BASE_CURRENCY or self.posting.kind is PostingKind.PAYOUT:
            return None
        return Money.from_major(stated, BASE_CURRENCY) if amount == self.posting.activity_amount else None


@dataclass(frozen=True, slots=True)
class FxPayout:
    """A payout of money collected in another currency: its items were booked in euros at other rates.

    booked  what those items stand for on the clearing account, in euros; None when it is not known
    """

    booked: Money | None

    @classmethod
    def of(cls, posting: Posting, settings: DatevSettings) -> FxPayout | None:
        """None for every posting that leaves no exchange difference.

        Raises `CannotBook` (`fx_difference_unknown`) when the difference matters and is not known.
        """
        if not is_foreign_payout(posting):
            return None
        stated = decimal_of(posting.facts.get(CLEARING_BASE))
        if stated is not None:
            return cls(Money.from_major(stated, BASE_CURRENCY))
        if settings.fx_difference == "hold":
            raise CannotBook(
                "fx_difference_unknown",
                f"{posting.subject} pays out {_collected(posting)}; what its payments were booked at in euros is not known, so "
                "the exchange difference cannot be booked.",
                "Book the payout by hand and `connector withdraw` it, or set erp.fx_difference to leave_open and "
                "`connector release` it: the difference then stays on the clearing account until it is revalued.",
            )
        return cls(None)


def is_foreign_payout(posting: Posting) -> bool:
    """A payout of money that was collected in another currency than the euro."""
    return posting.kind is PostingKind.PAYOUT and _collected(posting) not in (None, BASE_CURRENCY)


def in_euros(amount: Money, rate: Decimal) -> Money:
    """`amount` at `rate` units per euro, rounded half up to the cent as DATEV does."""
    return Money.from_major((amount.major / rate).quantize(CENT, ROUND_HALF_UP), BASE_CURRENCY)


def decimal_of(text: str | None) -> Decimal | None:
    """A decimal fact; None when it is absent or no finite number."""
    try:
        value = Decimal(text or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _collected(posting: Posting) -> str | None:
    """The currency the money was collected in: that of the clearing or receivable lines."""
    for roles in ((AccountRole.CLEARING,), (AccountRole.RECEIVABLE,)):
        for line in posting.lines:
            if line.role in roles:
                return line.amount.currency
    return posting.lines[0].amount.currency if posting.lines else None
