"""What each bank-debit scheme allows of a collection: its currency, the amounts of one payment, the payer's reference.

Data and text rules only; whether an invoice is collected is decided in `eligibility`. Sources: gocardless.md sections 3.2
(schemes), 3.3 (amounts, older and account-specific, therefore settings override them) and 3.4 (references).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from bookkeeping.entities import Mandate

#: mandates that a payment can be created on. SEPA, ACH and BECS mandates stay `pending_submission` until the first payment.
USABLE_STATUSES = frozenset({"pending_customer_approval", "pending_submission", "submitted", "active"})


@dataclass(frozen=True, slots=True)
class Scheme:
    """`smallest` and `largest` of one payment in minor units, None where no limit is known. A limit of 0: no reference."""

    name: str
    currency: str
    reference_limit: int
    smallest: int | None
    largest: int | None
    #: GoCardless takes each reference once per merchant.
    unique_reference: bool = False


SCHEMES: Mapping[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme("ach", "USD", 10, None, None),
        Scheme("autogiro", "SEK", 11, 10_00, 50_000_00),
        Scheme("bacs", "GBP", 10, 1_00, 5_000_00),
        Scheme("becs", "AUD", 30, 2_00, 10_000_00, unique_reference=True),
        Scheme("becs_nz", "NZD", 12, 2_00, 10_000_00),
        Scheme("betalingsservice", "DKK", 30, 10_00, 50_000_00),
        Scheme("pad", "CAD", 0, 2_00, 5_000_00),
        Scheme("pay_to", "AUD", 18, 2_00, 10_000_00),
        Scheme("sepa_core", "EUR", 140, 1_00, 5_000_00),
    )
}

#: every currency that some scheme collects.
CURRENCIES = frozenset(scheme.currency for scheme in SCHEMES.values())


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest and largest amount of one payment, minor units; None leaves that side open."""

    smallest: int | None = None
    largest: int | None = None


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Overrides of the schemes' defaults: by scheme first, then by currency. What an override leaves out stays the default."""

    by_scheme: Mapping[str, Limits] = field(default_factory=dict)
    by_currency: Mapping[str, Limits] = field(default_factory=dict)

    def of(self, scheme: Scheme) -> Limits:
        """The limits that hold for one payment by `scheme`."""
        own = self.by_scheme.get(scheme.name, Limits())
        shared = self.by_currency.get(scheme.currency, Limits())
        return Limits(
            smallest=_first(own.smallest, shared.smallest, scheme.smallest),
            largest=_first(own.largest, shared.largest, scheme.largest),
        )


def is_usable(mandate: Mandate) -> bool:
    """True while a payment can be created on `mandate`: right status, known debit scheme, not replaced by another."""
    return mandate.status in USABLE_STATUSES and mandate.scheme in SCHEMES and not mandate.new_mandate_id


def currency_of(mandate: Mandate) -> str | None:
    """The currency a mandate collects, None for a scheme that is no bank debit."""
    scheme = SCHEMES.get(mandate.scheme or "")
    return scheme.currency if scheme else None


def statement_reference(text: str, scheme_name: str, attempt: int = 1) -> str:
    """`text` as a payment reference of the scheme, or "" where none can be shown.

    Letters and digits with single blanks; what is too long keeps its end, which tells invoice numbers apart. Schemes that
    take a reference only once get the attempt's number at the end.
    """
    scheme = SCHEMES.get(scheme_name)
    if scheme is None or scheme.reference_limit == 0:
        return ""
    cleaned = _plain(text)
    suffix = f" {attempt}" if scheme.unique_reference and attempt > 1 else ""
    room = scheme.reference_limit - len(suffix)
    cleaned = cleaned[-room:].strip() + suffix if cleaned else ""
    return cleaned if len(cleaned) > 1 and len(set(cleaned)) > 1 else ""


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    ascii_only = "".join(c for c in decomposed if c.isascii())
    return " ".join(re.sub(r"[^A-Za-z0-9 ]", "", ascii_only).split())


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
