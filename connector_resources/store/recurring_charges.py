"""The ERP's recurring charges as last read, each with when it was first seen, last seen, and noticed to be gone.

A snapshot is one transaction: after a read that broke off, the charges are those of the last complete one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from bookkeeping.money import Money
from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge
from connector_resources.store.engine import AnyRow, Database, chunks
from connector_resources.store.rows import put_rows
from connector_resources.store.schema import MARKS
from connector_resources.store.subscription_schema import ERP_CHARGES
from connector_resources.store.trail import Trail

#: when the recurring charges were last read to their end.
READ_MARK = "recurring_charges_read_at"

_charges = ERP_CHARGES.c


@dataclass(frozen=True, slots=True)
class ChargeSnapshot:
    """What a complete read changed. `gone` are numbers that were there before and are not now."""

    charges: int
    new: int
    changed: int
    gone: tuple[str, ...]


class RecurringCharges:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def put_snapshot(self, connection: str, charges: Iterable[RecurringCharge]) -> ChargeSnapshot:
        """Keep all of the ERP's recurring charges; those kept before and missing now are gone from this moment.

        `charges` must be complete: the subscription of what is not in it is cancelled.
        """
        fresh = {charge.number: charge for charge in charges}
        with self._database.write() as transaction:
            self._trail.lock(connection, within=transaction)
            now = self._database.now()
            kept = select(ERP_CHARGES).where(_charges.connection == connection)
            before = {row.number: row for row in transaction.execute(kept)}
            rows = [_row(connection, charge, before.get(number), now) for number, charge in fresh.items()]
            for some in chunks(rows):
                put_rows(transaction, ERP_CHARGES, some)
            gone = sorted(number for number, row in before.items() if row.gone_at is None and number not in fresh)
            _mark_gone(transaction, connection, gone, now)
            mark = {"connection": connection, "name": READ_MARK, "value": now.isoformat(), "updated_at": now}
            put_rows(transaction, MARKS, [mark])
        present = {number: row for number, row in before.items() if row.gone_at is None}
        same = sum(number in present and _charge(present[number]) == charge for number, charge in fresh.items())
        new = sum(number not in present for number in fresh)
        return ChargeSnapshot(len(fresh), new, len(fresh) - new - same, tuple(gone))

    def all(self, connection: str) -> list[RecurringCharge]:
        """The charges that were there when they were last read, by number."""
        wanted = select(ERP_CHARGES).where(_charges.connection == connection, _charges.gone_at.is_(None))
        with self._database.read() as reading:
            return [_charge(row) for row in reading.execute(wanted.order_by(_charges.number))]

    def of_numbers(self, connection: str, numbers: Collection[str]) -> dict[str, RecurringCharge]:
        """These charges as they were last seen, gone ones too."""
        found: dict[str, RecurringCharge] = {}
        with self._database.read() as reading:
            for some in chunks(sorted(set(numbers))):
                wanted = select(ERP_CHARGES).where(_charges.connection == connection, _charges.number.in_(some))
                found.update((row.number, _charge(row)) for row in reading.execute(wanted))
        return found

    def read_at(self, connection: str) -> datetime | None:
        """When the charges were last read to their end; None if never."""
        wanted = select(MARKS.c.value).where(MARKS.c.connection == connection, MARKS.c.name == READ_MARK)
        with self._database.read() as reading:
            value = reading.scalar(wanted)
        return None if value is None else datetime.fromisoformat(value)


def _mark_gone(transaction: Connection, connection: str, gone: list[str], now: datetime) -> None:
    for numbers in chunks(gone):
        these = (_charges.connection == connection, _charges.number.in_(numbers))
        transaction.execute(update(ERP_CHARGES).where(*these).values(gone_at=now))


def _row(connection: str, charge: RecurringCharge, before: AnyRow | None, now: datetime) -> dict[str, Any]:
    return {
        "connection": connection,
        "number": charge.number,
        "customer": charge.customer,
        "amount_minor": charge.amount.minor,
        "currency": charge.amount.currency,
        "interval_unit": charge.interval_unit.value,
        "interval": charge.interval,
        "starts_on": charge.starts_on,
        "day_of_month": charge.day_of_month,
        "month": charge.month,
        "ends_on": charge.ends_on,
        "count": charge.count,
        "active": charge.active,
        "on_hold": charge.on_hold,
        "description": charge.description,
        "first_seen_at": now if before is None else before.first_seen_at,
        "seen_at": now,
        "gone_at": None,
    }


def _charge(row: AnyRow) -> RecurringCharge:
    return RecurringCharge(
        number=row.number,
        customer=row.customer,
        amount=Money(row.amount_minor, row.currency),
        interval_unit=IntervalUnit(row.interval_unit),
        interval=row.interval,
        starts_on=row.starts_on,
        day_of_month=row.day_of_month,
        month=row.month,
        ends_on=row.ends_on,
        # `count` is also a method of a row.
        count=row._mapping["count"],
        active=row.active,
        on_hold=row.on_hold,
        description=row.description,
    )
