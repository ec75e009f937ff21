"""Rows of one resource under their keys, always read in key order."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any

from sandbox.sage300.schema import EntityType, Row

Key = tuple[Any, ...]


class Table:
    """Raises `KeyError` for a key that is not there."""

    def __init__(self, name: str, kind: EntityType) -> None:
        self.name = name
        self.kind = kind
        self._rows: dict[Key, Row] = {}
        self._order: list[Key] = []

    def add(self, row: Row) -> Row:
        """Insert; raises `ValueError` when the key is taken."""
        key = self.kind.key_of(row)
        if key in self._rows:
            raise ValueError(f"{self.name} {key} exists")
        self._rows[key] = row
        bisect.insort(self._order, key)
        return row

    def replace(self, row: Row) -> None:
        self._rows[self.kind.key_of(row)] = row

    def remove(self, *key: Any) -> None:
        del self._rows[key]
        self._order.remove(key)

    def get(self, *key: Any) -> Row | None:
        return self._rows.get(key)

    def __getitem__(self, key: Any) -> Row:
        return self._rows[key if isinstance(key, tuple) else (key,)]

    def __contains__(self, key: Any) -> bool:
        return (key if isinstance(key, tuple) else (key,)) in self._rows

    def __iter__(self) -> Iterator[Row]:
        return (self._rows[key] for key in self._order)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def last_key(self) -> Key | None:
        return self._order[-1] if self._order else None


def clone(row: Row) -> Row:
    """A copy that shares no rows with the original; values themselves are immutable."""
    return {
        name: [clone(each) if isinstance(each, dict) else each for each in value] if isinstance(value, list) else value
        for name, value in row.items()
    }
