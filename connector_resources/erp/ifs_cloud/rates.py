"""Amounts in a company's accounting currency at IFS's own rates, and so that a voucher balances to the cent (7.5, 7.9). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from bookkeeping.money import Money, exponent
from connector_resources.erp.ifs_cloud.odata import day_of
from connector_resources.erp.ifs_cloud.wire import Rate
from connector_resources.erp.refusal import CannotBook


@dataclass(frozen=True, slots=True)
class RateTable:
    """The rates of one company to its accounting currency `base`. `inverted` currencies are quoted the other way round."""

    base: str
    rates: Mapping[str, tuple[Rate, ...]]
    inverted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, base: str, rows: Iterable[Rate], inverted: Iterable[str] = ()) -> RateTable:
        found: dict[str, list[Rate]] = {}
        for row in rows:
            if row.rate > 0 and row.reference_currency in ("", base):
                found.setdefault(row.currency, []).append(row)
        newest_first = {
            currency: tuple(sorted(each, key=lambda row: day_of(row.valid_from) or date.min, reverse=True))
            for currency, each in found.items()
        }
        return cls(base, newest_first, frozenset(inverted))

    def in_base(self, amount: Money, day: date) -> Money:
        """Rounded half up. Raises `CannotBook` when no rate was valid on that day."""
        if amount.currency == self.base:
            return amount
        known = self.rates.get(amount.currency, ())
        rate = next((row for row in known if (day_of(row.valid_from) or date.min) <= day), None)
        if rate is None:
            raise CannotBook(
                "exchange_rate_missing",
                f"IFS Cloud has no rate of {amount.currency} to {self.base} that is valid on {day}",
                "enter it on the page Currency Rates in IFS Cloud",
            )
        ratio = rate.factor / rate.rate if self.base in self.inverted else rate.rate / rate.factor
        places = Decimal(1).scaleb(-exponent(self.base))
        return Money.from_major((amount.major * ratio).quantize(places, ROUND_HALF_UP), self.base)
