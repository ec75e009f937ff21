"""Brings a database to the newest schema, in process and without an `alembic.ini`, and refuses one of a later program.

The steps are in `migrations/versions`.
"""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from connector_resources.errors import StoreError
from connector_resources.store.engine import Database

#: Table that holds the schema's version. Not alembic's own name: Dagster may keep its tables in the same database.
VERSION_TABLE = "store_schema_version"
#: the version of tables that a restore has not finished; no program works with them.
RESTORING = "restoring"
#: PostgreSQL advisory lock that one migrating process holds.
_MIGRATION_LOCK = 0x6D6C_6D67

#: alembic keeps the migration under way in module globals: two threads of one process must not both be at it.
_ONE_AT_A_TIME = threading.Lock()

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Run every step the database lacks, all in one transaction, under a lock that keeps other processes out.

    Raises `StoreError`, with nothing changed, when a later program has been at work on the database.
    """
    # alembic takes a fifth of a second to import, and most processes only look.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with _ONE_AT_A_TIME, database.write() as transaction:
        if not database.is_sqlite:
            transaction.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        if (version := schema_of(transaction)) is not None:
            require_known(version, database.name)
        config.attributes["connection"] = transaction
        command.upgrade(config, "head")


def schema_of(reading: Connection) -> str | None:
    """The version of the store's tables; None where there are none."""
    if not inspect(reading).has_table(VERSION_TABLE):
        return None
    return str(reading.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")))  # noqa: S608 - a constant


def known_versions() -> list[str]:
    """Every version that this program knows, oldest first, from the names of the steps."""
    return sorted(file.name.partition("_")[0] for file in (_SCRIPTS / "versions").glob("[0-9]*_*.py"))


def require_known(version: str, where: str) -> None:
    """Raises `StoreError` for tables of a later program, or of a restore that was interrupted."""
    if version == RESTORING:
        raise StoreError(
            f"the store at {where} is being restored, or its restore was interrupted",
            next_step="wait for `connector restore`, or run it again; nothing may work with the store before it is whole",
        )
    known = known_versions()
    if version not in known:
        raise StoreError(
            f"{where} has schema {version}, and this program knows schemas up to {known[-1]}: a later program made it",
            next_step="install the version that was used last; to go back, restore the backup taken before the upgrade",
        )
