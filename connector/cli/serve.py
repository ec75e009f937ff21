"""`connector serve`: the webhook receiver."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand, console, runtime


@click.command(cls=ConnectorCommand)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; put TLS in front of it.")
@click.option("--port", default=8480, show_default=True)
def serve(host: str, port: int) -> None:
    """Receive webhooks: verify the signature over the raw bytes, store, answer. Runs until it is stopped."""
    import uvicorn

    from connector_resources.logs import write_logs
    from sensors.receiver import create_receiver

    with runtime() as opened:
        write_logs(opened.settings.log_level)
        by_name = {connection.name: connection for connection in opened.connections}
        for name in by_name:
            console.print(f"http://{host}:{port}/webhooks/gocardless/{name}")
        uvicorn.run(
            create_receiver(opened.store, by_name),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            limit_concurrency=256,
            timeout_keep_alive=15,
            h11_max_incomplete_event_size=64 * 1024,
        )
