"""Real kills as a command: `python -m tests.kills --kills 100 --erp visma --database postgres --seed 7`.

The last line tells what was found; the exit status is 1 when anything was lost, doubled or different.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from tests.kills.campaign import Verdict, play
from tests.kills.sites import ERPS
from tests.postgres import running_postgres

console = Console(highlight=False, soft_wrap=True, markup=False)


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parsed(arguments)
    # Told to stop, it leaves no process behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    verdicts = [_played(erp, given) for erp in given.erp or ERPS]
    for verdict in verdicts:
        _show(verdict)
    kills, lost, doubled, differing = (
        sum(len(getattr(v, name)) if name != "count" else v.count for v in verdicts)
        for name in ("count", "lost", "doubled", "differing")
    )
    console.print(f"kills {kills}, lost {lost}, doubled {doubled}, differing {differing}")
    return 1 if lost or doubled or differing else 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills")
    parser.add_argument("--kills", type=int, default=100, help="how many per ledger")
    parser.add_argument("--erp", action="append", choices=ERPS, help="only these ledgers")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="leave the homes with all logs in this directory")
    return parser.parse_args(arguments)


def _played(erp: str, given: argparse.Namespace) -> Verdict:
    try:
        with _home(given.keep, erp) as home, _database(given.database) as url:
            return play(erp, given.kills, given.seed, home, url, console.print)
    except Exception:  # noqa: BLE001
        # What the campaign did not foresee is a finding as well; it must not end the other ledgers' campaigns.
        return Verdict(erp, given.seed, differing=[traceback.format_exc(limit=-6)])


@contextlib.contextmanager
def _home(keep: Path | None, erp: str) -> Iterator[Path]:
    if keep is not None:
        yield keep / erp
        return
    with tempfile.TemporaryDirectory(prefix="kills-") as made:
        yield Path(made)


@contextlib.contextmanager
def _database(kind: str) -> Iterator[str | None]:
    if kind == "sqlite":
        yield None
        return
    with running_postgres() as server:
        yield server.url(server.create())


def _show(verdict: Verdict) -> None:
    slowest = max(verdict.recovered_s, default=0.0)
    console.print(f"{verdict.erp}, seed {verdict.seed}: {verdict.acts} acts, slowest recovery {slowest:.0f} s")
    for victim, count in sorted(verdict.kills.items()):
        console.print(f"  {count:4} {victim}")
    for name in ("lost", "doubled", "differing"):
        for finding in getattr(verdict, name):
            console.print(f"  {name}: {finding}")


if __name__ == "__main__":
    raise SystemExit(main())
