"""Addresses below `/Sage300WebApi`: version, tenant, company, module, resource and key (sections 1.1 and 2.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.sage300.refusals import InvalidEntityKey, Page, ResourceNotFound
from sandbox.sage300.schema import EntityType, converted
from sandbox.sage300.switches import Switches
from sandbox.sage300.tables import Key

APP = "Sage300WebApi"
_RESOURCE = re.compile(r"(\$?\w+)(?:\((.*)\))?", re.DOTALL)
_PART = re.compile(r"\s*(?:(\w+)\s*=\s*)?('(?:[^']|'')*'|-?\d+(?:\.\d+)?|[^,'\s]+)\s*(?:,|$)")
_UNSAFE = re.compile(rb"%2f|%5c|%3f|%23|%25|%26|%2b|[&+]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """`key` is the text inside the parentheses, None without any."""

    company: str
    module: str
    resource: str
    key: str | None


def parse(path: str, raw_path: bytes, switches: Switches) -> Address:
    """Raises `Page` for what IIS answers itself and `ResourceNotFound` for what the application does not know."""
    parts = path.strip("/").split("/", 5)
    if parts[0] != APP:
        raise Page(404, "404 - File or directory not found.")
    if switches.unsafe_paths_refused and _UNSAFE.search(raw_path):
        raise Page(404, "404 - File or directory not found.")
    if len(parts) != 6 or parts[1] != "v1.0" or parts[2] != "-":
        raise ResourceNotFound(f"The resource '{path}' was not found.")
    found = _RESOURCE.fullmatch(parts[5])
    if found is None:
        raise ResourceNotFound(f"The resource '{parts[5]}' was not found.")
    return Address(parts[3], parts[4], found[1], found[2])


def action(key: str | None) -> str:
    """`$process` or `$template` when the key is one of them, quoted as the address demands; otherwise empty."""
    return key.strip("'") if key is not None and key.startswith("'$") and key.endswith("'") else ""


def read_key(text: str, kind: EntityType, switches: Switches) -> Key:
    """The values of a key, in the order of the metadata. Raises `InvalidEntityKey` when it is malformed."""
    named: dict[str, Any] = {}
    position = 0
    while position < len(text):
        found = _PART.match(text, position)
        if found is None:
            raise InvalidEntityKey(f"The key '{text}' is malformed.")
        name = found[1] or (kind.key[len(named)] if len(named) < len(kind.key) else "")
        named[name] = found[2]
        position = found.end()
    if set(named) != set(kind.key):
        raise InvalidEntityKey(f"The key '{text}' does not fit; it takes {', '.join(kind.key)}.")
    return tuple(_value(kind, name, named[name], switches) for name in kind.key)


def _value(kind: EntityType, name: str, literal: str, switches: Switches) -> Any:
    known = kind.fields[name]
    if literal.startswith("'"):
        if known.kind not in ("S", "E"):
            raise InvalidEntityKey(f"The value {literal} does not fit {name}.")
        text = literal[1:-1].replace("''", "'")
        return converted(known, text, switches) if known.kind == "E" else text
    if known.kind in ("S", "E"):
        raise InvalidEntityKey(f"The value {literal} of {name} must be quoted.")
    if known.kind == "D":
        return converted(known, literal, switches)
    return int(Decimal(literal)) if known.kind == "I" else Decimal(literal)
