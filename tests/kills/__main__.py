"""Real kills as a command: `python -m tests.kills --kills 100 --erp visma --database postgres --seed 7`.

The last line tells what was found; the exit status is 1 when anything was lost, doubled or different.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.kills.campaign import Verdict
from tests.kills.installation import Ground
from tests.kills.side_by_side import Order, console, end_when_told, side_by_side
from tests.kills.sites import ERPS

#: kills on PostgreSQL beside a campaign on SQLite, at most: what differs between the two is little.
KILLS_ON_POSTGRES = 20


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parsed(arguments)
    end_when_told()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-") as made:
        verdicts = []
        for verdict in side_by_side(_orders(given, Path(made)), given.jobs):
            _show(verdict)
            verdicts.append(verdict)
    every = sum((verdict.kills for verdict in verdicts), Counter[str]())
    console.print(f"all ledgers, {time.monotonic() - begun:.0f} s:")
    _show_kills(every)
    lost, doubled, differing = (
        sum(len(getattr(verdict, name)) for verdict in verdicts) for name in ("lost", "doubled", "differing")
    )
    console.print(f"kills {every.total()}, lost {lost}, doubled {doubled}, differing {differing}")
    return 1 if lost or doubled or differing else 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills")
    parser.add_argument("--kills", type=int, default=100, help="how many per ledger")
    parser.add_argument("--erp", action="append", choices=ERPS, help="only these ledgers")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument(
        "--also-on-postgres", action="append", choices=ERPS, default=[], help="these ledgers a second time"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="how many ledgers' campaigns side by side")
    parser.add_argument("--keep", type=Path, help="leave the homes with all logs in this directory")
    return parser.parse_args(arguments)


def _orders(given: argparse.Namespace, made: Path) -> list[Order]:
    homes = given.keep or made
    orders = []
    for erp in given.erp or ERPS:
        ground = Ground(erp, given.seed, homes / erp, bytecode=made / "bytecode")
        orders.append(Order(ground, given.kills, given.database == "postgres"))
    for erp in given.also_on_postgres:
        # Another seed: other business, other moments, and the other way to run an installation.
        ground = Ground(erp, given.seed + 1, homes / f"{erp}-postgres", bytecode=made / "bytecode")
        orders.append(Order(ground, min(given.kills, KILLS_ON_POSTGRES), True))
    return orders


def _show(verdict: Verdict) -> None:
    slowest = max(verdict.recovered_s, default=0.0)
    console.print(
        f"{verdict.erp} on {verdict.database}, seed {verdict.seed}: {verdict.count} kills in {verdict.acts} acts, "
        f"slowest recovery {slowest:.0f} s, {verdict.released} postings released by a person"
    )
    _show_kills(verdict.kills)
    for name in ("lost", "doubled", "differing"):
        for finding in getattr(verdict, name):
            console.print(f"  {name}: {finding}")


def _show_kills(kills: Counter[str]) -> None:
    for victim, count in sorted(kills.items()):
        console.print(f"  {count:4} {victim}")


if __name__ == "__main__":
    raise SystemExit(main())
