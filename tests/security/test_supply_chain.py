"""What is installed is what is locked, by hash, from no named place, and nothing runs while it is installed."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    return importlib.import_module("requirements.audit")


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
    absent = {"absent": audit.Locked("absent", "1.0", ("0" * 64,))}
    assert "absent 1.0 is locked and not installed" in audit.differences({**wanted, **absent}, present)
    assert audit.differences(wanted, present, absent) == audit.differences(wanted, present)
    assert not [told for told in audit.differences(fewer, present, wanted) if "requests " in told]


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


def asking(tmp_path: Path, says: str, *, ends: int = 0) -> tuple[Path, Path]:
    """A program in the place of pip-audit that says this, and a locked file with two packages."""
    program, path = tmp_path / "pip-audit", tmp_path / "locked.txt"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint('asked', file=sys.stderr)\n{says}\nsys.exit({ends})\n")
    program.chmod(0o700)
    path.write_text("".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in ("lxml", "PyYAML")))
    return program, path


def answer_of(**weak: list[dict[str, Any]]) -> str:
    packages = [{"name": name, "version": "1.0", "vulns": weak.get(name, [])} for name in ("lxml", "pyyaml")]
    return f"print({json.dumps({'dependencies': packages, 'fixes': []})!r})"


def test_known_vulnerabilities_are_told_with_the_version_that_mends_them(tmp_path: Path, audit: ModuleType) -> None:
    assert audit.known_vulnerabilities(*asking(tmp_path, answer_of())) == []
    weak = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"], "description": "text"}
    program, path = asking(tmp_path, answer_of(pyyaml=[weak, {"id": "PYSEC-2"}]), ends=1)
    assert audit.known_vulnerabilities(program, path) == [
        "pyyaml 1.0: PYSEC-1, CVE-1; mended in 1.1",
        "pyyaml 1.0: PYSEC-2; mended in no version yet",
    ]


@pytest.mark.parametrize(
    ("says", "ends", "told"),
    [
        ("print('ConnectionError: refused', file=sys.stderr)", 1, "ended with 1: ConnectionError: refused"),
        ("print('[]')", 0, "asked"),
        ("print('{}')", 0, "asked"),
        (answer_of().replace("pyyaml", "other"), 0, "says nothing of pyyaml"),
        (answer_of().replace('"vulns"', '"skip_reason"'), 0, "says nothing of lxml, pyyaml"),
    ],
)
def test_without_an_answer_nothing_is_said_of_vulnerabilities(
    says: str, ends: int, told: str, tmp_path: Path, audit: ModuleType
) -> None:
    with pytest.raises(audit.NotAskedError, match=told):
        audit.known_vulnerabilities(*asking(tmp_path, says, ends=ends))


def test_a_look_up_that_fails_is_an_end_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "requirements" / "audit.py"), "--ask", str(tmp_path / "nowhere")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2
    assert "were not looked up, so nothing is known of any" in run.stdout


def test_only_wheels_are_installed_so_that_no_package_runs_code_at_that_time() -> None:
    places = [ROOT / "Makefile", ROOT / "deploy" / "container" / "Dockerfile", *(ROOT / "docs").glob("*.md")]
    lines = [
        line for place in places for line in place.read_text(encoding="utf-8").splitlines() if "pip install" in line
    ]
    packages = [line for line in lines if "-r " in line]
    assert len(packages) >= 7
    assert not [line for line in packages if "--only-binary :all:" not in line or "--require-hashes" not in line]
    assert not [line for line in lines if line not in packages and "--no-deps --no-build-isolation" not in line]


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
