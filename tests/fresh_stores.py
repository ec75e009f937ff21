"""New stores without the wait: the tables are made once a test process, and no commit waits for the disk.

The tables come from the product's own migration; a test process that dies, dies without its machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from sqlalchemy import Connection, Engine, event

from connector_resources.clock import utc_now
from connector_resources.store import store
from connector_resources.store.engine import Database
from connector_resources.store.migration import migrate


@contextmanager
def fresh_stores(template: Path) -> Iterator[None]:
    """Meanwhile every new SQLite store begins as a copy of one that is migrated at `template`."""
    first = Database(f"sqlite:///{template}", clock=utc_now)
    migrate(first)
    first.close()
    tables = template.read_bytes()

    def migrate_copy(database: Database) -> None:
        if database.is_sqlite and (path := Path(str(database.url.database))).parent.exists() and not _has_content(path):
            path.write_bytes(tables)
        migrate(database)

    event.listen(Engine, "engine_connect", _without_waiting)
    with mock.patch.object(store, "migrate", migrate_copy):
        yield
    event.remove(Engine, "engine_connect", _without_waiting)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _without_waiting(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.info.get("synchronous") != "OFF":
        connection.connection.cursor().execute("PRAGMA synchronous = OFF").close()
        connection.info["synchronous"] = "OFF"
