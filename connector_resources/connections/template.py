"""New connection files: what was answered, and every other setting as a comment with its default and its meaning.

Names, order, defaults and meanings come from the models that read the file, so that a new file cannot fall behind them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import yaml

from connector_resources.connections.schema import MODELINE, JsonSchema, SettingTree
from connector_resources.erp.onboarding import Onboarding, Preset
from connector_resources.erp.registry import erp_kind

WIDTH = 110
#: an ERP's companies name their creditor; where none was given, this stands for it.
SOME_CREDITOR = "CR000123"
#: decisions of bookkeeping that a person should look at, although they have defaults.
DECISIONS = {
    "receipt_trigger": "confirmed",
    "invoice_references": ["metadata:invoice", "reference", "description"],
}
HEAD = """\
# Connection {name}: GoCardless to {label}. Every setting: docs/connection-file.md
# A setting behind a # shows its default; to change it, take the # away, that of its section too.
# Credentials are not here: `connector credentials set {name} NAME` puts them into the vault.
"""


def connection_template(
    erp: str,
    name: str,
    *,
    cut_over: date,
    time_zone: str = "Europe/Berlin",
    environment: str = "sandbox",
    modeline: bool = True,
) -> str:
    """The text of a connection file called `name` for the ERP `erp`; valid as it is, but with made-up numbers."""
    onboarding = erp_kind(erp).onboarding
    answers = typed_answers(erp, {question.key: question.example for question in onboarding.questions})
    section = onboarding.section(erp, answers, onboarding.presets[0], ["EUR"], SOME_CREDITOR)
    document = {
        "name": name,
        "gocardless": {"environment": environment},
        "books": {"time_zone": time_zone, "cut_over": cut_over, **DECISIONS},
        "erp": section,
    }
    return connection_file(document, modeline=modeline)


def connection_file(document: Mapping[str, Any], *, modeline: bool = True) -> str:
    """The text of a file that holds `document`. With `modeline`, editors find the schema beside it."""
    kind = document["erp"]["kind"]
    tree = SettingTree()
    head = HEAD.format(name=document["name"], label=erp_kind(kind).traits.label)
    lines = _Writer(tree, kind).section(tree.root, document, all_of_it=False)
    return "\n".join([MODELINE] * modeline + [head, *lines, ""])


def typed_answers(erp: str, answers: Mapping[str, str]) -> dict[str, Any]:
    """Answers as the settings take them: a whole number where they ask for one, else the text.

    A text that is no number is left as it is: reading the file says what is wrong with it.
    """
    tree = SettingTree()
    typed: dict[str, Any] = dict(answers)
    for question in erp_kind(erp).onboarding.questions:
        path = ("erp", *question.path.format(**answers).split(".")) if question.path else ()
        node = tree.at(path, erp) if path else None
        text = answers[question.key]
        numbers = node is not None and any(option.get("type") == "integer" for option in tree.options(node, erp))
        typed[question.key] = int(text) if numbers and re.fullmatch(r"\d+", text) else text
    return typed


def preset_called(onboarding: Onboarding, name: str) -> Preset | None:
    """The account preset of that name."""
    return next((preset for preset in onboarding.presets if preset.name == name), None)


class _Writer:
    def __init__(self, tree: SettingTree, kind: str) -> None:
        self._tree = tree
        self._kind = kind

    def section(self, node: JsonSchema, values: Mapping[str, Any], *, all_of_it: bool) -> Iterator[str]:
        """Its lines: what has a value first, then what has none, behind a #. With `all_of_it`, defaults are values."""
        settings = self._tree.settings(node, self._kind)
        if all_of_it:
            values = {name: values.get(name, setting.get("default")) for name, setting in settings.items()}
        for name in sorted(settings, key=lambda name: name not in values):
            yield from self._meaning(settings[name])
            if name in values:
                yield from self._setting(_flow(name), settings[name], values[name], all_of_it)
            else:
                yield from self._switched_off(name, settings[name])

    def _setting(self, name: str, node: JsonSchema, value: Any, all_of_it: bool) -> Iterator[str]:
        inner, entry = self._tree.section(node, self._kind), self._tree.values_of(node, self._kind)
        if inner is not None and isinstance(value, Mapping):
            yield f"{name}:"
            yield from _indented(self.section(inner, value, all_of_it=all_of_it))
        elif entry is not None and isinstance(value, Mapping) and value:
            yield f"{name}:"
            for key, item in value.items():
                yield from _indented(self._setting(_flow(key), entry, item, all_of_it))
        else:
            yield f"{name}: {_flow(value)}".rstrip()

    def _switched_off(self, name: str, node: JsonSchema) -> Iterator[str]:
        inner, default = self._tree.section(node, self._kind), node.get("default")
        if inner is not None and default is None:
            # Without the section: its settings stay behind a # of their own when only the section's is taken away.
            lines = [f"{_flow(name)}:", *_indented(self.section(inner, {}, all_of_it=False))]
        else:
            lines = list(self._setting(_flow(name), node, {} if inner is not None else default, all_of_it=True))
        yield from (f"#{line}" for line in lines)

    def _meaning(self, node: JsonSchema) -> Iterator[str]:
        text = plain_meaning(self._tree.description(node, self._kind))
        yield from (f"# {line}" for line in textwrap.wrap(text, WIDTH))


def plain_meaning(text: str) -> str:
    """The first paragraph of a description, without the sources that are for readers of the code."""
    first = re.split(r"\n\s*\n", text)[0]
    return re.sub(r"\s*\(\w+\.md[^)]*\)|\s*See \w+\.md[^.]*\.", "", " ".join(first.split()))


def _indented(lines: Iterator[str]) -> Sequence[str]:
    return [f"  {line}" for line in lines]


def _flow(value: Any) -> str:
    """A value on one line, as YAML reads it back."""
    if value is None:
        return ""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
