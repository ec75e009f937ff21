"""The first page, followed word by word in a fresh home: from nothing to a first plan, a run and a report."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from connector.cli import main
from connector_resources.connections.load import load_connection
from sandbox.serve import running
from sandbox.stand_ins import StandIns, director

ROOT = Path(__file__).parents[2]
START = ROOT / "docs" / "start-in-ten-minutes.md"
#: where the page's stand-ins answer.
SHOWN = "http://127.0.0.1:8600"
#: `berlin` is a real company: what would reach it is only shown. The rest installs, or stays up.
NOT_FOLLOWED = (
    "make demo", "export ", "connector sandbox up", "connector init berlin\n", "connector authorize berlin",
    "connector ping berlin", "connector serve", "dagster dev",
)  # fmt: skip


@pytest.fixture(scope="module")
def commands() -> ModuleType:
    """How lines are taken from a page."""
    path = Path(__file__).parent / "test_docs_commands.py"
    spec = importlib.util.spec_from_file_location("shown_lines_of_pages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def stand_ins() -> Iterator[str]:
    """What `connector sandbox up` serves, after the days that the page looks at; the director's address."""
    town = StandIns(customers=40, payments=90)
    town.advance(14)
    with contextlib.ExitStack() as stack:
        addresses = {name: stack.enter_context(running(app)) for name, app in town.apps.items()}
        yield stack.enter_context(running(director(town, addresses)))


def _run(line: str, words: list[str], address: str) -> str:
    if words[0] != "connector":
        done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout
    given = "\n" * 60 if words[1] == "init" else "a-secret-value\n"
    arguments = [word.replace(SHOWN, address) for word in words[1:]]
    result = CliRunner().invoke(main, arguments, input=given, catch_exceptions=False, env={"COLUMNS": "160"})
    assert result.exit_code == 0, f"{line}\n{result.output}"
    return str(result.stdout)


def _forecast(text: str) -> str:
    """When a run would be finished, in the command's words; what differs from day to day is left out."""
    found = re.search(r"A run now would need .* UTC \(in ", " ".join(text.split()))
    assert found, text
    return re.sub(r"[\d,]+(?= )|\d+[-:\d]*", "#", found.group())


def test_the_first_page_leads_from_nothing_to_a_posted_day(
    home: Path, stand_ins: str, commands: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The page names it at its end.
    monkeypatch.delenv("DAGSTER_HOME")
    said: dict[str, str] = {}
    for shown in commands.shown_lines(START):
        if not f"{shown.line}\n".startswith(NOT_FOLLOWED):
            said[shown.line] = _run(shown.line, shown.words, stand_ins)

    interview = next(text for line, text in said.items() if "--stand-ins" in line)
    assert "This is what would be posted for" in interview
    assert "✗" not in interview
    plan = said["connector plan nordic --day 2026-06-08 --to 2026-06-10"]
    assert re.search(r"[1-9]\d* postings, [1-9]\d* requests as a first step, 0 held", plan)
    assert _forecast(plan) == _forecast(START.read_text(encoding="utf-8"))
    assert re.search(r"receipt posted: \+[1-9]", said["connector run nordic --day 2026-06-08 --to 2026-06-10"])
    assert {path.stem for path in (home / "connections").glob("*.yaml")} == {"nordic", "berlin"}
    assert load_connection(home / "connections" / "berlin.yaml").erp.kind == "datev"
    assert (home / "dagster" / "dagster.yaml").exists()
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"a-secret-value" not in everything
    assert b"sandbox_read_write" not in everything
    assert len(said) >= 15


def test_every_line_of_the_page_is_followed_or_known_not_to_be(commands: ModuleType) -> None:
    lines = [f"{shown.line}\n" for shown in commands.shown_lines(START)]
    assert {start for start in NOT_FOLLOWED if not any(line.startswith(start) for line in lines)} == set()


def test_what_the_page_shows_of_a_broken_file_is_what_is_said(tmp_path: Path, home: Path) -> None:
    invoked = CliRunner().invoke(main, ["init", "berlin", "--erp", "datev", "--yes", "--cut-over", "2026-06-01"])
    assert invoked.exit_code == 0, invoked.output
    path = home / "connections" / "berlin.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  cut_over:", "  cutover:"), encoding="utf-8")

    told = CliRunner().invoke(main, ["connections"]).stderr

    page = START.read_text(encoding="utf-8")
    problems = re.findall(r"^connections/berlin\.yaml:\d+: (.+)$", page, flags=re.MULTILINE)
    assert len(problems) == 2
    assert all(problem in told for problem in problems)
