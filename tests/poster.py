"""Posts a connection in a process of its own, and dies where it is told to: `python -m tests.poster <home> …`.

The product runs as it is; only the connector is wrapped, so that the process can end between two of its calls.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bookkeeping.postings import PostingKind
from connector_resources.errors import LeaseBusy
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings

DEAD = 86
BUSY = 75
#: where a process can die: the claim is committed, the ERP has answered, the answer is committed, a job is being polled.
POINTS = ("before_send", "after_send", "before_verify", "before_poll", "never")


class Mortal:
    """A connector that ends the process, without any clean-up, at its `count`-th arrival at `point`."""

    def __init__(self, connector: Any, point: str, count: int) -> None:
        self._connector = connector
        self._point = point
        self._left = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def _pass(self, point: str) -> None:
        self._left -= point == self._point
        if self._left <= 0:
            os._exit(DEAD)

    def submit(self, submission: Any) -> Any:
        self._pass("before_send")
        outcome = self._connector.submit(submission)
        self._pass("after_send")
        return outcome

    def verify(self, requests: Sequence[Any]) -> Any:
        self._pass("before_verify")
        return self._connector.verify(requests)

    def poll(self, submission: Any) -> Any:
        self._pass("before_poll")
        return self._connector.poll(submission)

    def customers(self, since: str | None = None) -> Iterator[Any]:
        return iter(self._connector.customers(since))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("connection")
    parser.add_argument("now", type=datetime.fromisoformat)
    parser.add_argument("--die", choices=POINTS, default="never")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--wait-for", type=Path, help="start to post only when this file exists")
    given = parser.parse_args()
    with Runtime.open(Settings(home=given.home), clock=lambda: given.now) as runtime:
        runtime.sleep = lambda _seconds: None
        connection = runtime.connection(given.connection)
        while given.wait_for and not given.wait_for.exists():
            time.sleep(0.01)
        with runtime.erp(connection) as connector:
            mortal: Any = Mortal(connector, given.die, given.count)
            try:
                runtime.protocol(connection, mortal).run(frozenset(PostingKind))
            except LeaseBusy:
                return BUSY
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
