"""`connector upgrade`: brings the store to this program's schema; the first process that opens it would do the same."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, console, json_option, show_json
from connector_resources.clock import utc_now
from connector_resources.settings import Settings
from connector_resources.store.migration import known_versions, require_known
from connector_resources.store.store import Store


@click.command(cls=ConnectorCommand)
@click.option("--check", is_flag=True, help="Only say what would be done. Exit 1 for a store of a later program.")
@json_option
def upgrade(check: bool, as_json: bool) -> None:
    """Show the store's schema and this program's, and run the steps between them, all or none."""
    newest = known_versions()[-1]
    with Store.open(Settings().store_url, clock=utc_now) as store:
        found = store.schema_version()
        if found is not None:
            require_known(found, store.database.name)
        steps = [version for version in known_versions() if found is None or version > found]
        if not check:
            store.migrate()
    if as_json:
        show_json({"found": found, "newest": newest, "steps": steps, "done": not check})
        return
    console.print(f"schema of the store: {found or 'none yet'}; of this program: {newest}")
    if steps:
        console.print(f"{'to run' if check else 'ran'}: {', '.join(steps)}")
