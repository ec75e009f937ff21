"""A connection as a Dagster component: `dg` and `dagster`, as processes, in a copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parent.parent.parent
ROOMS = ("bookkeeping", "connector", "connector_assets", "connector_resources", "sensors")
BIN = Path(sys.executable).parent


class Copy:
    """The project in another directory, with a home that has no connection file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ROOMS:
            shutil.copytree(PROJECT / name, root / name, ignore=ignored)
        for name in ("pyproject.toml", "workspace.yaml", "dagster.yaml"):
            shutil.copy(PROJECT / name, root / name)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root),
            "HOME": str(self.root),
            "CONNECTOR_HOME": str(self.root / "home"),
            "LANG": "C.UTF-8",
        }
        return subprocess.run(
            arguments, cwd=self.root, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def file(self) -> Path:
        return self.root / "connector" / "defs" / "acme" / "defs.yaml"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """With a component called `acme`, scaffolded by `dg`."""
    copy = Copy(tmp_path_factory.mktemp("project") / "copy")
    copy.ok("dg", "scaffold", "defs", "connector_assets.component.ConnectionComponent", "acme")
    return copy


def test_the_scaffold_is_commented_and_valid(project: Copy) -> None:
    text = project.file.read_text(encoding="utf-8")
    assert text.startswith("type: connector_assets.component.ConnectionComponent\n")
    assert "  name: acme\n" in text
    assert "# First activity day that is posted." in text


def test_the_component_is_loaded_with_sensors_and_schedule(project: Copy) -> None:
    checked = project.ok("dg", "check", "defs")
    assert "All component YAML validated successfully" in checked
    assert "All definitions loaded successfully" in checked
    listed: dict[str, list[dict[str, Any]]] = json.loads(project.run("dg", "list", "defs", "--json").stdout)
    kinds = ("assets", "jobs", "schedules", "sensors")
    names = {kind: {row.get("asset_key") or row["name"] for row in listed[kind]} for kind in kinds}
    assert len(names["assets"]) == 18
    assert "acme/erp/documents" in names["assets"]
    assert names["jobs"] == {"acme_day", "acme_erp", "acme_month", "release_held", "withdraw_held"}
    assert names["schedules"] == {"acme_month_end", "acme_sweep"}
    assert names["sensors"] == {
        "alerts",
        "continue_stopped",
        "erp_poll",
        "event_poll",
        "lost_runs",
        "run_released",
        "webhook_drop",
    }


def test_dagster_itself_validates_the_workspace(project: Copy) -> None:
    assert "All code locations passed validation" in project.ok("dagster", "definitions", "validate")


def test_a_misspelt_setting_is_found_before_anything_is_loaded(project: Copy) -> None:
    text = project.file.read_text(encoding="utf-8")
    project.file.write_text(text.replace("receipt_trigger:", "receipt_triger:"), encoding="utf-8")
    try:
        done = project.run("dg", "check", "yaml")
    finally:
        project.file.write_text(text, encoding="utf-8")
    assert done.returncode == 1
    assert "receipt_triger" in done.stdout + done.stderr
