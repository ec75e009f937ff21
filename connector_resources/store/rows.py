"""Set-based writing on both databases: insert what is absent, insert or replace, and guarded moves between states."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ClauseElement,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Table,
    and_,
    bindparam,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.sql.dml import ReturningUpdate

from connector_resources.errors import IllegalTransition
from connector_resources.store.among import among, unindexed
from connector_resources.store.engine import chunks
from connector_resources.store.json_text import dump_json

Values = Mapping[str, Any]

#: typed here, because the library does not.
_PSYCOPG2: Callable[..., Any] = psycopg2.dialect
#: parameters of one statement; SQLite takes no more than 32,766.
MOST_PARAMETERS = 30_000


def insert_absent(connection: Connection, table: Table, rows: Sequence[Values], returning: str) -> set[Any]:
    """Insert the rows whose primary or unique key is not there yet; gives the `returning` column of those inserted."""
    if not rows:
        return set()
    # As the driver takes it: the library would prepare the parameters of every row by itself.
    plain = _plain_insert(connection.dialect, table, tuple(rows[0]), returning)
    found: set[Any] = set()
    for part in chunks(rows, MOST_PARAMETERS // len(plain.columns)):
        values = [value for row in plain.parameters(part) for value in row]
        found.update(connection.exec_driver_sql(plain.of(len(part)), tuple(values)).scalars())
    return found


def insert_rows(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert the rows, which are texts and numbers; all have the same columns."""
    if not rows:
        return
    plain = _plain_rows(connection.dialect, table, tuple(rows[0]))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(plain.sql, plain.parameters(rows))
        return
    # The driver writes every value into the statement; one text of all rows it only has to quote.
    connection.exec_driver_sql(plain.sql, (dump_json(plain.parameters(rows)),))


def put_rows(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert the rows, or replace what is there under the same primary key. All have the same columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        # As the driver takes it: the parameters of thousands of rows cost the library more than the database the rows.
        plain = _plain_put(table, tuple(rows[0]))
        connection.exec_driver_sql(plain.sql, plain.parameters(rows))
        return
    connection.execute(_put(postgresql.insert(table), table, rows[0]), list(rows))


def move(
    connection: Connection,
    table: Table,
    keys: Collection[Any],
    *,
    by: str,
    scope: str,
    sources: Collection[StrEnum],
    target: StrEnum,
    values: Values | None = None,
) -> None:
    """Move the rows of connection `scope` whose column `by` is in `keys` from one of `sources` to `target`.

    Raises `IllegalTransition`, naming the first offender, when a single one is absent or in another state.
    """
    if not keys:
        return
    wanted = sorted(set(keys))
    allowed = [state.value for state in sources]
    computed = {name: value for name, value in (values or {}).items() if isinstance(value, ClauseElement)}
    plain = {name: value for name, value in (values or {}).items() if name not in computed}
    guarded = _guarded(table, by, tuple(plain))
    if computed:
        guarded = guarded.values(computed)
    told = {"of_scope": scope, "of_keys": wanted, "of_states": allowed, "state": target.value, **plain}
    moved = set(connection.execute(guarded, told).scalars())
    if stuck := [key for key in wanted if key not in moved]:
        state = connection.scalar(select(table.c.state).where(table.c.connection == scope, table.c[by] == stuck[0]))
        raise illegal(table, stuck[0], state, allowed, target, scope)


@lru_cache(maxsize=64)
def _guarded(table: Table, by: str, columns: tuple[str, ...]) -> ReturningUpdate[Any]:
    """Built once for each kind of move: building a statement takes longer than running it."""
    found_by_id = [table.c[by]] == list(table.primary_key)
    scope: ColumnElement[str] = unindexed(table.c.connection) if found_by_id else table.c.connection
    these = and_(
        scope == bindparam("of_scope"),
        among(table.c[by], "of_keys"),
        table.c.state.in_(bindparam("of_states", expanding=True)),
    )
    moved: dict[str, Any] = {name: bindparam(name) for name in ("state", *columns)}
    return update(table).where(these).values(moved).returning(table.c[by])


def illegal(
    table: Table, key: object, state: str | None, allowed: Collection[str], target: str, scope: str
) -> IllegalTransition:
    """The error for a row that is not where a move must begin. `state` is None for a row that does not exist."""
    return IllegalTransition(
        f"{table.name.removesuffix('s')} {key} is {state or 'not there'}; "
        f"only {' or '.join(sorted(allowed))} can become {target}",
        connection=scope,
        subject=str(key),
        next_step=f"look at `connector trace {key}` and run again; nothing of this group was changed",
    )


def _put(statement: Any, table: Table, columns: Collection[str]) -> Any:
    keys = [column.name for column in table.primary_key]
    replaced = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=replaced)


@dataclass(frozen=True, slots=True)
class _Plain:
    """A statement as the driver takes it, and what makes each column's values those that are stored."""

    sql: str
    columns: tuple[str, ...]
    stored: tuple[Callable[[Any], Any] | None, ...]

    def parameters(self, rows: Sequence[Values]) -> list[tuple[Any, ...]]:
        each = zip(self.columns, self.stored, strict=True)
        return list(zip(*(_stored(name, stored, rows) for name, stored in each), strict=True))

    def of(self, rows: int) -> str:
        """The statement with the values of so many rows in it."""
        before, values, after = self.sql.partition("VALUES ")
        group, bracket, after = after.partition(")")
        return f"{before}{values}{', '.join([group + bracket] * rows)}{after}"


def _stored(name: str, stored: Callable[[Any], Any] | None, rows: Sequence[Values]) -> Iterator[Any]:
    if stored is None:
        return (row[name] for row in rows)
    return _converted((row[name] for row in rows), stored)


def _converted(values: Iterator[Any], stored: Callable[[Any], Any]) -> Iterator[Any]:
    """Rows that come together have the same day and the same moment of reading: what repeats is converted once."""
    before: Any = None
    text = stored(None)
    for value in values:
        if value is not before and value != before:
            before, text = value, stored(value)
        yield text


@lru_cache(maxsize=64)
def _plain_put(table: Table, columns: tuple[str, ...]) -> _Plain:
    dialect = sqlite.dialect(paramstyle="qmark")
    return _plain(_put(sqlite.insert(table), table, columns), table, columns, dialect, dialect)


@lru_cache(maxsize=64)
def _plain_rows(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> _Plain:
    """The dialect's INSERT of many rows; PostgreSQL's takes them as one JSON array of arrays."""
    plain = _plain(insert(table), table, columns, sqlite.dialect(paramstyle="qmark"), dialect)
    if dialect.name == "sqlite":
        return plain
    types = [table.c[name].type.compile(dialect).partition(" COLLATE")[0] for name in plain.columns]
    values = ", ".join(f"(each.value->>{position})::{kind}" for position, kind in enumerate(types))
    into = plain.sql.partition(" VALUES ")[0]
    return replace(plain, sql=f"{into} SELECT {values} FROM json_array_elements(%s) AS each")  # noqa: S608 - names only


@lru_cache(maxsize=64)
def _plain_insert(dialect: Dialect, table: Table, columns: tuple[str, ...], returning: str) -> _Plain:
    """The dialect's INSERT, which knows ON CONFLICT. Typed loosely: the two classes share no base that has it."""
    is_sqlite = dialect.name == "sqlite"
    statement: Any = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    written = sqlite.dialect(paramstyle="qmark") if is_sqlite else _PSYCOPG2(paramstyle="format")
    return _plain(statement.on_conflict_do_nothing().returning(table.c[returning]), table, columns, written, dialect)


def _plain(statement: Any, table: Table, columns: tuple[str, ...], written: Any, dialect: Any) -> _Plain:
    """`statement` as `written` writes it, with the values that `dialect` stores."""
    compiled = statement.compile(dialect=written, column_keys=list(columns))
    ordered: tuple[str, ...] = tuple(compiled.positiontup)
    assert set(ordered) == set(columns), "a column of the table fills itself: its rows cannot be put plainly"
    return _Plain(compiled.string, ordered, tuple(_conversion(table.c[name], dialect) for name in ordered))


def _conversion(column: Column[Any], dialect: Any) -> Callable[[Any], Any] | None:
    conversion: Callable[[Any], Any] | None = column.type.dialect_impl(dialect).bind_processor(dialect)
    return conversion
