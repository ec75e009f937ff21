"""The strict reading of request bodies: which fields come as `{"value": x}` and which come bare (section 3).

A schema maps a field to its kind. Anything of the wrong form or type is refused with 400, as the service does: a bare
scalar where a wrapper is expected, and a wrapper where a bare value is. Fields that no schema knows are ignored
there, and so here; their names are handed back, so that a test can notice a misspelt one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.visma.formats import read_day
from sandbox.visma.refusals import Malformed

#: reads one plain JSON value of a field named by its path; raises `Malformed`.
Reader = Callable[[Any, str], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """`read` turns the plain value into ours. `wrapped` says whether it must stand inside `{"value": ...}`."""

    read: Reader | None = None
    wrapped: bool = True
    fields: Mapping[str, Field] | None = None
    many: bool = False


Schema = Mapping[str, Field]


def text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "String", path)
    return value


def decimal(value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise _wrong(value, "Decimal", path)
    return Decimal(value)


def integer(value: Any, path: str) -> int:
    if type(value) is not int:
        raise _wrong(value, "Int32", path)
    return value


def boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, "Boolean", path)
    return value


def day(value: Any, path: str) -> date:
    return read_day(text(value, path), path)


def one_of(*names: str) -> Reader:
    """An enumeration: exactly one of `names`."""

    def read(value: Any, path: str) -> str:
        if value not in names:
            raise _wrong(value, "Enum", path)
        return str(value)

    return read


def wrapped(read: Reader) -> Field:
    """A scalar in `{"value": ...}`."""
    return Field(read)


def bare(read: Reader) -> Field:
    """A scalar that must not be wrapped."""
    return Field(read, wrapped=False)


def each_wrapped(read: Reader, *names: str) -> dict[str, Field]:
    """Several wrapped scalars of one type."""
    return {name: wrapped(read) for name in names}


def nested(fields: Schema) -> Field:
    """An object in `{"value": {...}}`."""
    return Field(None, wrapped=True, fields=fields)


def many(fields: Schema) -> Field:
    """A bare array of objects."""
    return Field(None, wrapped=False, fields=fields, many=True)


OPERATION = bare(one_of("Insert", "Update", "Delete"))
SUBACCOUNT = many({"segmentId": bare(integer), "segmentValue": bare(text)})


def parse(body: bytes, schema: Schema, ignored: set[str] | None = None) -> dict[str, Any]:
    """The fields present in `body`, unwrapped and typed; a null stands for "blank it". Raises `Malformed`.

    Names that the schema does not know are added to `ignored`.
    """
    try:
        document = json.loads(body or b"{}", parse_float=Decimal)
    except ValueError as problem:
        raise Malformed(f"The request body is not JSON: {problem}.") from problem
    if not isinstance(document, dict):
        raise Malformed("The request body must be a JSON object.")
    return _object(document, schema, "", ignored if ignored is not None else set())


def _object(document: dict[str, Any], schema: Schema, path: str, ignored: set[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in document.items():
        here = f"{path}.{name}" if path else name
        if name not in schema:
            ignored.add(here)
            continue
        result[name] = _field(value, schema[name], here, ignored)
    return result


def _field(value: Any, field: Field, path: str, ignored: set[str]) -> Any:
    if value is None:
        return None
    if field.many:
        if not isinstance(value, list):
            raise _wrong(value, "Array", path)
        assert field.fields is not None
        return [_item(each, field.fields, f"{path}[{i}]", ignored) for i, each in enumerate(value)]
    if field.wrapped:
        if not isinstance(value, dict) or "value" not in value:
            raise _wrong(value, "DtoValue", path)
        value = value["value"]
        if value is None:
            return None
    if field.fields is not None:
        return _item(value, field.fields, path, ignored)
    assert field.read is not None
    return field.read(value, path)


def _item(value: Any, fields: Schema, path: str, ignored: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, "Object", path)
    return _object(value, fields, path, ignored)


def _wrong(value: Any, wanted: str, path: str) -> Malformed:
    return Malformed(f"Error converting value {json.dumps(value, default=str)} to type '{wanted}'. Path '{path}'.")
