"""The demo's merchants on their stand-ins, played in this process: real HTTP, no processes of Dagster, a small month."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.day_run import DayRun, run_days
from connector.demo.judge import Difference
from connector.demo.performance import judge
from connector.demo.stage import CUT_OVER, Stage, write_connections
from connector_resources.runtime import Runtime
from sandbox.gocardless.records import Record
from sandbox.serve import running
from sandbox.stand_ins import Merchant, StandIns, director

#: days of business between two runs, as in the demo.
DAYS_AT_ONCE = 9


@dataclass
class Theatre:
    """The stage with its stand-ins in reach; `runtime` is the connector's, in the played time."""

    stage: Stage
    stand_ins: StandIns
    runtime: Runtime
    runs: list[DayRun] = field(default_factory=list)
    opening: dict[str, Any] = field(default_factory=dict)

    def merchant(self, name: str) -> Merchant:
        return next(merchant for merchant in self.stand_ins.merchants if merchant.name == name)

    def play(self, name: str) -> None:
        """The whole month: some days of business, then a run of the day job, and again."""
        over = False
        while not over:
            over = self.stand_ins.advance(DAYS_AT_ONCE)["over"]
            self.run(name)

    def run(self, name: str, days: int = DAYS_AT_ONCE) -> None:
        """The day job over the last days, the evening before included: collections are ordered then."""
        last = self.stand_ins.played_to
        first = max(date.fromisoformat(CUT_OVER), last - timedelta(days=days))
        self.runs.append(run_days(self.runtime.connection(name), first, last))

    def truth(self, name: str) -> dict[str, Any]:
        truth: dict[str, Any] = self.stage.truth()[name]
        return truth

    def differences(self, name: str) -> list[Difference]:
        return judge(self.stage, self.runtime, self.runtime.connection(name), self.opening, self.truth(name))

    def payments(self, merchant: str, *invoices: str) -> list[Record]:
        """GoCardless's payments for exactly these invoices, in the order in which they were made."""
        world = self.merchant(merchant).world
        with world.lock:
            payments = list(world.payments.ordered)
        return [p for p in payments if p.body["metadata"].get("invoice") == ", ".join(invoices)]

    def writes(self, *systems: str) -> int:
        """Requests so far that were no reads, token calls left out."""
        requests = [each for system in systems for each in self.stand_ins.apps[system].faults.requests]  # type: ignore[attr-defined]
        return sum(method != "GET" and "token" not in path for method, path in requests)


@contextlib.contextmanager
def theatre(home: Path, **collections: Any) -> Iterator[Theatre]:
    """The smallest month that holds everything. `collections` are settings of the connection `dutch`."""
    stage = Stage(home)
    (home / "connections").mkdir(parents=True)
    stand_ins = StandIns(customers=40, payments=90, clock_file=stage.clock_file)
    with pytest.MonkeyPatch.context() as environment, contextlib.ExitStack() as stack:
        environment.setenv("CONNECTOR_HOME", str(home))
        environment.setenv("CONNECTOR_SANDBOX_CLOCK", str(stage.clock_file))
        environment.delenv("CONNECTOR_DATABASE_URL", raising=False)
        environment.delenv("DAGSTER_HOME", raising=False)
        addresses = {name: stack.enter_context(running(app, dated=False)) for name, app in stand_ins.apps.items()}
        stage.meet(stack.enter_context(running(director(stand_ins, addresses))))
        write_connections(stage)
        if collections:
            _change_connection(home / "connections" / "dutch.yaml", collections)
        runtime = stack.enter_context(Runtime.open(stage.settings))
        yield Theatre(stage, stand_ins, runtime, opening=stage.books("nordic"))


def _change_connection(path: Path, collections: dict[str, Any]) -> None:
    document = yaml.safe_load(path.read_text("utf-8"))
    document["collections"] |= collections
    path.write_text(yaml.safe_dump(document), "utf-8")
