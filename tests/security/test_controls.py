"""The table of controls, the page and the tests agree, and a control that is switched off is missed."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.security.controls import CONTROLS, Control
from tests.security.mutations import FAILED, PASSED, outcome

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
#: of the whole list, which `make controls` goes through, one that takes a moment.
IN_EVERY_RUN = ("Signatures are compared in constant time",)


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_stands_on_the_page_with_a_test_that_exists(control: Control) -> None:
    path, _, name = control.test.partition("::")
    assert f"| {control.name} | `{control.module}` | [{Path(path).name}](../{path}) |" in PAGE
    assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(encoding="utf-8")
    importlib.import_module(control.module)


def test_the_page_promises_no_control_that_is_not_in_the_table() -> None:
    promised = re.findall(r"^\| ([^|]+) \| `[a-z_.]+` \| \[", PAGE, re.MULTILINE)
    assert promised == [control.name for control in CONTROLS]


@pytest.mark.parametrize("name", IN_EVERY_RUN)
def test_a_control_that_is_switched_off_is_missed(name: str) -> None:
    control = next(each for each in CONTROLS if each.name == name)
    assert outcome(control, switched_off=False) == PASSED
    assert outcome(control, switched_off=True) == FAILED
