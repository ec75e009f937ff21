"""The table of controls, the page and the tests agree, and a control that is switched off is missed."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.control import Control
from tests.security.controls import CONTROLS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
#: of the whole list, which `make controls` goes through, one that takes a moment.
IN_EVERY_RUN = "Signatures are compared in constant time"


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_a_control_stands_on_the_page_with_a_test_that_exists(control: Control) -> None:
    path, _, name = control.test.partition("::")
    assert f"| {control.name} | `{control.module}` | [{Path(path).name}](../{path}) |" in PAGE
    assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(encoding="utf-8")
    importlib.import_module(control.module)


def test_the_page_promises_no_control_that_is_not_in_the_table() -> None:
    promised = re.findall(r"^\| ([^|]+) \| `[a-z_.]+` \| \[", PAGE, re.MULTILINE)
    assert promised == [control.name for control in CONTROLS]


def switched_off(lines: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What the command says of the controls that hold one of the words, after these lines of Python."""
    program = f"import sys\n{lines}\nfrom tests.security.mutations import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_a_control_that_is_switched_off_is_missed() -> None:
    run = switched_off("", IN_EVERY_RUN)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"caught  {IN_EVERY_RUN}\n1 controls switched off, 1 caught, 0 missed, " in run.stdout


def test_a_test_that_does_not_notice_is_told() -> None:
    harmless = (
        "import dataclasses\n"
        "from tests.security import controls\n"
        "controls.CONTROLS = tuple(dataclasses.replace(each, off='m.nothing = 1') for each in controls.CONTROLS)"
    )
    run = switched_off(harmless, IN_EVERY_RUN)
    assert run.returncode == 1, run.stdout + run.stderr
    assert f"MISSED  {IN_EVERY_RUN}\n" in run.stdout
