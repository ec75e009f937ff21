"""Every code with which the code holds a posting has a line in the runbook, and the runbook names no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from connector_resources.erp.datev.problems import NEXT_STEPS

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "when-a-posting-is-held.md"
#: what makes a hold, and which of its arguments is the code.
MAKERS = {
    "Hold": 1,
    "Rejected": 0,
    "Refusal": 0,
    "SettledRejected": 0,
    "CannotBook": 0,
    "_Held": 0,
    "Meaning": 1,
    "Reason": 0,
}
#: the HTTP status stands for the code that DATEV did not give.
BY_STATUS = "http_…"


def codes_in(source: str) -> Iterator[str]:
    """Every code that is written out in `source`, or in a constant of it; others were written elsewhere."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            position = MAKERS[node.func.id]
            given = {word.arg: word.value for word in node.keywords}
            argument = given.get("code") or (node.args[position] if len(node.args) > position else None)
            yield from _literals(_named(argument, constants))
        elif isinstance(node, ast.FunctionDef) and node.name == "held_by":
            for answer in ast.walk(node):
                if isinstance(answer, ast.Return) and isinstance(answer.value, ast.Tuple):
                    yield from _literals(_named(answer.value.elts[0], constants))


def _named(argument: ast.expr | None, constants: Mapping[str, ast.expr]) -> ast.expr | None:
    return constants.get(argument.id, argument) if isinstance(argument, ast.Name) else argument


def _literals(argument: ast.expr | None) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(code)):
            yield code
        case ast.BoolOp(values=values):
            for value in values:
                yield from _literals(value)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _literals(body)
            yield from _literals(orelse)
        case ast.JoinedStr(values=[ast.Constant(value="http_"), *_]):
            yield BY_STATUS


def codes_of_the_project() -> set[str]:
    sources = sorted((ROOT / "connector_resources").rglob("*.py"))
    return {code for path in sources for code in codes_in(path.read_text(encoding="utf-8"))}


def codes_of_the_runbook() -> set[str]:
    rows = [line.split("|")[1] for line in RUNBOOK.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {code for cell in rows for code in re.findall(r"`([^`]+)`", cell)}


def test_codes_are_found_however_they_are_written() -> None:
    source = """
FIFTH = "fifth"
Hold(key, FIFTH, "r", "n")
def held_by(x):
    return ("parked", "r", "n")
Hold(key, "first", "r", "n")
Hold(key, held.code, "r", "n")
Rejected(problem.code or "second", "r", "n")
Rejected(problem.code or f"http_{status}", "r", "n")
raise _Held(code="third" if x else "fourth")
other("not_a_code")
"""
    assert set(codes_in(source)) == {"parked", "first", "second", BY_STATUS, "third", "fourth", "fifth"}


def test_the_search_finds_the_codes_that_are_known_to_exist() -> None:
    assert {
        "customer_unmapped",
        "period_closed",
        "cannot_tell",
        "read_back_differs",
        "refused",
    } <= codes_of_the_project()


def test_every_hold_code_has_a_line_in_the_runbook() -> None:
    assert sorted(codes_of_the_project() | set(NEXT_STEPS)) == sorted(codes_of_the_runbook())


@pytest.mark.parametrize("line", [x for x in RUNBOOK.read_text(encoding="utf-8").splitlines() if x.startswith("| `")])
def test_every_line_of_the_runbook_has_a_cause_and_something_to_do(line: str) -> None:
    _, _, cause, todo, _ = re.split(r"(?<!\\)\|", line)
    assert len(cause.split()) >= 3
    assert len(todo.split()) >= 2
