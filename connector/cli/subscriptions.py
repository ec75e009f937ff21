"""`connector subscriptions`: which recurring charges are followed, why each other is not, and allowing another one."""

from __future__ import annotations

import getpass

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json, show_table
from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError
from connector_resources.subscriptions.ordering import subscribe_again
from connector_resources.subscriptions.overview import Overview, overview


@click.group()
def subscriptions() -> None:
    """Recurring charges of the ERP that become GoCardless subscriptions."""


@subscriptions.command("list", cls=ConnectorCommand)
@click.argument("connection")
@json_option
def list_subscriptions(connection: str, as_json: bool) -> None:
    """Show the subscriptions of CONNECTION, and every recurring charge that is not followed."""
    with runtime() as opened:
        item = _subscribing(opened.connection(connection))
        opened.store.deliveries.take(connection)
        shown = overview(opened.store, item, opened.clock())
    if as_json:
        show_json(_as_json(shown))
        return
    show_table(
        f"{connection}: subscriptions",
        ["subscription", "customer", "amount", "starts", "state", "GoCardless", "cause"],
        [
            [s.reference, s.customer, str(s.amount), s.start_on, str(s.state), s.subscription_id, s.cause]
            for s in shown.subscriptions
        ],
    )
    show_table(
        "Not followed as they should be",
        ["charge", "why", "next step"],
        [[each.charge, each.reason, each.next_step] for each in shown.why_not],
    )
    console.print(f"{shown.next_steps} more things would be asked of GoCardless by the next run.")


@subscriptions.command("again", cls=ConnectorCommand)
@click.argument("connection")
@click.argument("charge")
@click.option("--note", required=True, help="Why; kept in the trail.")
def again(connection: str, charge: str, note: str) -> None:
    """Allow another subscription for the recurring charge CHARGE, whatever ended the last one."""
    with runtime() as opened:
        _subscribing(opened.connection(connection))
        number = subscribe_again(opened.store, connection, charge, by=getpass.getuser(), note=note)
    console.print(
        f"{charge} may get another subscription after number {number}; the next run judges it like any other."
    )


def _subscribing(connection: Connection) -> Connection:
    if not connection.subscriptions.enabled:
        raise ConfigurationError(
            f"{connection.name} makes no subscriptions.",
            connection=connection.name,
            next_step="set subscriptions.enabled in its connection file, where its ledger has recurring charges",
        )
    return connection


def _as_json(shown: Overview) -> dict[str, object]:
    return {
        "subscriptions": [
            {
                "reference": s.reference,
                "charge": s.charge,
                "customer": s.customer,
                "mandate": s.mandate,
                "amount_minor": s.amount.minor,
                "currency": s.amount.currency,
                "starts_on": s.start_on,
                "state": str(s.state),
                "subscription": s.subscription_id,
                "cause": s.cause,
            }
            for s in shown.subscriptions
        ],
        "not_followed": [
            {"charge": each.charge, "code": each.code, "reason": each.reason, "next_step": each.next_step}
            for each in shown.why_not
        ],
        "next_steps": shown.next_steps,
        "charges_read_at": shown.read_at,
    }
