"""`connector sandbox`: local stand-ins of the remote systems, to try everything without touching a real one."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, console


@click.group()
def sandbox() -> None:
    """Local stand-ins of GoCardless and the ERPs."""


@sandbox.command(cls=ConnectorCommand)
@click.argument("systems", nargs=-1)
@click.option("--port", default=8600, show_default=True, help="First port; the systems take consecutive ones.")
def up(systems: tuple[str, ...], port: int) -> None:
    """Serve stand-ins (gocardless, visma, datev; default all) until stopped, and print their addresses."""
    from sandbox.stand_ins import serve_stand_ins

    serve_stand_ins(systems, port, lambda line: console.print(line, markup=False))
