"""What the requests to DATEV cost in calls, for forecasts."""

from __future__ import annotations

from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.request_calls import CallTable, RequestCalls


def call_table(settings: DatevSettings) -> CallTable:
    """A file is one upload, and its job is asked for until it has ended: mostly twice."""
    file = RequestCalls(3)
    # Payouts are a file of their own.
    return CallTable(starting=3, steps={"batch": file, "debtors": file, "labels": file, "dxso_job": RequestCalls(4)})
