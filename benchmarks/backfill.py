"""What a backfill of 366 days costs: payments of a year through to DATEV files, in one run of the connection's Dagster job.

It answers whether time grows no faster than the number of payments, whether memory stays level, and how large the store and
Dagster's event log become. The stand-ins run in this process, the run in one of its own.

    python -m benchmarks.backfill --payments 10000 100000
    nice -n 15 python -m benchmarks.backfill --payments 100000 1000000

The stand-ins keep everything in memory, some 5 kB a payment: a million needs 6 GiB, and an hour.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.measure import Page, machine
from benchmarks.target import Benchmark, Found, at_most
from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.gocardless.world import World
from tests.evenings import datacentre, evening_world
from tests.installations import datev_installation

ROOT = Path(__file__).parents[1]
DAYS = 366
NOW = datetime(2026, 6, 3, 21, 0, tzinfo=UTC)
LAST = date(2026, 6, 3)
FIRST = LAST - timedelta(days=DAYS - 1)
PAYMENTS_OF_A_CUSTOMER = 20
WEEK = timedelta(days=7)
#: ten times the payments may take eleven times as long.
MOST_GROWTH = 11 / 10
MOST_MIB = 300
REASON = (
    "Dagster with the project's code takes some 130 MiB, and 240 with 2,000 payments. A pass of 5,000 "
    "postings takes 35 more while they are sent, and the report on the clearing account adds up every payment of the store."
)
QUESTION = (
    f"A backfill of {DAYS} days as one run of the day job into DATEV: events, payments and payouts read from GoCardless, "
    "postings planned, booking files written and delivered, every proof."
)
COLUMNS = [
    "payments",
    "seconds",
    "CPU seconds",
    "CPU ms a payment",
    "peak MiB",
    "store, MiB",
    "event log, MiB",
    "events",
]


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What one backfill took. Sizes are those on disk, in bytes."""

    payments: int
    told: dict[str, Any]
    delivered: int
    store_bytes: int
    event_log_bytes: int

    @property
    def cpu_seconds(self) -> float:
        return float(self.told["cpu_seconds"])

    @property
    def peak_mib(self) -> int:
        return int(self.told["peak_mib"])


def backfill(payments: int, home: Path) -> Backfilled:
    """Take the year's `payments` to DATEV. Raises `AssertionError` when any of them did not arrive or a proof failed."""
    world = evening_world(NOW, payout_item_months=24, rate_limit=10_000_000)
    customers = max(1, payments // PAYMENTS_OF_A_CUSTOMER)
    _a_year(world, payments, customers)
    books = {"time_zone": "Europe/Berlin", "cut_over": FIRST.isoformat()}
    with datev_installation(home, world, datacentre(world.clock), books=books) as site:
        (home / "dagster").mkdir()
        command = [sys.executable, "-m", "benchmarks.backfill_run", str(home), site.connection.name]
        command += [NOW.isoformat(), FIRST.isoformat(), LAST.isoformat()]
        environment = {**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1"}
        ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        told = json.loads(ran.stdout)
        states = site.states()
    assert told["success"], told["failed"]
    assert not told["failed_checks"], told["failed_checks"]
    assert all(state.endswith(" delivered") for state in states), states
    assert states["receipt delivered"] == payments, states
    return Backfilled(
        payments, told, sum(states.values()), _size(home, "connector.sqlite*"), _size(home, "dagster/**/*.db*")
    )


def _a_year(world: World, payments: int, customers: int) -> None:
    """Payments spread evenly over the days, and a payout of each week's."""
    start = datetime(FIRST.year, FIRST.month, FIRST.day, 0, 30, tzinfo=UTC)
    span = NOW - timedelta(hours=2) - start
    loaded = load_confirmed_payments(world, payments, customers=customers, at=start, span=span)
    weeks = -(-span // WEEK)
    for week in range(weeks):
        begin, end = (payments * (WEEK * each) // span for each in (week, week + 1))
        chosen = loaded.payments[begin : min(end, payments)]
        if chosen:
            load_payout(
                world, chosen, items=2 * len(chosen), at=min(start + WEEK * (week + 1), NOW - timedelta(hours=1))
            )


def _size(home: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in home.glob(pattern))


def measure(sizes: Sequence[int]) -> Found:
    """Backfills of these numbers of payments, smallest first, and what the growth from each to the next is."""
    page = Page("", QUESTION, "", machine(), COLUMNS)
    results = []
    for payments in sorted(sizes):
        with tempfile.TemporaryDirectory(prefix="backfill-") as folder:
            result = backfill(payments, Path(folder))
        results.append(result)
        page.add(*_row(result))
        print(page.rows[-1], result.told["steps"], file=sys.stderr, flush=True)
    verdicts = [
        at_most(f"memory with {each.payments:,} payments", each.peak_mib, MOST_MIB, unit="MiB", digits=0, reason=REASON)
        for each in results
    ]
    for smaller, larger in itertools.pairwise(results):
        growth = (larger.cpu_seconds / smaller.cpu_seconds) / (larger.payments / smaller.payments)
        verdicts.append(
            at_most(
                f"time a payment, {larger.payments:,} against {smaller.payments:,}", growth, MOST_GROWTH, unit="times"
            )
        )
    page.notes += [
        "Growth is judged by the processor's time of the run: the clock on the wall also counts what else the machine does.",
        f"Each customer pays {PAYMENTS_OF_A_CUSTOMER} times, each week is paid out; the sizes are those after the run.",
    ]
    return Found([page], verdicts)


def _row(result: Backfilled) -> tuple[list[str], dict[str, Any]]:
    told, mib = result.told, 1024**2
    row = [
        f"{result.payments:,}", f"{told['seconds']:,.0f}", f"{result.cpu_seconds:,.0f}",
        f"{1000 * result.cpu_seconds / result.payments:.2f}", str(result.peak_mib), f"{result.store_bytes / mib:.1f}",
        f"{result.event_log_bytes / mib:.1f}", f"{told['events']:,}",
    ]  # fmt: skip
    figures = {
        "payments": result.payments,
        "delivered": result.delivered,
        "store_bytes": result.store_bytes,
        "event_log_bytes": result.event_log_bytes,
        **told,
    }
    return row, figures


def run(quick: bool) -> Found:
    return measure([2_000, 10_000] if quick else [10_000, 100_000])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payments", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--write", type=Path, help="folder for the page as Markdown and JSON")
    given = parser.parse_args(arguments)
    found = measure(given.payments)
    (page,) = found.pages
    page.title, page.command = (
        "A year in one run",
        " ".join(["python -m benchmarks.backfill", *(arguments or sys.argv[1:])]),
    )
    page.notes += [f"{each.target}: {each.figure}, wanted {each.wanted}." for each in found.verdicts]
    print(page.markdown())
    if given.write:
        page.write(given.write, "backfill")
    return 0 if all(each.met for each in found.verdicts) else 1


BENCHMARK = Benchmark(
    "backfill",
    "A year in one run",
    (
        "a backfill of 366 days takes a time linear in its payments (ten times as many within 11 times)",
        "in at most 300 MiB",
    ),
    run,
)

if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        raise SystemExit(main())
