"""The fault campaign as a command: `python -m tests.faults --schedules 2000 --erp visma --erp datev`.

Every schedule is one seed; `--first 4711 --schedules 1` plays one again. The last line tells what was found; the exit status is
1 when anything was lost, doubled or different, or with `--require-coverage` when something that must be met was not.
"""

from __future__ import annotations

import argparse
import gc
import logging
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from types import FrameType

from rich.console import Console
from rich.table import Table

from tests.faults.campaign import LINES, Verdict, play, schedule_of
from tests.faults.coverage import CANNOT, Coverage

console = Console(highlight=False, soft_wrap=True)
#: a schedule that takes longer hangs: most take a CPU second at the most, and as long again to wait. A busy machine must
#: not be taken for a hang, so what waits is given far more than what works.
CPU_LIMIT_S = 60
WALL_LIMIT_S = 1_200
PROGRESS_EVERY_S = 30.0


class Hangs(BaseException):
    """A schedule does not come to its end. No code catches it."""


@dataclass(slots=True)
class Tally:
    """What all schedules of one line came to."""

    schedules: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    cpu_s: float = 0
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, verdict: Verdict, cpu_s: float) -> None:
        self.schedules += 1
        self.lost += len(verdict.lost)
        self.doubled += len(verdict.doubled)
        self.differing += len(verdict.differing) + len(verdict.wrong)
        self.cpu_s += cpu_s
        self.coverage.add(verdict)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parsed(arguments)
    tallies: dict[str, Tally] = {erp: Tally() for erp in given.erp or LINES}
    seeds = range(given.first, given.first + given.schedules)
    console.print(f"seeds {seeds.start} to {seeds.stop - 1} against {', '.join(tallies)}")
    pieces = [(erp, piece) for erp in tallies for piece in _pieces(erp, seeds, given.processes)]
    with ProcessPoolExecutor(given.processes, initializer=_begin) as pool:
        futures = [pool.submit(_played, erp, piece) for erp, piece in pieces]
        played = (each for future in as_completed(futures) for each in future.result())
        for verdict, cpu_s in _with_progress(played, len(tallies) * len(seeds)):
            tallies[verdict.erp].add(verdict, cpu_s)
            if not verdict.good:
                _tell(verdict)
    missing = 0
    for erp, tally in tallies.items():
        console.print(_table(erp, tally))
        for what, why in CANNOT.get(erp, {}).items():
            console.print(f"{erp}: cannot be met: {what}: {why}", markup=False)
        for what in tally.coverage.missing(erp):
            missing += 1
            console.print(f"{erp}: not met: {what}", markup=False)
    total = [sum(getattr(t, name) for t in tallies.values()) for name in ("schedules", "lost", "doubled", "differing")]
    console.print("schedules {}, lost {}, doubled {}, differing {}".format(*total))
    return 1 if any(total[1:]) or (given.require_coverage and missing) else 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--schedules", type=int, default=200, help="how many per line")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--erp", action="append", choices=sorted(LINES), help="only these lines")
    parser.add_argument("--processes", type=int, default=4, help="more than cores: answers are waited for together")
    parser.add_argument("--require-coverage", action="store_true", help="fail when an edge or a trouble was not met")
    return parser.parse_args(arguments)


def _begin() -> None:
    logging.disable(logging.CRITICAL)
    # What is loaded stays: the collector need not walk through all modules again and again.
    gc.collect()
    gc.freeze()
    for each in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(each, _hangs)


def _hangs(_number: int, _frame: FrameType | None) -> None:
    raise Hangs(f"not done after {CPU_LIMIT_S} CPU s or {WALL_LIMIT_S} s")


def _pieces(erp: str, seeds: Sequence[int], processes: int) -> Iterator[Sequence[int]]:
    """Seeds of one business together: a process that plays it has to play it undisturbed first, once."""
    in_order = sorted(seeds, key=lambda seed: schedule_of(erp, seed).business)
    size = max(1, min(25, len(seeds) // processes))
    return (in_order[start : start + size] for start in range(0, len(in_order), size))


def _played(erp: str, seeds: Sequence[int]) -> list[tuple[Verdict, float]]:
    """The verdicts, and the CPU seconds that each took."""
    return [_timed(erp, seed) for seed in seeds]


def _timed(erp: str, seed: int) -> tuple[Verdict, float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
    signal.setitimer(signal.ITIMER_REAL, WALL_LIMIT_S)
    try:
        verdict = play(erp, schedule_of(erp, seed))
    except (Exception, Hangs):  # noqa: BLE001
        # What the campaign did not foresee is a finding as well; it must not end the other schedules.
        verdict = Verdict(erp, seed, wrong=[traceback.format_exc(limit=-6)])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return verdict, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _with_progress(played: Iterator[tuple[Verdict, float]], count: int) -> Iterator[tuple[Verdict, float]]:
    begun = told = time.monotonic()
    for number, each in enumerate(played, start=1):
        yield each
        if time.monotonic() - told > PROGRESS_EVERY_S:
            told = time.monotonic()
            console.print(f"{number} of {count} schedules after {told - begun:.0f} s")
            sys.stdout.flush()


def _tell(verdict: Verdict) -> None:
    schedule = schedule_of(verdict.erp, verdict.seed)
    console.print(f"{verdict.erp}, seed {verdict.seed}: {schedule}", markup=False)
    for name in ("lost", "doubled", "differing", "wrong"):
        for finding in getattr(verdict, name):
            console.print(f"  {name}: {finding}", markup=False)


def _table(erp: str, tally: Tally) -> Table:
    spent = tally.cpu_s / max(1, tally.schedules)
    title = f"{erp}: {tally.schedules} schedules, {spent:.2f} CPU s each"
    table = Table(title=title, title_justify="left", show_header=False)
    for what, counts in tally.coverage.counts():
        for name, count in sorted(counts.items()):
            table.add_row(what, name, str(count))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
