"""`connector serve`: the webhook receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from connector.cli.output import ConnectorCommand, console, runtime, warn
from connector_resources.connections.load import broken_files_error
from connector_resources.runtime import Runtime

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@click.command(cls=ConnectorCommand)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; put TLS in front of it.")
@click.option("--port", default=8480, show_default=True)
@click.option(
    "--metrics-port", type=click.IntRange(1, 65535), help="Serve /metrics for Prometheus there; else not at all."
)
@click.option(
    "--metrics-host", default="127.0.0.1", show_default=True, help="Address of the metrics; they ask for no login."
)
def serve(host: str, port: int, metrics_port: int | None, metrics_host: str) -> None:
    """Receive webhooks: verify the signature over the raw bytes, store, answer. Runs until it is stopped."""
    from connector_resources.logs import write_logs
    from sensors.front_door import receiver_server
    from sensors.receiver import create_receiver

    with runtime() as opened:
        write_logs(opened.settings.log_level)
        if opened.broken:
            warn(f"their connections receive nothing: {broken_files_error(opened.broken)}")
        by_name = {connection.name: connection for connection in opened.connections}
        for name in by_name:
            console.print(f"http://{host}:{port}/webhooks/gocardless/{name}")
        application: ASGIApp = create_receiver(opened.store, by_name)
        if metrics_port is not None:
            application = _with_metrics(application, opened, metrics_host, metrics_port)
        receiver_server(application, host, port).run()


def _with_metrics(application: ASGIApp, opened: Runtime, host: str, port: int) -> ASGIApp:
    """The receiver with its answers counted; they and the store's metrics are served on a port of their own."""
    from prometheus_client import start_http_server

    from connector_resources.metrics import registry_of
    from sensors.receiver_metrics import CountedReceiver

    registry = registry_of(opened.store)
    counted = CountedReceiver(application, [connection.name for connection in opened.connections], registry)
    start_http_server(port, host, registry)
    return counted
