"""Copies one connection's rows into another store, so that a dry run can change them and forget them."""

from __future__ import annotations

from sqlalchemy import insert, select

from connector_resources.store.engine import CHUNK, chunks
from connector_resources.store.schema import METADATA
from connector_resources.store.store import Store


def copy_connection(source: Store, target: Store, connection: str) -> None:
    """Every row of `connection` from `source` to the empty `target`. Credentials are copied sealed as they are."""
    with source.database.read() as reading, target.begin() as writing:
        for table in METADATA.sorted_tables:
            if "connection" not in table.c:
                continue
            rows = reading.execute(select(table).where(table.c.connection == connection)).mappings()
            for chunk in chunks([dict(row) for row in rows], CHUNK):
                writing.execute(insert(table), chunk)
