"""Financial periods: which one a date falls in, whether a journal is closed there, and the next open day (3.8). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from connector_resources.erp.exact_online.odata import day_of
from connector_resources.erp.exact_online.wire import JournalStatus, Period


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A period of a financial year; years need not be calendar years (section 2.7)."""

    year: int
    number: int
    starts: date
    ends: date

    def __str__(self) -> str:
        return f"{self.year}/{self.number}"


class Calendar:
    """The division's periods in order, and in which of them each journal is closed."""

    def __init__(self, periods: Iterable[Period] = (), statuses: Iterable[JournalStatus] = ()) -> None:
        self._spans = sorted(span for row in periods if (span := _span(row)) is not None)
        self._closed = {(row.journal, row.year, row.period) for row in statuses if row.status == 1}

    def span_of(self, day: date) -> Span | None:
        """The period that holds `day`; None when the division has none."""
        return next((span for span in self._spans if span.starts <= day <= span.ends), None)

    def is_open(self, journal: str, span: Span) -> bool:
        return (journal, span.year, span.number) not in self._closed

    def next_open_day(self, journal: str, day: date) -> date | None:
        """The first day after `day`'s period in a period in which the journal is open."""
        later = (span for span in self._spans if span.starts > day and self.is_open(journal, span))
        return next((span.starts for span in later), None)


def _span(row: Period) -> Span | None:
    starts, ends = day_of(row.start_date), day_of(row.end_date)
    return Span(row.fin_year, row.fin_period, starts, ends) if starts and ends else None
