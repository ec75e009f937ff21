"""`connector webhooks`: which of the ERP's changes it tells us at once, for ERPs whose subscriptions can be managed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import click

from connector.cli.output import ConnectorCommand, console, fail, json_option, runtime, show_json, show_table
from connector_resources.erp.notices import NoticeDesk
from connector_resources.erp.registry import erp_kind
from connector_resources.errors import ConfigurationError
from connector_resources.transport.addresses import LOOPBACK


@click.group()
def webhooks() -> None:
    """Subscriptions to the ERP's webhooks. A notification is never believed: it only makes the next reading happen now."""


@webhooks.command("list", cls=ConnectorCommand)
@click.argument("connection")
@json_option
def list_webhooks(connection: str, as_json: bool) -> None:
    """Show what the ERP tells us, and to which address."""
    with _desk(connection) as desk:
        rows = [{"topic": each.topic, "address": each.callback, "id": each.id} for each in desk.subscriptions()]
    if as_json:
        show_json(rows)
        return
    show_table("Webhooks", ["topic", "address", "id"], [list(row.values()) for row in rows])


@webhooks.command("create", cls=ConnectorCommand)
@click.argument("connection")
@click.option("--address", required=True, help="Address of the receiver on the internet: https://hooks.example.com")
@click.option("--topic", "topics", multiple=True, help="What is to be told; by default what leads to a useful reading.")
def create(connection: str, address: str, topics: tuple[str, ...]) -> None:
    """Have the ERP tell changes to the receiver, which must be running: the ERP asks it at once.

    An address that a topic has already is replaced.
    """
    callback = _callback(connection, address)
    with _desk(connection) as desk:
        for topic in topics or desk.usual_topics:
            _require(topic, desk, connection)
        for topic in topics or desk.usual_topics:
            made = desk.subscribe(topic, callback)
            seen = "" if made.id else " by another user of the same app, to the address given there"
            console.print(f"{topic}: told{seen or f' to {callback}'}.", markup=False)


@webhooks.command("delete", cls=ConnectorCommand)
@click.argument("connection")
@click.option("--topic", "topics", multiple=True, help="Only these; by default all of ours.")
def delete(connection: str, topics: tuple[str, ...]) -> None:
    """End subscriptions. Changes are then learnt at the next regular poll."""
    with _desk(connection) as desk:
        present = desk.subscriptions()
        for topic in topics:
            if all(each.topic != topic for each in present):
                fail(f"{connection} has no subscription to {topic}; see `connector webhooks list {connection}`")
        ended = [each for each in present if not topics or each.topic in topics]
        for each in ended:
            desk.unsubscribe(each)
            console.print(f"{each.topic}: not told any more.", markup=False)
    if not ended:
        console.print("There are none.")


@contextmanager
def _desk(connection: str) -> Iterator[NoticeDesk]:
    with runtime() as opened:
        item = opened.connection(connection)
        kind = erp_kind(item.erp.kind)
        if kind.notices is None:
            where = "in its own portal" if kind.notification else "nowhere: it sends none"
            fail(f"webhooks of {kind.traits.label} are registered {where}")
        desk = kind.notices(item.erp, opened.context(item))
        try:
            yield desk
        finally:
            desk.close()


def _callback(connection: str, address: str) -> str:
    parts = urlsplit(address)
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in LOOPBACK):
        raise ConfigurationError(
            f"{address} is no https address.",
            connection=connection,
            next_step="give the address under which the receiver is reached from the internet, such as "
            "https://hooks.example.com",
        )
    return f"{address.rstrip('/')}/webhooks/erp/{connection}"


def _require(topic: str, desk: NoticeDesk, connection: str) -> None:
    if topic not in desk.topics:
        raise ConfigurationError(
            f"{topic} is no topic.", connection=connection, next_step=f"choose of {', '.join(desk.topics)}"
        )
