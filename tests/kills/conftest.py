"""Real kills take minutes each: they are run when they are asked for, with `-m kills`, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

MARKER = "kills"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}: real processes and kill -9, minutes each, run by `make kills`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if MARKER in str(config.option.markexpr):
        return
    ours = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    config.hook.pytest_deselected(items=ours)
    items[:] = [item for item in items if item not in ours]
