"""The webhook-drop sensor: webhooks and waiting inbox rows become runs of their activity days, within a second or two.

It waits on the inbox inside its evaluation, so a webhook is seen at once, and takes its events out of it. While a run of a
connection is on its way no other is asked for; several waiting days of a connection become one run. Run keys only save work:
correctness is the ledger's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg

from connector_assets.names import CONNECTION_TAG, day_job_name
from connector_assets.partitions import READ_NEW, READ_TAG
from connector_resources.connections.model import Connection
from connector_resources.runtime import Runtime
from connector_resources.store.inbox import Waiting
from connector_resources.store.store import Store
from sensors.running import names_on_their_way

#: one evaluation waits at most this long for new rows: Dagster ends one after 60 s, and begins the next within 5 s of its end.
WAIT_S = 45.0
PAUSE_S = 0.25
#: a look takes the events out of so many webhooks, which is a second or two; runs take all of their connection.
MOST_DELIVERIES = 100
#: rows that still wait this long after their run was asked for get another run (the first one failed or was cancelled).
ASK_AGAIN_S = 600.0
#: waiting days that lie apart by no more than this become one run.
JOIN_GAP_DAYS = 3


@dataclass(frozen=True, slots=True)
class DayRange:
    """Waiting activity days of one connection that one run can take; `highest_seq` is their newest inbox row."""

    connection: str
    first_day: date
    last_day: date
    highest_seq: int
    rows: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Time, passed in: the wall clock, a clock that never goes back (seconds), and how to wait."""

    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def webhook_drop_sensor(
    connections: Sequence[Connection], jobs: Sequence[dg.UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    """One sensor for all connections."""
    known = {connection.name: connection for connection in connections}

    @dg.sensor(
        name="webhook_drop",
        jobs=list(jobs),
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Turns verified webhooks and polled events that wait in the inbox into runs of their activity days.",
        required_resource_keys={"runtime"},
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        runtime: Runtime = context.resources.runtime
        asked = Asked.parse(context.cursor)
        waits = Waits(runtime.clock, sleep=runtime.sleep)
        ranges = wait_for_work(runtime.store, known, asked, lambda: names_on_their_way(context.instance), waits)
        if not ranges:
            return dg.SkipReason("No new events are waiting in the inbox.")
        for item in ranges:
            asked.note(item, runtime.clock())
        return dg.SensorResult(run_requests=[_request(item, asked) for item in ranges], cursor=asked.text())

    return evaluate


def wait_for_work(
    store: Store,
    connections: Mapping[str, Connection],
    asked: Asked,
    busy: Callable[[], frozenset[str]],
    waits: Waits,
) -> list[DayRange]:
    """The ranges to run now, waiting up to `WAIT_S` until there is one. `busy` names connections that a run works on."""
    deadline = waits.monotonic() + WAIT_S
    while True:
        store.deliveries.take(most=MOST_DELIVERIES)
        seen = store.inbox.highest_seq()
        due = [i for i in join_days(_postable(store, connections, waits.clock())) if asked.is_due(i, waits.clock())]
        if due:
            on_their_way = busy()
            free = [item for item in due if item.connection not in on_their_way]
            if free:
                return free
        left = deadline - waits.monotonic()
        if left <= 0:
            return []
        if due:
            waits.sleep(min(PAUSE_S, left))
        else:
            store.inbox.wait_for_new(seen, min(left, 5.0))


def _postable(store: Store, connections: Mapping[str, Connection], now: datetime) -> list[Waiting]:
    """Waiting days that have a partition: of a known connection, from its cut-over to its today."""
    rows = []
    for row in store.inbox.waiting():
        connection = connections.get(row.connection)
        if connection is None:
            continue
        if connection.books.cut_over <= row.activity_day <= now.astimezone(connection.zone).date():
            rows.append(row)
    return rows


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


class Asked:
    """The cursor: up to which inbox row runs were asked for, per connection and first day, and when."""

    def __init__(self, entries: Mapping[str, tuple[int, datetime]]) -> None:
        self._entries = dict(entries)

    @classmethod
    def parse(cls, cursor: str | None) -> Asked:
        entries = json.loads(cursor) if cursor else {}
        return cls({key: (seq, datetime.fromisoformat(at)) for key, (seq, at) in entries.items()})

    def is_due(self, item: DayRange, now: datetime) -> bool:
        """Rows that no run was asked for, or whose run was asked for so long ago that it must have failed."""
        if _key(item) not in self._entries:
            return True
        seq, at = self._entries[_key(item)]
        return item.highest_seq > seq or (now - at).total_seconds() > ASK_AGAIN_S

    def note(self, item: DayRange, now: datetime) -> None:
        """A run was asked for. Old entries are forgotten: their rows would be due again anyway."""
        kept = {k: e for k, e in self._entries.items() if (now - e[1]).total_seconds() < 2 * ASK_AGAIN_S}
        self._entries = {**kept, _key(item): (item.highest_seq, now)}

    def asked_at(self, item: DayRange) -> datetime:
        return self._entries[_key(item)][1]

    def text(self) -> str:
        return json.dumps({key: (seq, at.isoformat()) for key, (seq, at) in self._entries.items()})


def _key(item: DayRange) -> str:
    return f"{item.connection}:{item.first_day.isoformat()}"


def _request(item: DayRange, asked: Asked) -> dg.RunRequest:
    first, last = item.first_day.isoformat(), item.last_day.isoformat()
    tags = {CONNECTION_TAG: item.connection, READ_TAG: READ_NEW}
    # A crash before the cursor is saved asks again in another second: two runs of the same rows do no harm.
    key = f"{item.connection}:{first}:{last}:{item.highest_seq}:{asked.asked_at(item):%Y%m%dT%H%M%S}"
    if first == last:
        return dg.RunRequest(run_key=key, job_name=day_job_name(item.connection), partition_key=first, tags=tags)
    tags |= {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    return dg.RunRequest(run_key=key, job_name=day_job_name(item.connection), tags=tags)
