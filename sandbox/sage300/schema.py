"""What a resource looks like: named properties with kinds and lengths, and the collections of details inside it.

A row maps property names to Python values: numbers are `Decimal`, whole numbers `int`, dates `date`, members of
enumerations their names. Keys that begin with an underscore are the stand-in's own and never leave it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import Any

from sandbox.sage300.refusals import FieldInvalid, InvalidPayload
from sandbox.sage300.switches import Switches

Row = dict[str, Any]

#: properties any record may carry in either direction without meaning (section 3.9).
EXTRAS = frozenset(
    {
        "UpdateOperation", "Warnings", "ETag", "IsDeleted", "IsNewLine", "HasChanged", "DisplayIndex", "PreviousKey",
        "IsSelected", "Licenses",
    }
)  # fmt: skip
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(?::\d{2}(?:\.\d{1,7})?)?(Z)?)?")
_LINE = re.compile(r"(-?)(\w+) ([SDNIEB])(\d*)(?::(\S+))?")
EDM = {
    "S": "Edm.String", "D": "Edm.DateTimeOffset", "N": "Edm.Decimal", "I": "Edm.Int32", "B": "Edm.Boolean",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """`kind` is a letter: text, date, number, integer, enumeration, boolean. `members` maps raw values to names."""

    name: str
    kind: str
    length: int = 0
    members: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False

    @property
    def default(self) -> Any:
        return (
            {"S": "", "D": None, "N": Decimal(0), "I": 0, "B": False}.get(self.kind)
            if self.kind != "E"
            else (next(iter(self.members.values())))
        )


@dataclass(frozen=True, slots=True)
class DetailSet:
    """A collection inside a record. `key` tells its rows apart; `number` makes the key of the n-th row (from 1), or
    the client names it."""

    kind: EntityType
    key: str
    number: Callable[[int], Any] | None = None


@dataclass(frozen=True)
class EntityType:
    """`name` is the model's name in `$metadata`; `key` lists the key properties in its order."""

    name: str
    key: tuple[str, ...]
    fields: Mapping[str, Field]
    details: Mapping[str, DetailSet] = field(default_factory=dict)

    @cached_property
    def _defaults(self) -> Row:
        return {each.name: each.default for each in self.fields.values()}

    def blank(self) -> Row:
        row = self._defaults.copy()
        for name in self.details:
            row[name] = []
        return row

    def key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.key)


def entity(name: str, key: str, text: str, **details: DetailSet) -> EntityType:
    """Build a type from lines such as `ShortName S10`, `-NumberOfEntries I` (read-only), `OnHold E:0=No,1=Yes`."""
    fields: dict[str, Field] = {}
    for line in filter(str.strip, re.split(r"[;\n]", text)):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"{name}: cannot read {line!r}")
        members = dict(pair.split("=") for pair in found[5].split(",")) if found[5] else {}
        fields[found[2]] = Field(found[2], found[3], int(found[4] or 0), members, bool(found[1]))
    return EntityType(name, tuple(key.split()), fields, details)


@dataclass(slots=True)
class Given:
    """A body as it was sent: its properties in their order, converted; details as lists of `Given`."""

    values: list[tuple[str, Any]]
    operation: str = "Unspecified"

    def get(self, name: str) -> Any:
        return next((value for known, value in self.values if known == name), None)


def read(body: Any, kind: EntityType, switches: Switches, place: str = "") -> Given:
    """The writable properties of a JSON object. Raises `InvalidPayload` for what the model has not or cannot hold."""
    if not isinstance(body, dict):
        raise InvalidPayload(f"The request body{place} is not a JSON object.")
    given = Given([], str(body.get("UpdateOperation", "Unspecified")))
    if given.operation not in ("Unspecified", "Insert", "Update", "Delete"):
        raise InvalidPayload(f"'{given.operation}' is not a member of UpdateOperation.")
    for name, value in body.items():
        if name in kind.details:
            if not isinstance(value, list):
                raise InvalidPayload(f"The property '{name}' must be a collection.")
            inner = kind.details[name].kind
            given.values.append((name, [read(each, inner, switches, f" in '{name}'") for each in value]))
        elif name in kind.fields:
            given.values.append((name, converted(kind.fields[name], value, switches)))
        elif name not in EXTRAS:
            raise InvalidPayload(
                f"The property '{name}' does not exist on type '{kind.name}'. Make sure to only use property names "
                "that are defined by the type."
            )
    return given


def converted(known: Field, value: Any, switches: Switches) -> Any:
    """A JSON value as the row holds it."""
    try:
        return _CONVERTERS[known.kind](known, value, switches)
    except (ValueError, TypeError, ArithmeticError) as problem:
        raise InvalidPayload(f"Cannot convert the value of property '{known.name}' to its type.") from problem


def fitted(known: Field, value: Any, switches: Switches) -> Any:
    """Text in its column: blanks at the end go, what is too long is refused or cut (section 3.4)."""
    if known.kind != "S" or not known.length:
        return value
    text = value.rstrip()
    if len(text) <= known.length:
        return text
    if switches.over_long == "truncate":
        return text[: known.length]
    raise FieldInvalid(f"{known.name} is invalid. The value is longer than {known.length} characters.")


def _text(known: Field, value: Any, switches: Switches) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(known.name)
    return value


def _date(known: Field, value: Any, switches: Switches) -> date | None:
    if value in (None, ""):
        return None
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(known.name)
    day = date.fromisoformat(found[1])
    if found[3] and found[2] == "00:00" and switches.zone_shifts_dates:
        return date.fromordinal(day.toordinal() - 1)
    return day


def _number(known: Field, value: Any, switches: Switches) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(known.name)
    return Decimal(value).quantize(Decimal("0.0000001"), ROUND_HALF_UP).normalize() + 0


def _whole(known: Field, value: Any, switches: Switches) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise TypeError(known.name)
    return int(value)


def _member(known: Field, value: Any, switches: Switches) -> str:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(_whole(known, value, switches))
    if not isinstance(value, str):
        raise TypeError(known.name)
    found = member(known, value, switches)
    if found is None:
        raise InvalidPayload(f"'{value}' is not a member of '{known.name}'.")
    return found


def member(known: Field, text: str, switches: Switches) -> str | None:
    """The member named by its name in this release, or by its raw number; None when there is none."""
    if text in known.members:
        return known.members[text]
    for name in known.members.values():
        if switches.renamed_members.get(name, name) == text:
            return name
    return None


def _flag(known: Field, value: Any, switches: Switches) -> bool:
    if not isinstance(value, bool):
        raise TypeError(known.name)
    return value


_CONVERTERS: dict[str, Callable[[Field, Any, Switches], Any]] = {
    "S": _text, "D": _date, "N": _number, "I": _whole, "E": _member, "B": _flag,
}  # fmt: skip


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
