"""Runs whose process is a copy of one that has imported everything: how they begin, are interrupted, and are missed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import psutil
import pytest
from dagster._core.launcher.base import WorkerStatus
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    GrpcServerCodeLocationOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from connector.warm_runs import _starts_here
from connector_assets.names import day_job_name, month_job_name
from tests.evenings import DAY
from tests.launched_runs import created_run, ended_run, is_a_copy, status_of, stuck_run, wait_until
from tests.sites import Site, visma_site

ROOT = Path(__file__).parents[2]
MANAGED = ManagedGrpcPythonEnvCodeLocationOrigin(
    LoadableTargetOrigin(module_name="connector.definitions", executable_path=sys.executable), "ml-connector"
)


@dataclass(slots=True)
class Runs:
    """Launches jobs of the site's connection, as the daemon does."""

    site: Site
    instance: dg.DagsterInstance

    def create(
        self, job: str, day: str, origin: CodeLocationOrigin = MANAGED, module: str = "connector.definitions"
    ) -> str:
        return created_run(self.site, self.instance, job, day, origin, module).run_id

    def start(self, job: str, day: str) -> str:
        run_id = self.create(job, day)
        self.instance.launch_run(run_id, SimpleNamespace())
        return run_id

    def stuck(self) -> tuple[str, psutil.Process]:
        """A day's run, and its process, that has asked GoCardless for events and gets no answer."""
        run_id = stuck_run(self.site, lambda: self.start(day_job_name(self.site.name), DAY.isoformat()))
        return run_id, psutil.Process(int((Path(self.instance.root_directory) / "workers" / run_id).read_text()))

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        return status_of(self.instance, run_id)

    def health(self, run_id: str) -> WorkerStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return self.instance.run_launcher.check_run_worker_health(run).status

    def ends(self, run_id: str) -> dg.DagsterRunStatus:
        return ended_run(self.instance, run_id)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, touched: Path) -> Iterator[Runs]:
    """One home for all tests: what is copied keeps the environment in which it was started."""
    home = tmp_path_factory.mktemp("home")
    dagster_home = home / "dagster"
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with (
        pytest.MonkeyPatch.context() as environment,
        visma_site(home) as site,
        dg.DagsterInstance.from_config(str(dagster_home)) as instance,
    ):
        environment.setenv("PYTHONPATH", os.pathsep.join([str(touched.parent), str(ROOT)]))
        environment.setenv("CONNECTOR_HOME", str(home))
        environment.setenv("DAGSTER_HOME", str(dagster_home))
        yield Runs(site, instance)
        for file in (dagster_home / "workers").glob("*"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)
        forkserver._forkserver._stop()


def test_a_run_is_done_by_a_copy_which_leaves_nothing(runs: Runs) -> None:
    run_id = runs.start(month_job_name(runs.site.name), "2026-06-01")

    assert runs.ends(run_id) is dg.DagsterRunStatus.SUCCESS
    wait_until(lambda: not list((Path(runs.instance.root_directory) / "workers").iterdir()))
    assert runs.health(run_id) is WorkerStatus.RUNNING


def test_an_interrupted_run_is_cancelled(runs: Runs) -> None:
    run_id, process = runs.stuck()
    assert is_a_copy(process)
    assert runs.health(run_id) is WorkerStatus.RUNNING

    assert runs.instance.run_launcher.terminate(run_id)
    assert runs.ends(run_id) is dg.DagsterRunStatus.CANCELED
    assert not runs.instance.run_launcher.terminate(run_id)


def test_a_killed_run_is_found_dead(runs: Runs) -> None:
    run_id, process = runs.stuck()
    process.kill()
    wait_until(lambda: runs.health(run_id) is WorkerStatus.FAILED)

    assert runs.status(run_id) is dg.DagsterRunStatus.STARTED
    assert not list((Path(runs.instance.root_directory) / "workers").iterdir())


def test_code_that_was_changed_is_imported_anew(runs: Runs, touched: Path) -> None:
    touched.write_text("CHANGED = True\n", encoding="utf-8")
    run_id, process = runs.stuck()

    assert not is_a_copy(process)
    assert runs.instance.run_launcher.terminate(run_id)
    assert runs.ends(run_id) is dg.DagsterRunStatus.CANCELED


@pytest.mark.parametrize(
    ("origin", "module", "here"),
    [
        (MANAGED, "connector.definitions", True),
        (GrpcServerCodeLocationOrigin("localhost", socket="/tmp/s", location_name="x"), "connector.definitions", True),
        (GrpcServerCodeLocationOrigin("code", 4000, location_name="x"), "connector.definitions", False),
        (GrpcServerCodeLocationOrigin("localhost", 4000, location_name="x"), "connector.definitions", False),
        (MANAGED, "somebody.elses", False),
    ],
)
def test_only_our_own_code_behind_a_server_of_dagsters_starts_so(
    runs: Runs, origin: CodeLocationOrigin, module: str, here: bool
) -> None:
    run = runs.instance.get_run_by_id(runs.create(month_job_name(runs.site.name), "2026-06-01", origin, module))
    assert run is not None
    assert _starts_here(run) is here
