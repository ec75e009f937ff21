"""`connector credentials`: put secrets into the vault, list their names, rotate the vault key. Values are never shown."""

from __future__ import annotations

import sys

import click

from connector.cli.output import ConnectorCommand, console, fail, json_option, runtime, show_json, show_table
from connector_resources.connections.consent import end_consent
from connector_resources.credentials import expected_credentials
from connector_resources.errors import ConfigurationError
from connector_resources.settings import Settings
from connector_resources.store.vault_key import rotate_key_file


@click.group()
def credentials() -> None:
    """Keep secrets in the encrypted vault."""


@credentials.command("set", cls=ConnectorCommand)
@click.argument("connection")
@click.argument("name")
def set_credential(connection: str, name: str) -> None:
    """Store one secret. It is asked for, or read from standard input when that is not a terminal."""
    with runtime() as opened:
        known = expected_credentials(opened.connection(connection))
        if name not in known:
            raise ConfigurationError(
                f"{name!r} is not a credential of this connection; it uses: {', '.join(known)}.", connection=connection
            )
        value = click.prompt(name, hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
        value = value.strip("\r\n")
        if not value:
            fail(f"no value was given for {name}")
        opened.store.vault.write(connection, name, value)
    console.print(f"{connection}: {name} is stored, encrypted.")


@credentials.command("list", cls=ConnectorCommand)
@click.argument("connection", required=False)
@json_option
def list_credentials(connection: str | None, as_json: bool) -> None:
    """Which credentials each connection needs and which are stored."""
    rows = []
    with runtime() as opened:
        chosen = [opened.connection(connection)] if connection else list(opened.connections)
        for item in chosen:
            stored = {info.name: info for info in opened.store.vault.names(item.name)}
            for name, purpose in expected_credentials(item).items():
                info = stored.get(name)
                rows.append(
                    {
                        "connection": item.name,
                        "name": name,
                        "stored": info is not None,
                        "updated_at": info.updated_at if info else None,
                        "purpose": purpose,
                    }
                )
    if as_json:
        show_json(rows)
        return
    columns = ["connection", "name", "stored", "updated_at", "purpose"]
    show_table("Credentials", columns, [[row[c] for c in columns] for row in rows])


@credentials.command("remove", cls=ConnectorCommand)
@click.argument("connection")
@click.argument("name")
@click.option("--only-here", is_flag=True, help="Do not tell the remote system, whose token may then live on.")
def remove_credential(connection: str, name: str, only_here: bool) -> None:
    """Forget one secret. Tokens of a consent are revoked at the remote system first, where it takes revocations."""
    with runtime() as opened:
        found = opened.connection(connection)
        if not only_here and end_consent(opened, found, name):
            console.print(f"{connection}: {name} is revoked.")
        if not opened.store.vault.remove(connection, name):
            fail(f"{connection} has no stored {name}; `connector credentials list {connection}` shows what there is")
    console.print(f"{connection}: {name} is removed.")


@credentials.command("rotate-key", cls=ConnectorCommand)
def rotate_key() -> None:
    """Make a new vault key and seal every secret with it again. A crash half-way is harmless: run it again."""
    settings = Settings()
    with runtime() as opened:
        count = rotate_key_file(settings, opened.store.vault)
    console.print(f"{count} credentials are sealed with the new key.")
