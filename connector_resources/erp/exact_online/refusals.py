"""Exact's refusals in plain sentences with a next step (exact_online.md section 6.2). Pure; its own text is kept in the reason.

Messages come in the user's language; English and Dutch are known, and whatever is not known is a refusal all the same.
"""

from __future__ import annotations

import re

from connector_resources.erp.contract import Rejected
from connector_resources.erp.meanings import Meaning, rejection

#: it may be our own earlier try: to be looked up.
DUPLICATE = r"(?i)already exists|bestaat al|\bin use\b|in gebruik"
#: somebody else booked in the journal meanwhile: to be planned again.
STALE_BALANCE = r"(?i)opening balance plus all bank entry lines|beginsaldo"

_RELEASE = ", then release the posting."
MEANINGS = (
    Meaning(
        r"(?i)financial year|period-date|boekjaar|gesloten|\bclosed\b",
        "period_closed",
        "the financial period is closed or missing",
        "Open the period in Exact Online or set closed_period to next_open_period" + _RELEASE,
    ),
    Meaning(
        r"(?i)G/L account|grootboek|GLAccount",
        "account_refused",
        "the account is missing or blocked",
        "Choose another account in the connection file, run `connector ping`" + _RELEASE,
    ),
    Meaning(
        STALE_BALANCE,
        "balance_moved",
        "the journal's balance moved every time it was read",
        "See who books in the journal that is kept for GoCardless, or set bank_balances to omit" + _RELEASE,
    ),
    Meaning(
        r"(?i)\bVAT\b|\bbtw",
        "vat_unknown",
        "the VAT code is unknown, blocked, or not allowed in this journal",
        "Correct vat_codes, no_vat_code or refund_vat_code in the connection file" + _RELEASE,
    ),
    Meaning(
        r"(?i)must be a .* journal|dagboek|journal",
        "journal_refused",
        "the journal is missing, blocked, of the wrong type, or does not take this currency",
        "Correct the journals in the connection file, run `connector ping`" + _RELEASE,
    ),
    Meaning(
        r"(?i)\(Type\)|account .*\(blocked\)|relatie .*geblokkeerd",
        "customer_inactive",
        "the customer is not of status customer, or is blocked",
        "Correct the customer in Exact Online" + _RELEASE,
    ),
    Meaning(
        r"(?i)\bcurrency\b|\bvaluta\b",
        "currency_unmapped",
        "the division does not keep this currency, or has no rate for it",
        "Add the currency and its rates in Exact Online" + _RELEASE,
    ),
    Meaning(
        r"(?i)cost cent(er|re)|kostenplaats",
        "account_refused",
        "the account asks for a cost centre, which the connector does not send",
        "Make the cost centre optional on that account in Exact Online" + _RELEASE,
    ),
    Meaning(
        r"(?i)not balanced|niet in balans",
        "journal_unbalanced",
        "the entry does not balance",
        "Report this with the posting's key; nothing was booked.",
    ),
    Meaning(
        r"(?i)already processed|reeds verwerkt",
        "changed_meanwhile",
        "the document was processed and cannot be changed any more",
        "Look at it in Exact Online" + _RELEASE,
    ),
)
#: refusals that concern one line and not the whole entry, by code.
OF_A_LINE = frozenset({"customer_inactive", "vat_unknown", "account_refused", "refused"})


def rejected(message: str, what: str) -> Rejected:
    """The refusal of `what` (a request in words) with Exact's own `message`."""
    return rejection(message, what, "Exact Online", MEANINGS)


def is_duplicate(message: str) -> bool:
    return re.search(DUPLICATE, message) is not None


def is_stale_balance(message: str) -> bool:
    return re.search(STALE_BALANCE, message) is not None
