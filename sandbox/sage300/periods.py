"""Fiscal periods and their locks. A period is locked for each application by itself (section 3.6)."""

from __future__ import annotations

import calendar
from datetime import date
from typing import TYPE_CHECKING

from sandbox.sage300.refusals import FieldInvalid
from sandbox.sage300.tables import Table
from sandbox.sage300.writing import Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

#: the modules whose names stand in Sage's own sentence.
_NAMES = {"AR": "Accounts Receivable", "GL": "General Ledger", "BK": "Bank Services"}


def add_year(company: Company, year: int) -> None:
    """Twelve periods, one a month."""
    calendars = company.tables["CSFiscalCalendars"]
    row = calendars.kind.blank() | {"FiscalYear": str(year), "NumberOfFiscalPeriods": 12}
    for month in range(1, 13):
        row[f"FiscalPeriod{month}StartDate"] = date(year, month, 1)
        row[f"FiscalPeriod{month}EndDate"] = date(year, month, calendar.monthrange(year, month)[1])
    calendars.add(row)


def period_of(company: Company, day: date) -> tuple[str, str]:
    """Year and period of a day, such as `("2025", "01")`. Raises `FieldInvalid` outside the calendar."""
    found = _search(company.tables["CSFiscalCalendars"], day)
    if found is None:
        raise FieldInvalid(f"Cannot determine the fiscal period for {day.isoformat()}.")
    return found


def exists(company: Company, year: str, period: str) -> bool:
    row = company.tables["CSFiscalCalendars"].get(year)
    return row is not None and period.isdigit() and 1 <= int(period) <= row["NumberOfFiscalPeriods"]


def _search(calendars: Table, day: date) -> tuple[str, str] | None:
    for row in calendars:
        for number in range(1, row["NumberOfFiscalPeriods"] + 1):
            start, end = row[f"FiscalPeriod{number}StartDate"], row[f"FiscalPeriod{number}EndDate"]
            if start is not None and start <= day <= end:
                return row["FiscalYear"], f"{number:02d}"
    return None


def is_locked(company: Company, module: str, year: str, period: str) -> bool:
    return (module, year, period) in company.locked_periods


def check(work: Work, modules: tuple[str, ...], year: str, period: str, what: str) -> None:
    """Refuse or warn when the period is locked for one of the modules, as the company's option says."""
    mode = work.company.switches.locked_period
    for module in modules:
        if mode != "none" and is_locked(work.company, module, year, period):
            text = (
                f"{what} falls in period {period} of year {year}, which is locked for {_NAMES[module]} in the Fiscal "
                "Calendar. Change the date or the setting in the Company Profile."
            )
            if mode == "error":
                raise FieldInvalid(text)
            work.warn(text)
