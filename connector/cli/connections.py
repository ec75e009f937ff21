"""`connector connections`: which connections this deployment has."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, json_option, runtime, show_json, show_table


@click.command(cls=ConnectorCommand)
@json_option
def connections(as_json: bool) -> None:
    """List the connections of this deployment. Exit 1 if a connection file is broken; what is wrong is told line by line."""
    with runtime() as opened:
        rows = [
            {
                "name": c.name,
                "erp": c.erp.kind,
                "environment": c.gocardless.environment,
                "time_zone": c.books.time_zone,
                "cut_over": c.books.cut_over,
            }
            for c in opened.connections
        ]
    if as_json:
        show_json(rows)
    else:
        columns = ["name", "erp", "environment", "time_zone", "cut_over"]
        show_table("Connections", columns, [[row[c] for c in columns] for row in rows])
    if opened.broken:
        raise SystemExit(1)
