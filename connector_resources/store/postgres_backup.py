"""PostgreSQL's own tools for backups: `pg_dump` of one snapshot, and `pg_restore` with `psql` in one transaction.

Only the store's own tables are taken: Dagster may keep its tables in the same database. The tools must be as new as the
server. Passwords go by the environment, never by an argument, where every user of the machine could read them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import URL, Connection, text

from connector_resources.errors import StoreError
from connector_resources.store.engine import Database
from connector_resources.store.migration import RESTORING, VERSION_TABLE, schema_of
from connector_resources.store.schema import METADATA


def exported_snapshot(reading: Connection) -> str:
    """The name of the state that the transaction `reading` sees; `pg_dump` sees the same while it is open."""
    return str(reading.scalar(text("SELECT pg_export_snapshot()")))


def dump(database: Database, snapshot: str, file: Path) -> None:
    """Write the store's tables as they are in `snapshot`. Raises `StoreError` when `pg_dump` is missing or fails."""
    tables = [f"--table={name}" for name in (*METADATA.tables, VERSION_TABLE)]
    _run(
        database, "pg_dump",
        ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={file}", *tables],
    )  # fmt: skip


def load(database: Database, file: Path) -> None:
    """Bring an archive of `dump` into a database without the store's tables, all of them or none.

    They bear a version that every program refuses until `open_again`, so that none works with what is not proven.
    """
    script = file.with_suffix(".sql")
    _run(database, "pg_restore", ["--no-owner", "--no-privileges", f"--file={script}", str(file)])
    closed = f"UPDATE {VERSION_TABLE} SET version_num = '{RESTORING}'"  # noqa: S608 - constants
    # The script empties the search path; the last two commands are of the same session and transaction.
    steps = [f"--file={script}", "--command=RESET search_path", f"--command={closed}"]
    _run(database, "psql", ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", *steps])


def drop_unfinished(database: Database) -> None:
    """Remove what a restore that was interrupted has left; it holds nothing that the backup does not."""
    with database.write() as transaction:
        if schema_of(transaction) != RESTORING:
            return
        for name in (*METADATA.tables, VERSION_TABLE):
            transaction.execute(text(f'DROP TABLE IF EXISTS "{name}" CASCADE'))


def open_again(transaction: Connection, version: str) -> None:
    """The tables are whole and marked: give them the version of their schema."""
    transaction.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :version"), {"version": version})  # noqa: S608


def _run(database: Database, program: str, arguments: Sequence[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise StoreError(
            f"{program} is not on the PATH", next_step="install PostgreSQL's client programs, as new as the server"
        )
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL's, found by its fixed name; no shell
        [found, *arguments],
        env={**os.environ, **_environment(database.url)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = "; ".join(line.strip() for line in done.stderr.strip().splitlines()[:3]) or "no reason was given"
        raise StoreError(
            f"{program} failed on {database.name}: {why}",
            next_step="install PostgreSQL's client programs as new as the server, see that the database answers, then try again",
        )


def _environment(url: URL) -> dict[str, str]:
    """What libpq needs to reach `url`, as its own environment variables. Where nothing is said, libpq's defaults hold."""
    named = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": url.port or url.query.get("port"),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    others = {f"PG{name.upper()}": value for name, value in url.query.items() if name.startswith("ssl")}
    return {name: str(value) for name, value in {**named, **others}.items() if value}
