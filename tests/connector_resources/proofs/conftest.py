"""Whole connections to the stand-ins, one per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sites import Site, datev_site, visma_site


@pytest.fixture
def visma(tmp_path: Path) -> Iterator[Site]:
    with visma_site(tmp_path) as site:
        yield site


@pytest.fixture
def datev(tmp_path: Path) -> Iterator[Site]:
    with datev_site(tmp_path) as site:
        yield site
