"""`connector backup` and `connector restore`: the whole store in one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json
from connector_resources.clock import clock_of
from connector_resources.connections.load import load_connections
from connector_resources.settings import Settings
from connector_resources.store.backup import Manifest, back_up, read_manifest
from connector_resources.store.backup import restore as restore_store

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command(cls=ConnectorCommand)
@FILE
@json_option
def backup(file: Path, as_json: bool) -> None:
    """Write the store to FILE while everything runs: ledger, trail, inbox and sealed credentials.

    The vault key is not in it. Keep that elsewhere: both together open every credential.
    """
    with runtime() as opened:
        manifest = back_up(opened.store.database, file)
    if as_json:
        show_json(manifest.model_dump(mode="json"))
        return
    console.print(f"{file}: {manifest.database}, schema {manifest.schema_version}, {file.stat().st_size} bytes")
    _show(manifest)
    console.print("Keep apart: the vault key; the connection files; these trail heads.")


@click.command(cls=ConnectorCommand)
@FILE
@click.option("--look", is_flag=True, help="Only say what is in FILE.")
def restore(file: Path, look: bool) -> None:
    """Bring the store back from FILE into an empty place, prove its trail, and bring it to the newest schema.

    What was sent since the backup is looked up in each ledger before anything is sent again. Stop every process first.
    """
    settings = Settings()
    if look:
        _show(read_manifest(file))
        return
    settings.root.mkdir(parents=True, exist_ok=True)
    clock = clock_of(settings.sandbox_clock, load_connections(settings.connections_dir, settings.components_dir))
    manifest = restore_store(settings.store_url, file, clock=clock)
    console.print(f"restored the store of {manifest.taken_at:%Y-%m-%d %H:%M} UTC; its trails verify.")
    _show(manifest)
    console.print("Next steps:")
    console.print("  1. `connector ping`: where a consent was renewed since, `connector authorize` asks for it again")
    console.print("  2. do again what people have decided since: links, releases, and above all withdrawals")
    console.print("  3. start the processes; then `connector held` shows what a look-up could not tell")


def _show(manifest: Manifest) -> None:
    console.print(f"taken at {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC")
    for key_id in manifest.vault_key_ids:
        console.print(f"opens with vault key {key_id}")
    for connection, head in manifest.trail_heads.items():
        console.print(f"trail head of {connection}: {head}")
