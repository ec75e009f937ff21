"""`connector init`: a home, a vault key, and a commented connection file to fill in."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import click

from connector.cli.days import Day
from connector.cli.output import ConnectorCommand, console, fail
from connector_resources.connections.load import load_connection
from connector_resources.connections.model import CONNECTION_NAME
from connector_resources.connections.template import connection_template
from connector_resources.credentials import expected_credentials
from connector_resources.erp.registry import ERPS
from connector_resources.errors import BrokenConnectionFile
from connector_resources.settings import Settings
from connector_resources.store.vault_key import load_vault_key


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@click.command(cls=ConnectorCommand)
@click.argument("name")
@click.option("--erp", type=click.Choice(sorted(ERPS)), prompt=True, help="The ledger.")
@click.option("--time-zone", prompt=True, default="Europe/Berlin", show_default=True)
@click.option("--cut-over", type=Day(), prompt=True, default=_today, help="First day that is posted.")
@click.option("--environment", type=click.Choice(["live", "sandbox"]), default="sandbox", show_default=True)
def init(name: str, erp: str, time_zone: str, cut_over: date, environment: str) -> None:
    """Write the connection file NAME.yaml and make the vault key, without touching what exists."""
    if not re.fullmatch(CONNECTION_NAME, name):
        fail(f"{name!r}: a connection's name is lower-case letters, digits and _, starting with a letter")
    settings = Settings()
    path = settings.connections_dir / f"{name}.yaml"
    if path.exists():
        fail(f"{path} exists already; edit it, or choose another name")
    settings.connections_dir.mkdir(parents=True, exist_ok=True)
    had_key = settings.vault_key is not None or settings.key_file.exists()
    load_vault_key(settings)
    if not had_key:
        console.print(f"A vault key was made: {settings.key_file}. Back it up apart from the database.", markup=False)
    path.write_text(
        connection_template(erp, name, cut_over=cut_over, time_zone=time_zone, environment=environment),
        encoding="utf-8",
    )
    try:
        connection = load_connection(path)
    except BrokenConnectionFile:
        path.unlink()
        raise
    console.print(f"{path} is written. Look through it, then:", markup=False)
    for credential in expected_credentials(connection):
        console.print(f"  connector credentials set {name} {credential}")
    console.print(f"  connector ping {name}\n  connector plan {name} --day {cut_over}")
