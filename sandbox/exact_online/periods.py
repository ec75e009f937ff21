"""Financial periods and which journals they are closed for (fact sheet, sections 2.7 and 3.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.exact_online.refusals import Business
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


@dataclass(frozen=True, slots=True)
class Period:
    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02d}"


def add_year(division: Division, year: int, first_month: int = 1) -> None:
    """Twelve monthly periods; a year that does not begin in January ends in the next calendar year."""
    for number in range(1, 13):
        months = first_month - 1 + number - 1
        starts = datetime(year + months // 12, months % 12 + 1, 1)  # noqa: DTZ001 - Edm.DateTime has no zone
        following = months + 1
        ends = datetime(year + following // 12, following % 12 + 1, 1) - timedelta(days=1)  # noqa: DTZ001
        division.tables["FinancialPeriods"].add(
            {
                "ID": division.new_id(),
                "FinYear": year,
                "FinPeriod": number,
                "StartDate": starts,
                "EndDate": ends,
                "Division": division.code,
            }
        )


def of(division: Division, dated: date) -> Period:
    """The period of a day. Raises `Business` when the period-date table has none."""
    for row in division.tables["FinancialPeriods"]:
        if row["StartDate"].date() <= dated <= row["EndDate"].date():
            return Period(row["FinYear"], row["FinPeriod"])
    raise _unknown(f"{dated.isoformat()}")


def chosen(division: Division, year: int | None, number: int | None, dated: date) -> Period:
    """The period a body names, or that of its date. Raises `Business` for one that does not exist."""
    derived = of(division, dated) if year is None or number is None else None
    period = Period(
        year if year is not None else derived.year if derived else 0,
        number if number is not None else derived.number if derived else 0,
    )
    known = division.tables["FinancialPeriods"].where("FinYear", period.year)
    if not any(row["FinPeriod"] == period.number for row in known):
        raise _unknown(f"{period.year} / {period.number}")
    return period


def check_open(division: Division, journal: str, period: Period) -> None:
    """Raises `Business` when the period is closed for the journal."""
    if (journal, period) in division.closed:
        where = f"{period.year} / {period.number}, journal {journal}"
        raise Business(f"The period is closed: {where}", nl=f"De periode is gesloten: {where}")


def statuses(division: Division) -> Iterable[Row]:
    """The rows of JournalStatusList: every journal in every period, 0 open or 1 closed."""
    for row in division.tables["FinancialPeriods"]:
        period = Period(row["FinYear"], row["FinPeriod"])
        for journal in division.tables["Journals"]:
            closed = (journal["Code"], period) in division.closed
            yield {
                "ID": f"{journal['Code']}-{period}",
                "Journal": journal["Code"],
                "JournalDescription": journal["Description"],
                "JournalType": journal["Type"],
                "Year": period.year,
                "Period": period.number,
                "Status": int(closed),
                "StatusDescription": "Closed" if closed else "Open",
            }


def _unknown(what: str) -> Business:
    return Business(
        f"Invalid: Financial year (Period-date table) {what}", nl=f"Ongeldig: Boekjaar (Periode-datum tabel) {what}"
    )
