"""Fiscal periods of the company: which one a date falls in, and whether the settings call the day locked (3.6). Pure.

Sage shows the dates of its periods and not their locks, so those are told in the connection file, per application.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from connector_resources.erp.sage300.odata import day_of
from connector_resources.erp.sage300.wire import FiscalCalendar

PERIODS = 13


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A period of a fiscal year; years need not be calendar years."""

    year: int
    period: int
    starts: date
    ends: date

    def __str__(self) -> str:
        return f"{self.year}/{self.period}"


class Calendar:
    """The fiscal years that were read, by year."""

    def __init__(self, years: Mapping[int, FiscalCalendar | None] | None = None) -> None:
        self.years = set(years or {})
        self._spans = [span for year, row in (years or {}).items() if row is not None for span in _spans(year, row)]

    def span_of(self, day: date) -> Span | None:
        """The period that holds `day`; None when the company has none."""
        return next((span for span in self._spans if span.starts <= day <= span.ends), None)


def open_day(day: date, locked_through: date | None, policy: str) -> date | None:
    """`day`, the first day after the lock where the policy moves documents, or None where they are held."""
    if locked_through is None or day > locked_through:
        return day
    return locked_through + timedelta(days=1) if policy == "next_open_day" else None


def _spans(year: int, row: FiscalCalendar) -> list[Span]:
    found = []
    for number in range(1, PERIODS + 1):
        starts, ends = (day_of(value) for value in row.dates(number))
        if starts is not None and ends is not None and starts <= ends:
            found.append(Span(year, number, starts, ends))
    return found
