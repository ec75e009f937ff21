"""`connector code-server`: the process that knows the connections and starts the runs, for Dagster's daemon and webserver."""

from __future__ import annotations

import click

from connector.cli.output import ConnectorCommand


@click.command(cls=ConnectorCommand)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; it asks for no login.")
@click.option("--port", default=4000, show_default=True)
def code_server(host: str, port: int) -> None:
    """Serve the connections to Dagster and execute its runs, without waiting for Python to start. Runs until it is stopped."""
    from connector.code_server import main
    from connector.warm_runs import CODE

    main(["code-server", "start", "--host", host, "--port", str(port), "--module-name", CODE])
