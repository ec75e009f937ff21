"""`connector trace`: the whole way of any id, from webhook bytes to ERP document number."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, console, fail, json_option, runtime, show_json, show_table
from connector_resources.tracing import Trace, trace_id


@click.command(cls=ConnectorCommand)
@click.argument("identifier")
@click.option("--connection", help="Only this connection.")
@json_option
def trace(identifier: str, connection: str | None, as_json: bool) -> None:
    """Follow IDENTIFIER: a GoCardless id (PM…, PO…, RF…, MD…, EV…), a posting key, or an ERP document number."""
    with runtime() as opened:
        opened.store.deliveries.take(connection)
        names = [opened.connection(connection).name] if connection else [c.name for c in opened.connections]
        traces = [found for name in names if (found := trace_id(opened.store, name, identifier)).anything]
    if not traces:
        fail(f"nothing is known of {identifier!r}; it may be of another connection, or not read yet")
    if as_json:
        show_json([found.as_json() for found in traces])
        return
    for found in traces:
        _show(found)


def _show(found: Trace) -> None:
    console.print(f"[bold]{found.connection}[/]")
    show_table(
        "Events",
        ["event", "what", "created at", "came by", "decision"],
        [[e.event_id, e.what, e.created_at, e.came_by, e.decision] for e in found.events],
    )
    show_table(
        "Postings",
        ["posting", "amount", "state", "document", "why not posted"],
        [[p.key, p.amount, p.state, ", ".join(p.documents), p.held_reason] for p in found.postings],
    )
    show_table(
        "Submissions",
        ["reference", "step", "request", "sha256", "state", "attempts"],
        [[s.reference, s.step, s.request, s.sha256[:16], s.state, s.attempts] for s in found.submissions],
    )
    show_table("Trail", ["row", "at", "what", "subject"], [[t.seq, t.at, t.kind, t.subject] for t in found.trail])
