"""Accounting periods: which one a date is in, and whether it is open for a user group and ledger (fact sheet 3.6)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import record_rule

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


def open_period(tenant: Tenant, company: str, user_group: str, dated: date, ledger: str) -> Row:
    """The accounting period of `dated`. Raises `Business` when there is none, or none the group may post to."""
    period = find(tenant, company, dated)
    if period is None:
        raise record_rule(
            "UserGroupPeriod.NOTOPENPERIOD",
            f"There is no open period at {dated} for user group {user_group} in {company}",
        )
    year, number = period["AccountingYear"], period["AccountingPeriod"]
    link = tenant.table("UserGroupPeriod").get(company, user_group, ledger, year, number)
    if link is None:
        raise record_rule(
            "UserGroupPeriod.USRGRPNOTCON",
            f"User group {user_group} is not connected to a period at {dated} in {company}",
        )
    if link["PeriodStatus"] != "Open":
        raise record_rule(
            "UserGroupPeriod.USRGRPPER", f"Period {number} is not open for user group {user_group} in Company {company}"
        )
    return period


def find(tenant: Tenant, company: str, dated: date) -> Row | None:
    """The period of a date, open or not."""
    found = tenant.table("AccountingPeriod").get(company, dated.year, dated.month)
    if found is not None and found["DateFrom"] <= dated <= found["DateUntil"]:
        return found
    every = tenant.table("AccountingPeriod").where("Company", company)
    return next((row for row in every if row["DateFrom"] <= dated <= row["DateUntil"]), None)


def set_status(
    tenant: Tenant, company: str, year: int, period: int, status: str, *, user_group: str = "", ledger: str = ""
) -> int:
    """Open or close a period for one user group and ledger, or for all; how many links were changed.

    Raises `ValueError` for an unknown status, when there is no such period, and when it is closed for good.
    """
    if status not in ("Open", "Closed", "FinallyClosed"):
        raise ValueError(f"{status!r} is not the status of a period")
    links = [
        row
        for row in tenant.table("UserGroupPeriod").where("Company", company)
        if (row["AccountingYear"], row["AccountingPeriod"]) == (year, period)
        and user_group in ("", row["UserGroup"])
        and ledger in ("", row["LedgerId"])
    ]
    if not links:
        raise ValueError(f"company {company} has no period {year} {period}")
    if status != "FinallyClosed" and any(row["PeriodStatus"] == "FinallyClosed" for row in links):
        raise ValueError(f"period {year} {period} of company {company} is closed for good")
    for row in links:
        tenant.table("UserGroupPeriod").change(row, PeriodStatus=status)
    return len(links)
