"""The posting protocol's overhead as one of all measurements; what is measured, and how, is in `protocol_overhead`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import Page, Result, machine, ratio
from benchmarks.protocol_overhead import COLUMNS, ERPS, TARGET, databases, measure, row
from benchmarks.target import Benchmark, Found, Verdict, at_least
from connector_resources.erp.registry import erp_kind

#: what a ledger that is reached over the internet takes for an answer at the least, and what it costs when it takes nothing.
LATENCIES_MS = (50, 0)
#: those that take many receipts in one request: a round of few would measure what is read once a run.
TAKES_BATCHES = frozenset({"exact_online", "sage300", "datev"})


ROUNDS = 3


def run(quick: bool) -> Found:
    question = "Receipts a second of the whole posting protocol, and of a loop that only plans and sends."
    page = Page("", question, "", machine(), COLUMNS)
    verdicts: list[Verdict] = []
    with databases(not quick) as stores, tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        cases = ((erp, latency_ms, store) for erp in ERPS for latency_ms in LATENCIES_MS for store in stores)
        for number, (erp, latency_ms, (database, fresh)) in enumerate(cases):
            size = _size(erp, quick)
            results, calls = measure(erp, latency_ms, fresh, size=size, rounds=ROUNDS, home=Path(folder) / str(number))
            page.add(*row(erp, database, latency_ms, results, calls))
            label = f"{erp_kind(erp).traits.label} on {database}, answers in {latency_ms} ms, share of a bare loop"
            share = ratio(results["protocol"], results["loop"])
            verdicts.append(at_least(label, share, TARGET, reason=_reason(results, calls)))
    page.notes.append(
        f"{_size('visma', quick)} receipts a round, {_size('sage300', quick)} where a request takes many; {ROUNDS} rounds."
    )
    page.notes.append(
        "DATEV takes files: all of them wait for the job as its rule says, five seconds at the least before the first look."
    )
    return Found([page], verdicts)


def _size(erp: str, quick: bool) -> int:
    few, many = (40, 200) if quick else (60, 1000)
    return many if erp in TAKES_BATCHES else few


def _reason(results: dict[str, Result], calls: dict[str, int]) -> str:
    own, loop, reading = results["protocol"], results["loop"], results["reading loop"]
    return (
        f"For the round's receipts the protocol makes {calls['protocol']} calls where the loop makes {calls['loop']}: reading "
        f"back what was made. Of its own it takes {own.cpu_ms_per_unit:.2f} ms of processor time a receipt, the loop "
        f"{loop.cpu_ms_per_unit:.2f} and the loop that reads back {reading.cpu_ms_per_unit:.2f}; the rest are commits that "
        "reach the disk before the request leaves. Tried and kept: what was answered and what is claimed next in one commit, "
        "leases and quotas that wait for no disk on one machine, statements built once, a batch not read twice before it is "
        "posted, lines found by their reference instead of searched for each posting, receipts read back beside the next sends "
        "and commits, hundreds of keys as one parameter of a statement."
    )


BENCHMARK = Benchmark(
    "overhead", "What exactly-once costs", (f"the protocol reaches {TARGET} of a loop that only plans and sends",), run
)
