"""How Sage 300 differs from its siblings, as data (fact sheet sage300.md)."""

from __future__ import annotations

from bookkeeping.postings import ERP_KINDS, SALES_KINDS, PostingKind
from connector_resources.erp.contract import Traits
from connector_resources.erp.sage300.documents import RECEIPTS

TRAITS = Traits(
    erp="sage300",
    label="Sage 300",
    settled_state="posted",
    # After an unanswered write the server may work on for a while; "absent" is believed after two minutes (section 6).
    read_lag_s=120.0,
    max_postings_per_submission=500,
    claim_group=20,
    # All of a pass together: one wrong entry holds its whole batch.
    read_back_aside=frozenset({(PostingKind.RECEIPT, RECEIPTS)}),
    reference_field="EntryReference",
    reads_invoices=True,
    reads_customers=True,
    allocates_customer_numbers=False,
    collects=True,
    asynchronous=False,
    limits=(
        "Bank reversals have no endpoint: a receipt taken back becomes a debit note, not a returned receipt.",
        "In payout_gl receivables are credited in the general ledger only; the A/R sub-ledger is matched by staff.",
        "Period locks and schedules cannot be read; they are told in the connection file.",
        "A refund batch pays out a posted credit note; where people post batches, the refund waits for them.",
        "Batches cannot be deleted over the Web API: what was half created is removed by a person.",
        "There are no webhooks and no time of a change, only its day: everything is read on a schedule.",
        "An invoice has no field for the state of its collection; it is shown in the reports only.",
    ),
    kinds=ERP_KINDS | SALES_KINDS,
    subscribes=True,
)
