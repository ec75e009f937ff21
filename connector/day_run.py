"""Runs a connection's day job in this process, recorded in the same Dagster instance that the UI shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name
from connector_assets.partitions import READ_NEW, READ_TAG
from connector_resources.connections.model import Connection


@dataclass(frozen=True, slots=True)
class DayRun:
    """How it ended. `failure` names the first failed step; `failed_checks` are sentences."""

    run_id: str
    success: bool
    failure: str
    failed_checks: tuple[str, ...]


def run_days(
    connection: Connection,
    first: date,
    last: date,
    *,
    new_only: bool = False,
    instance: dg.DagsterInstance | None = None,
) -> DayRun:
    """Execute the day job for the days; one run for the whole range. Uses `DAGSTER_HOME` when it is set."""
    definitions = connection_definitions(connection).as_definitions()
    job = definitions.resolve_job_def(day_job_name(connection.name))
    tags = {READ_TAG: READ_NEW} if new_only else {}
    with _instance(instance) as used:
        if first == last:
            result = job.execute_in_process(
                partition_key=first.isoformat(), tags=tags, instance=used, raise_on_error=False
            )
        else:
            tags["dagster/asset_partition_range_start"] = first.isoformat()
            tags["dagster/asset_partition_range_end"] = last.isoformat()
            result = job.execute_in_process(tags=tags, instance=used, raise_on_error=False)
    failures = [event for event in result.all_events if event.is_step_failure]
    failure = f"{failures[0].step_key}: {failures[0].event_specific_data.error_display_string}" if failures else ""  # type: ignore[union-attr]
    checks = tuple(
        f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}: {evaluation.description}"
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    )
    return DayRun(result.run_id, result.success, failure.splitlines()[0] if failure else "", checks)


def _instance(given: dg.DagsterInstance | None) -> dg.DagsterInstance:
    import os

    if given is not None:
        return given
    return dg.DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else dg.DagsterInstance.ephemeral()
