"""The files for many machines say the same as those for one, but for who starts runs and how many at once."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def settings(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((root / "deploy/celery/dagster.yaml").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def of_postgres(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((root / "deploy/dagster.postgres.yaml").read_text(encoding="utf-8"))
    return content


def unit_of(path: Path) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path)
    return unit


def test_the_settings_are_those_for_postgresql_but_for_the_launcher(
    settings: dict[str, Any], of_postgres: dict[str, Any]
) -> None:
    own = {name: value for name, value in settings.items() if name != "run_launcher"}
    others = {name: value for name, value in of_postgres.items() if name != "run_launcher"}
    assert own["concurrency"]["runs"].pop("max_concurrent_runs") > others["concurrency"]["runs"].pop(
        "max_concurrent_runs"
    )
    assert own["run_monitoring"].pop("max_resume_run_attempts") == 0
    assert own == others


def test_a_run_that_began_is_never_handed_out_again(settings: dict[str, Any]) -> None:
    """Celery repeats a task of a lost worker only when it is acknowledged late; a run is looked up by the next one instead."""
    given = settings["run_launcher"]["config"]["config_source"]
    assert given["task_acks_late"] is False
    assert given["worker_max_tasks_per_child"] == 1
    assert given["worker_disable_prefetch"] is True


def test_the_worker_is_hardened_as_the_daemon_is(root: Path) -> None:
    worker = unit_of(root / "deploy/celery/connector-worker.service")["Service"]
    daemon = unit_of(root / "deploy/systemd/connector-daemon.service")["Service"]
    differing = {name for name in {*worker, *daemon} if worker.get(name) != daemon.get(name)}
    assert differing == {"ExecStart", "TimeoutStopSec", "KillMode"}


def test_the_worker_starts_the_application_that_exists(root: Path) -> None:
    words = shlex.split(unit_of(root / "deploy/celery/connector-worker.service")["Service"]["ExecStart"])
    assert words[0] == "/opt/connector/.venv/bin/celery"
    module = words[words.index("--app") + 1]
    assert (root / f"{module.replace('.', '/')}.py").is_file()
    page = (root / "docs/deploy-on-many-machines.md").read_text(encoding="utf-8")
    assert f"celery --app {module} worker --queues dagster" in page
