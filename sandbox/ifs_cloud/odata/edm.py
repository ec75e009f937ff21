"""What an entity type is: named properties with their Edm kinds, their columns, and whether they may be written.

A row is a mapping of columns to Python values: strings and enumeration members as `str`, decimals as `Decimal`,
dates as
`date`, timestamps as aware UTC `datetime`. A property's name on the wire may differ from its column: customers rename.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from sandbox.ifs_cloud.refusals import BadRequest

Row = dict[str, Any]

#: one letter per kind, as the type tables write them.
EDM = {
    "S": "Edm.String", "D": "Edm.Decimal", "I": "Edm.Int64", "B": "Edm.Boolean", "Y": "Edm.Date",
    "T": "Edm.DateTimeOffset", "E": "Enum", "X": "Edm.Stream", "G": "Edm.Guid",
}  # fmt: skip
_CODE = re.compile(r"([SDIBYTEXG])(\d*)(u?)(?::(\w+))?(?: ([RPU]+))?")


@dataclass(frozen=True, slots=True)
class Property:
    """`kind` is a letter of `EDM`. `post` and `patch` say whether a client may send it, `required` whether it must.

    `upper` values are upper-cased when written; `enum` names the enumeration of kind E; `plain` lets a filter compare it
    with a plain string.
    """

    name: str
    kind: str
    column: str
    post: bool = False
    patch: bool = False
    required: bool = False
    upper: bool = False
    length: int = 0
    enum: str = ""
    plain: bool = False


@dataclass(slots=True)
class EntityType:
    """`keys` are property names; `lu` is the logical unit behind it. Types belong to one tenant and may be tailored."""

    name: str
    lu: str
    keys: tuple[str, ...]
    properties: dict[str, Property]
    #: a row of this type belongs to a company when it has this column.
    company: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.company = "Company" if any(each.column == "Company" for each in self.properties.values()) else ""

    def member(self, name: str) -> Property:
        """Raises `BadRequest` for a property the type does not have."""
        found = self.properties.get(name)
        if found is None:
            raise BadRequest(f"The property '{name}' is not defined in type '{self.name}'.")
        return found

    @property
    def key_columns(self) -> tuple[str, ...]:
        return tuple(self.properties[name].column for name in self.keys)

    def rename(self, old: str, new: str) -> None:
        """Show a member under another name. Raises `KeyError` when there is no such member."""
        known = self.properties.pop(old)
        self.properties[new] = replace(known, name=new)
        self.keys = tuple(new if name == old else name for name in self.keys)

    def remove(self, name: str) -> None:
        """Hide a member. Raises `KeyError` when there is none."""
        del self.properties[name]

    def add(self, code: str, name: str, column: str = "") -> None:
        """Add a member, such as a custom field; `code` as in `entity`."""
        self.properties[name] = _property(code, name, column)


def entity(name: str, keys: str, properties: Mapping[str, str], lu: str = "") -> EntityType:
    """Build a type from `{"S20u RP": "Company Identity", "E:PartyType": "PartyType"}`.

    The code is the kind, its longest length, `u` for upper case, the enumeration after a colon; then R(equired),
    P(ost),
    U(pdate). A name may be written `Name=Column`.
    """
    known = {}
    for code, names in properties.items():
        for each in names.split():
            shown, _, column = each.partition("=")
            known[shown] = _property(code, shown, column)
    return EntityType(name, lu or name, tuple(keys.split()), known)


@cache
def _property(code: str, name: str, column: str) -> Property:
    found = _CODE.fullmatch(code)
    if found is None:
        raise ValueError(f"{code!r} is not the code of a property")
    kind, length, upper, enum, ways = found.groups(default="")
    return Property(
        name,
        kind,
        column or name,
        post="P" in ways or "R" in ways,
        patch="U" in ways,
        required="R" in ways,
        upper=bool(upper),
        length=int(length or 0),
        enum=enum,
    )
