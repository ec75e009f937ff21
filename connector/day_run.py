"""Runs a connection's day job in this process, recorded in the same Dagster instance that the UI shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name
from connector_assets.partitions import READ_NEW, READ_TAG
from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError
from connector_resources.settings import Settings


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
    """Execute the day job for the days; one run for the whole range. Uses `DAGSTER_HOME` when it is set.

    Raises `ConfigurationError` when that is no directory.
    """
    definitions = connection_definitions(connection).as_definitions()
    job = definitions.resolve_job_def(day_job_name(connection.name))
    tags = {READ_TAG: READ_NEW} if new_only else {}
    # What a step logs is kept in the run; the terminal belongs to the command.
    config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with _open_instance(instance) as used:
        if first == last:
            result = job.execute_in_process(
                partition_key=first.isoformat(), tags=tags, instance=used, raise_on_error=False, run_config=config
            )
        else:
            tags["dagster/asset_partition_range_start"] = first.isoformat()
            tags["dagster/asset_partition_range_end"] = last.isoformat()
            result = job.execute_in_process(tags=tags, instance=used, raise_on_error=False, run_config=config)
    failures = [_sentence(event) for event in result.all_events if event.is_step_failure]
    checks = tuple(
        f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}: {evaluation.description}"
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    )
    return DayRun(result.run_id, result.success, failures[0] if failures else "", checks)


def _sentence(event: dg.DagsterEvent) -> str:
    """The failed step, and what its innermost error says."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return f"{event.step_key}: {data.user_failure_data.description}"
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else 'failed'}"


@contextmanager
def _open_instance(given: dg.DagsterInstance | None) -> Iterator[dg.DagsterInstance]:
    """The caller's instance, left open; else that of `DAGSTER_HOME`; else one that is forgotten afterwards.

    Raises `ConfigurationError` when `DAGSTER_HOME` names no directory.
    """
    if given is not None:
        yield given
        return
    home = Settings().dagster_home
    if home is not None and not (home.is_absolute() and home.is_dir()):
        raise ConfigurationError(
            f"DAGSTER_HOME is {home}, which is no directory with an absolute path.",
            next_step=f"mkdir -p {home.absolute()} and export it so, or unset DAGSTER_HOME to keep no runs",
        )
    with dg.DagsterInstance.get() if home else dg.DagsterInstance.ephemeral() as opened:
        yield opened
