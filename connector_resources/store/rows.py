"""Set-based writing on both databases: insert what is absent, insert or replace, and guarded moves between states."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Table, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connector_resources.errors import IllegalTransition
from connector_resources.store.engine import chunks

Values = Mapping[str, Any]


def insert_absent(connection: Connection, table: Table, rows: Sequence[Values], returning: str) -> set[Any]:
    """Insert the rows whose primary or unique key is not there yet; gives the `returning` column of those inserted."""
    if not rows:
        return set()
    statement = _insert(connection, table).on_conflict_do_nothing().returning(table.c[returning])
    return set(connection.execute(statement, list(rows)).scalars())


def put_rows(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert the rows, or replace what is there under the same primary key."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    replaced = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=replaced), list(rows))


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
    wanted = sorted(set(keys))
    allowed = [state.value for state in sources]
    for slice_keys in chunks(wanted):
        these = and_(table.c.connection == scope, table.c[by].in_(slice_keys))
        guarded = update(table).where(these, table.c.state.in_(allowed)).values(state=target.value, **(values or {}))
        moved = set(connection.execute(guarded.returning(table.c[by])).scalars())
        if stuck := [key for key in slice_keys if key not in moved]:
            state = connection.scalar(select(table.c.state).where(table.c.connection == scope, table.c[by] == stuck[0]))
            raise illegal(table, stuck[0], state, allowed, target, scope)


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


def _insert(connection: Connection, table: Table) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT. Typed loosely: the two classes share no base that has it."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
