"""`connector run`: take activity days from GoCardless's events to ERP documents now, as a Dagster run of this process."""

from __future__ import annotations

from datetime import date

import click

from connector.cli.days import chosen_days, day_options
from connector.cli.output import ConnectorCommand, console, fail, runtime
from connector.day_run import run_days


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@day_options
@click.option(
    "--new-only", is_flag=True, help="Only what is new in the inbox, instead of reading the whole days again."
)
def run(connection: str, first_day: date | None, last_day: date | None, new_only: bool) -> None:
    """Run the day job of CONNECTION. Running a day twice is always safe: nothing is posted twice."""
    with runtime() as opened:
        item = opened.connection(connection)
        first, last = chosen_days(item, first_day, last_day, opened.clock())
        before = opened.store.ledger.counts(connection)
    console.print(f"{connection}: running {first} to {last} …")
    outcome = run_days(item, first, last, new_only=new_only)
    with runtime() as opened:
        after = opened.store.ledger.counts(connection)
    console.print(_changes(before, after))
    for line in outcome.failed_checks:
        console.print(f"[yellow]check[/] {line}")
    if not outcome.success:
        fail(f"run {outcome.run_id} failed: {outcome.failure}")


def _changes(before: object, after: object) -> str:
    def summed(rows: object) -> dict[tuple[str, str], int]:
        totals: dict[tuple[str, str], int] = {}
        for row in rows:  # type: ignore[attr-defined]
            totals[(str(row.kind), str(row.state))] = totals.get((str(row.kind), str(row.state)), 0) + row.count
        return totals

    old, new = summed(before), summed(after)
    lines = [
        f"{kind} {state}: {new.get((kind, state), 0) - old.get((kind, state), 0):+d}"
        for kind, state in sorted(set(old) | set(new))
        if new.get((kind, state), 0) != old.get((kind, state), 0)
    ]
    return "\n".join(lines) or "Nothing changed: everything of these days was posted before."
