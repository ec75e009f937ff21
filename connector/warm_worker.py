"""What a run's process is copied from: importing this module imports whatever a run may need, and opens nothing.

A process that is copied may hold no thread, connection or file: a run opens its own.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
from collections.abc import Mapping

from dagster import DagsterInstance
from dagster._cli.api import _execute_run_command_body
from dagster._core.instance.ref import InstanceRef
from dagster._utils.interrupts import capture_interrupts

import connector.definitions
import connector_assets
import connector_resources

#: what Dagster, SQLAlchemy and multiprocessing import only when a run first needs it.
LATE = (
    "dagster._core.execution.api",
    "dagster._core.executor.in_process",
    "dagster._core.launcher.default_run_launcher",
    "dagster._core.run_coordinator.queued_run_coordinator",
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.root",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
    "dagster._core.storage.sqlite_storage",
    "dagster._daemon.cli",
    "dagster._utils.test.definitions",
    "dagster_postgres",
    "multiprocessing.queues",
    "multiprocessing.synchronize",
    "psycopg2.extras",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "tomlkit",
    "upath.implementations.local",
)


def execute(run_id: str, reference: InstanceRef) -> None:
    """Execute the run in this process. What comes of it stands in Dagster's log; an interrupt ends it as cancelled."""
    with capture_interrupts(), DagsterInstance.from_ref(reference) as instance:
        _execute_run_command_body(run_id, instance, lambda _event: None, set_exit_code_on_failure=False)


def is_outdated() -> bool:
    """Whether a file of the code was changed since it was imported here."""
    return any(_version(file) != version for file, version in _IMPORTED.items())


def _import_all() -> None:
    for name in LATE:
        importlib.import_module(name)
    for package in (connector_assets, connector_resources):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # The steps of a migration are programs that alembic runs, not modules.
            if ".migrations" not in found.name:
                importlib.import_module(found.name)


def _versions() -> Mapping[str, tuple[int, int]]:
    """Time of the last change and size of every file that was imported."""
    files = {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    return {file: _version(file) for file in files}


def _version(file: str) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except OSError:
        # Modules of an archive have no file of their own.
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


_import_all()
_IMPORTED = _versions()
# What is there by now is shared with every copy: looking through it for garbage would copy it page by page.
gc.freeze()

__all__ = ["connector", "execute", "is_outdated"]
