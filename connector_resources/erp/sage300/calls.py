"""What the requests to Sage 300 cost in calls, for forecasts."""

from __future__ import annotations

from fractions import Fraction

from connector_resources.erp.request_calls import CallTable, RequestCalls
from connector_resources.erp.sage300.settings import Sage300Settings


def call_table(settings: Sage300Settings) -> CallTable:
    """A batch is made, made ready and posted; after each step all batches are read back together, a journal alone."""
    batch = RequestCalls(3, together=3)
    return CallTable(
        starting=2,
        steps={
            **dict.fromkeys(("receipt", "debit_note", "invoice", "refund"), batch),
            # A posted credit note is paid out by a refund, whose batches are looked through as well.
            "credit_note": RequestCalls(6, together=13),
            "journal": RequestCalls(6),
            "customer": RequestCalls(1, Fraction(1, settings.terms_per_filter)),
        },
    )
