"""Schedules: the nightly sweep, which reads the last days whole, so that even a lost event and a failed run are mended."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from connector_assets.names import CONNECTION_TAG, day_job_name
from connector_resources.connections.model import Connection


def nightly_sweep(connection: Connection, job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Every night at 03:30 local time: the last `polling.sweep_days` days as one run, read again from GoCardless."""

    @dg.schedule(
        name=f"{connection.name}_sweep",
        cron_schedule="30 3 * * *",
        execution_timezone=connection.books.time_zone,
        job=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Reads the last {connection.polling.sweep_days} days of {connection.name} again and posts what is missing.",
    )
    def sweep(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(connection.zone).date()
        first = max(today - timedelta(days=connection.polling.sweep_days), connection.books.cut_over)
        if first > today:
            return dg.SkipReason("The cut-over day lies ahead.")
        return dg.RunRequest(
            run_key=f"{connection.name}:sweep:{today.isoformat()}",
            job_name=day_job_name(connection.name),
            tags={
                CONNECTION_TAG: connection.name,
                "dagster/asset_partition_range_start": first.isoformat(),
                "dagster/asset_partition_range_end": today.isoformat(),
            },
        )

    return sweep
