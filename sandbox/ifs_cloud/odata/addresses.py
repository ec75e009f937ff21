"""Paths of an OData service: segments, and the keys or parameters in their parentheses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from sandbox.ifs_cloud.odata.edm import EntityType, Property, Row
from sandbox.ifs_cloud.odata.filters import Dialect
from sandbox.ifs_cloud.odata.literals import from_json, key_text
from sandbox.ifs_cloud.refusals import BadRequest

_SEGMENT = re.compile(r"(?P<name>[\w.$]+)(?:\((?P<inner>.*)\))?", re.DOTALL)
_PAIR = re.compile(r"\s*(?:(?P<name>\w+)=)?(?P<value>[\w.]*'(?:[^']|'')*'|[^,']*)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Segment:
    """`values` are the raw literals by name, `None` without parentheses; a single unnamed key has the name ''."""

    name: str
    values: dict[str, str] | None


def segments(raw_path: str) -> list[Segment]:
    """The segments of the percent-encoded path behind the service root. Raises `BadRequest`."""
    return [_segment(unquote(part)) for part in raw_path.split("/") if part]


def key_of(kind: EntityType, values: dict[str, str], dialect: Dialect) -> Row:
    """The values by column. Raises `BadRequest` when the predicate does not name exactly the key."""
    if set(values) == {""} and len(kind.keys) == 1:
        values = {kind.keys[0]: values[""]}
    if set(values) != set(kind.keys):
        raise BadRequest(f"The key predicates of '{kind.name}' are {', '.join(kind.keys)}.")
    return {
        kind.properties[name].column: read_literal(
            kind.properties[name].kind, kind.properties[name].enum, text, dialect, name
        )
        for name, text in values.items()
    }


def parameters(kinds: dict[str, str], values: dict[str, str], dialect: Dialect) -> Row:
    """Parameters of a function, all of which must be there. Raises `BadRequest`."""
    if set(values) != set(kinds):
        raise BadRequest(f"The parameters are {', '.join(kinds)}.")
    read = {}
    for name, text in values.items():
        letter, _, enum = kinds[name].partition(":")
        read[name] = None if text == "null" else read_literal(letter, enum, text, dialect, name)
    return read


def read_literal(letter: str, enum: str, text: str, dialect: Dialect, name: str) -> Any:
    """The value of a URL literal of the given kind. Raises `BadRequest`."""
    problem = BadRequest(f"The literal {text} of '{name}' is not valid.")
    if letter == "E":
        wanted, _, member = text.partition("'")
        if wanted != f"{dialect.namespace}.{enum}" or member[:-1] not in dialect.enums[enum]:
            raise problem
        return member[:-1]
    if letter == "S":
        if not (text.startswith("'") and text.endswith("'") and len(text) > 1):
            raise problem
        return text[1:-1].replace("''", "'")
    if text in ("true", "false"):
        return text == "true"
    try:
        return from_json(Property(name, letter, name), text, dialect.zone)
    except ValueError as reason:
        raise problem from reason


def address_of(kind: EntityType, row: Row, namespace: str) -> str:
    """`(Company='10',InvoiceId=7)`, percent-encoded."""
    pairs = []
    for name in kind.keys:
        known = kind.properties[name]
        text = key_text(known, row[known.column])
        pairs.append(f"{name}={namespace}.{known.enum}{text}" if known.kind == "E" else f"{name}={text}")
    return "(" + quote(",".join(pairs), safe="=,'") + ")"


def _segment(text: str) -> Segment:
    found = _SEGMENT.fullmatch(text)
    if found is None:
        raise BadRequest(f"The address segment '{text}' cannot be read.")
    if found["inner"] is None:
        return Segment(found["name"], None)
    values: dict[str, str] = {}
    position, inner = 0, found["inner"]
    while position < len(inner):
        pair = _PAIR.match(inner, position)
        if pair is None or pair.end() == position or not pair["value"]:
            raise BadRequest(f"The key predicate '({inner})' cannot be read.")
        values[pair["name"] or ""] = pair["value"].strip()
        position = pair.end()
    return Segment(found["name"], values)
