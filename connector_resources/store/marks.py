"""Small durable values of a connection: how far a poll has read, since when an ERP's list has changed."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select

from connector_resources.store.engine import Database
from connector_resources.store.rows import put_rows
from connector_resources.store.schema import MARKS

#: changes with every notification of the ERP that something changed there.
ERP_NOTIFIED = "erp_notified"

# Built once: some connectors ask before every single write.
_VALUE = select(MARKS.c.value).where(
    MARKS.c.connection == bindparam("wanted_connection"), MARKS.c.name == bindparam("wanted_name")
)


class Marks:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, connection: str, name: str) -> str | None:
        """The value last set, or None."""
        with self._database.read() as reading:
            value: str | None = reading.scalar(_VALUE, {"wanted_connection": connection, "wanted_name": name})
        return value

    def starting_with(self, connection: str, prefix: str) -> dict[str, str]:
        """Every value whose name begins with `prefix`, by name."""
        wanted = select(MARKS.c.name, MARKS.c.value).where(
            MARKS.c.connection == connection, MARKS.c.name.startswith(prefix, autoescape=True)
        )
        with self._database.read() as reading:
            return {row.name: row.value for row in reading.execute(wanted)}

    def set(self, connection: str, name: str, value: str, *, within: Connection | None = None) -> None:
        row = {"connection": connection, "name": name, "value": value, "updated_at": self._database.now()}
        with self._database.write(within) as transaction:
            put_rows(transaction, MARKS, [row])

    def forget(self, connection: str, name: str) -> None:
        with self._database.write() as transaction:
            transaction.execute(delete(MARKS).where(MARKS.c.connection == connection, MARKS.c.name == name))
