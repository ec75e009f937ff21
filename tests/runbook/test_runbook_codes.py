"""Every code of the page has an exercise or says why it has none, and the page and the product know the same codes."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from connector_resources.erp.datev.problems import NEXT_STEPS, Problem, failed_transfer, rejection
from connector_resources.erp.datev.wire import ProtocolEntry
from connector_resources.erp.exact_online.refusals import rejected
from tests.runbook.registry import ELSEWHERE, EXERCISES, MOST_WITHOUT_A_TEST, NOT_AT_A_STAND_IN

TESTS = Path(__file__).parents[1]
BY_STATUS = "http_…"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    """The search of `tests/docs` that reads the codes out of the page and out of the product."""
    spec = importlib.util.spec_from_file_location("hold_codes", TESTS / "docs" / "test_docs_hold_codes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exercised() -> set[str]:
    return {BY_STATUS if each.code.startswith("http_") else each.code for each in EXERCISES}


def test_every_code_of_the_runbook_has_an_exercise_or_a_reason(page: ModuleType) -> None:
    known = exercised() | set(ELSEWHERE) | set(NOT_AT_A_STAND_IN)
    assert sorted(known) == sorted(page.codes_of_the_runbook())


def test_a_code_is_in_one_list_only() -> None:
    assert not exercised() & set(NOT_AT_A_STAND_IN)
    assert not set(ELSEWHERE) & (exercised() | set(NOT_AT_A_STAND_IN))


def test_page_and_product_know_the_same_codes(page: ModuleType) -> None:
    assert page.codes_of_the_project() | set(NEXT_STEPS) == page.codes_of_the_runbook()


def test_no_exercise_is_there_twice() -> None:
    ids = [each.id for each in EXERCISES]
    assert len(set(ids)) == len(ids)


NAMED = [*ELSEWHERE.items(), *((code, test) for code, (test, _) in NOT_AT_A_STAND_IN.items() if test)]


@pytest.mark.parametrize(("code", "place"), NAMED, ids=[code for code, _ in NAMED])
def test_the_named_test_exists_and_is_about_the_code(code: str, place: str) -> None:
    file, _, name = place.partition("::")
    source = (TESTS / file).read_text(encoding="utf-8")
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef) and n.name == name]
    assert len(functions) == 1, f"{place} is not there"
    assert code in (ast.get_source_segment(source, functions[0]) or "") + ast.unparse(functions[0])


def test_few_codes_are_without_any_test_and_each_says_why() -> None:
    without = [code for code, (test, _) in NOT_AT_A_STAND_IN.items() if not test]
    assert len(without) <= MOST_WITHOUT_A_TEST, without
    assert all(len(why.split()) >= 5 for _, why in NOT_AT_A_STAND_IN.values())


def test_a_code_that_no_stand_in_gives_is_understood() -> None:
    down = rejection(Problem("DCO01020", "ServiceNotAvailableFault"), 400)
    assert (down.code, "later" in down.next_step) == ("DCO01020", True)
    entry = ProtocolEntry.model_validate({"type": "error", "filename": "Rechnungsdaten_PM1.xml", "text": "Beleg fehlt"})
    failed = failed_transfer("J1", [entry])
    assert (failed.code, "Beleg fehlt" in failed.reason) == ("dxso_failed", True)
    moved = rejected("Opening balance plus all bank entry lines should be equal to the closing balance.", "Entry GC1")
    assert moved.code == "balance_moved"
