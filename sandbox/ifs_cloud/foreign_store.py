"""Entities of a generic OData service in SQLite: sets defined by the caller, filters turned into SQL.

It shares nothing with the stand-in beside it, so that a client is tried against a second reading of the standard.
"""

from __future__ import annotations

import operator
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Executable,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    create_engine,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool

#: letters of columns: string, whole number, decimal (kept as text), boolean, date.
TYPES = {"S": "Edm.String", "I": "Edm.Int32", "D": "Edm.Decimal", "B": "Edm.Boolean", "Y": "Edm.Date"}
_SQL_TYPES = {"S": Text, "I": Integer, "D": Text, "B": Boolean, "Y": Text}
_NAME = re.compile(r"[A-Za-z_]\w*")
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>\w+)|(?P<mark>[(),]))"
)
_OPERATORS = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip


class BadQuery(ValueError):
    """A condition, an order or a key that cannot be read."""


class Conflict(Exception):
    """A row with this key exists."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One set: its key and the kinds of its columns, in order."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    table: Table

    def check(self, values: Mapping[str, Any]) -> None:
        """Raises `BadQuery` for a column the set does not have."""
        unknown = set(values) - set(self.columns)
        if unknown:
            raise BadQuery(f"{self.name} has no {', '.join(sorted(unknown))}")


class Store:
    """Sets and their rows; each row has a version that counts its changes."""

    def __init__(self) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        self._metadata = MetaData()
        self._lock = threading.Lock()
        self.shapes: dict[str, Shape] = {}

    def define(self, name: str, key: Sequence[str], **columns: str) -> None:
        """A new set. Raises `ValueError` for a name or kind that cannot be."""
        for each in (name, *columns):
            if not _NAME.fullmatch(each):
                raise ValueError(f"{each!r} is not a name")
        if set(columns.values()) - set(TYPES) or not set(key) <= set(columns):
            raise ValueError(f"{name} has a column of an unknown kind, or a key that is no column")
        fields = [Column(column, _SQL_TYPES[kind](), primary_key=column in key) for column, kind in columns.items()]
        table = Table(name, self._metadata, *fields, Column("version", Integer, nullable=False, default=1))
        table.create(self._engine)
        self.shapes[name] = Shape(name, tuple(key), columns, table)

    def insert(self, name: str, **values: Any) -> None:
        """Raises `Conflict` when the key is taken, `BadQuery` for a column the set does not have."""
        shape = self.shapes[name]
        shape.check(values)
        try:
            self._run(insert(shape.table).values(_stored(values)))
        except IntegrityError as problem:
            raise Conflict(f"{name} has this key already") from problem

    def update(self, name: str, key: Mapping[str, Any], values: Mapping[str, Any], version: int | None = None) -> bool:
        """Change a row, if it still has the version; whether it did. Raises `BadQuery`."""
        shape = self.shapes[name]
        shape.check(values)
        changed = {**_stored(values), "version": shape.table.c.version + 1}
        return self._run(update(shape.table).where(*_same(shape, key, version)).values(changed)) == 1

    def delete(self, name: str, key: Mapping[str, Any], version: int | None) -> bool:
        """Remove a row, if it still has the version; whether it did."""
        shape = self.shapes[name]
        return self._run(delete(shape.table).where(*_same(shape, key, version))) == 1

    def one(self, name: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
        shape = self.shapes[name]
        found = self._rows(select(shape.table).where(*_same(shape, key, None)))
        return found[0] if found else None

    def select(
        self, name: str, condition: str, order: str, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Rows of a page, and how many there are in all. Raises `BadQuery`."""
        shape = self.shapes[name]
        where = _Translation(shape).condition(condition) if condition else true()
        counted = self._rows(select(func.count().label("n")).select_from(shape.table).where(where))
        page = select(shape.table).where(where).order_by(*_order(shape, order)).limit(limit).offset(offset)
        return self._rows(page), int(counted[0]["n"])

    def _run(self, statement: Executable) -> int:
        with self._lock, self._engine.begin() as connection:
            return int(connection.execute(statement).rowcount)

    def _rows(self, statement: Executable) -> list[dict[str, Any]]:
        with self._lock, self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]


class _Translation:
    """A `$filter` as an SQL expression over the set's own columns."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._tokens: Iterator[tuple[str, str]] = iter(())
        self._next: tuple[str, str] = ("end", "")

    def condition(self, text: str) -> ColumnElement[bool]:
        self._tokens = iter([*_split(text), ("end", "")])
        self._advance()
        clause = self._either()
        if self._next[0] != "end":
            raise BadQuery(f"unexpected {self._next[1]!r}")
        return clause

    def _either(self) -> ColumnElement[bool]:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return or_(*parts)

    def _both(self) -> ColumnElement[bool]:
        parts = [self._single()]
        while self._take("and"):
            parts.append(self._single())
        return and_(*parts)

    def _single(self) -> ColumnElement[bool]:
        if self._take("not"):
            return not_(self._single())
        if self._take("("):
            clause = self._either()
            self._need(")")
            return clause
        kind, text = self._advance()
        if kind != "word":
            raise BadQuery(f"unexpected {text!r}")
        if text in ("contains", "startswith"):
            return self._search(text)
        column, letter = self._column(text)
        compare = _OPERATORS.get(self._advance()[1])
        if compare is None or letter == "D":
            raise BadQuery(f"{text} cannot be compared like this")
        result: ColumnElement[bool] = compare(column, self._value(letter))
        return result

    def _search(self, name: str) -> ColumnElement[bool]:
        self._need("(")
        column, letter = self._column(self._advance()[1])
        self._need(",")
        place = func.instr(column, self._value(letter))
        self._need(")")
        return place > 0 if name == "contains" else place == 1

    def _column(self, name: str) -> tuple[ColumnElement[Any], str]:
        if name not in self._shape.columns:
            raise BadQuery(f"{self._shape.name} has no {name}")
        return self._shape.table.c[name], self._shape.columns[name]

    def _value(self, letter: str) -> Any:
        kind, text = self._advance()
        if kind == "text" and letter == "S":
            return text[1:-1].replace("''", "'")
        if kind == "day" and letter == "Y":
            return text
        if kind == "number" and letter == "I":
            return int(text)
        if text in ("true", "false") and letter == "B":
            return text == "true"
        if text == "null":
            return None
        raise BadQuery(f"{text} is not a value of {TYPES[letter]}")

    def _advance(self) -> tuple[str, str]:
        here, self._next = self._next, next(self._tokens, ("end", ""))
        return here

    def _take(self, text: str) -> bool:
        if self._next[1] != text:
            return False
        self._advance()
        return True

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise BadQuery(f"missing {text}")


def _split(text: str) -> Iterator[tuple[str, str]]:
    position, text = 0, text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise BadQuery(f"cannot read {text[position:]!r}")
        yield found.lastgroup, found[found.lastgroup]
        position = found.end()


def _order(shape: Shape, order: str) -> Iterator[ColumnElement[Any]]:
    for each in filter(None, (part.strip() for part in order.split(","))):
        column, _, direction = each.partition(" ")
        if column not in shape.columns or direction not in ("", "asc", "desc"):
            raise BadQuery(f"cannot order by {each}")
        yield shape.table.c[column].desc() if direction == "desc" else shape.table.c[column].asc()
    yield from (shape.table.c[column] for column in shape.key)


def _same(shape: Shape, key: Mapping[str, Any], version: int | None) -> Iterator[ColumnElement[bool]]:
    yield from (shape.table.c[column] == value for column, value in key.items())
    if version is not None:
        yield shape.table.c.version == version


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if value is None or isinstance(value, int) else str(value) for name, value in values.items()}
