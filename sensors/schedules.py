"""Schedules: the nightly sweep, which mends what was lost by reading the last days whole, and the reports on the 1st."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from connector_assets.names import CONNECTION_TAG, day_job_name, month_job_name
from connector_assets.partitions import SWEEP_TAG
from connector_resources.connections.model import Connection


def nightly_sweep(connection: Connection, job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Every night at 03:30 local time: the last `polling.sweep_days` days as one run, read again from GoCardless.

    That run also empties the raw bodies of webhooks that are older than `webhook.keep_bodies_days`.
    """

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
                SWEEP_TAG: today.isoformat(),
                "dagster/asset_partition_range_start": first.isoformat(),
                "dagster/asset_partition_range_end": today.isoformat(),
            },
        )

    return sweep


def month_end(connection: Connection, job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """On the 1st at 06:00 local time, after the sweep of the month's last night: the reports of the month that is over."""

    @dg.schedule(
        name=f"{connection.name}_month_end",
        cron_schedule="0 6 1 * *",
        execution_timezone=connection.books.time_zone,
        job=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Writes all reports of {connection.name}'s last month.",
    )
    def written(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(connection.zone).date()
        month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
        if month < connection.books.cut_over.replace(day=1):
            return dg.SkipReason("The month before the cut-over has no reports.")
        return dg.RunRequest(
            run_key=f"{connection.name}:month:{month.isoformat()}",
            job_name=month_job_name(connection.name),
            partition_key=month.isoformat(),
            tags={CONNECTION_TAG: connection.name},
        )

    return written
