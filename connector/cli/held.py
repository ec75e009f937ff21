"""`connector held`, `release` and `withdraw`: the work list of postings that wait for a person."""

from __future__ import annotations

import getpass

import click

from connector.cli.output import ConnectorCommand, console, fail, json_option, runtime, show_json, show_table
from connector_resources.runtime import Runtime


@click.command(cls=ConnectorCommand)
@click.argument("connection", required=False)
@json_option
def held(connection: str | None, as_json: bool) -> None:
    """List held postings with the reason and what to do."""
    with runtime() as opened:
        if connection:
            opened.connection(connection)
        rows = [
            {
                "connection": row.posting.connection,
                "posting": row.posting.key,
                "kind": str(row.posting.kind),
                "subject": row.posting.subject,
                "date": row.posting.booking_date,
                "amount": str(row.posting.activity_amount or ""),
                "code": row.held_code,
                "reason": row.held_reason,
                "next_step": row.held_next_step,
            }
            for row in opened.store.ledger.held(connection)
        ]
    if as_json:
        show_json(rows)
        return
    columns = ["connection", "posting", "amount", "reason", "next_step"]
    show_table("Held postings", columns, [[row[c] for c in columns] for row in rows])


def _chosen(
    opened: Runtime, connection: str, postings: tuple[str, ...], everything: bool, code: str | None
) -> list[str]:
    rows = opened.store.ledger.held(connection)
    keys = [row.posting.key for row in rows if code is None or row.held_code == code]
    if everything or code:
        return keys
    if not postings:
        fail("name the postings, or use --all or --code; `connector held` lists them")
    unknown = sorted(set(postings) - set(keys))
    if unknown:
        fail(f"{', '.join(unknown)} is not held on {connection}; `connector held {connection}` lists what is")
    return list(postings)


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@click.argument("postings", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every held posting of the connection.")
@click.option("--code", help="Every posting held for this reason code, such as period_closed.")
@click.option("--note", default="", help="Why; kept in the trail.")
def release(connection: str, postings: tuple[str, ...], everything: bool, code: str | None, note: str) -> None:
    """Let held postings be tried again; the next run of the connection posts them."""
    with runtime() as opened:
        opened.connection(connection)
        keys = _chosen(opened, connection, postings, everything, code)
        if keys:
            opened.store.ledger.release(connection, keys, by=getpass.getuser(), note=note)
    console.print(f"{connection}: {len(keys)} postings released; `connector run {connection}` posts them now.")


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@click.argument("postings", nargs=-1, required=True)
@click.option("--note", required=True, help="Why it will never be posted; kept in the trail.")
def withdraw(connection: str, postings: tuple[str, ...], note: str) -> None:
    """Decide that held postings will never be posted, because a person has booked or dismissed them."""
    with runtime() as opened:
        opened.connection(connection)
        keys = _chosen(opened, connection, postings, everything=False, code=None)
        opened.store.ledger.withdraw(connection, keys, by=getpass.getuser(), note=note)
    console.print(f"{connection}: {len(keys)} postings withdrawn.")
