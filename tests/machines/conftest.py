"""Two machines' worth of processes: `make machines` installs what they need and runs them; `make test` leaves them out."""

from __future__ import annotations

import pytest

MARKER = "machines"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: several workers, a broker and PostgreSQL, run by `make {MARKER}`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They take minutes and need requirements/celery.txt and a Redis server: only those who name the marker get them."""
    if config.option.markexpr == MARKER:
        return
    left_out = [item for item in items if item.get_closest_marker(MARKER) is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
