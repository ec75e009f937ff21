"""How IFS Cloud differs from its siblings, as data (fact sheet ifs_cloud.md)."""

from __future__ import annotations

from bookkeeping.postings import ERP_KINDS, INVOICE_KINDS
from connector_resources.erp.contract import Traits

TRAITS = Traits(
    erp="ifs_cloud",
    label="IFS Cloud",
    settled_state="posted",
    # After an unanswered write the server may go on; the sheet waits twice the time limit of a read (sections 5 and 6.3).
    read_lag_s=120.0,
    max_postings_per_submission=5000,
    claim_group=20,
    reference_field="ReferenceNumber",
    reads_invoices=True,
    reads_customers=True,
    allocates_customer_numbers=False,
    collects=True,
    asynchronous=True,
    limits=(
        "Names of projections differ per tenant: they are settings, and `connector ping` compares them with the tenant's "
        "own metadata.",
        "Receipts settle invoices through the Payment component only; with settlement suspense a person matches them.",
        "A voucher cannot be changed or deleted: corrections are further vouchers.",
        "A refund is a repayment to the customer; no credit note is made for it.",
        "Money that a payer sends to the bank directly never passes the GoCardless cash account and is held.",
        "A payer of several companies is several GoCardless customers, one per company.",
        "IFS has no webhooks with signatures: Event Actions are trusted by a shared secret and only hasten a poll.",
        "E-mail and address of a customer are changed where there are any; none is added to a customer.",
    ),
    kinds=ERP_KINDS | INVOICE_KINDS,
)
