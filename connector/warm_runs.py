"""Starts the process of a run as a copy of one in which everything is imported already, instead of from nothing.

A fresh Python process takes seconds to import Dagster and this project; a copy of a process that has done so takes
milliseconds (`multiprocessing`'s fork server). Only runs of this project's own code on this machine are started so, those
whose code server was started by Dagster itself from `workspace.yaml`; all others as Dagster's `DefaultRunLauncher` does: by
their code server, which makes copies of its own where it is ours (`connector.code_server`). A run reads
its connection files anew, and starts from nothing when a file of the code has changed since it was imported.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.remote_origin import (
    CodeLocationOrigin,
    GrpcServerCodeLocationOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
)
from dagster._serdes import deserialize_value, serialize_value

#: the module that `workspace.yaml` names: runs of any other are not ours.
CODE = "connector.definitions"
#: imported once, in the process that is copied.
PRELOADED = ["connector.warm_worker"]
#: how often it is looked whether the process of a run has come up.
LOOK_EVERY_S = 0.01


class WarmRunLauncher(dg.DefaultRunLauncher):
    """`run_launcher` of `dagster.yaml`. The daemon starts the runs; they outlive it, and the processes that were copied."""

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        if not _starts_here(run):
            super().launch_run(context)
            return
        worker = _Worker.of(self._instance, run.run_id)
        worker.file.parent.mkdir(exist_ok=True)
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload(PRELOADED)
        reference = serialize_value(self._instance.get_ref())
        process = forking.Process(target=_work, args=(run.run_id, reference, str(worker.file)), name=run.run_id)
        try:
            process.start()
        except (OSError, EOFError) as error:
            self._instance.report_engine_event(
                f"No process with everything imported answers ({error}); this run is started by the code server.", run
            )
            super().launch_run(context)
            return
        while not worker.file.exists() and process.is_alive():
            process.join(LOOK_EVERY_S)
        if process.exitcode:
            told = f"the process of run {run.run_id} ended at once, with {process.exitcode}"
            raise DagsterLaunchFailedError(told)  # type: ignore[no-untyped-call]
        self._run_ids.add(run.run_id)

    def terminate(self, run_id: str) -> bool:
        """Interrupt the run, from whichever process on this machine: the UI's is another than the daemon's."""
        worker = _Worker.of(self._instance, run_id)
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not worker.file.exists():
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        pid = worker.pid()
        if pid is None:
            self._instance.report_engine_event("The process of this run is gone; there is nothing to interrupt.", run)
            return False
        os.kill(pid, signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """For run monitoring: what was killed is marked as failed in seconds. A code server watches its runs itself."""
        worker = _Worker.of(self._instance, run.run_id)
        if not worker.file.exists():
            return CheckRunHealthResult(WorkerStatus.RUNNING, "it is watched by whoever started it, or has just ended")
        if worker.pid() is not None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        worker.file.unlink(missing_ok=True)
        return CheckRunHealthResult(WorkerStatus.FAILED, "the process of this run is gone without a word")


@dataclass(frozen=True, slots=True)
class _Worker:
    """A run's process: as long as it lives it holds a lock on `file`, which says its process id."""

    file: Path

    @classmethod
    def of(cls, instance: dg.DagsterInstance, run_id: str) -> _Worker:
        return cls(Path(instance.root_directory) / "workers" / run_id)

    def pid(self) -> int | None:
        """Its process id while it lives."""
        try:
            with self.file.open("rb") as opened:
                try:
                    fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(opened.read())
        except FileNotFoundError:
            return None
        return None

    def hold(self) -> None:
        """Called by the process itself: until it ends, in whatever way, also when it goes on as another program."""
        unseen = self.file.with_name(f"{self.file.name}.{os.getpid()}")
        descriptor = os.open(unseen, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, str(os.getpid()).encode())
        os.set_inheritable(descriptor, True)
        unseen.replace(self.file)


def _starts_here(run: dg.DagsterRun) -> bool:
    """Its code is this one, in this Python, behind a code server that Dagster started on this machine by itself."""
    code, location = run.job_code_origin, run.remote_job_origin
    if code is None or location is None or code.executable_path != sys.executable:
        return False
    pointer = code.get_repo_pointer()
    is_ours = getattr(pointer, "module", "") == CODE
    return is_ours and _is_local(location.repository_origin.code_location_origin)


def _is_local(origin: CodeLocationOrigin) -> bool:
    # `dagster dev` has its servers listen on a socket file; one with a host and a port is somebody's own arrangement.
    by_socket = isinstance(origin, GrpcServerCodeLocationOrigin) and bool(origin.socket)
    return by_socket or isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin)


def _work(run_id: str, reference: str, file: str) -> None:
    """The whole life of a run's process."""
    worker = _Worker(Path(file))
    worker.hold()
    from connector.warm_worker import execute, is_outdated

    if is_outdated():
        # What was copied is not the code of now: begin again as a program that imports it.
        os.execv(sys.executable, [sys.executable, "-m", "connector.warm_runs", run_id, reference, file])  # noqa: S606 - no shell
    try:
        execute(run_id, deserialize_value(reference, InstanceRef))
    finally:
        worker.file.unlink(missing_ok=True)


if __name__ == "__main__":
    _work(*sys.argv[1:])
