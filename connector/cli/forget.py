"""`connector forget` and `connector prune`: what is personal is erased, what proves the books stays."""

from __future__ import annotations

import getpass
from datetime import timedelta

import click

from connector.cli.output import ConnectorCommand, console, runtime


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(connection: str, customer: str, yes: bool) -> None:
    """Erase a customer's name, addresses and e-mail from the store: CUSTOMER is a GoCardless id or a ledger's number.

    Amounts, dates, ids and hashes stay, and the trail verifies as before. Erase the customer in GoCardless and in the ledger
    first: what they still tell is read again. Refused while postings of the customer are open.
    """
    with runtime() as opened:
        opened.connection(connection)
        if not yes:
            click.confirm(f"Erase what is personal of {customer} for good?", abort=True)
        erased = opened.store.erasure.forget(connection, customer, by=getpass.getuser())
    changed = ", ".join(f"{count} {table}" for table, count in erased.rows.items() if count)
    names = ", ".join([*erased.gocardless_customers, *erased.erp_customers])
    console.print(f"{connection}: {names} is forgotten ({changed or 'nothing was left'}).", markup=False)


@click.command(cls=ConnectorCommand)
@click.argument("connection", required=False)
@click.option(
    "--older-than", type=click.IntRange(min=1), metavar="DAYS", help="Days instead of webhook.keep_bodies_days."
)
def prune(connection: str | None, older_than: int | None) -> None:
    """Empty the raw bodies of old webhooks. Their hashes and their events stay."""
    with runtime() as opened:
        for each in [opened.connection(connection)] if connection else opened.connections:
            before = opened.clock() - timedelta(days=older_than or each.webhook.keep_bodies_days)
            count = opened.store.erasure.prune(each.name, before)
            console.print(f"{each.name}: {count} bodies from before {before:%Y-%m-%d} are emptied.", markup=False)
