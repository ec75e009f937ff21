"""What the requests to IFS Cloud cost in calls, for forecasts."""

from __future__ import annotations

from fractions import Fraction

from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.request_calls import CallTable, RequestCalls

#: rows of a draft that are read with one call when it is read back.
PAGE = 25


def call_table(settings: IfsCloudSettings) -> CallTable:
    """A payment has a call for each receipt in it, a voucher one for each row; a file takes any number."""
    return CallTable(
        starting=2,
        continuing=9,
        steps={
            "payment": RequestCalls(4, 1 + Fraction(1, PAGE), 3),
            "voucher": RequestCalls(6, Fraction(2), 2),
            "file": RequestCalls(4, together=3),
        },
    )
