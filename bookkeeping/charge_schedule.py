"""On which days a recurring charge falls, and how GoCardless is told so. Nominal days: nothing is rolled to a working day.

A subscription rolls a day of the month that is no working day forward, the last day of the month backward (gocardless.md
section 2.5), so a payment's charge date is not its nominal day; `occurrence_of_charge_date` finds it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
#: a subscription must charge at least once a year (GoCardless API reference, subscriptions, `interval`).
LONGEST = {IntervalUnit.WEEKLY: 52, IntervalUnit.MONTHLY: 12, IntervalUnit.YEARLY: 1}
LAST_DAY = -1
#: the latest day of the month a subscription may name, but for the last one (gocardless.md section 2.5).
LATEST_DAY = 28


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A schedule in GoCardless's words. `day_of_month` is None for weekly ones, `month` "" for all but yearly ones."""

    interval_unit: IntervalUnit
    interval: int
    day_of_month: int | None = None
    month: str = ""


class NotExpressible(ValueError):
    """GoCardless has no such schedule; the text says why."""


def recurrence_of(charge: RecurringCharge) -> Recurrence:
    """The charge's schedule for GoCardless. Raises `NotExpressible`."""
    unit, interval = charge.interval_unit, charge.interval
    if not 1 <= interval <= LONGEST[unit]:
        raise NotExpressible(f"every {interval} {unit} intervals is not between once a week and once a year")
    if unit is IntervalUnit.WEEKLY:
        return Recurrence(unit, interval)
    day = _day_of_month(charge)
    # The 31st, where a shorter month takes its last day, is the last day of every month.
    day = LAST_DAY if day == 31 else day
    if day != LAST_DAY and not 1 <= day <= LATEST_DAY:
        raise NotExpressible(f"day {day} of the month is neither 1 to {LATEST_DAY} nor the last one")
    if charge.month is not None and not 1 <= charge.month <= len(MONTHS):
        raise NotExpressible(f"{charge.month} is no month")
    month = MONTHS[_first(charge).month - 1] if unit is IntervalUnit.YEARLY else ""
    return Recurrence(unit, interval, day, month)


def occurrence(charge: RecurringCharge, number: int) -> date | None:
    """The day of the charge's occurrence `number`, counted from 0; None after its end."""
    if charge.count is not None and number >= charge.count:
        return None
    day = _on_grid(charge, number)
    return None if charge.ends_on is not None and day > charge.ends_on else day


def number_from(charge: RecurringCharge, day: date) -> int | None:
    """The number of the first occurrence on `day` or later; None when there is none any more."""
    number = max(_grid_number(charge, day), 0)
    return None if occurrence(charge, number) is None else number


def remaining(charge: RecurringCharge, number: int) -> int | None:
    """How many occurrences there are from `number` on; None when the charge has no end."""
    if charge.count is None and charge.ends_on is None:
        return None
    left = 0
    while occurrence(charge, number + left) is not None:
        left += 1
    return left


def nearest(charge: RecurringCharge, day: date) -> date:
    """The day of the charge's schedule that a document of `day` is most likely about, the earlier of two.

    Ends do not count, nor where it begins: some ERPs move the beginning on whenever they have billed.
    """
    number = _grid_number(charge, day)
    before, after = _on_grid(charge, number - 1), _on_grid(charge, number)
    return before if day - before <= after - day else after


def occurrence_of_charge_date(charge_date: date, day_of_month: int | None) -> date:
    """The latest nominal day that a payment with this charge date can be for: everything up to it is charged."""
    if day_of_month != LAST_DAY:
        return charge_date
    return charge_date.replace(day=monthrange(charge_date.year, charge_date.month)[1])


def phase_of(charge: RecurringCharge) -> int:
    """Where in its interval the charge falls: equal for charges that fall on the same days, wherever they begin."""
    first = _first(charge)
    if charge.interval_unit is IntervalUnit.WEEKLY:
        return first.toordinal() % (7 * charge.interval)
    if charge.interval_unit is IntervalUnit.YEARLY:
        return first.month
    return (first.year * 12 + first.month) % charge.interval


def _on_grid(charge: RecurringCharge, number: int) -> date:
    """The day `number` intervals after the first one, before it with a negative number."""
    first = _first(charge)
    if charge.interval_unit is IntervalUnit.WEEKLY:
        return first + timedelta(weeks=number * charge.interval)
    return _in_month(first.year * 12 + first.month - 1 + number * _months(charge), _day_of_month(charge))


def _grid_number(charge: RecurringCharge, day: date) -> int:
    """The smallest number whose day is `day` or later."""
    first = _first(charge)
    if charge.interval_unit is IntervalUnit.WEEKLY:
        number = (day - first).days // (7 * charge.interval)
    else:
        number = ((day.year - first.year) * 12 + day.month - first.month) // _months(charge)
    return number if _on_grid(charge, number) >= day else number + 1


def _months(charge: RecurringCharge) -> int:
    return charge.interval * (12 if charge.interval_unit is IntervalUnit.YEARLY else 1)


def _first(charge: RecurringCharge) -> date:
    """The first day that fits the schedule, on the day it starts or later."""
    start = charge.starts_on
    if charge.interval_unit is IntervalUnit.WEEKLY:
        return start
    month, step = start.year * 12 + start.month - 1, 1
    if charge.interval_unit is IntervalUnit.YEARLY:
        month, step = start.year * 12 + (charge.month or start.month) - 1, 12
    day = _day_of_month(charge)
    return next(found for found in (_in_month(month, day), _in_month(month + step, day)) if found >= start)


def _day_of_month(charge: RecurringCharge) -> int:
    return charge.starts_on.day if charge.day_of_month is None else charge.day_of_month


def _in_month(months: int, day: int) -> date:
    """The day in that month (years times twelve plus month from 0), its last day where it has no such day."""
    year, month = divmod(months, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, last if day == LAST_DAY else min(day, last))
