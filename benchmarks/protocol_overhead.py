"""What exactly-once costs: the posting protocol against a loop that only plans and sends.

All use the same client, the same settings and the same stand-in, which runs in a process of its own; each of them finds a
new one and a new store in every round, so that none reads what another one has left. The loop keeps nothing: it asks the
connector for the next request of each receipt, sends it, and goes on. The protocol does what the product does: it claims in
the store, sends, settles, reads back, and completes, with every step in the trail. A third one is the loop with the
protocol's read-back, still without a store: what lies between it and the loop is the price of reading back, what lies
between it and the protocol that of writing everything down. The target is for the share of the loop that does not read
back. The receipts are planned beforehand: planning is no part of sending.

    python -m benchmarks.protocol_overhead --quick
    python -m benchmarks.protocol_overhead --erp visma --latency-ms 0 50 --postgres
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.connections import Opened, opened
from benchmarks.measure import Contestant, Page, Result, figures_of, machine, ratio, take_turns
from benchmarks.stand_in import CUSTOMERS, stand_in
from bookkeeping.postings import AccountRole, Party, Posting, PostingKind, Side
from connector_resources.erp.contract import (
    Accepted,
    CannotTell,
    Complete,
    Document,
    ErpConnector,
    OpenSubmission,
    Outcome,
    PlannedSubmission,
    Posted,
    PostingWork,
    StepDone,
    Verified,
    VerifyRequest,
)
from connector_resources.erp.registry import erp_kind
from connector_resources.posting.jobs import JobLimits, await_jobs
from connector_resources.store.submissions import OpenRow
from tests.evenings import DAY, EVENING
from tests.given_postings import GivenPostings
from tests.postgres import running_postgres

KINDS = frozenset({PostingKind.RECEIPT})
ERPS = ("visma", "exact_online", "sage300", "datev", "ifs_cloud")
TARGET = 0.8
COLUMNS = [
    "ledger", "database", "latency", "loop /s", "reading loop /s", "protocol /s", "share", "share of reading loop",
    "calls loop", "calls protocol", "CPU ms loop", "CPU ms protocol",
]  # fmt: skip

#: gives the URL of an empty database, None for a file in the round's own folder.
FreshDatabase = Callable[[], str | None]


@dataclass(slots=True)
class Race:
    """Each contestant of every round has a stand-in and a store of its own, and signs in for itself.

    A stand-in that kept what others left would have a read-back, and the search for open invoices, go through ever more
    documents of the same day: whoever came last would pay for all.
    """

    erp: str
    latency_ms: int
    database: FreshDatabase
    home: Path
    size: int
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    waiting: list[Posting] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    turns: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    turn: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    opened: Opened | None = None

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        self.turn.close()

    def begin_turn(self) -> None:
        self.turn.close()
        address = self.turn.enter_context(stand_in(self.erp, self.latency_ms))
        home = self.home / f"turn{next(self.turns)}"
        self.opened = self.turn.enter_context(opened(self.erp, address, home, self.database()))

    @property
    def at(self) -> Opened:
        assert self.opened is not None
        return self.opened

    def prepare_protocol(self, _round: int) -> None:
        self.begin_turn()
        self.at.runtime.store.ledger.plan(self.at.connection.name, self._receipts())

    def prepare_loop(self, _round: int) -> None:
        self.begin_turn()
        self.waiting = self._receipts()

    def protocol(self, _round: int) -> int:
        """Recover, claim, send, settle, read back, complete: a run of the product."""
        runtime, connection = self.at.runtime, self.at.connection
        before = sum(runtime.counter.by_system.values())
        with runtime.erp(connection) as connector:
            report = runtime.protocol(connection, connector).run(KINDS)
        assert (report.settled, report.stopped, report.held) == (self.size, "", []), report
        self.requests["protocol"] = sum(runtime.counter.by_system.values()) - before
        return report.settled

    def loop(self, _round: int) -> int:
        """Plan and send until nothing is left; what was made is believed."""
        return self._loop("loop", read_back=False)

    def reading_loop(self, _round: int) -> int:
        """Plan, send and read back until nothing is left; nothing is written down."""
        return self._loop("reading loop", read_back=True)

    def _loop(self, name: str, *, read_back: bool) -> int:
        runtime, connection = self.at.runtime, self.at.connection
        before = sum(runtime.counter.by_system.values())
        with runtime.erp(connection) as connector:
            done = _post_barely(connector, self.waiting, read_back)
        self.requests[name] = sum(runtime.counter.by_system.values()) - before
        return done

    def _receipts(self) -> list[Posting]:
        given = GivenPostings(self.at.connection.name, EVENING, DAY)
        return [self._receipt(given, next(self.numbers)) for _ in range(self.size)]

    def _receipt(self, given: GivenPostings, number: int) -> Posting:
        minor = 10_000 + number % 97
        lines = [(AccountRole.CLEARING, Side.DEBIT, minor), (AccountRole.RECEIVABLE, Side.CREDIT, minor)]
        payer = Party(f"CU{number:08d}", f"{self.at.prefix}{10_001 + number % CUSTOMERS}")
        event, payment = f"EV{number:08d}", f"PM{number:08d}"
        facts = {"payment": payment, "creditor": "CR0001"}
        return given.of(PostingKind.RECEIPT, payment, lines, payer, event=event, facts=facts)


def _post_barely(connector: ErpConnector, postings: Sequence[Posting], read_back: bool) -> int:
    work = {posting.key: PostingWork(posting) for posting in postings}
    completed = 0
    while work:
        if read_back:
            _read_back(connector, [item for item in work.values() if item.done])
        connector.prepare([item.posting for item in work.values() if not item.done])
        for planned in connector.plan(list(work.values()), EVENING):
            match planned:
                case PlannedSubmission():
                    step = StepDone(planned.step, _sent(connector, planned), verified=True)
                    for key in planned.posting_keys:
                        work[key] = PostingWork(work[key].posting, (*work[key].done, step))
                case Complete(posting_key=key):
                    del work[key]
                    completed += 1
                case held:
                    raise AssertionError(held)
    return completed


def _sent(connector: ErpConnector, planned: PlannedSubmission) -> Document:
    """What the request made; a job is waited for as the protocol waits for it."""
    outcome: Outcome | CannotTell = connector.submit(planned)
    if isinstance(outcome, Accepted):
        waiting = OpenRow(0, "accepted", OpenSubmission(planned, EVENING, job_id=outcome.job_id))
        limits = JobLimits(first_poll_s=outcome.poll_after_s)
        ((_, outcome),) = await_jobs(connector, [waiting], limits, time.sleep, lambda: None, random.random)
    assert isinstance(outcome, Posted), outcome
    return outcome.document


def _read_back(connector: ErpConnector, work: Sequence[PostingWork]) -> None:
    requests = [VerifyRequest(item, item.done[-1].step, item.done[-1].document) for item in work]
    if requests:
        answers = connector.verify(requests)
        assert all(isinstance(answer, Verified) for answer in answers), answers


def measure(
    erp: str, latency_ms: int, database: FreshDatabase, *, size: int, rounds: int, home: Path
) -> tuple[dict[str, Result], dict[str, int]]:
    """The results of the three by name, and the remote calls of a round of each."""
    with Race(erp, latency_ms, database, home, size) as race:
        contestants = [
            Contestant("protocol", race.protocol, race.prepare_protocol),
            Contestant("loop", race.loop, race.prepare_loop),
            Contestant("reading loop", race.reading_loop, race.prepare_loop),
        ]
        results = take_turns(contestants, rounds, chance=random.Random(1))
        return results, race.requests


@contextlib.contextmanager
def databases(postgres: bool) -> Iterator[list[tuple[str, FreshDatabase]]]:
    if not postgres:
        yield [("SQLite", lambda: None)]
        return
    with running_postgres() as server:
        server.remember_durability()
        yield [("SQLite", lambda: None), ("PostgreSQL", lambda: server.url(server.create()))]


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    size, rounds = (40, 3) if given.quick else (given.size, given.rounds)
    latencies = [0] if given.quick else given.latency_ms
    page = Page(
        "What exactly-once costs",
        "Throughput of the whole posting protocol as a share of a loop that only plans and sends, same client and stand-in.",
        " ".join(["python -m benchmarks.protocol_overhead", *(arguments or sys.argv[1:])]),
        machine(),
        COLUMNS,
    )
    reached = True
    with databases(given.postgres) as stores, tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        for number, (erp, latency, (database, fresh)) in enumerate(itertools.product(given.erp, latencies, stores)):
            results, calls = measure(erp, latency, fresh, size=size, rounds=rounds, home=Path(folder) / str(number))
            reached = reached and ratio(results["protocol"], results["loop"]) >= TARGET
            page.add(*row(erp, database, latency, results, calls))
            print(page.rows[-1], file=sys.stderr)
    page.notes += [
        f"{size} receipts a round, {rounds} rounds after one that is not counted; medians, the share is that of each round.",
        "Calls are those of a round; CPU is what each takes of this process's processor per receipt.",
        "The reading loop reads back what it sent as the protocol does, and writes nothing down.",
    ]
    print(page.markdown())
    if given.write:
        page.write(given.write, "protocol_overhead")
    return 0 if reached else 1


def row(
    erp: str, database: str, latency: int, results: dict[str, Result], calls: dict[str, int]
) -> tuple[list[str], dict[str, Any]]:
    own, bare, reading = results["protocol"], results["loop"], results["reading loop"]
    share, share_of_reading = ratio(own, bare), ratio(own, reading)
    cells = [
        erp_kind(erp).traits.label, database, f"{latency} ms", f"{bare.per_second:.1f}", f"{reading.per_second:.1f}",
        f"{own.per_second:.1f}", f"{share:.2f}", f"{share_of_reading:.2f}", str(calls["loop"]), str(calls["protocol"]),
        f"{bare.cpu_ms_per_unit:.2f}", f"{own.cpu_ms_per_unit:.2f}",
    ]  # fmt: skip
    figures = {
        "erp": erp, "database": database, "latency_ms": latency, "share": round(share, 3),
        "share_of_reading_loop": round(share_of_reading, 3), "calls": calls,
        "protocol": figures_of(own), "loop": figures_of(bare), "reading_loop": figures_of(reading),
    }  # fmt: skip
    return cells, figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="40 receipts, 3 rounds, no latency")
    parser.add_argument("--erp", nargs="+", choices=ERPS, default=list(ERPS))
    parser.add_argument("--latency-ms", nargs="+", type=int, default=[0, 50], help="of every answer of the stand-in")
    parser.add_argument("--size", type=int, default=200, help="receipts in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--postgres", action="store_true", help="also with the store in PostgreSQL")
    parser.add_argument("--write", type=Path, help="folder for the page as Markdown and JSON")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
