"""The event-poll sensor: asks GoCardless for events that no webhook brought, and drops them into the inbox.

It reaches back over its last watermark, because events can appear late, and de-duplicates by event id. The drop sensor turns
what it finds into runs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from connector_resources.connections.model import Connection
from connector_resources.errors import ConnectorError
from connector_resources.gocardless.polling import EventPoll
from connector_resources.runtime import Runtime

#: one evaluation polls no longer than this; the rest follows in the next one.
BUDGET_S = 40.0
POLLED_AT = "events_polled_at"


def event_poll_sensor(
    connections: Sequence[Connection], jobs: Sequence[dg.UnresolvedAssetJobDefinition | dg.JobDefinition]
) -> dg.SensorDefinition:
    """One sensor for all connections; each is polled at its own `polling.events_every_s`."""
    interval = min((c.polling.events_every_s for c in connections), default=300)

    @dg.sensor(
        name="event_poll",
        minimum_interval_seconds=interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Polls GoCardless's events, so that nothing is missed when a webhook is lost or late.",
        required_resource_keys={"runtime"},
        jobs=list(jobs),
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        runtime: Runtime = context.resources.runtime
        deadline = time.monotonic() + BUDGET_S
        lines = [line for c in connections if (line := poll_connection(runtime, c, deadline))]
        return dg.SkipReason("; ".join(lines) or "No connection is due.")

    return evaluate


def poll_connection(runtime: Runtime, connection: Connection, deadline: float) -> str:
    """Poll one connection if it is due; what happened in a sentence, empty when it is not due."""
    marks, now = runtime.store.marks, runtime.clock()
    last = marks.get(connection.name, POLLED_AT)
    due_after = timedelta(seconds=connection.polling.events_every_s)
    if last is not None and now - datetime.fromisoformat(last) < due_after:
        return ""
    try:
        with runtime.gocardless(connection) as client:
            found = EventPoll(runtime.store, client, connection).run(now.astimezone(UTC), deadline)
    except ConnectorError as error:
        return f"{connection.name}: not polled: {error}"
    if found.complete:
        marks.set(connection.name, POLLED_AT, now.isoformat())
    return f"{connection.name}: {found.new} events that no webhook had brought, polled to {found.until.isoformat()}"
