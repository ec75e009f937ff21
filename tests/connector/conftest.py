"""The `connector` command against stand-ins, with a home and stores of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from connector.cli import main
from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.serve import free_port
from tests.evenings import EVENING, MORNING, evening_company, evening_world
from tests.installations import Installation, visma_installation


@dataclass(frozen=True, slots=True)
class Terminal:
    """Runs commands in one home, as a user would."""

    home: Path

    def run(self, *arguments: str, given: str | None = None) -> Result:
        environment = {"CONNECTOR_HOME": str(self.home), "DAGSTER_HOME": None, "COLUMNS": "200"}
        return CliRunner().invoke(main, list(arguments), input=given, env=environment)

    def ok(self, *arguments: str, given: str | None = None) -> str:
        """Standard output of a command that must succeed."""
        result = self.run(*arguments, given=given)
        assert result.exit_code == 0, (arguments, result.stdout, result.stderr, result.exception)
        return result.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def fails(self, *arguments: str, given: str | None = None) -> str:
        """Standard error of a command that must end with exit code 1 and one message, not with a traceback."""
        result = self.run(*arguments, given=given)
        assert result.exit_code == 1, (arguments, result.stdout, result.stderr, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return " ".join(result.stderr.split())


@dataclass(frozen=True, slots=True)
class Shop(Terminal):
    """A home with the connection `nordic` between stand-ins: six payments, two paid out, and a customer Visma lacks."""

    installation: Installation

    @property
    def store(self) -> Any:
        return self.installation.runtime.store

    def books(self) -> dict[str, dict[str, int]]:
        company = self.installation.erp.company  # type: ignore[union-attr]
        with company.lock:
            return dict(company.books.balances())

    def held(self) -> list[str]:
        return [row.posting.key for row in self.store.ledger.held("nordic")]


@contextlib.contextmanager
def _shop(home: Path) -> Iterator[Shop]:
    world = evening_world()
    loaded = load_confirmed_payments(world, 6, customers=3, at=MORNING)
    # Payment n belongs to customer n % 3; the payout holds none of the customer that Visma does not know.
    load_payout(world, [loaded.payments[0], loaded.payments[2]], items=4, at=EVENING)
    with visma_installation(home, world, evening_company(2)) as installation:
        yield Shop(home, installation)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Nothing has been run yet."""
    with _shop(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The day has been run once; tests only look."""
    with _shop(tmp_path_factory.mktemp("ran")) as opened:
        opened.ok("run", "nordic", "--day", "2026-06-03")
        yield opened


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """An empty home."""
    return Terminal(tmp_path / "home")


@pytest.fixture
def serving() -> Callable[[Path], contextlib.AbstractContextManager[str]]:
    """`serving(home)`: `connector serve` as a process of its own, at the address it gives."""
    return _serving


@contextlib.contextmanager
def _serving(home: Path) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "CONNECTOR_HOME": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "serve", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(address):
            assert process.poll() is None, "connector serve has stopped"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def touched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of code that every Python process of this module imports, and that may be changed."""
    file: Path = tmp_path_factory.mktemp("code") / "sitecustomize.py"
    file.write_text("", encoding="utf-8")
    return file
