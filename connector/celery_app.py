"""The Celery application of a worker that executes Dagster's runs: `celery --app connector.celery_app worker`.

Broker, queue and everything else stand once, under `run_launcher` in `$DAGSTER_HOME/dagster.yaml`; worker and daemon take them
from there. It does not execute steps: a run is one task, and its steps go one after another in the worker's process. Needs
requirements/celery.txt.
"""

from __future__ import annotations

import dagster as dg
from celery import Celery
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task

# Imported before Celery forks, so that the process of a run has all code in memory and need only read the connection files.
import connector.definitions  # noqa: F401
from connector_resources.errors import ConfigurationError


def worker_app() -> Celery:
    """The application of the instance's launcher. Raises `ConfigurationError` when the instance starts its runs another way."""
    with dg.DagsterInstance.get() as instance:
        launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        raise ConfigurationError(
            f"runs are started by {type(launcher).__name__}, not by Celery: this worker would get none.",
            next_step="copy deploy/celery/dagster.yaml to $DAGSTER_HOME/dagster.yaml on this machine",
        )
    create_execute_job_task(launcher.celery)
    return launcher.celery


app = worker_app()
