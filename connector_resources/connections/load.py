"""Reads connection files and reports every problem at once, with file, line and field.

A deployment keeps its files in `CONNECTOR_HOME/connections/*.yaml`. A broken file hides neither the others' problems nor the
others: who works for one connection goes on while the file of another one waits for a person.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from connector_resources.connections.file_problems import Document, Wording, unreadable
from connector_resources.connections.model import Connection
from connector_resources.errors import BrokenConnectionFile, UnknownConnection

#: the `type` of a Dagster component file that holds a connection.
COMPONENT_TYPE = "connector_assets.component.ConnectionComponent"
CORRECT_IT = "correct these lines; docs/connection-file.md explains every setting, `connector connections` looks again"


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A connection file that cannot be used. `name` is what its connection is called, as far as that can be told."""

    name: str
    path: Path
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectionFiles:
    """What the files of a deployment hold: connections that are in order, by name, and files that are not.

    `at_home` are those of the connections that are files of the directory, not components.
    """

    connections: tuple[Connection, ...]
    broken: tuple[BrokenFile, ...]
    at_home: tuple[Connection, ...] = ()


def read_connections(directory: Path, components: Path | None = None) -> ConnectionFiles:
    """All connections of `directory`, and those kept as Dagster components below `components`. Raises nothing.

    Two files of one name are both broken: neither can be told to be the right one.
    """
    loaded: list[tuple[Path, Connection]] = []
    broken_files: list[BrokenFile] = []
    readers: list[tuple[Path, Callable[[Path], Connection | None]]] = [
        *((path, load_connection) for path in sorted([*directory.glob("*.yaml"), *directory.glob("*.yml")])),
        *((path, load_component) for path in (sorted(components.glob("**/defs.yaml")) if components else ())),
    ]
    for path, read in readers:
        try:
            connection = read(path)
        except BrokenConnectionFile as error:
            name = path.parent.name if read is load_component else path.stem
            broken_files.append(BrokenFile(_name_in(path) or re.sub(r"\W", "_", name), path, tuple(error.problems)))
        else:
            loaded.extend([(path, connection)] if connection else [])
    counts = Counter(connection.name for _, connection in loaded)
    whole = sorted(((path, each) for path, each in loaded if counts[each.name] == 1), key=lambda item: item[1].name)
    broken_files += [
        BrokenFile(each.name, path, (f"{path}: name: another file is called {each.name!r} too; names must differ",))
        for path, each in loaded
        if counts[each.name] > 1
    ]
    at_home = tuple(connection for path, connection in whole if path.parent == directory)
    return ConnectionFiles(tuple(connection for _, connection in whole), tuple(broken_files), at_home)


def load_connections(directory: Path, components: Path | None = None) -> tuple[Connection, ...]:
    """The same, where nothing may be left out. Raises one `BrokenConnectionFile` that lists every problem of every file."""
    found = read_connections(directory, components)
    if found.broken:
        raise broken_files_error(found.broken)
    return found.connections


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


def find_connection(
    connections: Iterable[Connection], name: str, broken_files: Sequence[BrokenFile] = ()
) -> Connection:
    """The connection called `name`. Raises `UnknownConnection` that lists the known ones, or what is wrong with its file."""
    its_files = [each for each in broken_files if each.name == name]
    if its_files:
        raise broken_files_error(its_files)
    known = {connection.name: connection for connection in connections}
    if name not in known:
        names = ", ".join(sorted(known)) or "none yet"
        raise UnknownConnection(
            f"there is no connection called {name!r}; configured: {names}.",
            next_step="connector init, or check the name",
        )
    return known[name]


def broken_files_error(files: Sequence[BrokenFile]) -> BrokenConnectionFile:
    """One error with the problems of all `files`."""
    return _broken([problem for each in files for problem in each.problems])


def _read(path: Path) -> Document:
    try:
        return Document.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _broken([unreadable(path, error)]) from error


def _validated(path: Path, document: Document, values: Any, name: str, prefix: tuple[str, ...]) -> Connection:
    if not isinstance(values, dict):
        raise _broken([f"{path}:1: a connection file is a mapping of fields, see docs/connection-file.md"])
    wording = Wording(path, document, prefix)
    try:
        connection = Connection.model_validate({"name": name, **values})
    except ValidationError as error:
        raise _broken([*wording.keys_twice(), *wording.of_validation(error, values)]) from error
    twice = wording.keys_twice()
    if twice:
        raise _broken(twice)
    return connection


def _name_in(path: Path) -> str:
    """The name that a broken file gives its connection; "" when there is none to be read."""
    try:
        found = re.search(r"^\s*name:\s*[\"']?(\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def _broken(problems: list[str]) -> BrokenConnectionFile:
    title = f"{len(problems)} problem{'s'[: len(problems) > 1]} in connection files:"
    error = BrokenConnectionFile("\n".join([title, *problems, ""]), next_step=CORRECT_IT)
    error.problems = problems
    return error
