"""`connector report`: write the reconciliation report of a month."""

from __future__ import annotations

from datetime import date

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json
from connector_resources.reports.reconciliation import write_reconciliation


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@click.option("--month", metavar="YYYY-MM", help="Default: the present month.")
@json_option
def report(connection: str, month: str | None, as_json: bool) -> None:
    """Write the reconciliation report of one month as HTML and XLSX, and print where it is."""
    with runtime() as opened:
        item = opened.connection(connection)
        first = _first_of(month) if month else opened.clock().astimezone(item.zone).date().replace(day=1)
        written = write_reconciliation(opened.store, item, first, opened.settings.reports_dir, opened.clock())
    if as_json:
        show_json({"html": written.html, "xlsx": written.xlsx, "payouts": written.payouts, "proven": written.proven})
    else:
        console.print(
            f"{written.html}\n{written.xlsx}\n{written.proven} of {written.payouts} payouts proven, {written.held} held"
        )


def _first_of(month: str) -> date:
    try:
        return date.fromisoformat(f"{month}-01")
    except ValueError as error:
        raise click.BadParameter(f"{month!r} is not a month such as 2026-06", param_hint="--month") from error
