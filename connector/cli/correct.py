"""`connector correct`: take a receipt back that was booked on the wrong customer, and book it on the right one."""

from __future__ import annotations

import getpass

import click

from connector.cli.output import ConnectorCommand, console, runtime
from connector_resources.posting.correcting import correct as plan_correction


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@click.argument("posting")
@click.option("--note", required=True, help="Why; kept in the trail.")
def correct(connection: str, posting: str, note: str) -> None:
    """Correct the posted receipt POSTING after its customer was linked anew: a reversal and a new receipt, never an edit.

    Both are dated today. The next run sends them, the new receipt after the reversal is booked.
    """
    with runtime() as opened:
        settings = opened.connection(connection).book_settings
        made = plan_correction(opened.store, settings, posting, by=getpass.getuser(), note=note, clock=opened.clock)
    day = made.reversal.booking_date
    console.print(
        f"{connection}: {made.reversal.key} takes {posting} back, {made.booked.key} books it again; "
        f"`connector run {connection} --day {day}` sends both now."
    )
