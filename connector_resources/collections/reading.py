"""Reads the ERP's open items into the store, and gives them to the rules in their words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bookkeeping.eligibility import Receivable
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import ErpConnector, OpenInvoice
from connector_resources.store.receivables import Snapshot
from connector_resources.store.store import Store


def read_open_invoices(store: Store, connection: str, connector: ErpConnector) -> Snapshot:
    """Read every open item of the company and keep it; those that are missing now were settled or cancelled there.

    All are read before any is kept, so that a read that breaks off changes nothing. Raises `NotSent`, `BadAnswer`.
    """
    invoices = list(connector.open_invoices())
    return store.receivables.put_snapshot(connection, invoices)


def is_fresh(store: Store, connection: Connection, now: datetime) -> bool:
    """True while the open items need not be read again for an event: ERPs are asked every `polling.erp_every_minutes`."""
    read_at = store.receivables.read_at(connection.name)
    return read_at is not None and now - read_at < timedelta(minutes=connection.polling.erp_every_minutes)


def receivables(store: Store, connection: str) -> Iterator[Receivable]:
    """The open items as last read."""
    return (_receivable(invoice) for invoice in store.receivables.open(connection))


def _receivable(invoice: OpenInvoice) -> Receivable:
    return Receivable(
        number=invoice.number,
        customer=invoice.customer,
        open_amount=invoice.open_amount,
        due_on=invoice.due_on,
        issued_on=invoice.issued_on,
        document_type=invoice.document_type,
        on_hold=invoice.on_hold,
        reopens=invoice.reopens,
        references=invoice.references,
    )
