"""Where rows live: one table per entity set, ordered by key, indexed, and with a log of row versions for the sync API.

Every change gives the row a new `Timestamp`, stamps `Modified`, and tells the table's listener (webhooks, the deletion
log). Rules of the documents are elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.exact_online.schema import Row

#: what happened to a row: "create", "update" or "delete".
Listener = Callable[["Table", str, Row], None]
Stamp = Callable[[], tuple[int, Any]]


class Table:
    """Rows by key. `stamp` gives a new row version and the present moment."""

    def __init__(self, name: str, key: str, indexed: Iterable[str], stamp: Stamp, listener: Listener) -> None:
        self.name = name
        self.key = key
        self._stamp = stamp
        self._listener = listener
        self._rows: dict[Any, Row] = {}
        self._order: list[Any] = []
        self._log: list[tuple[int, Any]] = []
        self._indexes: dict[str, dict[Any, dict[Any, Row]]] = {name: defaultdict(dict) for name in indexed}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        """In the order of keys."""
        return (self._rows[key] for key in self._order)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def get(self, key: Any) -> Row | None:
        return self._rows.get(key)

    def __getitem__(self, key: Any) -> Row:
        return self._rows[key]

    def add(self, row: Row) -> Row:
        """Raises `KeyError` when the key is taken."""
        key = row[self.key]
        if key in self._rows:
            raise KeyError(f"{self.name} {key} exists")
        row["Timestamp"], row["Modified"] = self._stamp()
        row.setdefault("Created", row["Modified"])
        self._rows[key] = row
        insort(self._order, key)
        self._index(key, row)
        self._log.append((row["Timestamp"], key))
        self._listener(self, "create", row)
        return row

    def change(self, key: Any, **values: Any) -> Row:
        row = self._rows[key]
        self._unindex(key, row)
        row.update(values)
        row["Timestamp"], row["Modified"] = self._stamp()
        self._index(key, row)
        self._log.append((row["Timestamp"], key))
        self._listener(self, "update", row)
        return row

    def remove(self, key: Any) -> Row:
        row = self._rows.pop(key)
        del self._order[bisect_left(self._order, key)]
        self._unindex(key, row)
        self._listener(self, "delete", row)
        return row

    def renumber(self) -> None:
        """Give every row a new version, as the move of a division to another database does (section 4.4)."""
        self._log.clear()
        for key in self._order:
            self._rows[key]["Timestamp"], _ = self._stamp()
            self._log.append((self._rows[key]["Timestamp"], key))

    def indexed(self, name: str) -> bool:
        return name == self.key or name in self._indexes

    def where(self, name: str, *values: Any) -> list[Row]:
        """Rows whose indexed property has one of the values, in the order of keys."""
        if name == self.key:
            found = [self._rows[value] for value in values if value in self._rows]
        else:
            index = self._indexes[name]
            found = [row for value in values if value in index for row in index[value].values()]
        return found if len(found) < 2 else sorted(found, key=lambda row: row[self.key])

    def after_key(self, key: Any) -> Iterator[Row]:
        """Rows whose key is greater, in the order of keys."""
        return (self._rows[each] for each in self._order[bisect_right(self._order, key) :])

    def after_version(self, version: int) -> Iterator[Row]:
        """Rows whose present `Timestamp` is greater, oldest change first; each row once."""
        for stamp, key in self._log[bisect_right(self._log, version, key=lambda entry: entry[0]) :]:
            row = self._rows.get(key)
            if row is not None and row["Timestamp"] == stamp:
                yield row

    def _index(self, key: Any, row: Row) -> None:
        for name, index in self._indexes.items():
            index[row.get(name)][key] = row

    def _unindex(self, key: Any, row: Row) -> None:
        for name, index in self._indexes.items():
            bucket = index[row.get(name)]
            del bucket[key]
            if not bucket:
                del index[row.get(name)]
