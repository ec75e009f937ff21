"""The day job of a test's connection as Dagster loads it anew for a run: what a re-execution from the UI starts from."""

from __future__ import annotations

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name
from connector_resources.connections.load import find_connection, load_connections
from connector_resources.settings import Settings


def nordic_day() -> dg.JobDefinition:
    """The day job of the connection `nordic` in `CONNECTOR_HOME`, its steps one after another in one process."""
    connection = find_connection(load_connections(Settings().connections_dir), "nordic")
    made = connection_definitions(connection).as_definitions()
    return dg.Definitions.merge(made, dg.Definitions(executor=dg.in_process_executor)).resolve_job_def(
        day_job_name("nordic")
    )
