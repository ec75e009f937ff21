"""`connector replay`: do something again, with the certainty that nothing is posted twice."""

from __future__ import annotations

import getpass
from datetime import date

import click

from connector.cli.days import chosen_days, day_options
from connector.cli.output import ConnectorCommand, console, fail, runtime
from connector.day_run import run_days


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@day_options
@click.option("--posting", "key", help="One held posting, by its key.")
@click.option("--failed", is_flag=True, help="Every held posting of the connection.")
def replay(connection: str, first_day: date | None, last_day: date | None, key: str | None, failed: bool) -> None:
    """Replay a posting, all held postings, or whole days of CONNECTION. What is posted already stays as it is."""
    if key is not None and failed:
        fail("choose one of --posting and --failed")
    with runtime() as opened:
        item = opened.connection(connection)
        held = opened.store.ledger.held(connection)
        chosen = [row for row in held if failed or row.posting.key == key]
        if key is not None and not chosen:
            row = opened.store.ledger.get(connection, key)
            fail(f"{key} is {row.state}, so there is nothing to replay" if row else f"there is no posting {key}")
        if chosen:
            keys = [row.posting.key for row in chosen]
            opened.store.ledger.release(connection, keys, by=getpass.getuser(), note="replay")
            days = [row.activity_day for row in chosen]
            first, last = min(days), max(days)
        elif failed:
            console.print(f"{connection}: nothing is held.")
            return
        else:
            first, last = chosen_days(item, first_day, last_day, opened.clock())
    outcome = run_days(item, first, last)
    if not outcome.success:
        fail(f"run {outcome.run_id} failed: {outcome.failure}")
    with runtime() as opened:
        still = {row.posting.key for row in opened.store.ledger.held(connection)}
    settled = [row for row in chosen if row.posting.key not in still]
    console.print(
        f"{connection}: {len(settled)} of {len(chosen)} replayed postings are settled."
        if chosen
        else f"{connection}: {first} to {last} were read again; what was posted stayed as it was."
    )
