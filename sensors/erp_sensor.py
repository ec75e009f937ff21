"""The ERP poll sensor: reads an ERP's customers again when it notified us, and every `polling.erp_every_minutes`.

A notification carries no facts; it only makes the next poll happen now. The run links customers and posts what waited for
them. ERPs whose customers cannot be read are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import dagster as dg

from connector_assets.names import CONNECTION_TAG, erp_job_name
from connector_resources.connections.model import Connection
from connector_resources.erp.registry import erp_kind
from connector_resources.runtime import Runtime
from connector_resources.store.marks import ERP_NOTIFIED
from sensors.running import names_on_their_way

INTERVAL_S = 15


def erp_poll_sensor(
    connections: Sequence[Connection], jobs: Sequence[dg.UnresolvedAssetJobDefinition]
) -> dg.SensorDefinition:
    """One sensor for all connections whose ERP has customers to read."""
    readable = [c for c in connections if erp_kind(c.erp.kind).traits.reads_customers]

    @dg.sensor(
        name="erp_poll",
        jobs=list(jobs),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reads the ERP's customers again when the ERP sent a notification, and regularly.",
        required_resource_keys={"runtime"},
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        runtime: Runtime = context.resources.runtime
        polls = Polls.parse(context.cursor)
        busy = names_on_their_way(context.instance)
        requests = [
            request
            for connection in readable
            if connection.name not in busy and (request := _due(runtime, connection, polls)) is not None
        ]
        # The cursor also keeps when a connection was first seen: its first regular poll is one interval later.
        return dg.SensorResult(
            run_requests=requests,
            cursor=polls.text(),
            skip_reason=None if requests else dg.SkipReason("No ERP has notified us, and no poll is due."),
        )

    return evaluate


class Polls:
    """The cursor: the last notification that led to a run and when a run was last asked for, per connection."""

    def __init__(self, entries: Mapping[str, tuple[str | None, datetime]]) -> None:
        self._entries = dict(entries)

    @classmethod
    def parse(cls, cursor: str | None) -> Polls:
        entries = json.loads(cursor) if cursor else {}
        return cls({name: (notice, datetime.fromisoformat(at)) for name, (notice, at) in entries.items()})

    def take(self, name: str, notice: str | None, every: timedelta, now: datetime) -> bool:
        """Whether a poll is due, which is noted at once. The first look only starts the interval."""
        known, at = self._entries.setdefault(name, (None, now))
        if notice == known and now - at < every:
            return False
        self._entries[name] = (notice, now)
        return True

    def text(self) -> str:
        return json.dumps({name: (notice, at.isoformat()) for name, (notice, at) in self._entries.items()})


def _due(runtime: Runtime, connection: Connection, polls: Polls) -> dg.RunRequest | None:
    now = runtime.clock()
    today = now.astimezone(connection.zone).date()
    if today < connection.books.cut_over:
        return None
    notice = runtime.store.marks.get(connection.name, ERP_NOTIFIED)
    if not polls.take(connection.name, notice, timedelta(minutes=connection.polling.erp_every_minutes), now):
        return None
    return dg.RunRequest(
        run_key=f"{connection.name}:erp:{notice}:{now:%Y%m%dT%H%M%S}",
        job_name=erp_job_name(connection.name),
        partition_key=today.isoformat(),
        tags={CONNECTION_TAG: connection.name},
    )
