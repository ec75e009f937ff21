"""`connector sandbox`: local stand-ins of the remote systems, to try everything without touching a real one."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, console


@click.group()
def sandbox() -> None:
    """Local stand-ins of GoCardless and the ERPs."""


@sandbox.command(cls=ConnectorCommand)
@click.option("--port", default=8600, show_default=True, help="First port; the systems take consecutive ones.")
@click.option("--play-all", is_flag=True, help="Start with the whole month behind them.")
@click.option("--customers", default=220, show_default=True, help="Customers of each merchant.")
@click.option("--payments", default=460, show_default=True, help="Payments of each merchant's month.")
def up(port: int, play_all: bool, customers: int, payments: int) -> None:
    """Serve three merchants' GoCardless, a Visma, a DATEV and an Exact Online until stopped, and print their addresses."""
    from sandbox.stand_ins import serve_stand_ins

    def tell(line: str) -> None:
        console.print(line, markup=False)

    serve_stand_ins(port, tell, play_all=play_all, customers=customers, payments=payments)
