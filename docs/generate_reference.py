"""Writes the reference pages of this folder from the code they describe: settings, environment variables, commands.

`python docs/generate_reference.py` writes `connection-file.md`, `connection.schema.json`, `environment.md` and
`commands.md`. A test makes the same pages and compares them, so that a page cannot fall behind the code. It describes nothing
of its own: every sentence in a table is the description of a field or the help of a command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from connector.cli import main
from connector_resources.connections.model import Connection
from connector_resources.connections.schema import connection_schema
from connector_resources.erp.registry import ERPS
from connector_resources.settings import Settings

HERE = Path(__file__).parent
#: width of the help texts, whatever the terminal.
HELP_COLUMNS = 100
#: as the front door sets them; every command inherits them.
HELP_OPTIONS = main.context_settings["help_option_names"]
JsonSchema = dict[str, Any]

GENERATED = "<!-- Made by docs/generate_reference.py; change the code it describes, then run it again. -->\n"


def pages() -> dict[str, str]:
    """File name -> text of every generated page."""
    return {
        "connection-file.md": connection_file_page(),
        "connection.schema.json": json.dumps(connection_schema(), indent=1) + "\n",
        "environment.md": environment_page(),
        "commands.md": commands_page(),
    }


def connection_file_page() -> str:
    """Every setting of a connection file, section by section, each ERP's section last."""
    schema = Connection.model_json_schema()
    top = _Tables(schema)
    parts = [GENERATED, CONNECTION_INTRO, *top.section("", schema, leave_out=("erp",))]
    for name, kind in sorted(ERPS.items()):
        own = kind.settings.model_json_schema()
        parts.append(f"## `erp` for {kind.traits.label}\n")
        page = f"{name.replace('_', '-')}.md"
        parts.append(f"{_first_paragraph(own)}\n\nChosen by `kind: {name}`. See [{kind.traits.label}]({page}).\n")
        parts += _Tables(own, label=kind.traits.label).section("erp", own, titled=False)
    return "\n".join(parts).rstrip() + "\n"


def environment_page() -> str:
    """Every environment variable the connector reads."""
    rows = [
        f"| `CONNECTOR_{name.upper()}` | {_shown_default(field.default)} | {_cell(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    table = "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])
    return f"{GENERATED}\n{ENVIRONMENT_INTRO}\n{table}\n"


def commands_page() -> str:
    """The help of every command, in the order of their names."""
    parts = [GENERATED, COMMANDS_INTRO]
    for path, command in commands(main):
        context = click.Context(
            command,
            info_name=" ".join(path),
            terminal_width=HELP_COLUMNS,
            max_content_width=HELP_COLUMNS,
            help_option_names=HELP_OPTIONS,
        )
        parts.append(f"## `{' '.join(path)}`\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts).rstrip() + "\n"


def commands(
    group: click.Group, path: tuple[str, ...] = ("connector",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below `group` with the words that call it; groups come before their commands."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


class _Tables:
    """Tables of the settings of one JSON schema, nested sections after the one that holds them."""

    def __init__(self, schema: JsonSchema, label: str = "") -> None:
        self._definitions: dict[str, JsonSchema] = schema.get("$defs", {})
        self._label = f" for {label}" if label else ""

    def section(
        self, path: str, schema: JsonSchema, *, leave_out: tuple[str, ...] = (), titled: bool = True
    ) -> list[str]:
        required = schema.get("required", ())
        nested: list[tuple[str, JsonSchema]] = []
        rows = []
        for name, field in schema["properties"].items():
            full = f"{path}.{name}" if path else name
            inner = self._inner_section(field)
            is_section = inner is not None and not inner[0]
            if inner is not None and name not in leave_out:
                nested.append((full + inner[0], inner[1]))
            default = "**required**" if name in required else _shown_default(field.get("default", _NO_DEFAULT))
            default = FILLED_IN_BY_THE_LOADER.get(full, "see below" if is_section and field.get("default") else default)
            text = field.get("description") or self._about(field)
            rows.append(f"| `{full}` | {self._kind(field)} | {default} | {_cell(text)} |")
        title = f"## `{path}`{self._label}\n\n{_first_paragraph(schema)}\n" if path and titled else ""
        table = "\n".join(["| setting | values | default | meaning |", "| --- | --- | --- | --- |", *rows, ""])
        parts = [part for part in (title, table) if part]
        for full, inner_schema in nested:
            parts += self.section(full, inner_schema)
        return parts

    def _inner_section(self, field: JsonSchema) -> tuple[str, JsonSchema] | None:
        """The section a field holds, with what its path gets: nothing, `.<name>` in a mapping, `[]` in a list."""
        for candidate, suffix in (
            (field, ""),
            *((option, "") for option in field.get("anyOf", ())),
            (_mapped_to(field), ".<name>"),
            (field.get("items") or {}, "[]"),
        ):
            if isinstance(candidate, dict) and "$ref" in candidate:
                found = self._resolve(candidate)
                if "properties" in found:
                    return suffix, found
        return None

    def _kind(self, field: JsonSchema) -> str:
        """What may be written, in words."""
        if "$ref" in field:
            target = self._resolve(field)
            return "section" if "properties" in target else self._kind(target)
        if "oneOf" in field:
            return "section, see below"
        if "anyOf" in field:
            options = [self._kind(option) for option in field["anyOf"] if option.get("type") != "null"]
            # A decimal may be written as a number or as a text; one word says both.
            numbers = [option for option in options if option.startswith("number")]
            return numbers[0] if numbers else " or ".join(dict.fromkeys(options))
        if "const" in field:
            return f"`{field['const']}`"
        if "enum" in field:
            return ", ".join(f"`{value}`" for value in field["enum"])
        return self._plain_kind(field)

    def _plain_kind(self, field: JsonSchema) -> str:
        match field.get("type"):
            case "array":
                return f"list of {self._kind(field['items'])}"
            case "object":
                keys = self._kind(field["propertyNames"]) if "propertyNames" in field else "text" + _key_shape(field)
                return f"mapping of {keys} to {self._kind(_mapped_to(field))}"
            case "boolean":
                return "`true`, `false`"
            case "integer" | "number" as kind:
                return ("whole number" if kind == "integer" else "number") + _range(field)
            case _:
                return "day such as 2026-06-30" if field.get("format") == "date" else "text" + _shape(field)

    def _about(self, field: JsonSchema) -> str:
        for option in (field, *field.get("anyOf", ())):
            if "$ref" in option:
                return _first_paragraph(self._resolve(option))
        return "The ERP's own section; `kind` says which ERP." if "oneOf" in field else ""

    def _resolve(self, field: JsonSchema) -> JsonSchema:
        return self._definitions[field["$ref"].rpartition("/")[2]]


_NO_DEFAULT = object()
#: what the schema calls required, and the loader of connection files knows from elsewhere.
FILLED_IN_BY_THE_LOADER = {"name": "the file's name"}


def _mapped_to(field: JsonSchema) -> JsonSchema:
    """The schema of a mapping's values; keys with a pattern keep it elsewhere than free ones."""
    by_pattern: dict[str, JsonSchema] = field.get("patternProperties", {})
    values = next(iter(by_pattern.values()), field.get("additionalProperties"))
    return values if isinstance(values, dict) else {}


def _key_shape(field: JsonSchema) -> str:
    return "".join(_shape({"pattern": pattern}) for pattern in field.get("patternProperties", {}))


def _shown_default(value: Any) -> str:
    if value is _NO_DEFAULT or value in (None, "", [], (), {}):
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"`{key}: {item}`" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _range(field: JsonSchema) -> str:
    low, high = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum", field.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f", {int(low)} to {int(high)}"
    return f", at least {int(low)}" if low is not None else ""


def _shape(field: JsonSchema) -> str:
    pattern, longest = field.get("pattern"), field.get("maxLength")
    if pattern:
        return f" like `{pattern}`".replace("|", "\\|")
    return f", at most {longest} characters" if longest else ""


def _first_paragraph(schema: JsonSchema) -> str:
    return _cell(re.split(r"\n\s*\n", schema.get("description", ""))[0])


def _cell(text: str) -> str:
    """One line that does not break a table. Sources in brackets are for readers of the code and left out."""
    text = re.sub(r"\s*\(\w+\.md[^)]*\)|\s*See \w+\.md[^.]*\.", "", " ".join(text.split()))
    return text.replace("|", "\\|").replace("<", "&lt;")


CONNECTION_INTRO = """# What can be set in a connection file?

One file is one connection: one GoCardless organisation tied to one ERP company. It lies in
`CONNECTOR_HOME/connections/NAME.yaml`; `connector init` asks for what it needs and writes it, every further setting as a
comment. A misspelt setting is an error, not ignored; every problem of every file is reported at once, with file, line and
field. A broken file stops its own connection; the others go on, and Dagster shows the broken one as an asset that says why.

Editors that know JSON Schema complete and check the file: its first line names
[connection.schema.json](connection.schema.json), of which `connector init` keeps a copy beside the files and which
`connector schema` prints. What concerns several settings at once is checked when the file is read.

No secret stands in the file. A setting that needs one holds the *vault name* under which `connector credentials set` stored
it; most have a default and need not be written.

## The file
"""

ENVIRONMENT_INTRO = """# Which environment variables are read?

All of them start with `CONNECTOR_`. Every process of a deployment (receiver, webserver, daemon, runs, commands) needs the
same values. Dagster reads `DAGSTER_HOME` and what its `dagster.yaml` names, see
[deploy to production](deploy-to-production.md).
"""

COMMANDS_INTRO = """# Which commands are there?

`connector` is the front door for a terminal. Reading commands have `--json`. A command that fails says what to do next and
ends with exit code 1. Secrets come from a prompt or from standard input, never from an option.
"""

if __name__ == "__main__":
    for file_name, page in pages().items():
        (HERE / file_name).write_text(page, encoding="utf-8")
