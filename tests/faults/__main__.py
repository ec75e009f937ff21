"""The fault campaign as a command: `python -m tests.faults --schedules 2000 --erp visma --erp datev`.

Every schedule is one seed; `--first 4711 --schedules 1` plays one again. The last line tells what was found; the exit status is
1 when anything was lost, doubled or different.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.faults.campaign import SITES, Verdict, play
from tests.faults.schedule import draw

console = Console(highlight=False, soft_wrap=True)


@dataclass(slots=True)
class Tally:
    """What all schedules of one ledger came to."""

    schedules: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    hit: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.schedules += 1
        self.lost += len(verdict.lost)
        self.doubled += len(verdict.doubled)
        self.differing += len(verdict.differing) + len(verdict.wrong)
        self.hit += verdict.hit
        self.edges += verdict.edges
        self.held += verdict.held


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parsed(arguments)
    tallies: dict[str, Tally] = {erp: Tally() for erp in given.erp or SITES}
    seeds = range(given.first, given.first + given.schedules)
    work = [(erp, seed) for seed in seeds for erp in tallies]
    with ProcessPoolExecutor(given.processes) as pool:
        played: Iterator[Verdict] = pool.map(_played, work, chunksize=4)
        for verdict in _shown(played, len(work)):
            tallies[verdict.erp].add(verdict)
            if not verdict.good:
                _tell(verdict)
    for erp, tally in tallies.items():
        console.print(_table(erp, tally))
    total = [sum(getattr(t, name) for t in tallies.values()) for name in ("schedules", "lost", "doubled", "differing")]
    console.print("schedules {}, lost {}, doubled {}, differing {}".format(*total))
    return 1 if any(total[1:]) else 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--schedules", type=int, default=200, help="how many per ledger")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    parser.add_argument("--erp", action="append", choices=sorted(SITES), help="only these ledgers")
    parser.add_argument("--processes", type=int, default=3)
    return parser.parse_args(arguments)


def _played(work: tuple[str, int]) -> Verdict:
    erp, seed = work
    try:
        return play(erp, draw(seed))
    except Exception:  # noqa: BLE001
        # What the campaign did not foresee is a finding as well; it must not end the other schedules.
        return Verdict(erp, seed, wrong=[traceback.format_exc(limit=-5)])


def _shown(played: Iterator[Verdict], count: int) -> Iterable[Verdict]:
    return track(played, "schedules", total=count, console=console) if sys.stdout.isatty() else played


def _tell(verdict: Verdict) -> None:
    console.print(f"{verdict.erp}, seed {verdict.seed}: {draw(verdict.seed)}")
    for name in ("lost", "doubled", "differing", "wrong"):
        for finding in getattr(verdict, name):
            console.print(f"  {name}: {finding}", markup=False)


def _table(erp: str, tally: Tally) -> Table:
    table = Table(title=f"{erp}: {tally.schedules} schedules", title_justify="left", show_header=False)
    for what, counts in (("trouble", tally.hit), ("ways of submissions", tally.edges), ("held", tally.held)):
        for name, count in sorted(counts.items()):
            table.add_row(what, name, str(count))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
