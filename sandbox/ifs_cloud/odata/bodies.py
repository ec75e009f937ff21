"""Bodies of POST and PATCH: JSON read into columns by the entity type, with lengths, upper case and what may be
written.

Decimals may come as numbers or strings and never pass through a float.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.ifs_cloud.odata.edm import EntityType, Property, Row
from sandbox.ifs_cloud.odata.filters import Dialect
from sandbox.ifs_cloud.odata.literals import from_json
from sandbox.ifs_cloud.odata.service import Call
from sandbox.ifs_cloud.refusals import Undeserializable, bad_format, not_updatable


def members(call: Call) -> dict[str, Any]:
    """The JSON object of the body. Raises `Undeserializable` for another content type or form."""
    if call.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Undeserializable
    try:
        given = json.loads(call.body or b"{}", parse_float=Decimal)
    except ValueError as problem:
        raise Undeserializable from problem
    if not isinstance(given, dict):
        raise Undeserializable
    return {name: value for name, value in given.items() if not name.startswith("@odata.")}


def entity(call: Call, kind: EntityType, dialect: Dialect, *, update: bool) -> Row:
    """Columns of a body. Raises `Undeserializable` for unknown members, `Business` for values that do not fit."""
    row: Row = {}
    for name, value in members(call).items():
        known = kind.properties.get(name)
        if known is None:
            if call.switches.unknown_members == "refuse":
                raise Undeserializable
            continue
        if not (known.patch if update else known.post):
            if update and name not in kind.keys:
                raise not_updatable(kind.lu, known.column.upper())
            if not update:
                raise bad_format(kind.lu, f"Field [{known.column.upper()}] may not be specified for new objects.")
            continue
        row[known.column] = None if value is None else _value(call, kind, known, value, dialect)
    _check_required(kind, row, update=update)
    return row


def parameters(call: Call, kinds: Mapping[str, str], dialect: Dialect) -> Row:
    """Parameters of an action from its body; those left out are null. Raises `Undeserializable` for unknown ones."""
    given = members(call) if call.body.strip() else {}
    if set(given) - set(kinds):
        raise Undeserializable
    read: Row = dict.fromkeys(kinds)
    for name, value in given.items():
        letter, _, enum = kinds[name].partition(":")
        known = Property(name, letter, name, enum=enum)
        read[name] = None if value is None else _typed(call, known, value, dialect)
    return read


def _value(call: Call, kind: EntityType, known: Property, value: Any, dialect: Dialect) -> Any:
    read = _typed(call, known, value, dialect)
    if known.upper:
        read = read.upper()
    if known.length and len(read) > known.length:
        raise bad_format(kind.lu, f"The value of field [{known.column.upper()}] is longer than {known.length}.")
    return read


def _typed(call: Call, known: Property, value: Any, dialect: Dialect) -> Any:
    try:
        read = from_json(known, value, call.zone)
    except ValueError as problem:
        raise Undeserializable from problem
    if known.enum and read not in dialect.enums[known.enum]:
        raise Undeserializable
    return read


def _check_required(kind: EntityType, row: Row, *, update: bool) -> None:
    """A new object needs every required value; a change may leave them out, not take them away."""
    for known in kind.properties.values():
        if known.required and not (update and known.column not in row) and row.get(known.column) in (None, ""):
            raise bad_format(kind.lu, f"Field [{known.column.upper()}] is mandatory and requires a value.")
