"""Everything Dagster loads: the connections of `CONNECTOR_HOME` and of `connector/defs`, with sensors and schedules."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_resources.connections.load import load_connections
from connector_resources.connections.model import Connection
from connector_resources.runtime_resource import RuntimeResource
from connector_resources.settings import Settings
from sensors.drop_sensor import webhook_drop_sensor
from sensors.poll_sensor import event_poll_sensor
from sensors.schedules import nightly_sweep

PROJECT_ROOT = Path(__file__).parent.parent


@dg.definitions
def defs() -> dg.Definitions:
    """All connections of this deployment. A broken connection file stops the load with every problem listed."""
    settings = Settings()
    every = load_connections(settings.connections_dir, settings.components_dir)
    at_home = load_connections(settings.connections_dir)
    names = {connection.name for connection in at_home}
    as_components = tuple(connection for connection in every if connection.name not in names)
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=PROJECT_ROOT),
        assemble(at_home, as_components),
    )


def assemble(at_home: tuple[Connection, ...], as_components: tuple[Connection, ...] = ()) -> dg.Definitions:
    """Assets and jobs of the connections at home; sensors and schedules of all (components bring their own assets)."""
    made = [connection_definitions(connection) for connection in (*at_home, *as_components)]
    every = [item.connection for item in made]
    shared = dg.Definitions(
        sensors=[webhook_drop_sensor(every, [item.job for item in made]), event_poll_sensor(every)] if made else [],
        schedules=[nightly_sweep(item.connection, item.job) for item in made],
        resources={"runtime": RuntimeResource()},
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(*[item.as_definitions() for item in made[: len(at_home)]], shared)
