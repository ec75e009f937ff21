"""The posting protocol's overhead as one of all measurements; what is measured, and how, is in `protocol_overhead`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import Page, machine, ratio
from benchmarks.protocol_overhead import ERPS, TARGET, databases, measure
from benchmarks.target import Benchmark, Found, Verdict, at_least
from connector_resources.erp.registry import erp_kind

COLUMNS = ["ledger", "database", "loop /s", "reading loop /s", "protocol /s", "share", "share of reading loop"]
REASON = (
    "The share holds what reading back costs, which the loop does not do: the share of the reading loop beside it is the "
    "price of writing every step down before and after the call. What was tried is told in the commits that name the protocol."
)


def run(quick: bool) -> Found:
    size, rounds = (40, 3) if quick else (200, 7)
    question = "Receipts a second of the whole posting protocol, and of a loop that only plans and sends."
    page = Page("", question, "", machine(), COLUMNS)
    verdicts: list[Verdict] = []
    with databases(not quick) as stores, tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        for number, (erp, (database, fresh)) in enumerate((erp, store) for erp in ERPS for store in stores):
            results, _ = measure(erp, 0, fresh, size=size, rounds=rounds, home=Path(folder) / str(number))
            own, loop, reading = results["protocol"], results["loop"], results["reading loop"]
            share, of_reading = ratio(own, loop), ratio(own, reading)
            label = erp_kind(erp).traits.label
            speeds = (f"{each.per_second:.0f}" for each in (loop, reading, own))
            page.add(
                [label, database, *speeds, f"{share:.2f}", f"{of_reading:.2f}"],
                {
                    "erp": erp,
                    "database": database,
                    "share": round(share, 3),
                    "share_of_reading_loop": round(of_reading, 3),
                },
            )
            verdicts.append(at_least(f"{label} on {database}, share of a bare loop", share, TARGET, reason=REASON))
    page.notes.append(f"{size} receipts a round, {rounds} rounds, no latency.")
    return Found([page], verdicts)


BENCHMARK = Benchmark(
    "overhead", "What exactly-once costs", (f"the protocol reaches {TARGET} of a loop that only plans and sends",), run
)
