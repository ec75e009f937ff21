"""`connector init`: a home, a vault key, and a commented connection file to fill in."""

from __future__ import annotations

from datetime import date

import click
from jinja2 import Environment, PackageLoader, StrictUndefined

from connector.cli.output import ConnectorCommand, console, fail
from connector_resources.connections.load import load_connection
from connector_resources.connections.model import CONNECTION_NAME
from connector_resources.credentials import expected_credentials
from connector_resources.erp.registry import ERPS
from connector_resources.settings import Settings
from connector_resources.store.vault_key import load_vault_key


@click.command(cls=ConnectorCommand)
@click.argument("name")
@click.option("--erp", type=click.Choice(sorted(ERPS)), prompt=True, help="The ledger.")
@click.option("--time-zone", prompt=True, default="Europe/Berlin", show_default=True)
@click.option("--cut-over", prompt=True, default=date.today().isoformat, help="First day that is posted.")  # noqa: DTZ011
@click.option("--environment", type=click.Choice(["live", "sandbox"]), default="sandbox", show_default=True)
def init(name: str, erp: str, time_zone: str, cut_over: str, environment: str) -> None:
    """Write the connection file NAME.yaml and make the vault key, without touching what exists."""
    import re

    if not re.fullmatch(CONNECTION_NAME, name):
        fail(f"{name!r}: a connection's name is lower-case letters, digits and _, starting with a letter")
    settings = Settings()
    settings.connections_dir.mkdir(parents=True, exist_ok=True)
    had_key = settings.key_file.exists() or settings.vault_key is not None
    load_vault_key(settings)
    if not had_key:
        console.print(f"A vault key was made: {settings.key_file}. Back it up apart from the database.")
    path = settings.connections_dir / f"{name}.yaml"
    if path.exists():
        fail(f"{path} exists already; edit it, or choose another name")
    templates = Environment(loader=PackageLoader("connector", "templates"), undefined=StrictUndefined, autoescape=False)  # noqa: S701 - YAML, not HTML
    text = templates.get_template(f"{erp}.yaml").render(
        name=name, time_zone=time_zone, cut_over=cut_over, environment=environment
    )
    path.write_text(text, encoding="utf-8")
    connection = load_connection(path)
    console.print(f"{path} is written. Look through it, then:")
    for credential in expected_credentials(connection):
        console.print(f"  connector credentials set {name} {credential}")
    console.print(f"  connector ping {name}\n  connector plan {name} --day {cut_over}")
