"""Visma's refusals in plain sentences with a next step (visma.md section 6.3). Pure; the text of Visma is kept in the reason."""

from __future__ import annotations

from connector_resources.erp.contract import Rejected
from connector_resources.erp.meanings import Meaning, rejection

ALREADY_RELEASED = "already released"

_MEANINGS = (
    Meaning(
        r"AdjdRefNbr",
        "invoice_not_open",
        "the invoice is not there for this customer, is not released, or is closed",
        "Check the invoice and its customer in Visma, then release the posting: it is matched again.",
    ),
    Meaning(
        r"exceeds the balance|exceed the balance|exceeds the payment amount|exceed the available balance",
        "invoice_balance_too_low",
        "the invoice is open for less than the receipt settles",
        "Look for another payment on the invoice in Visma, then release the posting: it is matched again.",
    ),
    Meaning(
        r"(TaxID|TaxCategoryID) '.*' cannot be found",
        "vat_unknown",
        "the VAT id or category does not belong together, or to the customer's VAT zone",
        "Correct vat_codes or refund_vat_category in the connection file, then release the posting.",
    ),
    Meaning(
        r"period .*(closed|inactive)",
        "period_closed",
        "the financial period is closed or inactive",
        "Open the period in Visma or set closed_period to next_open_period, then release the posting.",
    ),
    Meaning(
        r"Cash account|Payment method",
        "cash_account_refused",
        "payment method, cash account and branch are not set up for each other",
        "Allow the payment method for the cash account in Visma, run `connector ping`, then release the posting.",
    ),
    Meaning(
        r"control account|manual entries",
        "account_refused",
        "the account takes no manual entries",
        "Choose another account in the connection file, run `connector ping`, then release the posting.",
    ),
    Meaning(
        r"[Ss]ubaccount",
        "subaccount_refused",
        "the subaccount is missing or unknown",
        "Set subaccount in the connection file, then release the posting.",
    ),
    Meaning(
        r"not linked to customer class",
        "attribute_not_linked",
        "the attribute does not belong to the customer's class",
        "Link the attribute to the customer class in Visma, then release the posting.",
    ),
    Meaning(
        r"VAT entry from the general ledger",
        "vat_entry_disabled",
        "VAT entry from the general ledger module is not enabled in this company",
        "Enable it in Visma or set fee_vat_mode to plain_line, then release the posting.",
    ),
    Meaning(
        r"status is 'Inactive'",
        "customer_inactive",
        "the customer is inactive",
        "Activate the customer in Visma, then release the posting.",
    ),
    Meaning(
        r"out of balance|control total",
        "journal_unbalanced",
        "the journal does not balance",
        "Report this with the posting's key; nothing was booked.",
    ),
    Meaning(
        r"cannot be voided",
        "void_refused",
        "the document is not in a state that can be voided",
        "A draft is deleted by hand in Visma; a released document may be in use by another one. Then release the posting.",
    ),
    Meaning(
        r"[Nn]umber .*already exists|already exists",
        "number_taken",
        "a document with this number exists already",
        "Look at that document in Visma before anything is sent again.",
    ),
    Meaning(
        r"No license for this company",
        "no_licence",
        "the tenant is wrong or has no licence",
        "Check tenant_id in the connection file, then release the posting.",
    ),
    Meaning(
        r"cannot be found in the system",
        "unknown_in_visma",
        "something the document names does not exist there",
        "Correct the connection file or the master data in Visma, then release the posting.",
    ),
)


def rejected(message: str, what: str) -> Rejected:
    """The refusal of `what` (a request in words) with Visma's own `message`."""
    return rejection(message, what, "Visma", _MEANINGS)
