"""Recurring charges of A/R as subscriptions can follow them (SDK: ARRecurringCharges; sage300.md section 2.0). Pure.

A charge names its schedule by a code, and schedules have no endpoint: the connection file says how often each bills. Charges of
a schedule that is not named there are left out, and the ping lists them.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator
from datetime import date

from bookkeeping.money import Money
from connector_resources.erp.contract import IntervalUnit, RecurringCharge
from connector_resources.erp.sage300 import wire
from connector_resources.erp.sage300.documents import money
from connector_resources.erp.sage300.odata import day_of
from connector_resources.erp.sage300.settings import Sage300Settings, Schedule

#: how `ExpirationType` says that a number of invoices or an amount, and not a date, ends the charge.
BY_COUNT, BY_AMOUNT = "NumberOfInvoices", "MaximumAmount"


def charges(
    rows: Iterable[wire.RecurringCharge], settings: Sage300Settings, currency: str
) -> Iterator[RecurringCharge]:
    """Every charge whose schedule is known and that bills something. `currency` is that of charges that name none."""
    for row in rows:
        schedule = settings.schedules.get(row.schedule)
        effective, following = day_of(row.effective_date), day_of(row.next_scheduled_date)
        first = effective or following
        amount = money(row.invoice_total_including_tax, row.currency_code or currency)
        if schedule is None or first is None or amount.minor <= 0:
            continue
        starts = _first(first, following or first, schedule)
        unit = IntervalUnit(schedule.unit)
        yield RecurringCharge(
            number=number_of(row.recurring_charge_code, row.customer_number),
            customer=row.customer_number,
            amount=amount,
            interval_unit=unit,
            interval=schedule.interval,
            starts_on=starts,
            day_of_month=None if unit is IntervalUnit.WEEKLY else starts.day,
            month=starts.month if unit is IntervalUnit.YEARLY else None,
            ends_on=None if row.expiration_type in (BY_COUNT, BY_AMOUNT) else day_of(row.expiration_date),
            count=_count(row, amount),
            active=row.status != "Inactive",
            description=row.invoice_description or row.description,
        )


def _first(effective: date, following: date, schedule: Schedule) -> date:
    """The day the charge counts from: where the next one fits its effective date, that one, which never moves."""
    if schedule.unit == "weekly":
        return effective if (following - effective).days % (7 * schedule.interval) == 0 else following
    months = (following.year - effective.year) * 12 + following.month - effective.month
    step = schedule.interval * (12 if schedule.unit == "yearly" else 1)
    # A shorter month takes its last day.
    same_day = following.day == min(effective.day, monthrange(following.year, following.month)[1])
    return effective if months % step == 0 and same_day else following


def _count(row: wire.RecurringCharge, amount: Money) -> int | None:
    if row.expiration_type == BY_COUNT:
        return row.maximum_number_of_invoices or None
    if row.expiration_type == BY_AMOUNT:
        return money(row.maximum_total_invoice_amount, amount.currency).minor // amount.minor
    return None


def unknown_schedules(rows: Iterable[wire.RecurringCharge], settings: Sage300Settings) -> dict[str, int]:
    """Code of every schedule that the settings do not name -> how many active charges have it."""
    found: dict[str, int] = {}
    for row in rows:
        if row.status != "Inactive" and row.schedule not in settings.schedules:
            found[row.schedule or "(none)"] = found.get(row.schedule or "(none)", 0) + 1
    return found


def number_of(code: str, customer: str) -> str:
    """Code and customer together are the key of a charge; invoices made from it quote it so."""
    return f"{code}/{customer}"
