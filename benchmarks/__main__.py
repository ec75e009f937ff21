"""Every measurement in one go: prints its tables and verdicts, and writes them as one dated page.

Each measurement runs in a process of its own, one after the other, so that none is measured in the memory that another
left; within one, the contestants take turns. A measurement that fails is reported as failed, and the others go on. The exit
code is 1 when one failed, not when a target is missed: a miss is a finding.

    python -m benchmarks --quick
    python -m benchmarks --only extraction writing --write docs/benchmarks
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import machine
from benchmarks.registry import MODULES, benchmark
from benchmarks.report import Chapter, Report


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    if given.one:
        _one(given.one, given.into, quick=given.quick)
        return 0
    report = Report(machine(), quick=given.quick, part=() if tuple(given.only) == MODULES else given.only)
    for name in given.only:
        print(f"{name} …", file=sys.stderr, flush=True)
        report.chapters.append(_chapter(name, quick=given.quick))
    print(report.markdown())
    if given.write:
        report.write(given.write)
    return 1 if any(chapter.failure for chapter in report.chapters) else 0


def _chapter(name: str, *, quick: bool) -> Chapter:
    """What one measurement found, or how it failed."""
    title = benchmark(name).title
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        into = Path(folder) / "found.json"
        command = [sys.executable, "-m", "benchmarks", "--one", name, "--into", str(into)]
        began = time.monotonic()
        last = ""
        with subprocess.Popen(
            [*command, *(["--quick"] if quick else [])], stdout=sys.stderr, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                sys.stderr.write(line)
                last = line.strip() or last
        seconds = time.monotonic() - began
        if process.returncode:
            return Chapter(name, title, seconds, failure=last or f"exit code {process.returncode}")
        return Chapter.of(name, title, seconds, json.loads(into.read_text(encoding="utf-8")))


def _one(name: str, into: Path, *, quick: bool) -> None:
    found = benchmark(name).run(quick)
    into.write_text(json.dumps(asdict(found)), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes: minutes")
    parser.add_argument("--only", nargs="+", choices=MODULES, default=MODULES, metavar="NAME", help=", ".join(MODULES))
    parser.add_argument("--write", type=Path, help="folder for the dated page, as Markdown and JSON")
    parser.add_argument("--one", choices=MODULES, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
