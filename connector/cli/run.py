"""`connector run`: take activity days from GoCardless's events to ERP documents now, as a Dagster run of this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

import click
from rich.markup import escape

from connector.cli.days import chosen_days, day_options
from connector.cli.output import ConnectorCommand, console, fail, runtime
from connector.day_run import run_days
from connector_resources.store.ledger_reading import LedgerCount


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
        console.print(f"[yellow]check[/] {escape(line)}")
    if not outcome.success:
        fail(f"run {outcome.run_id} failed: {outcome.failure}")


def _changes(before: Sequence[LedgerCount], after: Sequence[LedgerCount]) -> str:
    old, new = _by_kind_and_state(before), _by_kind_and_state(after)
    lines = [
        f"{kind} {state}: {new[kind, state] - old[kind, state]:+d}"
        for kind, state in sorted(set(old) | set(new))
        if new[kind, state] != old[kind, state]
    ]
    return "\n".join(lines) or "Nothing changed: these days held nothing that was not posted before."


def _by_kind_and_state(rows: Sequence[LedgerCount]) -> Counter[tuple[str, str]]:
    totals: Counter[tuple[str, str]] = Counter()
    for row in rows:
        totals[str(row.kind), str(row.state)] += row.count
    return totals
