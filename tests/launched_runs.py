"""Runs that are launched as Dagster's daemon launches them, and what their processes are: for tests of how runs begin and end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import dagster as dg
import psutil
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import CodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from connector_assets.factory import connection_definitions
from sandbox.faults import Fault
from tests.sites import Site

#: for a process to come up, or to notice, on a machine that has much else to do.
PATIENCE_S = 180
#: for which GoCardless gives no answer: long enough to do something to whoever waits for it.
DELAY_S = 10


def created_run(
    site: Site,
    instance: dg.DagsterInstance,
    job: str,
    partition: str,
    origin: CodeLocationOrigin,
    module: str = "connector.definitions",
) -> dg.DagsterRun:
    """A run of the site's connection that was taken from the queue and not yet launched."""
    made = connection_definitions(site.at.connection).as_definitions().resolve_job_def(job)
    code = RepositoryPythonOrigin(sys.executable, ModuleCodePointer(module, "defs"), entry_point=["dagster"])
    return instance.create_run_for_job(
        made,
        status=dg.DagsterRunStatus.STARTING,
        tags={"dagster/partition": partition},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(origin, "__repository__"), job),
        job_code_origin=JobPythonOrigin(job, code),
    )


def stuck_run(site: Site, start: Callable[[], str]) -> str:
    """The run that `start` launches, when it has asked GoCardless for events and gets no answer."""
    requests = site.at.gocardless.faults.requests
    requests.clear()
    site.at.gocardless.faults.add(Fault("delay", path="/events", delay_s=DELAY_S))
    run_id = start()
    wait_until(lambda: any(path == "/events" for _, path in requests))
    return run_id


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def ended_run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    """How the run ended, when it has."""
    wait_until(lambda: (run := instance.get_run_by_id(run_id)) and run.is_finished)
    return status_of(instance, run_id)


def wait_until(is_so: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_a_copy(process: psutil.Process) -> bool:
    """Or what copies are made of: both are called by the same command line."""
    return "multiprocessing.forkserver" in " ".join(process.cmdline())
