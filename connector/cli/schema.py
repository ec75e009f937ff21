"""`connector schema`: the JSON Schema of connection files, for editors and for checks in a pipeline."""

from __future__ import annotations

import json

import click

from connector.cli.output import ConnectorCommand
from connector_resources.connections.schema import connection_schema


@click.command(cls=ConnectorCommand)
def schema() -> None:
    """Print the JSON Schema of a connection file. `connector init` keeps a copy beside the files, where editors find it."""
    click.echo(json.dumps(connection_schema(), indent=1))
