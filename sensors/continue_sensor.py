"""The continuation sensor: starts a run for work that had to stop, when the time for it has come.

A quota that is used up or a service that is down stops a run before all is posted. Waiting inside the run would block its
place for hours, and waiting for the next news might take days.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from connector_assets.names import CONNECTION_TAG, erp_job_name
from connector_resources.connections.model import Connection
from connector_resources.posting.continuing import Continuations
from connector_resources.runtime import Runtime
from sensors.running import names_on_their_way

INTERVAL_S = 30


def continue_sensor(
    connections: Sequence[Connection], jobs: Sequence[dg.UnresolvedAssetJobDefinition | dg.JobDefinition]
) -> dg.SensorDefinition:
    """One sensor for all connections."""

    @dg.sensor(
        name="continue_stopped",
        jobs=list(jobs),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Goes on with what an earlier run had to leave, when the remote system is expected to answer again.",
        required_resource_keys={"runtime"},
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        runtime: Runtime = context.resources.runtime
        busy = names_on_their_way(context.instance)
        now = runtime.clock()
        free = [connection for connection in connections if connection.name not in busy]
        requests = [request for c in free if (request := _request(runtime, c, now)) is not None]
        return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("Nothing waits to go on.")

    return evaluate


def _request(runtime: Runtime, connection: Connection, now: datetime) -> dg.RunRequest | None:
    today = now.astimezone(connection.zone).date()
    continuations = Continuations(runtime.store.marks, connection.name)
    due = continuations.due(now)
    if not due or today < connection.books.cut_over:
        return None
    # One run goes on with everything. Noted first: asked for twice would do no harm, asked for never would.
    for item in due:
        continuations.asked(item, now)
    return dg.RunRequest(
        run_key=f"{connection.name}:continue:{due[0].step}:{due[0].after:%Y%m%dT%H%M%S}",
        job_name=erp_job_name(connection.name),
        partition_key=today.isoformat(),
        tags={CONNECTION_TAG: connection.name},
    )
