"""The release sensor: after a person released held postings, it starts the run of their days, which posts them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dagster as dg

from connector_assets.held_jobs import FIRST_DAY_TAG, LAST_DAY_TAG
from connector_assets.names import CONNECTION_TAG, day_job_name, erp_job_name
from connector_assets.partitions import READ_NEW, READ_TAG
from connector_resources.connections.model import Connection

INTERVAL_S = 5
#: postings that lie further apart are posted by a run of the ERP job: it takes what waits, of whatever day, and checks no day.
MOST_DAYS = 31


def release_sensor(
    connections: Sequence[Connection],
    release_job: dg.JobDefinition,
    jobs: Sequence[dg.UnresolvedAssetJobDefinition],
) -> dg.SensorDefinition:
    """One sensor for all connections; `jobs` are their day jobs and ERP jobs."""
    names = {connection.name for connection in connections}

    @dg.run_status_sensor(
        name="run_released",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[release_job],
        request_jobs=list(jobs),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs the days of held postings again as soon as they were released, so that they are posted and "
        "their checks say so.",
    )
    def evaluate(context: dg.RunStatusSensorContext) -> dg.RunRequest | dg.SkipReason:
        run = context.dagster_run
        name, first, last = (run.tags.get(tag, "") for tag in (CONNECTION_TAG, FIRST_DAY_TAG, LAST_DAY_TAG))
        if name not in names or not first:
            return dg.SkipReason(f"Run {run.run_id} released nothing of a connection that is configured.")
        return request_of(name, date.fromisoformat(first), date.fromisoformat(last), run.run_id)

    return evaluate


def request_of(name: str, first: date, last: date, released_by: str) -> dg.RunRequest:
    """The run that posts what was released of these activity days."""
    tags = {CONNECTION_TAG: name, READ_TAG: READ_NEW}
    key = f"{name}:released:{released_by}"
    if (last - first).days >= MOST_DAYS:
        return dg.RunRequest(run_key=key, job_name=erp_job_name(name), partition_key=last.isoformat(), tags=tags)
    if first == last:
        return dg.RunRequest(run_key=key, job_name=day_job_name(name), partition_key=first.isoformat(), tags=tags)
    tags |= {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    return dg.RunRequest(run_key=key, job_name=day_job_name(name), tags=tags)
