"""What the requests to Exact Online cost in calls, for forecasts."""

from __future__ import annotations

from fractions import Fraction

from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.request_calls import CallTable, RequestCalls

#: rows of one page of the bulk services (exact_online.md section 4).
PAGE = 1000


def call_table(settings: ExactOnlineSettings) -> CallTable:
    """One entry holds the lines of many postings; it is read back with its lines, and receivables are read again."""
    customer = RequestCalls(1, Fraction(1, settings.terms_per_filter))
    return CallTable(
        starting=6,
        continuing=9,
        steps={
            "entry": RequestCalls(1, Fraction(1, PAGE), 2),
            "customer": customer,
            "payment_reference": customer,
            # Those of a day are paid out with one more entry.
            "credit_note": RequestCalls(together=3),
        },
    )
