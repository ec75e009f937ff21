"""A code server with a port of its own: its runs are copies, cancelled and missed as Dagster's, and survive what they are of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._grpc.client import DagsterGrpcClient

from connector_assets.names import day_job_name
from sandbox.serve import free_port
from tests.evenings import DAY
from tests.launched_runs import created_run, ended_run, is_a_copy, stuck_run, wait_until
from tests.sites import Site, visma_site

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Server:
    """A code server, asked as the daemon asks it."""

    site: Site
    instance: dg.DagsterInstance
    process: psutil.Process
    client: DagsterGrpcClient

    def start(self) -> str:
        """A day's run, launched as the daemon's launcher does."""
        origin = GrpcServerCodeLocationOrigin("localhost", self.client.port, location_name="ml-connector")
        run = created_run(self.site, self.instance, day_job_name(self.site.name), DAY.isoformat(), origin)
        dg.DefaultRunLauncher.launch_run_from_grpc_client(self.instance, run, self.client)
        return run.run_id

    def stuck(self) -> tuple[str, psutil.Process]:
        """A day's run, and its process, that has asked GoCardless for events and gets no answer."""
        run_id = stuck_run(self.site, self.start)
        return run_id, self.worker(run_id)

    def worker(self, run_id: str) -> psutil.Process:
        """The run's process, when it has said that it is there."""
        wait_until(lambda: self._began(run_id))
        return psutil.Process(int(self._began(run_id)[0].partition("pid: ")[2].partition(")")[0]))

    def _began(self, run_id: str) -> list[str]:
        told = [entry.message or "" for entry in self.instance.all_logs(run_id)]
        return [message for message in told if "Started process for run" in message]

    def copied(self) -> psutil.Process:
        """The process that runs are copies of."""
        (found,) = [each for each in self.process.children() if is_a_copy(each)]
        return found

    def ends(self, run_id: str) -> dg.DagsterRunStatus:
        return ended_run(self.instance, run_id)


def is_from_nothing(process: psutil.Process) -> bool:
    return "multiprocessing.spawn" in " ".join(process.cmdline())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, touched: Path) -> Iterator[Server]:
    """The process that `connector code-server` keeps as a child, alone; one for all tests."""
    home = tmp_path_factory.mktemp("home")
    dagster_home = home / "dagster"
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    port = free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(touched.parent), str(ROOT)]),
        "CONNECTOR_HOME": str(home),
        "DAGSTER_HOME": str(dagster_home),
    }
    command = [sys.executable, "-m", "connector.code_server", "api", "grpc", "--port", str(port)]
    command += ["--module-name", "connector.definitions"]
    with visma_site(home) as site, dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        instance.get_runs_count()
        started = subprocess.Popen(command, env=environment, cwd=home, start_new_session=True)
        client = DagsterGrpcClient(port=port, host="localhost")
        try:
            wait_until(lambda: answers(client) and started.poll() is None)
            yield Server(site, instance, psutil.Process(started.pid), client)
        finally:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def answers(client: DagsterGrpcClient) -> bool:
    try:
        client.ping("")
    except DagsterUserCodeUnreachableError:
        return False
    return True


def test_an_interrupted_run_is_cancelled(server: Server) -> None:
    run_id, process = server.stuck()
    assert is_a_copy(process)

    assert server.instance.run_launcher.terminate(run_id)
    assert server.ends(run_id) is dg.DagsterRunStatus.CANCELED


def test_a_killed_run_is_marked_as_failed_by_the_server(server: Server) -> None:
    run_id, process = server.stuck()
    process.kill()

    assert server.ends(run_id) is dg.DagsterRunStatus.FAILURE
    assert any("SIGKILL" in (entry.message or "") for entry in server.instance.all_logs(run_id))


def test_a_run_goes_on_without_what_it_is_a_copy_of_and_the_next_is_a_copy_of_another(server: Server) -> None:
    run_id, process = server.stuck()
    copied = server.copied()
    copied.kill()

    assert is_a_copy(process)
    # It still waits for an answer, and the server looks every second whether it lives.
    assert server.ends(run_id) is dg.DagsterRunStatus.SUCCESS
    other_id = server.start()
    assert is_a_copy(server.worker(other_id))
    assert server.copied() != copied
    assert server.ends(other_id) is dg.DagsterRunStatus.SUCCESS


def test_code_that_was_changed_is_imported_anew(server: Server, touched: Path) -> None:
    before = touched.stat()
    touched.write_text("CHANGED = True\n", encoding="utf-8")
    run_id, process = server.stuck()
    touched.write_text("", encoding="utf-8")
    os.utime(touched, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert is_from_nothing(process)
    assert server.instance.run_launcher.terminate(run_id)
    assert server.ends(run_id) is dg.DagsterRunStatus.CANCELED


def test_a_run_outlives_its_server_and_what_it_is_a_copy_of_ends_with_it(server: Server) -> None:
    """The last test: there is no server any more."""
    run_id, process = server.stuck()
    copied = server.copied()
    server.process.kill()

    assert is_a_copy(process)
    assert server.ends(run_id) is dg.DagsterRunStatus.SUCCESS
    wait_until(lambda: not copied.is_running() or copied.status() == psutil.STATUS_ZOMBIE)
