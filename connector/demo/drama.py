"""Plays the month: some days at a time, while sensors, receiver and runs do their work, until everything is still."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg
import requests

from connector.demo.processes import DemoFailed, Processes, wait_until
from connector.demo.stage import Stage
from connector_resources.runtime import Runtime
from connector_resources.store.store import Store

#: how many days of business pass at once; a real week end to end gives each run a few days to take together.
DAYS_AT_ONCE = 9
#: patience for the work that one act leaves, and for the polls after the last.
ACT_PATIENCE_S = 150.0
#: polls of the events that must have passed without finding anything before the month is over.
QUIET_POLLS = 2


@dataclass(slots=True)
class Delivered:
    """What the stand-ins sent."""

    events: int = 0
    deliveries: int = 0
    accepted: int = 0


def play_month(stage: Stage, processes: Processes, runtime: Runtime, tell: Callable[[str], None]) -> Delivered:
    """Raises `DemoFailed` when a process dies or the work does not come to rest."""
    total = Delivered()
    over = False
    while not over:
        answer = requests.post(f"{stage.director}/advance", json={"days": DAYS_AT_ONCE}, timeout=120)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        over = told["over"]
        for figures in told["merchants"].values():
            total.events += figures["events"]
            total.deliveries += figures["deliveries"]
            total.accepted += figures["accepted"]
        tell(f"business up to {told['played_to']}: {total.events} events, {total.accepted} webhooks accepted so far")
        if not over and not _comes_to_rest(stage, processes, runtime, tell, ACT_PATIENCE_S):
            raise DemoFailed(f"the runs did not finish in time; see {stage.ui}/runs")
    _await_polls(processes, runtime)
    if not _comes_to_rest(stage, processes, runtime, tell, 2 * ACT_PATIENCE_S):
        raise DemoFailed(f"the runs did not finish in time; see {stage.ui}/runs")
    return total


def _comes_to_rest(
    stage: Stage, processes: Processes, runtime: Runtime, tell: Callable[[str], None], patience_s: float
) -> bool:
    """Wait until no event waits, no posting is under way and no run is on its way."""
    instance = dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"])
    said = ""

    def rests() -> bool:
        nonlocal said
        waiting = waiting_events(runtime)
        under_way = unfinished_postings(runtime.store, runtime)
        running = instance.get_runs_count(dg.RunsFilter(statuses=list(ON_ITS_WAY)))
        now = f"  {waiting} events wait, {under_way} postings under way, {running} runs"
        if now != said:
            said = now
            tell(now)
        return waiting == 0 and under_way == 0 and running == 0

    with instance:
        return wait_until(rests, patience_s, processes.require_alive, pause_s=1.0)


ON_ITS_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


def waiting_events(runtime: Runtime) -> int:
    """Events of days from the cut-over on that no run has taken."""
    cut_over = {connection.name: connection.books.cut_over for connection in runtime.connections}
    return sum(w.count for w in runtime.store.inbox.waiting() if w.activity_day >= cut_over[w.connection])


def unfinished_postings(store: Store, runtime: Runtime) -> int:
    return sum(
        row.count
        for connection in runtime.connections
        for row in store.ledger.counts(connection.name)
        if row.state in ("pending", "claimed")
    )


def _await_polls(processes: Processes, runtime: Runtime) -> None:
    """The last webhooks may have been dropped: wait for polls that began after the month was over."""
    begun = runtime.clock()
    for connection in runtime.connections:
        seen: set[str] = set()

        def polled(name: str = connection.name, marks: set[str] = seen) -> bool:
            mark = runtime.store.marks.get(name, "events_polled_at")
            if mark is not None and mark > begun.isoformat():
                marks.add(mark)
            return len(marks) >= QUIET_POLLS

        if not wait_until(polled, 180.0, processes.require_alive):
            raise DemoFailed(f"the event poll of {connection.name} did not run; see the sensor event_poll in the UI")
        time.sleep(0.1)
