"""`connector demo`: the main job on local stand-ins, judged by their own books."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import click

from connector.cli.output import ConnectorCommand, console, fail
from connector.demo.processes import DemoFailed


@click.command(cls=ConnectorCommand)
@click.option("--home", type=click.Path(path_type=Path), default=Path("demo_home"), show_default=True)
@click.option(
    "--customers", default=220, show_default=True, help="Customers of merchants that make their payments themselves."
)
@click.option(
    "--payments",
    default=460,
    show_default=True,
    help="Their payments; other merchants write a sixth as many invoices.",
)
@click.option("--summary", type=click.Path(path_type=Path), help="Also write the outcome as JSON to this file.")
@click.option("--keep-running", is_flag=True, help="Leave the UI and everything else running until Ctrl-C.")
def demo(home: Path, customers: int, payments: int, summary: Path | None, keep_running: bool) -> None:
    """Play a month of business into Visma.net, DATEV and Exact Online stand-ins through a real Dagster, and show that the
    books are right and that no invoice was collected twice.

    Exit code 0 only when every payout is proven, nothing is unaccounted for, the trail verifies and the stand-ins' own
    books equal the expected ones.
    """
    from connector.demo.performance import perform

    started = time.monotonic()

    def stop(*_: object) -> None:
        raise SystemExit(130)

    signal.signal(signal.SIGTERM, stop)

    def tell(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:6.1f} s[/]  {line}")

    try:
        good = perform(home.resolve(), customers, payments, summary, keep_running, tell)
    except DemoFailed as error:
        fail(str(error))
    if not good:
        raise SystemExit(1)
