"""`connector sandbox`: local stand-ins of the remote systems, to try everything without touching a real one."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, console
from sandbox.business.plan import MIN_CUSTOMERS, MIN_PAYMENTS


@click.group()
def sandbox() -> None:
    """Local stand-ins of GoCardless and the ERPs."""


@sandbox.command(cls=ConnectorCommand)
@click.option("--port", default=8600, show_default=True, help="First port; the systems take consecutive ones.")
@click.option("--play-all", is_flag=True, help="Start with the whole month behind them.")
@click.option(
    "--customers",
    type=click.IntRange(min=MIN_CUSTOMERS),
    default=220,
    show_default=True,
    help="Customers of each merchant.",
)
@click.option(
    "--payments",
    type=click.IntRange(min=MIN_PAYMENTS),
    default=460,
    show_default=True,
    help="Payments of each merchant's month.",
)
def up(port: int, play_all: bool, customers: int, payments: int) -> None:
    """Serve five merchants, each with a GoCardless and a ledger, until stopped, and print their addresses.

    `connector init NAME --stand-ins ADDRESS` connects to them; ADDRESS is the director's.
    """
    from sandbox.stand_ins import serve_stand_ins

    def tell(line: str) -> None:
        console.print(line, markup=False)

    serve_stand_ins(port, tell, play_all=play_all, customers=customers, payments=payments)
