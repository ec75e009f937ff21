"""How Visma.net ERP differs from its siblings, as data (fact sheet visma.md)."""

from __future__ import annotations

from connector_resources.erp.contract import Traits

TRAITS = Traits(
    erp="visma",
    label="Visma.net ERP",
    settled_state="posted",
    # No delay between write and read is known; the sheet advises to wait a few seconds all the same (section 6.4).
    read_lag_s=3.0,
    max_postings_per_submission=1,
    claim_group=100,
    reference_field="paymentRef",
    reads_invoices=True,
    reads_customers=True,
    allocates_customer_numbers=False,
    collects=False,
    asynchronous=False,
    limits=(
        "A refund needs a credit note: a receipt that is fully applied cannot be paid back directly.",
        "The date of a void is chosen by Visma.net; a void that falls into a closed period is held before its release.",
        "Receipts have no attachments; the reference in paymentRef is the way back to GoCardless.",
        "A document that was released cannot be deleted, only voided or reversed.",
        "Mandate attributes must be linked to the customer class by hand; the API cannot do it.",
        "Bank deposits and bank-statement matching have no API; a payout is booked as a journal to the bank account.",
    ),
)
