"""The connector's own reading as a contestant: its client over its transport, in windows, with or without its store.

    python -m benchmarks.own_extraction http://127.0.0.1:… [--stored]

The quota that all processes share is in use, as always, with as many calls a minute as the measurement names.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

from benchmarks.connections import NOWHERE, Opened, opened
from benchmarks.page_server import NEWEST, SPAN
from benchmarks.peers.reporting import report
from connector_resources.clock import utc_now
from connector_resources.gocardless.windows import read_span


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--stored", action="store_true", help="and keep every payment in the store")
    parser.add_argument("--calls-per-minute", type=int, default=1_000_000)
    given = parser.parse_args()
    sys.argv[1:] = [given.address]
    with tempfile.TemporaryDirectory(prefix="extraction-") as folder:
        gocardless = {"base_url": given.address, "requests_per_minute": given.calls_per_minute}
        with opened("visma", NOWHERE, Path(folder), gocardless=gocardless, clock=utc_now) as at:
            report(lambda _address: _read(at, stored=given.stored))


def _read(at: Opened, *, stored: bool) -> int:
    entities, name, records = at.runtime.store.entities, at.connection.name, 0
    with at.runtime.gocardless(at.connection) as client:
        for page in read_span(client, "payments", NEWEST - SPAN, NEWEST + timedelta(milliseconds=1)):
            if stored:
                entities.put(name, "payments", page.items, day_of=_day_of)
            records += len(page.items)
    return entities.count(name, "payments") if stored else records


def _day_of(moment: datetime) -> date:
    return moment.date()


if __name__ == "__main__":
    main()
