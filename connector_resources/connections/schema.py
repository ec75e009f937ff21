"""The JSON Schema of a connection file, made from the models that read it: for editors, for new files, for messages.

What no schema can say (two settings that do not go together) is checked when the file is read, and nowhere here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from connector_resources.connections.model import Connection
from connector_resources.erp.registry import ERPS

JsonSchema = dict[str, Any]

#: how the copy beside the connection files is called; their first line names it, so that editors find it.
SCHEMA_FILE = "connection.schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: JSON Schema's `time` asks for seconds and a zone; a time of day in a connection file has neither.
TIME_OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"


def connection_schema() -> JsonSchema:
    """The schema of one connection file; not to be changed. `name` may be left out there: the file's name stands for it."""
    return _schema_with(tuple(kind.settings for kind in ERPS.values()))


@lru_cache(maxsize=2)
def _schema_with(_sections: tuple[type, ...]) -> JsonSchema:
    """Made once for the ERPs that are registered: it takes longer than reading a file."""
    schema = Connection.model_json_schema()
    schema["required"] = [name for name in schema["required"] if name != "name"]
    _tell_times_of_day(schema)
    return {"$schema": DIALECT, "title": "Connection file of ml-connector", **_without(schema, "title")}


class SettingTree:
    """The settings of a connection file as a tree that can be walked by key, with an ERP's own ones under `erp`."""

    def __init__(self, schema: JsonSchema | None = None) -> None:
        self.root = schema or connection_schema()
        self._definitions: dict[str, JsonSchema] = self.root.get("$defs", {})

    def at(self, path: Sequence[str], kind: str | None) -> JsonSchema | None:
        """The schema of the setting at `path` when the ERP is `kind`; None for a setting nobody knows."""
        node: JsonSchema | None = self.root
        for step in path:
            node = self._child(node, step, kind) if node is not None else None
        return node

    def settings(self, node: JsonSchema, kind: str | None) -> dict[str, JsonSchema]:
        """What may stand in the section `node`, by name, in the order of the model; empty when it is no section."""
        return next((option["properties"] for option in self.options(node, kind) if "properties" in option), {})

    def section(self, node: JsonSchema, kind: str | None) -> JsonSchema | None:
        """The section that a setting holds; None when it holds a plain value or a mapping."""
        return next((option for option in self.options(node, kind) if "properties" in option), None)

    def values_of(self, node: JsonSchema, kind: str | None) -> JsonSchema | None:
        """The schema of the values of a mapping with free keys; None when `node` is none."""
        for option in self.options(node, kind):
            given = next(iter(option.get("patternProperties", {}).values()), option.get("additionalProperties"))
            if isinstance(given, dict):
                return given
        return None

    def allowed(self, node: JsonSchema, kind: str | None = None) -> list[str]:
        """The words that may be written, where there is a list of them."""
        return [str(word) for option in self.options(node, kind) for word in option.get("enum", ())]

    def description(self, node: JsonSchema, kind: str | None = None) -> str:
        """What the setting means; a section without words of its own is explained by its model."""
        texts = [node, *self.options(node, kind)]
        return next((str(text["description"]) for text in texts if text.get("description")), "")

    def options(self, node: JsonSchema, kind: str | None) -> Iterator[JsonSchema]:
        """`node` with references and alternatives followed; of the ERPs' sections only that of `kind`."""
        if "$ref" in node:
            yield from self.options(self._definitions[node["$ref"].rpartition("/")[2]], kind)
            return
        yield node
        for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            found = list(self.options(option, kind))
            told = found[0].get("properties", {}).get("kind", {}).get("const") if found else None
            if "oneOf" not in node or told == kind:
                yield from found

    def _child(self, node: JsonSchema, step: str, kind: str | None) -> JsonSchema | None:
        for option in self.options(node, kind):
            child = option.get("properties", {}).get(step) or (option.get("items") if step.isdigit() else None)
            if isinstance(child, dict):
                return child
        return self.values_of(node, kind)


def _tell_times_of_day(node: Any) -> None:
    if isinstance(node, list):
        for each in node:
            _tell_times_of_day(each)
    elif isinstance(node, dict):
        if node.get("format") == "time" and node.pop("format"):
            node["pattern"] = TIME_OF_DAY
        for each in node.values():
            _tell_times_of_day(each)


def _without(schema: JsonSchema, name: str) -> JsonSchema:
    return {key: value for key, value in schema.items() if key != name}
