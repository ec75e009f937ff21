"""`connector ping`: does everything a connection needs work, on both sides."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_checklist, show_json
from connector_resources.connections.ping import ping_connection


@click.command(cls=ConnectorCommand)
@click.argument("connection", required=False)
@json_option
def ping(connection: str | None, as_json: bool) -> None:
    """Check credentials, rights, company, accounts and settings of one connection, or of all. Exit 1 if one fails."""
    result = {}
    with runtime() as opened:
        chosen = [opened.connection(connection)] if connection else list(opened.connections)
        for item in chosen:
            result[item.name] = ping_connection(opened, item)
    if as_json:
        show_json(
            {
                name: [{"what": x.what, "ok": x.ok, "detail": x.detail, "next_step": x.next_step} for x in lines]
                for name, lines in result.items()
            }
        )
    else:
        for name, lines in result.items():
            console.print(f"[bold]{name}[/]")
            show_checklist([(x.what, x.ok, x.detail, x.next_step) for x in lines])
    if (connection is None and opened.broken) or not all(line.ok for lines in result.values() for line in lines):
        raise SystemExit(1)
