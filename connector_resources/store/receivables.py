"""The ERP's open items as last read, each with when it was first seen, last seen, and noticed to be gone.

A snapshot is one transaction: after a read that broke off, the items are those of the last complete one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from bookkeeping.money import Money
from connector_resources.erp.contract import OpenInvoice
from connector_resources.store.engine import AnyRow, Database, chunks
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import put_rows
from connector_resources.store.schema import ERP_INVOICES, MARKS
from connector_resources.store.trail import Trail

#: when the open items were last read to their end.
READ_MARK = "open_invoices_read_at"

_invoices = ERP_INVOICES.c


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a complete read changed. `open` counts all items; `gone` are numbers that were open before and are not now."""

    open: int
    new: int
    changed: int
    gone: tuple[str, ...]


class Receivables:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def put_snapshot(
        self, connection: str, invoices: Iterable[OpenInvoice], *, within: Connection | None = None
    ) -> Snapshot:
        """Keep all of the ERP's open items; those kept before and missing now are gone from this moment.

        `invoices` must be complete: what is not in it counts as settled or cancelled in the ERP.
        """
        fresh = {invoice.number: invoice for invoice in invoices}
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            now = self._database.now()
            before = {row.number: row for row in transaction.execute(_of(connection))}
            rows = [_row(connection, invoice, before.get(invoice.number), now) for invoice in fresh.values()]
            for slice_rows in chunks(rows):
                put_rows(transaction, ERP_INVOICES, slice_rows)
            gone = sorted(number for number, row in before.items() if row.gone_at is None and number not in fresh)
            for numbers in chunks(gone):
                closed = _invoices.number.in_(numbers)
                transaction.execute(
                    update(ERP_INVOICES).where(_invoices.connection == connection, closed).values(gone_at=now)
                )
            mark = {"connection": connection, "name": READ_MARK, "value": now.isoformat(), "updated_at": now}
            put_rows(transaction, MARKS, [mark])
        present = {number: row for number, row in before.items() if row.gone_at is None}
        same = sum(number in present and _invoice(present[number]) == invoice for number, invoice in fresh.items())
        new = sum(number not in present for number in fresh)
        return Snapshot(len(fresh), new, len(fresh) - new - same, tuple(gone))

    def open(self, connection: str) -> Iterator[OpenInvoice]:
        """The items that were open when they were last read, by number; streamed."""
        wanted = _of(connection).where(_invoices.gone_at.is_(None)).order_by(_invoices.number)
        return (_invoice(row) for row in self._database.stream(wanted))

    def count_open(self, connection: str) -> int:
        wanted = select(func.count()).where(_invoices.connection == connection, _invoices.gone_at.is_(None))
        with self._database.read() as reading:
            return reading.execute(wanted).scalar_one()

    def read_at(self, connection: str) -> datetime | None:
        """When the open items were last read to their end; None if never."""
        wanted = select(MARKS.c.value).where(MARKS.c.connection == connection, MARKS.c.name == READ_MARK)
        with self._database.read() as reading:
            value = reading.scalar(wanted)
        return None if value is None else datetime.fromisoformat(value)


def _of(connection: str) -> Select[Any]:
    return select(ERP_INVOICES).where(_invoices.connection == connection)


def _row(connection: str, invoice: OpenInvoice, before: AnyRow | None, now: datetime) -> dict[str, object]:
    return {
        "connection": connection,
        "number": invoice.number,
        "customer": invoice.customer,
        "open_minor": invoice.open_amount.minor,
        "total_minor": invoice.total_amount.minor,
        "currency": invoice.open_amount.currency,
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "document_type": invoice.document_type,
        "on_hold": invoice.on_hold,
        "reopens": invoice.reopens,
        "quotes": dump_json(list(invoice.references)),
        "first_seen_at": now if before is None else before.first_seen_at,
        "seen_at": now,
        "gone_at": None,
    }


def _invoice(row: AnyRow) -> OpenInvoice:
    return OpenInvoice(
        number=row.number,
        customer=row.customer,
        open_amount=Money(row.open_minor, row.currency),
        total_amount=Money(row.total_minor, row.currency),
        issued_on=row.issued_on,
        due_on=row.due_on,
        references=tuple(load_json(row.quotes)),
        document_type=row.document_type,
        on_hold=row.on_hold,
        reopens=row.reopens,
    )
