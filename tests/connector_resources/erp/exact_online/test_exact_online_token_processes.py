"""Two processes that need a new token at the same moment: one refresh, and what becomes of both when its reply is lost."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.erp.exact_online.resource import token_shelf
from sandbox.faults import Fault

ROOT = Path(__file__).parents[4]
TOKEN_PATH = "/oauth2/token"
PROCESSES = 2


@contextlib.contextmanager
def waiting(site: Any, home: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are about to use the connection."""
    settings = site.settings().model_dump_json()
    command = [sys.executable, "-m", "tests.token_taker", f"sqlite:///{home}/store.sqlite", site.vault_key, settings]
    processes = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def say(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Let all go at once; what each of them says in the end."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in processes]


def refreshes(site: Any) -> int:
    """Token calls since the consent."""
    return sum(1 for _, path in site.sandbox.faults.requests if path.endswith("/token")) - 1


def test_two_processes_that_need_a_new_token_make_one_refresh_and_both_go_on(site: Any, tmp_path: Path) -> None:
    site.division.clock.advance(timedelta(seconds=600))
    site.sandbox.faults.add(Fault("delay", path=TOKEN_PATH, delay_s=0.3))
    with waiting(site, tmp_path) as processes:
        assert say(processes) == ["2", "2"]
    assert refreshes(site) == 1


def test_a_lost_reply_is_made_up_for_by_one_of_two_processes(site: Any, tmp_path: Path) -> None:
    """Exact's reading in which the old refresh token lives until the new one is used."""
    site.division.switches.old_refresh_token = "until_new_used"
    site.division.clock.advance(timedelta(seconds=700))
    issued = len(site.division.tokens._access)
    site.sandbox.faults.add(Fault("drop_after", path=TOKEN_PATH))
    with waiting(site, tmp_path) as processes:
        assert say(processes) == ["2", "2"]
    assert len(site.division.tokens._access) == issued + 2, "the lost pair, and the one both processes use"
    pair = token_shelf(site.context()).read()
    assert pair is not None
    assert pair.refresh_started_at is None


@pytest.mark.parametrize("answer", ["401", "invalid_grant"])
def test_a_reply_that_is_lost_for_good_is_told_with_the_connection_and_the_command(
    site: Any, tmp_path: Path, answer: str
) -> None:
    site.division.switches.spent_token_answer = answer
    site.division.clock.advance(timedelta(seconds=700))
    site.sandbox.faults.add(Fault("drop_after", path=TOKEN_PATH))
    with waiting(site, tmp_path) as processes:
        said = say(processes)
    for each in said:
        assert each.startswith("ConsentExpired: [polder] ")
        assert each.endswith("Next step: connector authorize polder")
    assert sum("was lost" in each for each in said) >= 1
    # Nobody asks again with a token that Exact has refused.
    asked = refreshes(site)
    with waiting(site, tmp_path) as processes:
        assert all("connector authorize polder" in each for each in say(processes))
    assert refreshes(site) == asked
