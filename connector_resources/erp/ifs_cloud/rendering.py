"""Fills a recipe's placeholders with what is known when a request is planned, and keeps the rest for `running`. Pure.

The result is the body of a planned submission: the calls to be made, byte for byte but for what IFS itself hands out on the
way (temporary keys, numbers, versions). Braces in our values are doubled, so that no text can pose as a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from connector_resources.erp.exact_json import dump_exact, load_exact
from connector_resources.erp.ifs_cloud import odata
from connector_resources.erp.ifs_cloud.projections import Projection
from connector_resources.erp.ifs_cloud.recipes import Check, Lookup, Recipe, Step

Value = str | int | bool | Decimal | date | Mapping[str, Any] | None
Values = Mapping[str, Value]

_PLANNED = re.compile(r"\{(?!saved\.)([\w.]+)(?:\|(key|number))?\}")
_SAVED = re.compile(r"\{\{|\{saved\.(\w+)(?:\|(key|number))?\}")
_WHOLE_PLANNED = re.compile(r"\{((?!saved\.)[\w.]+)\}")
_WHOLE_SAVED = re.compile(r"\{saved\.(\w+)\}")


class BadRecipe(ValueError):
    """A placeholder that nothing fills; the message names it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One step, ready but for saved values. `posting` is the key of the posting it is for, "" when it is for all."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    content: str = ""
    if_match: str = ""
    save: Mapping[str, str] = field(default_factory=dict)
    existing: Mapping[str, Any] = field(default_factory=dict)
    reread: str = ""
    done_when: Mapping[str, Sequence[str]] = field(default_factory=dict)
    check: Mapping[str, str] = field(default_factory=dict)
    effect: bool = False
    posting: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A rendered recipe. `facts` is what look-ups and read-backs compare with; it is never sent."""

    recipe: str
    number: str
    calls: tuple[Call, ...]
    cleanup: tuple[Call, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        return dump_exact(
            {
                "recipe": self.recipe,
                "number": self.number,
                "facts": dict(self.facts),
                "calls": [_as_json(call) for call in self.calls],
                "cleanup": [_as_json(call) for call in self.cleanup],
            }
        )

    @classmethod
    def from_bytes(cls, body: bytes) -> Run:
        """Raises `ValueError` for bytes that are no rendered recipe."""
        content = load_exact(body)
        try:
            return cls(
                recipe=content["recipe"],
                number=content["number"],
                facts=content["facts"],
                calls=tuple(Call(**call) for call in content["calls"]),
                cleanup=tuple(Call(**call) for call in content["cleanup"]),
            )
        except (KeyError, TypeError) as problem:
            raise ValueError("the stored request is no recipe of IFS Cloud") from problem


def render(
    name: str,
    recipe: Recipe,
    projections: Mapping[str, Projection],
    values: Values,
    lists: Mapping[str, Sequence[Values]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Run:
    """`lists` holds the values of each posting, row or share; each has its posting's key as `posting`. Raises `BadRecipe`."""
    known = {**_addresses(projections), **values}
    calls: list[Call] = []
    for step in recipe.steps:
        scopes = (lists or {}).get(step.each, ()) if step.each else ({},)
        calls += [_call(step, {**known, **scope}) for scope in scopes]
    cleanup = tuple(_call(step, known) for step in recipe.cleanup)
    return Run(name, _planned_text(recipe.number, known), tuple(calls), cleanup, facts or {})


def fill(template: str, saved: Mapping[str, Any]) -> str:
    """A text with saved values. Raises `BadRecipe` for one that no step saved."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "{{":
            return "{"
        if found[1] not in saved:
            raise BadRecipe(f"no step of the recipe saved {found[1]!r}")
        return _written(saved[found[1]], found[2])

    return _SAVED.sub(value, template)


def fill_body(body: Mapping[str, Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """A body with saved values, each in the type in which IFS gave it."""
    return {member: _filled(value, saved) for member, value in body.items()}


def _filled(value: Any, saved: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return fill_body(value, saved)
    if isinstance(value, list):
        return [_filled(each, saved) for each in value]
    if not isinstance(value, str):
        return value
    whole = _WHOLE_SAVED.fullmatch(value)
    return saved[whole[1]] if whole and whole[1] in saved else fill(value, saved)


# --- planning ----------------------------------------------------------------------------------------------------------


def _call(step: Step, values: Values) -> Call:
    body = None
    if step.body is not None:
        body = {}
        for member, template in step.body.items():
            given = _planned_value(template, values)
            if member == "*":
                body.update(given)
            elif given is not None and given != "":
                body[member] = given
    posting = values.get("posting", "")
    return Call(
        name=step.name,
        method=step.method,
        path=_planned_text(step.path, values),
        body=body,
        content=str(_planned_value(step.content, values)) if step.content else "",
        if_match=step.if_match,
        save=dict(step.save),
        existing=_existing(step.existing, values) if step.existing else {},
        reread=_planned_text(step.reread, values),
        done_when={member: list(states) for member, states in step.done_when.items()},
        check=_check(step.check, values) if step.check else {},
        effect=step.effect,
        posting=str(posting) if step.each else "",
    )


def _existing(lookup: Lookup, values: Values) -> dict[str, Any]:
    match = {member: _planned_text(template, values) for member, template in lookup.match.items()}
    return {"path": _planned_text(lookup.path, values), "match": match}


def _check(check: Check, values: Values) -> dict[str, str]:
    return {"path": _planned_text(check.path, values), "marker": check.marker, "amount": check.amount}


def _planned_value(template: Any, values: Values) -> Any:
    """Typed where the template is one placeholder."""
    if isinstance(template, Mapping):
        return {member: _planned_value(each, values) for member, each in template.items()}
    if isinstance(template, list):
        return [_planned_value(each, values) for each in template]
    if not isinstance(template, str):
        return template
    whole = _WHOLE_PLANNED.fullmatch(template)
    if whole is None:
        return _planned_text(template, values)
    value = _known(whole[1], values)
    if isinstance(value, str):
        return value.replace("{", "{{")
    if isinstance(value, Mapping):
        return {k: v.replace("{", "{{") if isinstance(v, str) else v for k, v in value.items()}
    return value.isoformat() if isinstance(value, date) else value


def _planned_text(template: str, values: Values) -> str:
    def value(found: re.Match[str]) -> str:
        return _written(_known(found[1], values), found[2]).replace("{", "{{")

    return _PLANNED.sub(value, template)


def _written(value: object, as_what: str | None) -> str:
    """As text; as a literal of a key or condition; or as a number's literal, whether it came as number or string."""
    if as_what == "key":
        return odata.segment(odata.literal(value))
    return "" if value is None else str(value)


def _known(name: str, values: Values) -> Value:
    if name not in values:
        raise BadRecipe(f"the recipe names {{{name}}}, which is not known here")
    return values[name]


def _addresses(projections: Mapping[str, Projection]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, each in projections.items():
        found |= {
            name: each.path,
            f"{name}.root": each.service_path,
            f"{name}.namespace": each.types,
            f"{name}.array": each.array,
        }
    return found


def _as_json(call: Call) -> dict[str, Any]:
    """Without what is left at its default, so that stored requests stay readable."""
    bare = Call(call.name, call.method, call.path)
    names = [each for each in Call.__slots__ if each in ("name", "method", "path") or _differs(call, bare, each)]
    return {each: _plain(getattr(call, each)) for each in names}


def _differs(call: Call, bare: Call, name: str) -> bool:
    return bool(getattr(call, name) != getattr(bare, name))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
