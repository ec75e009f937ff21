"""Everything Dagster loads: the connections of `CONNECTOR_HOME` and of `connector/defs`, with sensors and schedules."""

from __future__ import annotations

import contextlib
import gc
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType

import connector.defs
from connector_assets.broken_connections import broken_connections
from connector_assets.factory import connection_definitions
from connector_assets.held_jobs import held_jobs
from connector_assets.names import day_job_name, erp_job_name, month_job_name
from connector_resources.connections.load import BrokenFile, broken_files_error, read_connections
from connector_resources.connections.model import Connection
from connector_resources.runtime_resource import RUNTIME
from connector_resources.settings import Settings
from sensors.alert_sensor import alert_sensor
from sensors.broken_files_sensor import broken_files_sensor
from sensors.consents import consent_job, daily_consents, keeps_consent
from sensors.continue_sensor import continue_sensor
from sensors.drop_sensor import webhook_drop_sensor
from sensors.erp_sensor import erp_poll_sensor
from sensors.lost_runs import lost_runs_sensor
from sensors.poll_sensor import event_poll_sensor
from sensors.release_sensor import release_sensor
from sensors.schedules import month_end, nightly_sweep

PROJECT_ROOT = Path(__file__).parent.parent
#: what stands in a folder for components that holds none.
NO_COMPONENTS = {"__init__.py", "__pycache__"}


@dg.definitions
def defs() -> dg.Definitions:
    """All connections of this deployment. One whose file is broken is an asset that says so; the others are as ever.

    A component is code, checked by `dg check yaml` before it is deployed: a broken one stops the load, with every problem.
    """
    settings = Settings()
    files = read_connections(settings.connections_dir, settings.components_dir)
    broken_code = [each for each in files.broken if each.path.is_relative_to(settings.components_dir)]
    if broken_code:
        raise broken_files_error(broken_code)
    every = files.connections
    with _collector_at_rest():
        made = [connection_definitions(connection).as_definitions() for connection in files.at_home]
        # Connections kept as components bring their own assets and jobs.
        assets = dg.Definitions.merge(_components(settings.components_dir), *made)
        shown = [_signals(every, assets)] if every else []
        return dg.Definitions.merge(assets, *shown, *_broken(files.broken))


def _components(folder: Path) -> dg.Definitions:
    """What lies in `folder`, and beside it, for the UI, a description of every type of component that is installed.

    A run whose folder is empty does without: describing takes longer than all else that it loads.
    """
    is_for_a_run = DefinitionsLoadContext.get().load_type is DefinitionsLoadType.RECONSTRUCTION
    if is_for_a_run and not any(each.name not in NO_COMPONENTS for each in folder.iterdir()):
        return dg.Definitions()
    with warnings.catch_warnings():
        # Dagster's own calls: the pinned version has them.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        # Not `load_from_defs_folder`: that asks pyproject.toml where the folder is, and an installed package has none.
        return dg.ComponentTree.from_module(connector.defs, PROJECT_ROOT).build_defs()


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """With hundreds of connections a million objects are made that all stay: cyclic collection would only walk them."""
    was_at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_at_work:
            gc.enable()


def _broken(files: Sequence[BrokenFile]) -> list[dg.Definitions]:
    """What is shown of connections that stand still because of their file."""
    found = broken_connections(files)
    problems = {each.name: each.problems for each in found}
    sensors = [broken_files_sensor(problems, [each.job for each in found])] if found else []
    return [*(each.as_definitions() for each in found), dg.Definitions(sensors=sensors)]


def _signals(connections: Sequence[Connection], made: dg.Definitions) -> dg.Definitions:
    """Sensors and schedules of all connections, aimed at the very jobs that `made` holds."""
    jobs = {job.name: job for job in made.jobs or ()}
    day_jobs = {c.name: jobs[day_job_name(c.name)] for c in connections}
    erp_jobs = [jobs[erp_job_name(c.name)] for c in connections]
    consents = [c for c in connections if keeps_consent(c)]
    keeper = consent_job(consents)
    release, withdraw = held_jobs(connections)
    return dg.Definitions(
        jobs=[release, withdraw, *([keeper] if consents else [])],
        sensors=[
            webhook_drop_sensor(connections, list(day_jobs.values())),
            event_poll_sensor(connections, list(day_jobs.values())),
            erp_poll_sensor(connections, erp_jobs),
            continue_sensor(connections, erp_jobs),
            lost_runs_sensor(connections, erp_jobs),
            release_sensor(connections, release, [*day_jobs.values(), *erp_jobs]),
            alert_sensor(connections),
        ],
        schedules=[
            *(nightly_sweep(connection, day_jobs[connection.name]) for connection in connections),
            *(month_end(connection, jobs[month_job_name(connection.name)]) for connection in connections),
            *([daily_consents(keeper)] if consents else []),
        ],
        resources={"runtime": RUNTIME},
        executor=dg.in_process_executor,
    )
