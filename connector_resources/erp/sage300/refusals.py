"""Sage 300's refusals in plain sentences with a next step (sage300.md section 6). Pure; its own text is kept in the reason.

Texts come in the language of the API user and differ by release; English is known, and what is not known is a refusal all the
same. The status 409 says nothing by itself: the error code decides.
"""

from __future__ import annotations

import re

from connector_resources.erp.contract import Rejected
from connector_resources.erp.meanings import Meaning, rejection

#: a clerk has the batch or the record open; it is tried again a few times (section 8).
LOCKED = r"(?i)locked by another user|in use by another|being used by another|modified by another program"

_RELEASE = ", then release the posting."
MEANINGS = (
    Meaning(
        LOCKED,
        "locked_by_user",
        "somebody has the record open",
        "Let it be closed on the screen in Sage 300" + _RELEASE,
    ),
    Meaning(
        r"(?i)which is locked for|fiscal period|fiscal calendar|fiscal year",
        "period_closed",
        "the fiscal period is locked or missing",
        "Unlock it in the Fiscal Calendar, or set locked_through and closed_period" + _RELEASE,
    ),
    Meaning(
        r"(?i)Ready To Post|cannot be edited|can be viewed but not|not editable|deposit slip",
        "changed_meanwhile",
        "the batch cannot be changed any more",
        "Look at the batch in Sage 300" + _RELEASE,
    ),
    Meaning(
        r"(?i)optional field",
        "optional_field_refused",
        "the optional field is missing, not attached to customers, or does not take the value",
        "Set the field up in Common Services and A/R, or correct erp.optional_fields" + _RELEASE,
    ),
    Meaning(
        r"(?i)control account|\baccount\b|RevenueAccount|G/L",
        "account_refused",
        "an account is missing, inactive, or takes no such entry",
        "Choose another account in the connection file, run `connector ping`" + _RELEASE,
    ),
    Meaning(
        r"(?i)customer.*(inactive|on hold)|inactive.*customer",
        "customer_inactive",
        "the customer is inactive or on hold",
        "Correct the customer in Sage 300" + _RELEASE,
    ),
    Meaning(
        r"(?i)customer",
        "customer_missing",
        "the customer is not there, or does not fit",
        "Correct the link of the GoCardless customer" + _RELEASE,
    ),
    Meaning(
        r"(?i)bank|currency|rate",
        "bank_refused",
        "the bank, its currency or a rate does not fit",
        "Correct bank_code and currencies in the connection file, run `connector ping`" + _RELEASE,
    ),
    Meaning(
        r"(?i)tax group|tax class|tax authority",
        "tax_group_refused",
        "the tax group does not fit the customer",
        "Correct no_tax_group, refund_tax_group or invoice_tax_group" + _RELEASE,
    ),
)
#: refusals of one entry and not of the whole batch, by code.
OF_AN_ENTRY = frozenset({"customer_inactive", "customer_missing", "refused", "tax_group_refused", "number_taken"})
#: error codes that say: this may exist already.
DUPLICATE = frozenset({"RecordDuplicate"})
_EXISTS = r"(?i)already exists|duplicate"


def rejected(message: str, what: str) -> Rejected:
    """The refusal of `what` (a request in words) with Sage's own `message`."""
    return rejection(message, what, "Sage 300", MEANINGS)


def is_locked(message: str) -> bool:
    return re.search(LOCKED, message) is not None


def is_duplicate(code: str, message: str) -> bool:
    """Whether the refusal may be about our own earlier try (section 6)."""
    return code in DUPLICATE or re.search(_EXISTS, message) is not None
