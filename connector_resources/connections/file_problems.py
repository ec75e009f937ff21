"""What is wrong in a connection file, in sentences: file, line, field, what is allowed, and what was probably meant.

It words what validation found and finds nothing itself, but for a key that stands twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from connector_resources.connections.collections import CollectionsSection
from connector_resources.connections.model import beyond_collecting, beyond_subscribing
from connector_resources.connections.schema import SettingTree
from connector_resources.connections.subscriptions import SubscriptionsSection
from connector_resources.erp.registry import ERPS

SHOWN_CHARACTERS = 60
#: the one in C where PyYAML was built with it: files of three hundred connections are read whenever code is loaded.
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: pydantic's own words for a value that a validator of ours refused.
OWN_WORDS = "Value error, "


@dataclass(frozen=True, slots=True)
class Document:
    """The YAML values with the line on which each key path stands; `doubled` are keys that stand twice, with the line."""

    values: Any
    lines: dict[tuple[str, ...], int]
    doubled: tuple[tuple[tuple[str, ...], int], ...]

    @classmethod
    def parse(cls, text: str) -> Document:
        """Raises `yaml.YAMLError`."""
        loader = _SafeLoader(text)
        try:
            node = loader.get_single_node()
            values = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
        lines: dict[tuple[str, ...], int] = {}
        doubled: list[tuple[tuple[str, ...], int]] = []
        if node is not None:
            _collect_lines(node, (), lines, doubled)
        return cls(values, lines, tuple(doubled))

    def line_of(self, path: tuple[str, ...]) -> int:
        """The line of `path`, or of the nearest parent that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(frozen=True, slots=True)
class Wording:
    """Words the problems of one file. `prefix` is where the connection begins in it."""

    path: Path
    document: Document
    prefix: tuple[str, ...]

    def keys_twice(self) -> list[str]:
        """YAML would silently take the last of two equal keys."""
        return [
            f"{self.path}:{line}: {'.'.join(key[len(self.prefix) :])}: stands twice; take one of the two out"
            for key, line in self.document.doubled
        ]

    def of_validation(self, error: ValidationError, values: Mapping[str, Any]) -> list[str]:
        """Every problem that validation found, and what it does not look for any more when a section is broken."""
        kind = _kind_of(values)
        tree = SettingTree()
        found = [line for item in error.errors() for line in self._lines(item, kind, tree)]
        told = "\n".join(found)
        return [*found, *(line for line in self._across(error, values, kind) if line not in told)]

    def _lines(self, item: Any, kind: str | None, tree: SettingTree) -> list[str]:
        steps = _steps(item["loc"], kind)
        if item["type"] == "value_error":
            # One line for each thing that a section's own validator found.
            found = _found(item) if steps and not isinstance(item.get("input"), Mapping) else ""
            return [self._line(steps, text + found) for text in item["msg"].removeprefix(OWN_WORDS).split("\n")]
        return [self._line(steps, _in_words(item, steps, kind, tree))]

    def _across(self, error: ValidationError, values: Mapping[str, Any], kind: str | None) -> list[str]:
        """What the ledger cannot do at all: looked for only when every section is in order, and told here nevertheless."""
        broken = {item["loc"][0] for item in error.errors() if item["loc"]}
        if kind is None or kind not in ERPS or not broken:
            return []
        traits, texts = ERPS[kind].traits, []
        if "collections" not in broken:
            texts += beyond_collecting(CollectionsSection.model_validate(values.get("collections", {})), traits)
        if "subscriptions" not in broken:
            texts += beyond_subscribing(SubscriptionsSection.model_validate(values.get("subscriptions", {})), traits)
        return [self._line((), text) for text in texts]

    def _line(self, steps: tuple[str, ...], text: str) -> str:
        if not steps:
            # The text begins with the path of the setting it is about.
            steps = tuple(text.partition(":")[0].split("."))
            return f"{self.path}:{self.document.line_of((*self.prefix, *steps))}: {text}"
        return f"{self.path}:{self.document.line_of((*self.prefix, *steps))}: {'.'.join(steps)}: {text}"


def unreadable(path: Path, error: OSError | UnicodeDecodeError | yaml.YAMLError) -> str:
    """The problem of a file whose text could not even be taken apart."""
    if not isinstance(error, yaml.YAMLError):
        return f"{path}: cannot be read: {error}"
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark is not None else ""
    return f"{path}{line}: is not YAML: {getattr(error, 'problem', None) or error}; look at indents, colons and quotes"


def _kind_of(values: Mapping[str, Any]) -> str | None:
    erp = values.get("erp")
    kind = erp.get("kind") if isinstance(erp, Mapping) else None
    return kind if isinstance(kind, str) else None


def _steps(location: tuple[int | str, ...], kind: str | None) -> tuple[str, ...]:
    steps = tuple(str(step) for step in location)
    # pydantic puts the tag of a discriminated union into the location, and a mark for keys; neither is a key of the file.
    if len(steps) > 1 and steps[0] == "erp" and steps[1] == kind:
        steps = (steps[0], *steps[2:])
    return tuple(step for step in steps if step != "[key]")


def _in_words(item: Any, steps: tuple[str, ...], kind: str | None, tree: SettingTree) -> str:
    match item["type"]:
        case "missing":
            node = tree.at(steps, kind)
            meaning = tree.description(node, kind) if node is not None else ""
            words = tree.allowed(node, kind) if node is not None else []
            allowed = f" One of: {', '.join(words)}." if words else ""
            return f"is required: {meaning}{allowed}" if meaning else f"is required.{allowed}"
        case "extra_forbidden":
            parent = tree.at(steps[:-1], kind)
            known = list(tree.settings(parent, kind)) if parent is not None else []
            return f"is not a known field{_meant(steps[-1], known) or '; known here: ' + ', '.join(known)}"
        case "literal_error" | "enum":
            node = tree.at(steps, kind)
            words = tree.allowed(node, kind) if node is not None else []
            allowed = ", ".join(words) if words else str(item["msg"]).removeprefix("Input should be ")
            return f"must be one of: {allowed}{_found(item)}{_meant(str(item.get('input')), words)}"
        case "union_tag_invalid":
            given = str(item.get("ctx", {}).get("tag", ""))
            return f"kind must be one of: {', '.join(ERPS)} (found: {_shown(given)}){_meant(given, list(ERPS))}"
        case "union_tag_not_found":
            return f"needs a kind: one of {', '.join(ERPS)}"
        case "string_pattern_mismatch":
            node = tree.at(steps, kind)
            meaning = tree.description(node, kind) if node is not None else ""
            shape = item.get("ctx", {}).get("pattern", "")
            return f"must look like {shape}{_found(item)}" + (f". It is: {meaning}" if meaning else "")
        case _:
            return f"{item['msg']}{_found(item)}"


def _meant(given: str, known: list[str]) -> str:
    close = get_close_matches(given.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _found(item: Any) -> str:
    return f" (found: {_shown(item.get('input'))})"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _collect_lines(
    node: yaml.Node,
    path: tuple[str, ...],
    lines: dict[tuple[str, ...], int],
    doubled: list[tuple[tuple[str, ...], int]],
) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            if inner[-1] in seen:
                doubled.append((inner, key.start_mark.line + 1))
            seen.add(inner[-1])
            lines[inner] = key.start_mark.line + 1
            _collect_lines(value, inner, lines, doubled)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*path, str(index)), lines, doubled)
