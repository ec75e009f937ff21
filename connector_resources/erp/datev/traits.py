"""How DATEV differs from the other ERPs, as data."""

from __future__ import annotations

from connector_resources.erp.contract import Traits

TRAITS = Traits(
    erp="datev",
    label="DATEV",
    settled_state="delivered",
    # A just accepted job may be missing from the job list for a while (datev.md 4).
    read_lag_s=12.0,
    max_postings_per_submission=99_999,
    # One upload at a time per client (datev.md 5).
    claim_group=1,
    reference_field="Reference-Id",
    reads_invoices=False,
    reads_customers=False,
    allocates_customer_numbers=True,
    collects=False,
    asynchronous=True,
    limits=(
        "DATEV confirms that a batch was delivered to the data centre, not that it was booked: the tax adviser fetches it.",
        "Bookings cannot be read back, so a delivered batch is not compared with the books.",
        "Open invoices and customers cannot be read; invoices are matched by Belegfeld 1 at the adviser's.",
        "Mandates have no place in DATEV; mandate changes are only recorded here.",
    ),
)
