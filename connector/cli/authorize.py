"""`connector authorize`: a person's consent in the browser, caught on a loopback address, sealed into the vault."""

from __future__ import annotations

import webbrowser

import click

from connector.cli.output import ConnectorCommand, console, fail, runtime
from connector_resources.connections.consent import Authorisation, erp_authorisation, partner_authorisation
from connector_resources.connections.model import Connection
from connector_resources.runtime import Runtime
from connector_resources.transport.loopback import LoopbackCallback


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@click.option("--system", type=click.Choice(["erp", "gocardless"]), default="erp", show_default=True)
@click.option("--port", default=8485, show_default=True, help="Loopback port of the registered redirect address.")
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
def authorize(connection: str, system: str, port: int, no_browser: bool) -> None:
    """Log in at the ERP (DATEV, Exact Online) or at GoCardless (partner apps) and let CONNECTION act for you."""
    with runtime() as opened:
        ask_for_consent(opened, opened.connection(connection), system, port=port, browser=not no_browser)


def ask_for_consent(opened: Runtime, item: Connection, system: str, *, port: int, browser: bool) -> None:
    """Show the address of the consent page, wait for the person, seal what comes back. Ends the command when it cannot.

    Raises `MissingCredential`, and what `Authorisation.complete` raises.
    """
    with _listening(port, item.name) as callback:
        begin = erp_authorisation if system == "erp" else partner_authorisation
        authorisation: Authorisation | None = begin(opened, item, callback.redirect_uri)
        if authorisation is None:
            fail(f"{item.name} needs no authorisation in a browser for {system}")
        console.print("Open this address and log in:")
        click.echo(authorisation.url)
        if browser:
            webbrowser.open(authorisation.url)
        if authorisation.redirect_uri == callback.redirect_uri:
            redirected_to = callback.wait()
        else:
            redirected_to = click.prompt(f"The address, from {authorisation.redirect_uri} on, that the browser ends at")
        console.print(authorisation.complete(redirected_to), markup=False)


def _listening(port: int, connection: str) -> LoopbackCallback:
    try:
        return LoopbackCallback(port, connection)
    except OSError as error:
        fail(f"port {port} cannot be used ({error.strerror}); free it, or choose the other registered one with --port")
