"""Money as integer minor units of one currency: the only place that knows how many decimals a currency has.

Amounts enter as integers or exact `Decimal`s and leave as integers or exact `Decimal`s. No float is accepted or given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

#: Currencies whose minor unit is not a hundredth (ISO 4217). Everything else that is three letters has two decimals.
EXPONENTS = {
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
    "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "CLF": 4, "UYW": 4,
}  # fmt: skip


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies met in one sum or comparison."""


class NotRepresentable(ValueError):
    """A decimal amount has more places than its currency's minor unit."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` units (cents, pence, øre) of `currency`, an ISO 4217 code. Arithmetic only within one currency.

    >>> Money(12345, "EUR") + Money(55, "EUR")
    Money(minor=12400, currency='EUR')
    >>> str(Money(-5, "GBP"))
    '-0.05 GBP'
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"Money takes an integer of minor units, not {self.minor!r}")
        if not (len(self.currency) == 3 and self.currency.isascii() and self.currency.isupper()):
            raise ValueError(f"{self.currency!r} is not an ISO 4217 currency code such as EUR")

    @classmethod
    def from_major(cls, amount: Decimal, currency: str) -> Money:
        """`amount` in major units (pounds, euros). Raises `NotRepresentable` when it does not fit the minor unit exactly."""
        if not isinstance(amount, Decimal):
            raise TypeError(f"Money.from_major takes a Decimal, not {amount!r}")
        if not amount.is_finite():
            raise NotRepresentable(f"{amount} {currency} is not a finite amount")
        minor = amount.scaleb(exponent(currency))
        if minor != minor.to_integral_value():
            raise NotRepresentable(f"{amount} {currency} has more than {exponent(currency)} decimals")
        return cls(int(minor), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @property
    def major(self) -> Decimal:
        """The amount in major units with exactly the currency's decimals: `Money(5, "EUR").major == Decimal("0.05")`."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.minor <= other.minor

    def __gt__(self, other: Money) -> bool:
        return not self <= other

    def __ge__(self, other: Money) -> bool:
        return not self < other

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self} and {other} have different currencies")


def exponent(currency: str) -> int:
    """How many decimals the currency's minor unit has: 2 for EUR, 0 for JPY, 3 for KWD."""
    return EXPONENTS.get(currency, 2)


def total(amounts: Sequence[Money], currency: str) -> Money:
    """The sum of `amounts`, zero of `currency` when there are none. Raises `CurrencyMismatch` on a stranger."""
    result = Money.zero(currency)
    for amount in amounts:
        result = result + amount
    return result


def round_minor(units: Decimal, currency: str) -> Money:
    """Fractional minor units (payout-item fees) to whole ones, halves to even."""
    return Money(int(units.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)), currency)


def allocate(amount: Money, weights: Sequence[int]) -> list[Money]:
    """Split `amount` in proportion to `weights` (not negative, not all zero); the parts always sum to `amount`.

    What is left after rounding down goes, one minor unit each, to the parts with the largest remainder.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError(f"weights must be non-negative with a positive sum, not {list(weights)}")
    sign = -1 if amount.minor < 0 else 1
    units = abs(amount.minor)
    parts = [units * weight // whole for weight in weights]
    remainders = [units * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: units - sum(parts)]:
        parts[i] += 1
    return [Money(sign * part, amount.currency) for part in parts]
