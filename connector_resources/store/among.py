"""A column that is one of many values, which go to the database as one parameter.

A list of its own parameters is written into the statement anew each time, which for hundreds of keys takes longer than finding
their rows; and a statement takes only so many.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Dialect, Text, bindparam, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from connector_resources.store.json_text import dump_json


def among(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Whether `column`, of texts or whole numbers, is one of the values passed as `parameter`: any number of them, or none."""
    return _Among(column, bindparam(parameter, type_=_Values()))


def unindexed(column: ColumnElement[Any]) -> ColumnElement[str]:
    """A column of texts for whose index SQLite shall not decide: it would rather go through all rows of a connection, in their
    order or not, than look up more than a few by their keys.
    """
    return column.op("||")(literal_column("''"))


class _Values(TypeDecorator[Collection[Any]]):
    """JSON for SQLite; PostgreSQL's driver makes an array of a list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        return dump_json(list(value or ())) if dialect.name == "sqlite" else list(value or ())


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: object = None) -> _Among:
        """Not `… = 1`, as the library writes it where truth is a number: then no index would be used."""
        return self


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - a column and a placeholder


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} = ANY ({values})"
