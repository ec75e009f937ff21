"""Run workers, the daemon, the code server, the receiver and all of them at once are killed with `kill -9`; the books come right.

Minutes each, so not in `make test`: `pytest -m kills tests/kills`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kills.campaign import play
from tests.kills.sites import ERPS
from tests.postgres import PostgresServer, running_postgres

KILLS = 5
pytestmark = pytest.mark.kills


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as running:
        yield running


@pytest.mark.parametrize("erp", ERPS)
def test_whatever_is_killed_on_sqlite_each_ledger_shows_everything_once(tmp_path: Path, erp: str) -> None:
    verdict = play(erp, KILLS, seed=1, home=tmp_path / "home")

    assert (verdict.lost, verdict.doubled, verdict.differing) == ([], [], [])
    assert verdict.count >= KILLS


def test_whatever_is_killed_on_postgresql_the_ledger_shows_everything_once(
    tmp_path: Path, server: PostgresServer
) -> None:
    verdict = play("visma", KILLS, seed=2, home=tmp_path / "home", database_url=server.url(server.create()))

    assert (verdict.lost, verdict.doubled, verdict.differing) == ([], [], [])
    assert verdict.count >= KILLS
