"""`connector customers`: which ERP customer each GoCardless customer is, and linking by hand."""

from __future__ import annotations

import getpass

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json, show_table
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import HandsOutNumbers
from connector_resources.erp.registry import erp_kind
from connector_resources.errors import ConfigurationError
from connector_resources.gocardless.wire import customer_of
from connector_resources.store.store import Store


@click.group()
def customers() -> None:
    """Links between GoCardless customers and ERP customers."""


@customers.command("list", cls=ConnectorCommand)
@click.argument("connection")
@click.option("--open", "only_open", is_flag=True, help="Only customers without a link.")
@json_option
def list_customers(connection: str, only_open: bool, as_json: bool) -> None:
    """Show every known GoCardless customer with its ERP customer number and how it was found."""
    rows = []
    with runtime() as opened:
        opened.connection(connection)
        known = [customer_of(body) for body in opened.store.entities.all(connection, "customers")]
        links = opened.store.customers.get(connection, [customer.id for customer in known])
        for customer in known:
            link = links.get(customer.id)
            if not (only_open and link):
                rows.append(
                    {
                        "gocardless": customer.id,
                        "name": customer.name,
                        "erp_customer": link.erp_customer if link else None,
                        "found_by": link.method if link else None,
                    }
                )
    if as_json:
        show_json(rows)
        return
    columns = ["gocardless", "name", "erp_customer", "found_by"]
    show_table("Customers", columns, [[row[c] for c in columns] for row in rows])


@customers.command("link", cls=ConnectorCommand)
@click.argument("connection")
@click.argument("gocardless_customer")
@click.argument("erp_customer")
@click.option("--replace", is_flag=True, help="Also when another link exists.")
@click.option("--note", default="", help="Why; kept in the trail.")
def link(connection: str, gocardless_customer: str, erp_customer: str, replace: bool, note: str) -> None:
    """Say which ERP customer a GoCardless customer is, and release the postings that waited for it."""
    with runtime() as opened:
        item, store = opened.connection(connection), opened.store
        if not store.entities.get(connection, "customers", [gocardless_customer]):
            raise ConfigurationError(
                f"{gocardless_customer} is not a known GoCardless customer.",
                connection=connection,
                next_step=f"connector customers list {connection}",
            )
        _require_erp_customer(store, item, erp_customer)
        if replace:
            store.customers.replace(connection, gocardless_customer, erp_customer, by=getpass.getuser(), note=note)
        else:
            store.customers.put(connection, gocardless_customer, erp_customer, "by hand")
        waiting = [
            row.posting.key
            for row in store.ledger.held(connection)
            if row.held_code == "customer_unmapped"
            and row.posting.party
            and row.posting.party.gocardless_customer == gocardless_customer
        ]
        if waiting:
            store.ledger.release(connection, waiting, by=getpass.getuser(), note=f"linked to {erp_customer}")
    console.print(f"{gocardless_customer} is {erp_customer}; {len(waiting)} held postings released.")


@customers.command("continue-at", cls=ConnectorCommand)
@click.argument("connection")
@click.argument("number", type=click.IntRange(min=1))
def continue_at(connection: str, number: int) -> None:
    """After a restore: say from which customer number on all are free in the ERP, where we hand them out."""
    with runtime() as opened:
        item = opened.connection(connection)
        first, last = _range_of(item)
        if not first <= number <= last:
            raise ConfigurationError(f"customer numbers go from {first} to {last}", connection=connection)
        opened.store.customers.continue_numbers_at(connection, number, by=getpass.getuser())
    console.print(f"{connection}: the next new customer gets number {number}.")


def _range_of(connection: Connection) -> tuple[int, int]:
    if not isinstance(connection.erp, HandsOutNumbers):
        raise ConfigurationError(
            f"{erp_kind(connection.erp.kind).traits.label} hands out its customer numbers itself",
            connection=connection.name,
            next_step="nothing: there is nothing to say",
        )
    return connection.erp.customer_number_range


def _require_erp_customer(store: Store, connection: Connection, number: str) -> None:
    """A mistyped number must not receive somebody else's money. Only where the ERP's customers can be read."""
    traits = erp_kind(connection.erp.kind).traits
    if not traits.reads_customers:
        return
    found = store.customers.erp_candidates(connection.name, gocardless_customer="", email="", name="", numbers=[number])
    if not any(row.number == number for row in found):
        raise ConfigurationError(
            f"{traits.label} had no customer {number} when its customers were read last.",
            connection=connection.name,
            next_step=f"check the number; `connector run {connection.name}` reads the customers again",
        )
