"""What the requests to Visma.net ERP cost in calls, for forecasts."""

from __future__ import annotations

from fractions import Fraction

from connector_resources.erp.request_calls import CallTable, RequestCalls
from connector_resources.erp.visma.settings import VismaSettings


def call_table(settings: VismaSettings) -> CallTable:
    """A document is made and, unless a person does that, released; after each all of them are read back by pages."""
    steps = 2 if settings.releases else 1
    page = Fraction(1, settings.page_size)
    document = RequestCalls(steps, steps * page, steps)
    customer = RequestCalls(1, page, 1)
    return CallTable(
        starting=2,
        continuing=7,
        steps={
            "create": document,
            "void": document,
            # The credit note is released in any case, and paid out then.
            "credit_note": RequestCalls(2 + steps, (2 + steps) * page, 2 + steps),
            # Journals are read back one by one.
            "journal": RequestCalls(2 * steps),
            "attributes": customer,
            "details": customer,
            "customer": RequestCalls(2),
        },
    )
