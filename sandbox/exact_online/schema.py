"""What an entity type is: named properties with their Edm types and whether they may be written, and bodies read by it.

A row is a mapping of property names to Python values: GUIDs and strings as `str`, doubles as `Decimal`, whole numbers as
`int`, dates as zone-less `datetime`. Nothing here knows where rows are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.exact_online.refusals import BadRequest, mandatory

Row = dict[str, Any]

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,7})?)?))?(Z?)")
_RANGES = {"Y": (0, 255), "H": (-(2**15), 2**15 - 1), "I": (-(2**31), 2**31 - 1), "L": (-(2**63), 2**63 - 1)}
EDM = {
    "G": "Edm.Guid", "S": "Edm.String", "D": "Edm.Double", "I": "Edm.Int32", "H": "Edm.Int16", "Y": "Edm.Byte",
    "L": "Edm.Int64", "B": "Edm.Boolean", "T": "Edm.DateTime",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Property:
    """`kind` is a letter of `EDM`. `post` and `put` say whether a client may send it, `required` whether it must."""

    name: str
    kind: str
    post: bool = False
    put: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class EntityType:
    """`lines` names the navigation property that is inserted along with the header, and the type of its entities."""

    name: str
    key: str
    properties: Mapping[str, Property]
    lines: str = ""
    line_type: EntityType | None = None
    #: written but never read back, such as the bytes of an attachment.
    hidden: frozenset[str] = frozenset()

    def property(self, name: str) -> Property:
        """Raises `BadRequest` for a property the type does not have."""
        found = self.properties.get(name)
        if found is None or name in self.hidden:
            raise self.no_property(name)
        return found

    def no_property(self, name: str) -> BadRequest:
        return BadRequest(f"No property '{name}' exists in type 'Exact.Metadata.Entity.{self.name}' at position 0.")


def entity(
    name: str,
    key: str,
    properties: Mapping[str, str],
    *,
    lines: str = "",
    line_type: EntityType | None = None,
    hidden: str = "",
) -> EntityType:
    """Build a type from `{"S RPU": "Name", "S PU": "Email Phone", "T": "Created"}`: kind, then how it may be written."""
    known: dict[str, Property] = {}
    for code, names in properties.items():
        kind, _, ways = code.partition(" ")
        for each in names.split():
            known[each] = Property(each, kind, "P" in ways or "R" in ways, "U" in ways, "R" in ways)
    return EntityType(name, key, known, lines, line_type, frozenset(hidden.split()))


@dataclass(slots=True)
class Reading:
    """How a body was read: what it asked for, and what was left aside without a word."""

    drop_unknown: bool = False
    ignored: set[str] = field(default_factory=set)

    def body(self, content: bytes, kind: EntityType, *, update: bool = False) -> Row:
        """The writable values of a JSON body. Raises `BadRequest`, or `Business` for a missing mandatory field."""
        try:
            given = json.loads(content, parse_float=Decimal)
        except ValueError as problem:
            raise BadRequest("Bad Request - Error in query syntax: the body is not JSON.") from problem
        if not isinstance(given, dict):
            raise BadRequest("An entity must be a JSON object.")
        return self._entity(given, kind, update)

    def _entity(self, given: Mapping[str, Any], kind: EntityType, update: bool) -> Row:
        row: Row = {}
        for name, value in given.items():
            if name == kind.lines and name:
                row[name] = self._lines(value, kind, update)
                continue
            known = kind.properties.get(name)
            if known is None:
                if not self.drop_unknown:
                    raise kind.no_property(name)
                self.ignored.add(name)
            elif not (known.put if update else known.post):
                self.ignored.add(name)
            else:
                row[name] = None if value is None else _value(known, value)
        if not update:
            self._check_required(row, kind)
        return row

    def _lines(self, value: Any, kind: EntityType, update: bool) -> list[Row]:
        assert kind.line_type is not None
        if not isinstance(value, list):
            raise BadRequest(f"The value of '{kind.lines}' must be a JSON array.")
        rows = []
        for each in value:
            if not isinstance(each, dict):
                raise BadRequest(f"Each of '{kind.lines}' must be a JSON object.")
            rows.append(self._entity(each, kind.line_type, update))
        return rows

    def _check_required(self, row: Row, kind: EntityType) -> None:
        for known in kind.properties.values():
            if known.required and row.get(known.name) in (None, ""):
                raise mandatory(known.name)


def _value(known: Property, value: Any) -> Any:
    readers = {"G": _guid, "S": _text, "D": _double, "B": _flag, "T": _moment}
    try:
        return readers.get(known.kind, _whole)(known, value)
    except (ValueError, InvalidOperation) as problem:
        raise BadRequest(
            f"An error occurred when converting the value from request payload for property '{known.name}' "
            f"to type '{EDM[known.kind].removeprefix('Edm.')}'."
        ) from problem


def _guid(known: Property, value: Any) -> str:
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise ValueError(known.name)
    return value.lower()


def _text(known: Property, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(known.name)
    return value


def _double(known: Property, value: Any) -> Decimal:
    # Numbers may come as strings, too (section 3.3).
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError(known.name)
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(known.name)
    return number


def _whole(known: Property, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(known.name)
    number = int(value)
    low, high = _RANGES[known.kind]
    if not low <= number <= high:
        raise ValueError(known.name)
    return number


def _flag(known: Property, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(known.name)
    return value


def _moment(known: Property, value: Any) -> datetime:
    """Zone-less ISO is taken as it stands; a trailing Z moves it back by Amsterdam's distance from UTC (section 3.4)."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(known.name)
    moment = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}")
    if found[3]:
        offset = moment.replace(tzinfo=AMSTERDAM).utcoffset()
        assert offset is not None
        moment -= offset
    return moment
