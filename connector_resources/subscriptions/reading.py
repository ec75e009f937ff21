"""Reads the ERP's recurring charges into the store."""

from __future__ import annotations

from datetime import datetime, timedelta

from connector_resources.connections.model import Connection
from connector_resources.erp.contract import ErpConnector
from connector_resources.store.recurring_charges import ChargeSnapshot
from connector_resources.store.store import Store


def read_recurring_charges(store: Store, connection: str, connector: ErpConnector) -> ChargeSnapshot:
    """Read every recurring charge of the company and keep it; those that are missing now are gone.

    All are read before any is kept, so that a read that breaks off changes nothing. Raises `NotSent`, `BadAnswer`.
    """
    charges = list(connector.recurring_charges())
    return store.recurring_charges.put_snapshot(connection, charges)


def is_fresh(store: Store, connection: Connection, now: datetime) -> bool:
    """True while the charges need not be read again for an event: ERPs are asked every `polling.erp_every_minutes`."""
    read_at = store.recurring_charges.read_at(connection.name)
    return read_at is not None and now - read_at < timedelta(minutes=connection.polling.erp_every_minutes)
