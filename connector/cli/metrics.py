"""`connector metrics`: the store's metrics for Prometheus, printed, written to a file, or served."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from connector.cli.output import ConnectorCommand, console, runtime


@click.command(cls=ConnectorCommand)
@click.option(
    "--textfile", type=click.Path(path_type=Path, dir_okay=False), help="Write there, for node_exporter's collector."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Serve /metrics there until stopped.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve on; it asks for no login.")
def metrics(textfile: Path | None, port: int | None, host: str) -> None:
    """Show the metrics of the store, or give them to Prometheus. Names and numbers only: nothing personal, no secret."""
    from prometheus_client import generate_latest, start_http_server, write_to_textfile

    from connector_resources.metrics import registry_of

    with runtime() as opened:
        registry = registry_of(opened.store)
        if textfile is not None:
            write_to_textfile(str(textfile), registry)
        elif port is not None:
            server, _ = start_http_server(port, host, registry)
            console.print(f"http://{host}:{port}/metrics")
            try:
                threading.Event().wait()
            finally:
                server.shutdown()
        else:
            click.echo(generate_latest(registry).decode(), nl=False)
