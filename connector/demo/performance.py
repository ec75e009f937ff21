"""The demo from the first process to the verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from connector.cli.output import console
from connector.demo.cast import ROLES
from connector.demo.drama import play_month
from connector.demo.judge import (
    EXACT_ONLINE,
    Difference,
    judge_datev,
    judge_ifs_cloud,
    judge_ledger,
    judge_sage300,
    judge_visma,
)
from connector.demo.outcome import Outcome, gather_outcome, show, write_summary
from connector.demo.processes import Processes
from connector.demo.stage import Stage, prepare_home, raise_curtain
from connector_resources.connections.model import Connection
from connector_resources.runtime import Runtime


def perform(
    home: Path, customers: int, payments: int, summary: Path | None, keep_running: bool, tell: Callable[[str], None]
) -> bool:
    """True when everything is as it must be. Raises `DemoFailed` when it could not be played to the end."""
    stage = prepare_home(home)
    with Processes(home / "logs", stage.environment) as processes:
        tell("starting stand-ins, webhook receiver and Dagster …")
        raise_curtain(stage, processes, customers, payments)
        tell(f"Dagster's UI: {stage.ui}")
        opening = stage.books("nordic")
        with Runtime.open(stage.settings) as runtime:
            delivered = play_month(stage, processes, runtime, tell)
            tell(f"the month is over: {delivered.accepted} of {delivered.deliveries} webhook deliveries accepted")
            truth = stage.truth()
            outcomes = [_outcome(stage, runtime, runtime.connection(name), opening, truth[name]) for name in ROLES]
        for outcome in outcomes:
            show(outcome, console)
        if summary is not None:
            write_summary(outcomes, summary)
        good = all(outcome.good for outcome in outcomes)
        console.print("[green]Everything is accounted for.[/]" if good else "[red]Something is wrong, see above.[/]")
        console.print(f"Dagster's UI: {stage.ui}" + ("" if keep_running else "  (make demo UI=1 leaves it running)"))
        if keep_running:
            console.print("Everything keeps running; Ctrl-C stops it.")
            processes.wait_for_interrupt()
    return good


def _outcome(
    stage: Stage, runtime: Runtime, connection: Connection, opening: dict[str, Any], truth: dict[str, Any]
) -> Outcome:
    differences = judge(stage, runtime, connection, opening, truth)
    outcome = gather_outcome(runtime, connection, differences, _calls(stage, connection))
    outcome.created, outcome.doubled = truth["collections"]["created"], truth["collections"]["doubled"]
    return outcome


def judge(
    stage: Stage, runtime: Runtime, connection: Connection, opening: dict[str, Any], truth: dict[str, Any]
) -> list[Difference]:
    """Compare the ERP's own books with the truth. `opening` are Visma's before the month."""
    books = stage.books(connection.name)
    match connection.erp.kind:
        case "visma":
            return judge_visma(books, opening, truth)
        case "datev":
            numbers: dict[str, str] = truth["gocardless_customers"]
            links = runtime.store.customers.get(connection.name, sorted(numbers))
            return judge_datev(books, truth, {link.erp_customer: numbers[each] for each, link in links.items()})
        case "exact_online":
            return judge_ledger(books, truth, EXACT_ONLINE)
        case "sage300":
            return judge_sage300(books, truth)
        case "ifs_cloud":
            return judge_ifs_cloud(books, truth)
        case other:
            raise ValueError(f"nobody judges the books of {other}")


def _calls(stage: Stage, connection: Connection) -> dict[str, int]:
    """As the stand-ins counted them."""
    return {
        "gocardless": _requests(stage.addresses[f"gocardless_{connection.name}"]),
        connection.erp.kind: _requests(stage.addresses[connection.erp.kind]),
    }


def _requests(address: str) -> int:
    answer = requests.get(f"{address}/_control/requests", timeout=30)
    answer.raise_for_status()
    told = answer.json()
    if isinstance(told.get("requests"), list):
        return len(told["requests"])
    return int(told["total"])
