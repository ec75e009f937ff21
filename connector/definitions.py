"""Everything Dagster loads: the connections of `CONNECTOR_HOME` and of `connector/defs`, with sensors and schedules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name, erp_job_name
from connector_resources.connections.load import load_connections
from connector_resources.connections.model import Connection
from connector_resources.runtime_resource import RUNTIME
from connector_resources.settings import Settings
from sensors.consents import consent_job, daily_consents, keeps_consent
from sensors.continue_sensor import continue_sensor
from sensors.drop_sensor import webhook_drop_sensor
from sensors.erp_sensor import erp_poll_sensor
from sensors.poll_sensor import event_poll_sensor
from sensors.schedules import nightly_sweep

PROJECT_ROOT = Path(__file__).parent.parent


@dg.definitions
def defs() -> dg.Definitions:
    """All connections of this deployment. A broken connection file stops the load with every problem listed."""
    settings = Settings()
    every = load_connections(settings.connections_dir, settings.components_dir)
    at_home = {connection.name for connection in load_connections(settings.connections_dir)}
    made = [connection_definitions(connection).as_definitions() for connection in every if connection.name in at_home]
    # Connections kept as components bring their own assets and jobs.
    assets = dg.Definitions.merge(dg.load_from_defs_folder(path_within_project=PROJECT_ROOT), *made)
    return dg.Definitions.merge(assets, _signals(every, assets)) if every else assets


def _signals(connections: Sequence[Connection], made: dg.Definitions) -> dg.Definitions:
    """Sensors and schedules of all connections, aimed at the very jobs that `made` holds."""
    jobs = {job.name: job for job in made.jobs or ()}
    day_jobs = {c.name: jobs[day_job_name(c.name)] for c in connections}
    erp_jobs = [jobs[erp_job_name(c.name)] for c in connections]
    consents = [c for c in connections if keeps_consent(c)]
    keeper = consent_job(consents)
    return dg.Definitions(
        jobs=[keeper] if consents else [],
        sensors=[
            webhook_drop_sensor(connections, list(day_jobs.values())),
            event_poll_sensor(connections, list(day_jobs.values())),
            erp_poll_sensor(connections, erp_jobs),
            continue_sensor(connections, erp_jobs),
        ],
        schedules=[
            *(nightly_sweep(connection, day_jobs[connection.name]) for connection in connections),
            *([daily_consents(keeper)] if consents else []),
        ],
        resources={"runtime": RUNTIME},
        executor=dg.in_process_executor,
    )
