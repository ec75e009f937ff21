"""Whole connections to the stand-ins, one per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sites import Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site


@pytest.fixture
def visma(tmp_path: Path) -> Iterator[Site]:
    with visma_site(tmp_path) as site:
        yield site


@pytest.fixture
def datev(tmp_path: Path) -> Iterator[Site]:
    with datev_site(tmp_path) as site:
        yield site


@pytest.fixture
def exact_online(tmp_path: Path) -> Iterator[Site]:
    with exact_online_site(tmp_path) as site:
        yield site


@pytest.fixture
def sage300(tmp_path: Path) -> Iterator[Site]:
    with sage300_site(tmp_path) as site:
        yield site


@pytest.fixture
def ifs_cloud(tmp_path: Path) -> Iterator[Site]:
    with ifs_cloud_site(tmp_path) as site:
        yield site
