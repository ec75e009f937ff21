"""Switches the controls off one at a time and shows that each is missed: `python -m tests.security.mutations [WORD …]`.

First the tests of all controls run as they are, where each must pass; then each without its control, where it must fail.
Every run is a copy of this process, which has loaded the product already. Words choose the controls whose names hold one.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

from tests.security.control import Control
from tests.security.controls import CONTROLS

ROOT = Path(__file__).parents[2]
#: a control without which something never ends is caught by the clock.
PATIENCE_S = 90
#: loaded once, before the copies are made.
LOADED = (
    "_hypothesis_pytestplugin", "anyio.pytest_plugin", "connector.cli", "connector.definitions", "sandbox.visma.app",
    "sensors.front_door", "sensors.receiver",
)  # fmt: skip


class _Reports:
    """A pytest plugin that keeps what became of each test, and why it failed, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed: dict[str, str] = {}
        self._passed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed[report.nodeid] = report.longreprtext
        elif report.when == "call" and report.passed:
            self._passed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps([self._passed, self._failed]), encoding="utf-8")


def tried(controls: Sequence[Control], *, switched_off: bool, patience_s: float) -> tuple[list[str], dict[str, str]]:
    """The tests of these controls that passed, and those that failed with the reason; both empty if none could be run.

    A run that does not end in time has failed. `switched_off` is for one control at a time.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "reports.json"
        arguments = (controls, switched_off, path)
        run = multiprocessing.get_context("fork").Process(target=_run_tests, args=arguments)
        run.start()
        run.join(patience_s)
        if run.exitcode is None:
            run.kill()
            run.join()
            return [], {each.test: f"did not end within {patience_s:.0f} s" for each in controls}
        if not path.exists():
            return [], {}
        passed, failed = json.loads(path.read_text(encoding="utf-8"))
        return passed, failed


def _run_tests(controls: Sequence[Control], switched_off: bool, path: Path) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
    if switched_off:
        os.environ["SWITCHED_OFF"] = controls[0].name
        options += ["-x", "-p", "tests.security.switched_off"]
    try:
        pytest.main([*options, *sorted({each.test for each in controls})], plugins=[_Reports(path)])
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        # Threads of a test that was cut short must not keep this copy alive.
        os._exit(0)


def _of(control: Control, tests: Collection[str]) -> list[str]:
    """Those that are the control's test; one with examples is as many."""
    return [test for test in tests if test == control.test or test.startswith(f"{control.test}[")]


def _why(control: Control, broken: Mapping[str, str]) -> str:
    return next((broken[test] for test in _of(control, broken)), "it was not run")


def main(words: list[str]) -> int:
    os.chdir(ROOT)
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    chosen = [c for c in CONTROLS if not words or any(word.lower() in c.name.lower() for word in words)]
    started, missed = time.monotonic(), 0
    passed, broken = tried(chosen, switched_off=False, patience_s=PATIENCE_S * 6)
    for control in chosen:
        _, failed = tried([control], switched_off=True, patience_s=PATIENCE_S)
        kept, caught = _of(control, passed) and not _of(control, broken), _of(control, failed)
        missed += not (kept and caught)
        print(f"{'caught' if kept and caught else 'MISSED'}  {control.name}", flush=True)  # noqa: T201
        if not kept:
            print(f"  its test does not pass as it is: {_why(control, broken)}")  # noqa: T201
        if not caught:
            print(f"  without the control {control.test} does not fail; failed: {sorted(failed)}")  # noqa: T201
    caught_count, seconds = len(chosen) - missed, time.monotonic() - started
    print(f"{len(chosen)} controls switched off, {caught_count} caught, {missed} missed, {seconds:.0f} s")  # noqa: T201
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
