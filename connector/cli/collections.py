"""`connector collections`: what is collected and why each other open invoice is not, and allowing another attempt."""

from __future__ import annotations

import getpass

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json, show_table
from connector_resources.collections.ordering import allow_again
from connector_resources.collections.overview import Overview, overview
from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError


@click.group()
def collections() -> None:
    """Open invoices of the ERP that become GoCardless payments."""


@collections.command("list", cls=ConnectorCommand)
@click.argument("connection")
@json_option
def list_collections(connection: str, as_json: bool) -> None:
    """Show the collections of CONNECTION, its mandate set-ups, and every open invoice that is not collected."""
    with runtime() as opened:
        item = _collecting(opened.connection(connection))
        opened.store.deliveries.take(connection)
        shown = overview(opened.store, item, opened.clock())
    if as_json:
        show_json(_as_json(shown))
        return
    show_table(
        f"{connection}: collections",
        ["collection", "customer", "invoices", "state", "payment", "cause"],
        [[c.reference, c.customer, c.invoices, c.state, c.payment, c.cause] for c in shown.collections],
    )
    show_table(
        "Not collected",
        ["invoice", "customer", "open", "due", "why", "next step"],
        [[w.invoice, w.customer, str(w.open_amount), w.due_on or "", w.reason, w.next_step] for w in shown.why_not],
    )
    show_table(
        "Mandate set-ups",
        ["customer", "currency", "state", "link"],
        [[row.customer, row.currency, str(row.state), row.url] for row in shown.set_ups],
    )
    console.print(f"{shown.due} more would be ordered by the next run.")


@collections.command("again", cls=ConnectorCommand)
@click.argument("connection")
@click.argument("invoice")
@click.option("--note", required=True, help="Why; kept in the trail.")
def again(connection: str, invoice: str, note: str) -> None:
    """Allow one more attempt to collect INVOICE, whatever ended the last one."""
    with runtime() as opened:
        _collecting(opened.connection(connection))
        attempt = allow_again(opened.store, connection, invoice, by=getpass.getuser(), note=note)
    console.print(f"{invoice} may be collected again after attempt {attempt}; the next run judges it like any other.")


def _collecting(connection: Connection) -> Connection:
    if not connection.collections.enabled:
        raise ConfigurationError(
            f"{connection.name} collects nothing.",
            connection=connection.name,
            next_step="set collections.enabled in its connection file, where its ledger can be collected from",
        )
    return connection


def _as_json(shown: Overview) -> dict[str, object]:
    return {
        "collections": [
            {
                "reference": c.reference,
                "customer": c.customer,
                "invoices": c.invoices,
                "amount_minor": c.amount.minor,
                "currency": c.amount.currency,
                "charge_date": c.charge_date,
                "state": c.state,
                "payment": c.payment,
                "cause": c.cause,
            }
            for c in shown.collections
        ],
        "not_collected": [
            {
                "invoice": w.invoice,
                "customer": w.customer,
                "open_minor": w.open_amount.minor,
                "currency": w.open_amount.currency,
                "due_on": w.due_on,
                "code": w.code,
                "reason": w.reason,
                "next_step": w.next_step,
            }
            for w in shown.why_not
        ],
        "set_ups": [
            {
                "customer": row.customer,
                "currency": row.currency,
                "state": str(row.state),
                "link": row.url,
                "expires_at": row.expires_at,
            }
            for row in shown.set_ups
        ],
        "due": shown.due,
        "invoices_read_at": shown.read_at,
    }
