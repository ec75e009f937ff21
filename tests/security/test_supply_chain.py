"""What is installed is what is locked, by hash, from no named place, and nothing runs while it is installed."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "requirements" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_requirement_is_locked_by_version_and_hash(path: Path, audit: ModuleType) -> None:
    assert audit.locked(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_requirement_names_a_place_to_take_it_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|git\+|--(extra-)?index-url|--find-links|--trusted-host| @ ", text)


def test_what_is_delivered_is_a_part_of_what_is_tested_with(audit: ModuleType) -> None:
    base, dev = (audit.locked(ROOT / "requirements" / f"{name}.txt") for name in ("base", "dev"))
    assert not {name for name in base if base[name].version != dev[name].version}


@pytest.mark.parametrize(
    "line",
    ["requests==2.0", "requests>=2 --hash=sha256:" + "0" * 64, "git+ssh://a/b", "--index-url https://a", "./local"],
)
def test_a_line_that_is_not_locked_is_found(line: str, tmp_path: Path, audit: ModuleType) -> None:
    path = tmp_path / "base.txt"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match="not locked"):
        audit.locked(path)


def test_a_package_that_is_not_locked_or_has_another_version_is_found(audit: ModuleType) -> None:
    present = audit.installed()
    wanted = audit.locked(ROOT / "requirements" / "dev.txt")
    fewer = {name: each for name, each in wanted.items() if name != "requests"}
    other = {**wanted, "requests": audit.Locked("requests", "0.1", ("0" * 64,))}
    assert any("requests" in told and "nowhere" in told for told in audit.differences(fewer, present))
    assert any("locked is 0.1" in told for told in audit.differences(other, present))


def test_the_bill_of_materials_names_each_delivered_package(tmp_path: Path, audit: ModuleType) -> None:
    path = tmp_path / "sbom.json"
    command = [sys.executable, str(ROOT / "requirements" / "audit.py"), "--sbom", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "packages are delivered" in run.stdout, run.stderr
    bill = json.loads(path.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    names = {component["name"] for component in bill["components"]}
    assert {"dagster", "requests", "cryptography", "sqlalchemy"} <= names
    assert names <= audit.locked(ROOT / "requirements" / "base.txt").keys()
    assert all(component["purl"].startswith("pkg:pypi/") for component in bill["components"])


def test_nothing_of_ours_runs_while_the_project_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["build-system"]["build-backend"] == "setuptools.build_meta"
    assert "backend-path" not in project["build-system"]
    assert not (ROOT / "setup.py").exists()
    assert not (ROOT / "setup.cfg").exists()
    assert "cmdclass" not in project["tool"]["setuptools"]


def test_the_static_checks_for_the_classic_mistakes_are_on() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert [rule for rule in lint["ignore"] if rule.startswith("S1")] == ["S101"]
    for place, rules in lint["per-file-ignores"].items():
        if not place.startswith(("tests", "sandbox", "benchmarks")):
            assert not [rule for rule in rules if re.fullmatch(r"S[0-9]*", rule)], place
