"""Financial periods: which one a date falls in, whether a ledger is closed there, and the next open day (11.4). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Flag, auto

from connector_resources.erp.visma.documents import day_of
from connector_resources.erp.visma.wire import PeriodRow


class Ledger(Flag):
    """The ledgers a document posts to; each closes its periods by itself."""

    GENERAL = auto()
    CUSTOMER = auto()
    CASH = auto()


RECEIPTS = Ledger.CUSTOMER | Ledger.CASH
CREDIT_NOTES = Ledger.CUSTOMER
JOURNALS = Ledger.GENERAL


@dataclass(frozen=True, slots=True)
class Period:
    """`id` is YYYYPP."""

    id: str
    starts: date
    ends: date
    active: bool
    closed: Ledger

    def is_open(self, ledgers: Ledger) -> bool:
        # A period closed in the general ledger takes nothing from the ledgers below it either.
        return self.active and not self.closed & (ledgers | Ledger.GENERAL)


class Calendar:
    """The company's periods in order. Adjustment periods of no length are left out: no date falls in them."""

    def __init__(self, rows: Iterable[PeriodRow] = ()) -> None:
        periods = [period for row in rows if (period := _period(row)) is not None]
        self._periods = sorted(periods, key=lambda each: each.starts)

    def period_of(self, day: date) -> Period | None:
        """The period that holds `day`; None when the company has none."""
        begun = [each for each in self._periods if each.starts <= day]
        return begun[-1] if begun and day <= begun[-1].ends else None

    def next_open_day(self, day: date, ledgers: Ledger) -> date | None:
        """The first day after `day`'s period in a period that is open for all `ledgers`."""
        return next((each.starts for each in self._periods if each.starts > day and each.is_open(ledgers)), None)

    def open_periods(self, ledgers: Ledger) -> list[str]:
        """Ids of the periods that are open for all `ledgers`, oldest first."""
        return [each.id for each in self._periods if each.is_open(ledgers)]


def _period(row: PeriodRow) -> Period | None:
    starts, ends = day_of(row.start_date), day_of(row.end_date)
    if starts is None or ends is None or ends <= starts:
        return None
    closed = Ledger(0)
    for flag, ledger in (
        (row.closed_in_general_ledger, Ledger.GENERAL),
        (row.closed_in_customer_ledger, Ledger.CUSTOMER),
        (row.closed_in_cash_management, Ledger.CASH),
    ):
        closed |= ledger if flag else Ledger(0)
    number = row.period if len(row.period) > 2 else f"{row.year}{row.period:0>2}"
    return Period(number, starts, ends, row.active, closed)
