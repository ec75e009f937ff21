"""The files of `deploy/`, read as what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deployment: starts every process of a deployment; run by `make deployment`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They cost half a minute of processor time: only those who name the marker get them."""
    if "deployment" in (config.option.markexpr or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("deployment") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="session")
def manifests() -> list[dict[str, Any]]:
    """Every Kubernetes object of our own."""
    files = ("receiver.yaml", "code.yaml", "ingress.yaml", "secrets.example.yaml")
    texts = [(ROOT / "deploy/kubernetes" / name).read_text(encoding="utf-8") for name in files]
    return [document for text in texts for document in yaml.safe_load_all(text)]


@pytest.fixture(scope="session")
def helm_values() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kubernetes/values.yaml").read_text(encoding="utf-8"))
    return content
