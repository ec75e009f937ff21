"""Brings a database to the newest schema, in process and without an `alembic.ini`.

The steps are in `migrations/versions`.
"""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import text

from connector_resources.store.engine import Database

#: Table that holds the schema's version. Not alembic's own name: Dagster may keep its tables in the same database.
VERSION_TABLE = "store_schema_version"
#: PostgreSQL advisory lock that one migrating process holds.
_MIGRATION_LOCK = 0x6D6C_6D67

#: alembic keeps the migration under way in module globals: two threads of one process must not both be at it.
_ONE_AT_A_TIME = threading.Lock()

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Run every step the database lacks, all in one transaction, under a lock that keeps other processes out."""
    # alembic takes a fifth of a second to import, and most processes only look.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with _ONE_AT_A_TIME, database.write() as transaction:
        if not database.is_sqlite:
            transaction.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config.attributes["connection"] = transaction
        command.upgrade(config, "head")
