"""Where rows live: one table per logical unit, ordered by key, indexed, versioned, and undoable within one transaction.

Every change moves the row's version, from which its ETag is made. Rules of the documents are elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sandbox.ifs_cloud.odata.edm import Row

Key = tuple[Any, ...]
#: what happened to a row: the table, "insert", "update" or "delete", the row, and the columns' former values.
Listener = Callable[["Table", str, Row, Row], None]

#: columns that the table itself keeps.
OBJID = "_objid"
VERSION = "_version"


class Journal:
    """What must be undone when a transaction fails. Outside of one, nothing is kept."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] | None = None

    def record(self, undo: Callable[[], None]) -> None:
        if self._undo is not None:
            self._undo.append(undo)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing. One within another is a savepoint: it can fail alone and be survived."""
        outermost = self._undo is None
        undo = self._undo = [] if self._undo is None else self._undo
        mark = len(undo)
        try:
            yield
        except BaseException:
            steps = undo[mark:]
            del undo[mark:]
            self._undo = None
            for step in reversed(steps):
                step()
            self._undo = undo
            raise
        finally:
            if outermost:
                self._undo = None


class Table:
    """Rows by key. `now` gives the present moment, `listener` hears of every change."""

    def __init__(
        self,
        name: str,
        keys: tuple[str, ...],
        now: Callable[[], datetime],
        journal: Journal,
        *,
        indexed: Iterable[str] = (),
        listener: Listener | None = None,
    ) -> None:
        self.name = name
        self.keys = keys
        self._now = now
        self._journal = journal
        self._listener = listener
        self._rows: dict[Key, Row] = {}
        self._order: list[Key] = []
        self._ids = 0
        self._indexes: dict[str, dict[Any, dict[Key, Row]]] = {
            column: defaultdict(dict) for column in dict.fromkeys((keys[0], *indexed))
        }

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """In the order of keys."""
        return (self._rows[key] for key in self._order)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def key(self, row: Row) -> Key:
        return tuple(row[column] for column in self.keys)

    def get(self, *key: Any) -> Row | None:
        return self._rows.get(key)

    def __getitem__(self, key: Key) -> Row:
        return self._rows[key]

    def add(self, row: Row) -> Row:
        """Raises `KeyError` when the key is taken."""
        key = self.key(row)
        if key in self._rows:
            raise KeyError(f"{self.name} {key} exists")
        self._ids += 1
        row[OBJID] = f"AAA{self.name[:6]}{self._ids:08d}"
        row[VERSION] = self._now().replace(microsecond=0)
        self._insert(key, row)
        self._journal.record(lambda: self._delete(key))
        self._tell("insert", row, {})
        return row

    def change(self, row: Row, **values: Any) -> Row:
        """Raises `ValueError` for a change of the key."""
        key = self.key(row)
        if any(values.get(column, row[column]) != row[column] for column in self.keys):
            raise ValueError(f"the key of {self.name} {key} cannot change")
        version = max(self._now().replace(microsecond=0), row[VERSION] + timedelta(seconds=1))
        former = {column: row.get(column) for column in (*values, VERSION)}
        self._update(key, {**values, VERSION: version})
        self._journal.record(lambda: self._update(key, former))
        self._tell("update", row, former)
        return row

    def touch(self, row: Row) -> None:
        """Move the version alone."""
        self.change(row)

    def remove(self, row: Row) -> None:
        self._delete(self.key(row))
        self._journal.record(lambda: self._insert(self.key(row), row))
        self._tell("delete", row, {})

    def indexed(self, column: str) -> bool:
        return column in self._indexes

    def where(self, column: str, *values: Any) -> list[Row]:
        """Rows whose indexed column has one of the values, in the order of keys."""
        index = self._indexes[column]
        found = {key: row for value in values if value in index for key, row in index[value].items()}
        return [found[key] for key in sorted(found)]

    def _insert(self, key: Key, row: Row) -> None:
        self._rows[key] = row
        insort(self._order, key)
        for column, index in self._indexes.items():
            index[row.get(column)][key] = row

    def _delete(self, key: Key) -> None:
        row = self._rows.pop(key)
        del self._order[bisect_left(self._order, key)]
        for column, index in self._indexes.items():
            del index[row.get(column)][key]

    def _update(self, key: Key, values: Row) -> None:
        row = self._rows[key]
        for column, index in self._indexes.items():
            del index[row.get(column)][key]
        row.update(values)
        for column, index in self._indexes.items():
            index[row.get(column)][key] = row

    def _tell(self, what: str, row: Row, former: Row) -> None:
        if self._listener is not None:
            self._listener(self, what, row, former)
