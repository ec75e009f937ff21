"""Whether a tenant has what the projection map names, from its `$metadata` (ifs_cloud.md sections 0.2 and 2.3). Pure.

The names of sets and members differ per release, installed component and customisation, so the map is compared with the EDMX
of every service in use, and what is missing is told by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from connector_resources.erp.ifs_cloud.projections import Projection
from connector_resources.transport.answers import read_xml


@dataclass(frozen=True, slots=True)
class Model:
    """A service: members by set, arrays by set, members by array, and the names of its actions and functions."""

    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    array_members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    arrays: Mapping[str, frozenset[str]] = field(default_factory=dict)
    operations: frozenset[str] = frozenset()


def parse(edmx: bytes) -> Model:
    """Raises `ValueError` for what is no EDMX. Entities of other files and network addresses are not resolved."""
    try:
        root = read_xml(edmx)
    except ValueError as problem:
        raise ValueError("the metadata is no XML") from problem
    if etree.QName(root).localname != "Edmx":
        raise ValueError("the metadata is no EDMX")
    types = {name: each for each in _all(root, "EntityType") if (name := each.get("Name"))}
    members: dict[str, frozenset[str]] = {}
    arrays: dict[str, frozenset[str]] = {}
    for each in _all(root, "EntitySet"):
        kind = types.get((each.get("EntityType") or "").rpartition(".")[2])
        if kind is not None:
            members[each.get("Name") or ""] = _members(kind, types)
            arrays[each.get("Name") or ""] = _names(kind, "NavigationProperty")
    array_members = {
        each.get("Name") or "": _members(types[name], types)
        for each in _all(root, "NavigationProperty")
        if (name := _type_name(each)) in types
    }
    operations = {each.get("Name") or "" for tag in ("Action", "Function") for each in _all(root, tag)}
    return Model(members, array_members, arrays, frozenset(operations))


def missing(projection: Projection, model: Model, *, in_array: bool = False) -> list[str]:
    """Every name of the map that the service does not have, as phrases; empty when all are there.

    `in_array`: the members are those of the array, which may stand below an entity of the set or further down.
    """
    where = f"{projection.service}.svc"
    if projection.set not in model.members:
        known = ", ".join(sorted(model.members)[:8]) or "none"
        return [f"{where} has no set {projection.set} (it has {known})"]
    holder, present = projection.set, model.members[projection.set]
    if in_array:
        holder, present = projection.array, model.array_members.get(projection.array, frozenset())
        if not present:
            return [f"{where} has no array {projection.array}"]
    found: list[str] = []
    wanted = {**projection.fields, "modified_field": projection.modified_field}
    for word, member in wanted.items():
        if member and member not in present:
            found.append(f"{holder} has no member {member} (for {word})")
    for member in projection.orderby:
        if member not in present and member not in wanted.values():
            found.append(f"{holder} has no member {member} (to order by)")
    if not in_array and projection.array and projection.array not in model.arrays.get(projection.set, frozenset()):
        found.append(f"{projection.set} has no array {projection.array}")
    return found


def _type_name(navigation: etree._Element) -> str:
    """Of `Collection(Namespace.Type)` the type's own name."""
    return (navigation.get("Type") or "").removesuffix(")").rpartition(".")[2]


def _all(root: etree._Element, tag: str) -> list[etree._Element]:
    return list(root.iter(f"{{*}}{tag}"))


def _names(element: etree._Element, tag: str) -> frozenset[str]:
    return frozenset(name for each in element.findall(f"{{*}}{tag}") if (name := each.get("Name")))


def _members(kind: etree._Element, types: Mapping[str, etree._Element]) -> frozenset[str]:
    """Own properties and those of the base types, each looked at once: types may name each other as base."""
    found: frozenset[str] = frozenset()
    seen: set[str] = set()
    each: etree._Element | None = kind
    while each is not None and (each.get("Name") or "") not in seen:
        seen.add(each.get("Name") or "")
        found |= _names(each, "Property")
        each = types.get((each.get("BaseType") or "").rpartition(".")[2])
    return found
