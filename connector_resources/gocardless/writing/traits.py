"""How GoCardless differs from the ERPs as a system that is written to, as data (fact sheet gocardless.md)."""

from __future__ import annotations

from bookkeeping.postings import GOCARDLESS_KINDS
from connector_resources.erp.contract import Traits

TRAITS = Traits(
    erp="gocardless",
    label="GoCardless",
    settled_state="posted",
    # No delay between write and read is documented. What a look-up misses is still caught by the idempotency key.
    read_lag_s=2.0,
    max_postings_per_submission=1,
    claim_group=50,
    reference_field="metadata.mlc_ref",
    reads_invoices=False,
    reads_customers=False,
    allocates_customer_numbers=False,
    collects=True,
    asynchronous=False,
    limits=(
        "A customer has no version: a change made in GoCardless in the same second as ours may be overwritten.",
        "Metadata takes three keys; a customer that has three others cannot be given its ERP number.",
        "A payment can be cancelled only until GoCardless submits it to the bank.",
        "The amount of a subscription can be changed ten times, its schedule never; then another one takes its place.",
    ),
    kinds=GOCARDLESS_KINDS,
)
