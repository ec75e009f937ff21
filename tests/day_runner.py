"""Takes a connection's day from reading to its proofs in a process of its own, and tells how much memory that took."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date, datetime
from pathlib import Path

from bookkeeping.postings import PostingKind
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.gocardless.reading import Reader
from connector_resources.posting.planning import Scope
from connector_resources.proofs import proofs
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings

PROOFS = (
    proofs.payouts_proven,
    proofs.balanced_postings,
    proofs.nothing_missed,
    proofs.nothing_unposted,
    proofs.clearing_balance,
    proofs.trail_verifies,
)


def peak_mib() -> int:
    """The largest resident size of this process; rusage would count that of the parent before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("connection")
    parser.add_argument("now", type=datetime.fromisoformat)
    parser.add_argument("day", type=date.fromisoformat)
    given = parser.parse_args()
    steps: dict[str, tuple[float, int]] = {}

    def done(step: str) -> None:
        steps[step] = (round(time.process_time(), 1), peak_mib())
        print(step, *steps[step], file=sys.stderr, flush=True)  # noqa: T201

    scope = Scope(given.day, given.day, only_new=False)
    with Runtime.open(Settings(home=given.home), clock=lambda: given.now) as runtime:
        runtime.sleep = lambda _seconds: None
        connection = runtime.connection(given.connection)
        done("open")
        with runtime.gocardless(connection) as client:
            reader = Reader(runtime.store, client, connection)
            for read in (reader.events, reader.mandates, reader.payments, reader.refunds, reader.customers):
                read(scope)
                done(f"read {read.__name__}")
            reader.payouts(scope)
            reader.payout_items(scope)
            done("read payouts")
        with runtime.erp(connection) as connector:
            CustomerDirectory(runtime.store, connection, connector).link_all(runtime.clock())
            done("link")
            planner = runtime.planner(connection)
            for plan in (planner.plan_payments, planner.plan_refunds, planner.plan_master_data, planner.plan_payouts):
                plan(scope)
            done("plan")
            report = runtime.protocol(connection, connector).run(frozenset(PostingKind))
            done("post")
        for proof in PROOFS:
            proof(runtime, connection, scope)
            done(proof.__name__)
    print(json.dumps({"settled": report.settled, "stopped": report.stopped, "steps": steps}))  # noqa: T201


if __name__ == "__main__":
    main()
