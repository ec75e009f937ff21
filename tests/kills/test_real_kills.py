"""Run workers, the daemon, the code server, the receiver and all of them at once are killed with `kill -9`; the books come right.

Minutes each, so not in `make test`: `pytest -m kills tests/kills`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kills.campaign import Verdict, play
from tests.kills.installation import Ground
from tests.kills.sites import ERPS
from tests.postgres import PostgresServer, running_postgres

KILLS = 5
pytestmark = pytest.mark.kills


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bytecode")


@pytest.mark.parametrize("erp", ERPS)
def test_whatever_is_killed_on_sqlite_each_ledger_shows_everything_once(
    tmp_path: Path, bytecode: Path, erp: str
) -> None:
    verdict = play(Ground(erp, 1, tmp_path / "home", bytecode=bytecode), KILLS)

    _require_good(verdict)


def test_whatever_is_killed_on_postgresql_the_ledger_shows_everything_once(
    tmp_path: Path, bytecode: Path, server: PostgresServer
) -> None:
    url = server.url(server.create())
    verdict = play(Ground("visma", 2, tmp_path / "home", database_url=url, bytecode=bytecode), KILLS)

    _require_good(verdict)


def _require_good(verdict: Verdict) -> None:
    assert (verdict.lost, verdict.doubled, verdict.differing) == ([], [], [])
    assert verdict.count >= KILLS
