"""What an ERP bills again and again, as every connector says it: the recurring charge that a subscription can follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from bookkeeping.money import Money


class IntervalUnit(StrEnum):
    """The units that a recurring charge and a subscription repeat by (gocardless.md section 2.5)."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class RecurringCharge:
    """What the ERP bills again and again: `amount` (tax included) every `interval` units from `starts_on` on.

    number        the ERP's own, unique in the company and the same for as long as the charge lives
    day_of_month  1 to 31, -1 for the month's last day, None where the first date alone says it
    month         1 to 12, of a yearly charge
    ends_on       no occurrence after this day; `count` no more occurrences than these in all; None: without end
    active        False once the ERP bills it no more for good; `on_hold` while it pauses
    """

    number: str
    customer: str
    amount: Money
    interval_unit: IntervalUnit
    interval: int
    starts_on: date
    day_of_month: int | None = None
    month: int | None = None
    ends_on: date | None = None
    count: int | None = None
    active: bool = True
    on_hold: bool = False
    description: str = ""
