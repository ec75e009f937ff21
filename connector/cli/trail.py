"""`connector trail`: verify the tamper-evident trail, or show its head to be kept elsewhere."""

from __future__ import annotations

import click
from rich.markup import escape

from connector.cli.output import ConnectorCommand, console, fail, json_option, runtime, show_json


@click.group()
def trail() -> None:
    """The append-only record of everything received, decided and sent."""


@trail.command(cls=ConnectorCommand)
@click.argument("connection", required=False)
@click.option("--anchor", help="A head noted earlier, `<row>:<hash>`; the chain must still contain it.")
@json_option
def verify(connection: str | None, anchor: str | None, as_json: bool) -> None:
    """Find any edited, removed, inserted or reordered row. Exit 1 when there is one."""
    if anchor is not None and connection is None:
        fail("an anchor is the head of one connection's trail; name the connection")
    reports = {}
    with runtime() as opened:
        names = [opened.connection(connection).name] if connection else [c.name for c in opened.connections]
        for name in names:
            reports[name] = opened.store.trail.verify(name, anchored_head=anchor)
    if as_json:
        show_json(
            {
                n: {"ok": r.ok, "rows": r.rows, "first_bad_row": r.first_bad_seq, "problem": r.problem}
                for n, r in reports.items()
            }
        )
    else:
        for name, report in reports.items():
            verdict = (
                "[green]verified[/]"
                if report.ok
                else f"[red]broken at row {report.first_bad_seq}[/]: {escape(report.problem)}"
            )
            console.print(f"{name}: {report.rows} rows, {verdict}")
    if not all(report.ok for report in reports.values()):
        raise SystemExit(1)


@trail.command(cls=ConnectorCommand)
@click.argument("connection")
@json_option
def head(connection: str, as_json: bool) -> None:
    """Show the newest row's number and hash: note it outside, and `verify --anchor` proves nothing before it changed."""
    with runtime() as opened:
        opened.connection(connection)
        seq, digest = opened.store.trail.head(connection)
    if as_json:
        show_json({"row": seq, "hash": digest})
    else:
        console.print(f"{seq}:{digest}")
