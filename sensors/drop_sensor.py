"""The webhook-drop sensor: waiting inbox rows become runs of their activity days, within a second or two.

It waits on the inbox inside its evaluation, so a new row is seen at once. While a run of a connection is on its way no other
is asked for; several waiting days of a connection become one run. Run keys only save work: correctness is the ledger's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from connector_assets.names import CONNECTION_TAG, day_job_name
from connector_assets.partitions import READ_NEW, READ_TAG
from connector_resources.connections.model import Connection
from connector_resources.store.inbox import Waiting
from connector_resources.store.store import Store

#: one evaluation waits at most this long for new rows; far below Dagster's limit for sensors.
WAIT_S = 20.0
PAUSE_S = 0.25
#: rows that still wait this long after their run was asked for get another run (the first one failed or was cancelled).
ASK_AGAIN_S = 600.0
#: waiting days that lie apart by no more than this become one run.
JOIN_GAP_DAYS = 3

ON_ITS_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True, slots=True)
class DayRange:
    """Waiting activity days of one connection that one run can take; `highest_seq` is their newest inbox row."""

    connection: str
    first_day: date
    last_day: date
    highest_seq: int
    rows: int


def webhook_drop_sensor(
    connections: Sequence[Connection], jobs: Sequence[dg.JobDefinition | object]
) -> dg.SensorDefinition:
    """One sensor for all connections."""
    known = {connection.name: connection for connection in connections}

    @dg.sensor(
        name="webhook_drop",
        jobs=list(jobs),  # type: ignore[arg-type]
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns verified webhooks and polled events that wait in the inbox into runs of their activity days.",
        required_resource_keys={"runtime"},
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        store: Store = context.resources.runtime.store
        asked = _Asked.parse(context.cursor)
        busy = _runs_on_their_way(context.instance)
        ranges = wait_for_work(store, known, asked, busy, time.monotonic, time.sleep)
        if not ranges:
            return dg.SkipReason("No new events are waiting in the inbox.")
        for item in ranges:
            asked.note(item, time.time())
        return dg.SensorResult(run_requests=[_request(item, asked) for item in ranges], cursor=asked.text())

    return evaluate


def wait_for_work(
    store: Store,
    connections: Mapping[str, Connection],
    asked: _Asked,
    busy: Callable[[], frozenset[str]],
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> list[DayRange]:
    """The ranges to run now, waiting up to `WAIT_S` until there is one."""
    deadline = monotonic() + WAIT_S
    while True:
        waiting = [row for row in store.inbox.waiting() if row.connection in connections]
        due = [item for item in join_days(waiting) if asked.is_due(item, time.time())]
        if due:
            on_their_way = busy()
            free = [item for item in due if item.connection not in on_their_way]
            if free:
                return free
        left = deadline - monotonic()
        if left <= 0:
            return []
        if due:
            sleep(min(PAUSE_S, left))
        else:
            store.inbox.wait_for_new(store.inbox.highest_seq(), min(left, 5.0))


def join_days(waiting: Sequence[Waiting]) -> list[DayRange]:
    """Neighbouring waiting days of a connection as one range each."""
    ranges: list[DayRange] = []
    for row in sorted(waiting, key=lambda r: (r.connection, r.activity_day)):
        last = ranges[-1] if ranges else None
        if (
            last is not None
            and last.connection == row.connection
            and (row.activity_day - last.last_day).days <= JOIN_GAP_DAYS
        ):
            ranges[-1] = DayRange(
                last.connection,
                last.first_day,
                row.activity_day,
                max(last.highest_seq, row.highest_seq),
                last.rows + row.count,
            )
        else:
            ranges.append(DayRange(row.connection, row.activity_day, row.activity_day, row.highest_seq, row.count))
    return ranges


class _Asked:
    """The cursor: up to which inbox row runs were asked for, per connection and first day, and when."""

    def __init__(self, entries: dict[str, tuple[int, float]]) -> None:
        self._entries = entries

    @classmethod
    def parse(cls, cursor: str | None) -> _Asked:
        entries = json.loads(cursor) if cursor else {}
        return cls({key: (int(value[0]), value[1]) for key, value in entries.items()})

    def is_due(self, item: DayRange, now: float) -> bool:
        seq, at = self._entries.get(_key(item), (0, 0.0))
        return item.highest_seq > seq or now - at > ASK_AGAIN_S

    def note(self, item: DayRange, now: float) -> None:
        self._entries = {key: entry for key, entry in self._entries.items() if now - entry[1] < 2 * ASK_AGAIN_S}
        self._entries[_key(item)] = (item.highest_seq, now)

    def asked_at(self, item: DayRange) -> int:
        return int(self._entries[_key(item)][1])

    def text(self) -> str:
        return json.dumps(self._entries)


def _key(item: DayRange) -> str:
    return f"{item.connection}:{item.first_day.isoformat()}"


def _request(item: DayRange, asked: _Asked) -> dg.RunRequest:
    first, last = item.first_day.isoformat(), item.last_day.isoformat()
    tags = {CONNECTION_TAG: item.connection, READ_TAG: READ_NEW}
    key = f"{item.connection}:{first}:{last}:{item.highest_seq}:{asked.asked_at(item)}"
    if first == last:
        return dg.RunRequest(run_key=key, job_name=day_job_name(item.connection), partition_key=first, tags=tags)
    tags |= {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.RunRequest(run_key=key, job_name=day_job_name(item.connection), tags=tags)


def _runs_on_their_way(instance: dg.DagsterInstance) -> Callable[[], frozenset[str]]:
    def names() -> frozenset[str]:
        runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(ON_ITS_WAY)), limit=500)
        return frozenset(name for run in runs if (name := run.tags.get(CONNECTION_TAG)))

    return names
