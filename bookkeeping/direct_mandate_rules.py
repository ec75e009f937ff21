"""May a mandate be made directly from the bank details that the ERP holds, and in which scheme? No I/O.

A mandate needs the payer's authority. The ERP can only show that there once was one, so whoever switches this on answers for
it; and a payer whose mandate was cancelled or has failed is never debited again without being asked. Sources: gocardless.md
sections 2.5 and 3.2; exact_online.md sections 2.3 and 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

#: reasons for which there simply is no mandate yet. After the others a payer, or a bank, has ended one.
WITHOUT_REFUSAL = frozenset({"no_gocardless_customer", "no_mandate", "currency_mismatch"})

#: the euro area and its neighbours in SEPA whose IBANs are euro accounts.
_EURO_COUNTRIES = frozenset(
    {
        "AD", "AT", "BE", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV", "MC", "MT", "NL",
        "PT", "SI", "SK", "SM",
    }
)  # fmt: skip
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")


@dataclass(frozen=True, slots=True)
class BankDetails:
    """A customer's account as the ERP holds it. The IBAN is personal: it is in no text that this value is shown as.

    signed_mandate   reference of a mandate in the ERP that is signed, not cancelled, and for this account
    has_mandates     whether the ERP holds any mandate of the customer, signed or not
    """

    holder: str
    iban: str = field(repr=False)
    signed_mandate: str = ""
    has_mandates: bool = False


@dataclass(frozen=True, slots=True)
class DirectMandate:
    """How a mandate is made directly. `bank_details` names where the IBAN lies sealed until it is sent."""

    scheme: str
    holder: str
    bank_details: str
    signed_mandate: str = ""


def direct_scheme(details: BankDetails, currency: str, reasons: Collection[str], *, needs_signature: bool) -> str:
    """The scheme of the mandate; "" when the payer must be asked.

    `reasons` are the codes for which the payer's invoices are not collected. `needs_signature`: a signed mandate in the ERP
    is asked for even where the ERP holds none at all.
    """
    if not set(reasons) <= WITHOUT_REFUSAL:
        return ""
    if not details.signed_mandate and (needs_signature or details.has_mandates):
        return ""
    if not is_iban(details.iban):
        return ""
    country = details.iban[:2]
    if currency == "EUR" and country in _EURO_COUNTRIES:
        return "sepa_core"
    return "bacs" if (currency, country) == ("GBP", "GB") else ""


def plain_iban(text: str) -> str:
    """Without blanks, in capitals."""
    return re.sub(r"\s", "", text).upper()


def is_iban(text: str) -> bool:
    """By its form and check digits (ISO 13616)."""
    if not _IBAN.fullmatch(text):
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1
