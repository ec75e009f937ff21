"""`connector report`: write a report of a month, of a payout, or of this moment, and print what it says at its top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json, show_table
from connector_resources.connections.model import Connection
from connector_resources.reports.catalogue import REPORTS, WrittenReport, write_named, write_payout
from connector_resources.reports.figures import amount_text, count_text, day_text, share_text
from connector_resources.reports.model import Amount, Cell, Ref, Share, State
from connector_resources.reports.sources import Month
from connector_resources.runtime import Runtime

ALL = "all"
PAYOUT = "payout"


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@click.argument("name", metavar="[REPORT]", type=click.Choice([*REPORTS, PAYOUT, ALL]), default="reconciliation")
@click.argument("payout", required=False)
@click.option("--month", metavar="YYYY-MM", help="Default: the present month.")
@json_option
def report(connection: str, name: str, payout: str | None, month: str | None, as_json: bool) -> None:
    """Write a report as HTML and XLSX, and print where it is and its headline figures.

    REPORT is reconciliation (the default), clearing (why is the clearing account not zero?), fees, failures, mandates,
    collections or work-list; payout PAYOUT is the report of one payout; all writes every one but that.
    """
    if (name == PAYOUT) != (payout is not None):
        raise click.UsageError("name one payout after the word payout, and none after any other report")
    with runtime() as opened:
        item = opened.connection(connection)
        opened.store.deliveries.take(connection)
        written = list(_written(opened, item, name, payout, month))
    if as_json:
        shown = [_as_json(each) for each in written]
        show_json(shown if name == ALL else shown[0])
        return
    for each in written:
        rows = [
            [_text(fact.value), f"{fact.label} ({fact.note})" if fact.note else fact.label]
            for fact in each.report.facts
        ]
        show_table(f"{each.report.title}, {connection}, {each.report.period}", ["", "headline"], rows)
        console.print(f"{each.files.html}\n{each.files.xlsx}")


def _written(
    opened: Runtime, item: Connection, name: str, payout: str | None, month: str | None
) -> Iterator[WrittenReport]:
    directory, now = opened.settings.reports_dir, opened.clock()
    chosen = _month(month) if month else Month.of(now.astimezone(item.zone).date())
    if payout is not None:
        yield write_payout(opened.store, item, payout, directory, now)
        return
    names: Sequence[str] = list(REPORTS) if name == ALL else [name]
    for each in names:
        yield write_named(opened.store, item, each, chosen, directory, now)


def _month(text: str) -> Month:
    try:
        return Month(date.fromisoformat(f"{text}-01"))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a month such as 2026-06", param_hint="--month") from error


def _as_json(written: WrittenReport) -> dict[str, object]:
    return {
        "report": written.kind,
        "period": written.report.period,
        "html": written.files.html,
        "xlsx": written.files.xlsx,
        "headlines": [{"label": fact.label, "value": _text(fact.value)} for fact in written.report.facts],
    }


def _text(cell: Cell) -> str:
    match cell:
        case Amount():
            return f"{amount_text(cell)} {cell.currency}"
        case State():
            return cell.word
        case Share():
            return share_text(cell)
        case Ref():
            return cell.text
        case int():
            return count_text(cell)
        case date():
            return day_text(cell)
        case _:
            return str(cell or "")
