"""How Exact Online differs from its siblings, as data (fact sheet exact_online.md)."""

from __future__ import annotations

from bookkeeping.postings import ERP_KINDS, INVOICE_KINDS, PostingKind
from connector_resources.erp.contract import Traits
from connector_resources.erp.exact_online.documents import BANK_ENTRY

TRAITS = Traits(
    erp="exact_online",
    label="Exact Online",
    settled_state="posted",
    # No delay is documented; after an unanswered write the sheet waits 30 s before it believes "absent" (section 6.4).
    read_lag_s=30.0,
    max_postings_per_submission=500,
    # Four full entries, with the line of the bank in each, fill a page of 1,000 posted lines.
    claim_group=4,
    read_back_aside=frozenset({(PostingKind.RECEIPT, BANK_ENTRY)}),
    read_back_at_once=600,
    reference_field="Description",
    reads_invoices=True,
    reads_customers=True,
    allocates_customer_numbers=False,
    collects=True,
    asynchronous=False,
    knows_bank_details=True,
    limits=(
        "Matching receipts with invoices has no REST interface: Exact matches by customer, invoice number and amount, "
        "and what it leaves open is reported, or settled by the XML topic MatchSets while Exact still offers it.",
        "A bank or journal entry cannot be changed, and is deleted only while it is open: corrections are further entries.",
        "A payment taken back is a new open item of the GoCardless journal, with the number of the invoice it opens again.",
        "A mandate needs a bank account of the customer in Exact, because GoCardless never tells a whole account number.",
        "The exchange difference of a converted payout needs what its payments were booked at; for payments of before the "
        "cut-over it is held, or left to a revaluation in Exact.",
        "Consent ends when no run uses it for 30 days, and when a refresh answer is lost for good.",
        "There is no attachment or link to GoCardless; the marker at the start of a line's description is the way back.",
    ),
    kinds=ERP_KINDS | INVOICE_KINDS,
)
