"""`python -m tests.fuzz --inputs N`: property-based, and with `--guided` guided by coverage (needs atheris)."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time

from tests.fuzz.campaign import run_in_processes
from tests.fuzz.mutation import make


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="inputs in all")
    parser.add_argument("--first", type=int, default=0, help="number of the first input: another number, other inputs")
    parser.add_argument("--show", nargs=2, metavar=("TARGET", "NUMBER"), help="print one input and end")
    parser.add_argument("--guided", action="store_true", help="as many again, guided by coverage")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="processes at the same time")
    given = parser.parse_args()
    if given.show:
        print(repr(make(given.show[0], int(given.show[1]))))  # noqa: T201
        return 0
    started = time.monotonic()
    outcome = run_in_processes(given.inputs, first=given.first, processes=given.processes)
    print(outcome.table())  # noqa: T201
    for target, number, problem in outcome.failures:
        print(f"FAILED {target} {number}: {problem}")  # noqa: T201
    status = 1 if outcome.failures else 0
    if given.guided:
        status |= _guided(given.inputs, given.first)
    seconds = time.monotonic() - started
    print(f"{outcome.total} inputs, {len(outcome.failures)} weaknesses, {seconds:.0f} s")  # noqa: T201
    return status


def _guided(inputs: int, seed: int) -> int:
    if importlib.util.find_spec("atheris") is None:
        print("--guided needs atheris: pip install --only-binary :all: --require-hashes -r requirements/fuzz.txt")  # noqa: T201
        return 2
    command = [sys.executable, "-m", "tests.fuzz.guided", f"-runs={inputs}", f"-seed={seed + 1}"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
