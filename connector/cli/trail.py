"""`connector trail`: verify the tamper-evident trail, or show its head to be kept elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
from rich.markup import escape

from connector.cli.output import ConnectorCommand, console, fail, json_option, runtime, show_json
from connector_resources.runtime import Runtime
from connector_resources.store.trail import Anchor, TrailReport


@click.group()
def trail() -> None:
    """The append-only record of everything received, decided and sent."""


@trail.command(cls=ConnectorCommand)
@click.argument("connection", required=False)
@click.option("--anchor", help="A head noted earlier, `<row>:<hash>`; the chain must still contain it.")
@click.option(
    "--against-dagster", is_flag=True, help="Every head that runs noted in Dagster must still be in the chain."
)
@json_option
def verify(connection: str | None, anchor: str | None, against_dagster: bool, as_json: bool) -> None:
    """Find any edited, removed, inserted or reordered row. Exit 1 when there is one."""
    if anchor is not None and connection is None:
        fail("an anchor is the head of one connection's trail; name the connection")
    reports: dict[str, TrailReport] = {}
    noted: dict[str, list[Anchor]] = {}
    with runtime() as opened:
        names = [opened.connection(connection).name] if connection else [c.name for c in opened.connections]
        if against_dagster:
            noted = _noted(opened, names)
        for name in names:
            reports[name] = opened.store.trail.verify(name, anchored_head=anchor, anchors=noted.get(name, ()))
    _show(reports, noted, as_json)
    if not all(report.ok for report in reports.values()):
        raise SystemExit(1)


def _noted(opened: Runtime, names: Sequence[str]) -> dict[str, list[Anchor]]:
    # Dagster takes a second to import; the other commands of this group do without it.
    import dagster as dg

    from connector_assets.trail_anchors import noted_heads

    if opened.settings.dagster_home is None:
        fail(
            "DAGSTER_HOME is not set, so Dagster's history cannot be read; set it to the home of the Dagster that runs"
        )
    with dg.DagsterInstance.get() as instance:
        return {name: noted_heads(instance, name) for name in names}


def _show(reports: Mapping[str, TrailReport], noted: Mapping[str, Sequence[Anchor]], as_json: bool) -> None:
    if as_json:
        show_json(
            {
                n: {
                    "ok": r.ok,
                    "rows": r.rows,
                    "first_bad_row": r.first_bad_seq,
                    "problem": r.problem,
                    **({"heads_in_dagster": len(noted[n])} if n in noted else {}),
                }
                for n, r in reports.items()
            }
        )
        return
    for name, report in reports.items():
        verdict = (
            "[green]verified[/]"
            if report.ok
            else f"[red]broken at row {report.first_bad_seq}[/]: {escape(report.problem)}"
        )
        heads = f", {len(noted[name])} heads in Dagster" if name in noted else ""
        console.print(f"{name}: {report.rows} rows{heads}, {verdict}")


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
