"""Plays the month: some days at a time, while sensors, receiver and runs do their work, until everything is still."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import requests

from connector.demo.processes import DemoFailed, Processes, wait_until
from connector.demo.stage import Stage
from connector_resources.collections.ordering import PLANNED_FROM
from connector_resources.runtime import Runtime
from connector_resources.store.store import Store
from sensors.poll_sensor import POLLED_AT

#: how many days of business pass at once; a real week end to end gives each run a few days to take together.
DAYS_AT_ONCE = 9
#: patience for the work that one act leaves, and for the polls after the last.
ACT_PATIENCE_S = 300.0
#: how long nothing may run while work is left, before a run that failed is taken for the reason.
IDLE_PATIENCE_S = 30.0
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
    over, since = False, runtime.clock()
    while not over:
        answer = requests.post(f"{stage.director}/advance", json={"days": DAYS_AT_ONCE}, timeout=120)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        over, since = told["over"], runtime.clock()
        for figures in told["merchants"].values():
            total.events += figures["events"]
            total.deliveries += figures["deliveries"]
            total.accepted += figures["accepted"]
        tell(f"business up to {told['played_to']}: {total.events} events, {total.accepted} webhooks accepted so far")
        if not over and not _comes_to_rest(stage, processes, runtime, tell, since, ACT_PATIENCE_S):
            raise DemoFailed(f"the runs did not finish in time; see {stage.ui}/runs")
    _await_polls(processes, runtime)
    if not _comes_to_rest(stage, processes, runtime, tell, since, 2 * ACT_PATIENCE_S):
        raise DemoFailed(f"the runs did not finish in time; see {stage.ui}/runs")
    return total


def _comes_to_rest(
    stage: Stage,
    processes: Processes,
    runtime: Runtime,
    tell: Callable[[str], None],
    since: datetime,
    patience_s: float,
) -> bool:
    """Wait until no event waits, no posting is under way, no run is on its way and every invoice was looked at `since`."""
    instance = dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"])
    said, busy_at = "", time.monotonic()

    def rests() -> bool:
        nonlocal said, busy_at
        waiting = waiting_events(runtime)
        under_way = unfinished_postings(runtime.store, runtime)
        running = instance.get_runs_count(dg.RunsFilter(statuses=list(ON_ITS_WAY)))
        unread = ledgers_to_look_at(runtime, since)
        now = f"  {waiting} events wait, {under_way} postings under way, {running} runs"
        now += f", invoices of {', '.join(unread)} to be looked at" if unread else ""
        if now != said:
            said = now
            tell(now)
        if running:
            busy_at = time.monotonic()
        elif not (waiting or under_way or unread):
            return True
        elif time.monotonic() - busy_at > IDLE_PATIENCE_S:
            _require_no_failure(instance, stage)
        return False

    with instance:
        return wait_until(rests, patience_s, processes.require_alive, pause_s=1.0)


def _require_no_failure(instance: dg.DagsterInstance, stage: Stage) -> None:
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=1)
    for run in failed:
        raise DemoFailed(f"a run of {run.job_name} failed; see {stage.ui}/runs/{run.run_id}")


ON_ITS_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


def waiting_events(runtime: Runtime) -> int:
    """Events of days from the cut-over on that no run has taken."""
    runtime.store.deliveries.take()
    cut_over = {connection.name: connection.books.cut_over for connection in runtime.connections}
    return sum(w.count for w in runtime.store.inbox.waiting() if w.activity_day >= cut_over[w.connection])


def unfinished_postings(store: Store, runtime: Runtime) -> int:
    """Those that runs will bring on: what waits for a held posting waits for a person."""
    names = [connection.name for connection in runtime.connections]
    unfinished = sum(
        row.count for name in names for row in store.ledger.counts(name) if row.state in ("pending", "claimed")
    )
    return unfinished - sum(waiting.waits_for_a_person for name in names for waiting in store.ledger.waiting_on(name))


def ledgers_to_look_at(runtime: Runtime, since: datetime) -> list[str]:
    """Connections that collect and have not judged their open invoices, and polled what that led to, since then."""
    marks = runtime.store.marks
    found = []
    for connection in runtime.connections:
        judged = marks.get(connection.name, PLANNED_FROM) or ""
        polled = marks.get(connection.name, POLLED_AT) or ""
        if connection.collections.enabled and not since.isoformat() < judged < polled:
            found.append(connection.name)
    return found


def _await_polls(processes: Processes, runtime: Runtime) -> None:
    """The last webhooks may have been dropped: wait for polls that began after the month was over."""
    begun = runtime.clock()
    for connection in runtime.connections:
        seen: set[str] = set()

        def polled(name: str = connection.name, marks: set[str] = seen) -> bool:
            mark = runtime.store.marks.get(name, POLLED_AT)
            if mark is not None and mark > begun.isoformat():
                marks.add(mark)
            return len(marks) >= QUIET_POLLS

        if not wait_until(polled, 180.0, processes.require_alive):
            raise DemoFailed(f"the event poll of {connection.name} did not run; see the sensor event_poll in the UI")
        time.sleep(0.1)
