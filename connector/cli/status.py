"""`connector status`: what waits, what is posted, what is held, per connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json, show_table
from connector_resources.connections.model import Connection
from connector_resources.runtime import Runtime
from connector_resources.store.deliveries import UNREADABLE_STEP


@click.command(cls=ConnectorCommand)
@click.argument("connection", required=False)
@json_option
def status(connection: str | None, as_json: bool) -> None:
    """Show the inbox, the ledger and the polls of one connection, or of all. Exit 1 if one has a broken file."""
    with runtime() as opened:
        chosen = [opened.connection(connection)] if connection else list(opened.connections)
        opened.store.deliveries.take(connection)
        rows = [_status(opened, item) for item in chosen]
    if as_json:
        show_json(rows)
    else:
        _show(rows)
    if connection is None and opened.broken:
        raise SystemExit(1)


def _show(rows: Sequence[dict[str, object]]) -> None:
    for row in rows:
        console.print(f"[bold]{row['connection']}[/] ({row['erp']})")
        console.print(f"  waiting events: {row['waiting_events']}; held postings: {row['held']}")
        for key, count in row["waiting_for_held"].items():  # type: ignore[attr-defined]
            console.print(
                f"  waiting for {key}, which is held: {count}; `connector held` says what to do", markup=False
            )
        for each in row["unreadable_webhooks"]:  # type: ignore[attr-defined]
            console.print(f"  webhook {each} could not be taken apart: {UNREADABLE_STEP}", markup=False)
        if row["events_before_cut_over"]:
            console.print(f"  events before the cut-over, never posted: {row['events_before_cut_over']}")
        console.print(f"  events polled to: {row['events_polled_to'] or 'never'}")
        show_table("  postings", ["kind", "state", "count"], row["postings"])  # type: ignore[arg-type]


def _status(opened: Runtime, connection: Connection) -> dict[str, object]:
    store, name = opened.store, connection.name
    counts: Counter[tuple[str, str]] = Counter()
    for row in store.ledger.counts(name):
        counts[(str(row.kind), str(row.state))] += row.count
    waiting = [row for row in store.inbox.waiting() if row.connection == name]
    cut_over = connection.books.cut_over
    return {
        "connection": name,
        "erp": connection.erp.kind,
        "waiting_events": sum(row.count for row in waiting if row.activity_day >= cut_over),
        "events_before_cut_over": sum(row.count for row in waiting if row.activity_day < cut_over),
        "waiting_for_held": Counter(each.reverses for each in store.ledger.waiting_on(name) if each.waits_for_a_person),
        "unreadable_webhooks": [each.described for each in store.deliveries.unreadable(name)],
        "held": sum(n for (_, state), n in counts.items() if state == "held"),
        "postings": [[kind, state, n] for (kind, state), n in sorted(counts.items())],
        "open_submissions": len(store.submissions.open(name)),
        "events_polled_to": store.marks.get(name, "events_watermark"),
        "trail_head": ":".join(map(str, store.trail.head(name))),
    }
