"""Day runs through Dagster, in this process, against the stand-ins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector.day_run import DayRun, run_days
from sandbox.gocardless.load import load_confirmed_payments, load_payout
from tests.evenings import DAY, MORNING, evening_company, evening_world
from tests.installations import Installation, visma_installation


@dataclass(frozen=True, slots=True)
class House:
    """An installation with a Dagster instance of its own."""

    installation: Installation
    instance: dg.DagsterInstance

    def run(self, first: date = DAY, last: date | None = None, **options: Any) -> DayRun:
        return run_days(self.installation.connection, first, last or first, instance=self.instance, **options)

    def events(self, run: DayRun) -> list[Any]:
        return [entry for entry in self.instance.all_logs(run.run_id) if entry.is_dagster_event]

    def materialised(self, run: DayRun) -> dict[str, Any]:
        """`room/name` -> metadata of the materialisation, for each asset of the run."""
        found = {}
        for entry in self.events(run):
            if entry.dagster_event.is_step_materialization:
                made = entry.dagster_event.step_materialization_data.materialization
                found["/".join(made.asset_key.path[1:])] = {k: v.value for k, v in made.metadata.items()}
        return found

    def checks(self, run: DayRun) -> dict[str, bool]:
        """Check name -> passed."""
        evaluations = [
            entry.dagster_event.asset_check_evaluation_data
            for entry in self.events(run)
            if entry.dagster_event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]
        return {evaluation.check_name: evaluation.passed for evaluation in evaluations}

    def books(self) -> dict[str, dict[str, int]]:
        company = self.installation.erp.company
        with company.lock:
            return dict(company.books.balances())

    def documents(self) -> int:
        """Receipts, and ledger batches: one for each receipt and each journal."""
        company = self.installation.erp.company
        with company.lock:
            return len(company.payments) + len(company.batches)


@contextlib.contextmanager
def _house(home: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> Iterator[House]:
    world = evening_world()
    before = load_confirmed_payments(world, 4, customers=2, at=MORNING - timedelta(days=1))
    load_confirmed_payments(world, 4, customers=2, at=MORNING, amount_minor=5000)
    load_payout(world, before.payments, items=8, at=MORNING + timedelta(hours=12))
    monkeypatch.setenv("CONNECTOR_HOME", str(home))
    with visma_installation(home, world, evening_company(2)) as installation, instance:
        yield House(installation, instance)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Eight payments of two days, four paid out in one payout on the second; every customer is known to the ERP."""
    with _house(tmp_path, monkeypatch, dg.DagsterInstance.ephemeral()) as opened:
        yield opened


@pytest.fixture
def kept_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The same with a Dagster instance on disk, in `home / dagster`."""
    directory = tmp_path / "dagster"
    directory.mkdir()
    with _house(tmp_path, monkeypatch, dg.DagsterInstance.local_temp(str(directory))) as opened:
        yield opened
