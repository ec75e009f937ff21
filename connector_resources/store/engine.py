"""The database behind the store: how SQLite and PostgreSQL are opened, and what a transaction means on both.

It knows no table. A write transaction takes the write lock at its beginning on SQLite (`BEGIN IMMEDIATE`), so that two
writers wait for each other instead of failing half-way; on PostgreSQL writers lock the rows they change (READ
COMMITTED).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, Row, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from connector_resources.errors import ConfigurationError, StoreError

T = TypeVar("T")

#: A row of any columns.
AnyRow: TypeAlias = Row[*tuple[Any, ...]]

#: how long a writer waits for another one before it gives up.
BUSY_TIMEOUT_S = 30
#: how many values one IN-list or one multi-row statement may hold.
CHUNK = 500
#: how many rows a stream holds in memory.
STREAM_ROWS = 1000


class Database:
    """An engine with the clock and the waiting that belong to it. One per process; safe to share between threads."""

    def __init__(self, url: str, *, clock: Callable[[], datetime], sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = _supported(url)
        self.engine = _engine(self.url)
        self.sleep = sleep
        self._clock = clock
        self._turn = threading.Lock()

    def __repr__(self) -> str:
        return f"Database({self.name})"

    @property
    def name(self) -> str:
        """The URL without its password, for messages."""
        return self.url.render_as_string(hide_password=True)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def now(self) -> datetime:
        """The time of the clock passed in, as aware UTC."""
        return self._clock().astimezone(UTC)

    @contextmanager
    def write(self, within: Connection | None = None, *, durable: bool = True) -> Iterator[Connection]:
        """One write transaction, committed at the end; or the one that is already under way.

        What is not `durable` may be lost by a power cut within the next seconds, but never torn: for what is worthless by
        then. Raises `StoreError`, with nothing written, when the database cannot be reached, is full, or stays locked for
        `BUSY_TIMEOUT_S`.
        """
        if within is not None:
            yield within
            return
        with self._own_turn(), self._connected() as connection:
            connection = connection.execution_options(store_locked={})
            with connection.begin():
                if self.is_sqlite:
                    _begin_writing(connection, durable=durable)
                elif not durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction. On SQLite all its statements see the same snapshot."""
        with self._connected() as connection:
            if self.is_sqlite:
                _run_plainly(connection, "BEGIN")
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read transaction whose statements see one and the same state of the database, on both databases."""
        if self.is_sqlite:
            with self.read() as connection:
                yield connection
            return
        with self._connected() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ")

    def stream(self, statement: Executable, told: Mapping[str, Any] | None = None) -> Iterator[AnyRow]:
        """Rows of `statement`, never more than `STREAM_ROWS` of them in memory. Close the iterator to end it early."""
        with self.read() as connection:
            yield from streamed(connection, statement, told)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _own_turn(self) -> Iterator[None]:
        """Threads of this process write to SQLite one after the other: its own waiting is sleeping and looking again."""
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_S):
            raise self._unavailable("another thread of this process is writing")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except OperationalError as error:
            raise self._unavailable(error.orig) from error

    def _unavailable(self, why: object) -> StoreError:
        return StoreError(
            f"the database {self.name} cannot be used: {why}",
            next_step="see that it runs, that its directory exists, is writable and has room, and that no other program "
            "locks it; then run it again, nothing of this step was written",
        )


def locked_by(transaction: Connection) -> dict[str, Any]:
    """What this write transaction has locked and read, for whoever asks again before it ends; nothing rolls back a part of it."""
    known: dict[str, Any] = transaction.get_execution_options()["store_locked"]
    return known


def streamed(connection: Connection, statement: Executable, told: Mapping[str, Any] | None = None) -> Generator[AnyRow]:
    """Rows of `statement`, with `told` as its parameters, through a server-side cursor of `connection`."""
    with connection.execution_options(yield_per=STREAM_ROWS).execute(statement, told) as result:
        yield from result


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`values` in slices of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _supported(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "the database URL cannot be read",
            next_step="write sqlite:////path/file.sqlite or postgresql://user@host/db",
        ) from error
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg2")
    raise ConfigurationError(
        f"the store does not run on {backend}", next_step="use a URL that begins with sqlite:/// or postgresql://"
    )


def _engine(url: URL) -> Engine:
    # hide_parameters keeps stored values out of the texts of database errors and of SQL logs.
    if url.drivername.startswith("postgresql"):
        return create_engine(
            url,
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            executemany_mode="values_plus_batch",
            hide_parameters=True,
            connect_args={"connect_timeout": BUSY_TIMEOUT_S},
        )
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(
            "the store needs a file: several processes share it", next_step="write sqlite:////path/file.sqlite"
        )
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    # The driver's own transaction control begins too late and never for reads; `read` and `write` begin themselves.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # A webhook that was answered with 2xx must survive a power cut: every commit reaches the disk.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_writing(connection: Connection, *, durable: bool) -> None:
    # FULL syncs every commit, NORMAL with a write-ahead log only its checkpoints. The word stays with the connection;
    # where whoever opened it noted OFF, so it stays.
    wanted = "FULL" if durable else "NORMAL"
    if connection.info.get("synchronous", "FULL") not in (wanted, "OFF"):
        _run_plainly(connection, f"PRAGMA synchronous = {wanted}")
        connection.info["synchronous"] = wanted
    _run_plainly(connection, "BEGIN IMMEDIATE")


def _run_plainly(connection: Connection, statement: str) -> None:
    """Past the library, which does more for a statement than the driver does: every transaction begins with this one.

    A listener for the beginning of transactions would do the same, but with a single one the library looks for listeners
    at every step of every statement. An error is the one that the library makes of the driver's.
    """
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement)
    except driver.Error as error:
        raise DBAPIError.instance(
            statement, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
