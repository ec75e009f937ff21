"""Reads connection files and reports every problem at once, with file, line and field.

A deployment keeps its files in `CONNECTOR_HOME/connections/*.yaml`. A broken file does not hide the others' problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from connector_resources.connections.model import Connection
from connector_resources.errors import BrokenConnectionFile, UnknownConnection

#: the `type` of a Dagster component file that holds a connection.
COMPONENT_TYPE = "connector_assets.component.ConnectionComponent"


def load_connections(directory: Path, components: Path | None = None) -> tuple[Connection, ...]:
    """All connections of `directory`, and those kept as Dagster components below `components`, by name.

    Raises one `BrokenConnectionFile` that lists every problem of every file.
    """
    loaded: list[Connection] = []
    problems: list[str] = []
    readers: list[tuple[Path, Callable[[Path], Connection | None]]] = [
        *((path, load_connection) for path in sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])),
        *((path, load_component) for path in (sorted(components.glob("**/defs.yaml")) if components else ())),
    ]
    for path, read in readers:
        try:
            connection = read(path)
        except BrokenConnectionFile as error:
            problems.extend(error.problems)
        else:
            loaded.extend([connection] if connection else [])
    problems.extend(_duplicates(loaded))
    if problems:
        raise broken(problems)
    return tuple(sorted(loaded, key=lambda c: c.name))


def load_connection(path: Path) -> Connection:
    """One connection file. Raises `BrokenConnectionFile`."""
    document = _read(path)
    return _validated(path, document, document.values, path.stem, ())


def load_component(path: Path) -> Connection | None:
    """The connection in the `attributes` of a Dagster component file; None for components of another type.

    Raises `BrokenConnectionFile`.
    """
    document = _read(path)
    if not isinstance(document.values, dict) or document.values.get("type") != COMPONENT_TYPE:
        return None
    attributes = document.values.get("attributes")
    return _validated(path, document, attributes, path.parent.name, ("attributes",))


def _read(path: Path) -> _Document:
    try:
        return _Document.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise broken([f"{path}: cannot be read: {error}"]) from error
    except yaml.YAMLError as error:
        raise broken([f"{path}{_mark(error)}: is not YAML: {getattr(error, 'problem', None) or error}"]) from error


def _validated(path: Path, document: _Document, values: Any, name: str, prefix: tuple[str, ...]) -> Connection:
    if not isinstance(values, dict):
        raise broken([f"{path}:1: a connection file is a mapping of fields, see docs/connection-file.md"])
    try:
        return Connection.model_validate({"name": name, **values})
    except ValidationError as error:
        kind = values["erp"].get("kind") if isinstance(values.get("erp"), dict) else None
        problems = [_problem(path, document, item, kind, prefix) for item in error.errors()]
        raise broken(problems) from error


def find_connection(connections: Iterable[Connection], name: str) -> Connection:
    """The connection called `name`. Raises `UnknownConnection` that lists the known ones."""
    known = {connection.name: connection for connection in connections}
    if name not in known:
        names = ", ".join(sorted(known)) or "none yet"
        raise UnknownConnection(
            f"there is no connection called {name!r}; configured: {names}.",
            next_step="connector init, or check the name",
        )
    return known[name]


def broken(problems: list[str]) -> BrokenConnectionFile:
    error = BrokenConnectionFile("\n".join([f"{len(problems)} problem(s) in connection files:", *problems]))
    error.problems = problems
    return error


@dataclass(frozen=True, slots=True)
class _Document:
    """The YAML values with the line on which each key path stands."""

    values: Any
    lines: dict[tuple[str, ...], int]

    @classmethod
    def parse(cls, text: str) -> _Document:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[tuple[str, ...], int] = {}
        if node is not None:
            _collect_lines(node, (), lines)
        return cls(yaml.safe_load(text), lines)

    def line_of(self, path: tuple[str, ...]) -> int:
        """The line of `path`, or of the nearest parent that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def _collect_lines(node: yaml.Node, path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, str(key.value))
            lines[inner] = key.start_mark.line + 1
            _collect_lines(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, str(index)), lines)


def _problem(path: Path, document: _Document, item: Any, kind: str | None, prefix: tuple[str, ...]) -> str:
    steps = tuple(str(step) for step in item["loc"])
    # pydantic puts the tag of a discriminated union into the location; it is not a key of the file.
    if len(steps) > 1 and steps[0] == "erp" and steps[1] == kind:
        steps = (steps[0], *steps[2:])
    hint = "" if item["type"] in ("missing", "extra_forbidden") else f" (found: {_shown(item.get('input'))})"
    message = {"missing": "is required", "extra_forbidden": "is not a known field; is it misspelt?"}.get(
        item["type"], item["msg"]
    )
    return f"{path}:{document.line_of((*prefix, *steps))}: {'.'.join(steps)}: {message}{hint}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _duplicates(connections: list[Connection]) -> list[str]:
    names = [connection.name for connection in connections]
    return [
        f"two files are called {name!r}: names must differ" for name in sorted({n for n in names if names.count(n) > 1})
    ]
