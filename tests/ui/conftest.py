"""The Dagster UI in a real browser: `make test-ui` installs Chromium and Playwright and runs it; `make test` leaves it out.

Without `-m ui` this folder is not even read, because what it imports is not installed then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MARKER = "ui"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots", type=Path, default=None, help="also write the pictures of the docs to this folder"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: the UI in a real browser, run by `make test-ui`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked_for = config.getoption("markexpr", default="") == MARKER
    return None if asked_for or not collection_path.name.startswith("test_") else True


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Stand-ins, two connections, and Dagster: one for all tests, because it takes half a minute to start."""
    from tests.ui.house import open_house

    with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="session")
def visitor(house: Any, pytestconfig: pytest.Config) -> Iterator[Any]:
    """A browser that remembers everything it was shown."""
    from tests.ui.visitor import visiting

    with visiting(house.ui, pytestconfig.getoption("--screenshots")) as opened:
        yield opened
