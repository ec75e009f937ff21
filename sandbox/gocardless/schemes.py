"""What the bank-debit schemes allow and how long they take (gocardless.md sections 3.2 to 3.5), as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scheme:
    """Working days count from creation; `reference_limit` 0 means that no payment reference can be set."""

    name: str
    currency: str
    calendar: str
    reference_limit: int
    submitted: int
    charged: int
    confirmed: int
    paid_out: int
    countries: tuple[str, ...] = ()
    #: the mandate goes to the bank together with its first payment
    mandate_with_payment: bool = False
    dormancy_months: int | None = None
    #: default limits of one payment, minor units; enforced only when the world is told to
    smallest: int = 100
    largest: int = 500_000


_EUROZONE = (
    "AT", "BE", "BG", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MC", "MT", "NL", "PT",
    "SI", "SK", "SM",
)  # fmt: skip

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme("bacs", "GBP", "GB", 10, 1, 3, 4, 5, ("GB", "GG", "JE", "IM", "GI"), dormancy_months=13),
        Scheme("sepa_core", "EUR", "TARGET", 140, 1, 3, 4, 6, _EUROZONE, True, 36),
        Scheme("ach", "USD", "US", 10, 1, 2, 4, 5, ("US",), True, 15),
        Scheme("becs", "AUD", "AU", 30, 0, 1, 3, 4, ("AU",), True, 15, 200, 1_000_000),
        Scheme("becs_nz", "NZD", "NZ", 12, 1, 2, 5, 6, ("NZ",), True, None, 200, 1_000_000),
        Scheme("pad", "CAD", "CA", 0, 0, 3, 5, 6, ("CA",), False, None, 200, 500_000),
        Scheme("autogiro", "SEK", "SE", 11, 6, 8, 8, 10, ("SE",), False, None, 1_000, 5_000_000),
        Scheme("betalingsservice", "DKK", "DK", 30, 7, 8, 8, 12, ("DK",), False, 15, 1_000, 5_000_000),
        Scheme("pay_to", "AUD", "AU", 18, 0, 1, 1, 2, (), False, None, 200, 1_000_000),
        Scheme("faster_payments", "GBP", "GB", 0, 0, 0, 0, 1, (), False, None),
        Scheme("sepa_credit_transfer", "EUR", "TARGET", 140, 0, 0, 0, 1),
        Scheme("sepa_instant_credit_transfer", "EUR", "TARGET", 140, 0, 0, 0, 1),
    )
}

CURRENCIES = ("AUD", "CAD", "DKK", "EUR", "GBP", "NZD", "SEK", "USD")

#: What a debtor's bank account of a country is collected with, and in which currency.
DEBIT_SCHEME_OF_COUNTRY = {country: scheme.name for scheme in SCHEMES.values() for country in scheme.countries}

#: The calendar that a payout in a currency follows.
CALENDAR_OF_CURRENCY = {
    "AUD": "AU", "CAD": "CA", "DKK": "DK", "EUR": "TARGET", "GBP": "GB", "NZD": "NZ", "SEK": "SE", "USD": "US",
}  # fmt: skip


def scheme_of(name: str) -> Scheme:
    return SCHEMES[name]


def set_up_days(scheme: Scheme, mandate_status: str) -> int:
    """How many more working days a collection takes while its mandate is not active yet (section 3.5)."""
    return 0 if scheme.mandate_with_payment or mandate_status == "active" else 1
