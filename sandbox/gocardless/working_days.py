"""Bank working days per calendar: TARGET for SEPA, England's bank holidays for Bacs, public holidays elsewhere."""

from __future__ import annotations

from collections.abc import Container
from datetime import date, timedelta
from functools import cache

import holidays

_COUNTRIES = {"US": None, "CA": None, "AU": "NSW", "NZ": None, "SE": None, "DK": None, "GB": "ENG"}


@cache
def _closed(calendar: str, year: int) -> Container[date]:
    if calendar == "TARGET":
        return frozenset(holidays.financial_holidays("ECB", years=year))
    return frozenset(holidays.country_holidays(calendar, subdiv=_COUNTRIES[calendar], years=year))


def is_working_day(day: date, calendar: str) -> bool:
    return day.weekday() < 5 and day not in _closed(calendar, day.year)


def roll_forward(day: date, calendar: str) -> date:
    """The day itself, or the next working day: what schemes do with a charge date on a day off."""
    while not is_working_day(day, calendar):
        day += timedelta(days=1)
    return day


def roll_back(day: date, calendar: str) -> date:
    while not is_working_day(day, calendar):
        day -= timedelta(days=1)
    return day


def add_working_days(day: date, count: int, calendar: str) -> date:
    """`count` working days after `day` (before it when negative); zero rolls forward to a working day."""
    if count == 0:
        return roll_forward(day, calendar)
    step = timedelta(days=1 if count > 0 else -1)
    for _ in range(abs(count)):
        day += step
        while not is_working_day(day, calendar):
            day += step
    return day
