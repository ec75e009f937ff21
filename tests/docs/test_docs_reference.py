"""The reference pages say what the code says, and nothing of a connection file is left out."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from connector_resources.connections.model import Connection
from connector_resources.erp.registry import ERPS

PAGES = ["connection-file.md", "connection.schema.json", "environment.md", "commands.md"]


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_up_to_date(name: str, root: Path, reference: ModuleType) -> None:
    written = (root / "docs" / name).read_text(encoding="utf-8")
    assert written == reference.pages()[name], "run `python docs/generate_reference.py`"


def test_the_generator_writes_no_other_page(reference: ModuleType) -> None:
    assert set(reference.pages()) == set(PAGES)


def test_every_field_of_every_section_stands_in_the_reference_with_a_meaning(root: Path) -> None:
    text = (root / "docs" / "connection-file.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    expected = {f"erp.{name}" for kind in ERPS.values() for name in kind.settings.model_fields}
    expected |= set(Connection.model_fields)
    for name, field in Connection.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            expected |= {f"{name}.{inner}" for inner in field.annotation.model_fields}
    assert expected <= set(rows)
    assert not [name for name, row in rows.items() if row.rstrip(" |").endswith("| –")]


def test_every_variable_of_the_environment_page_has_the_prefix(root: Path) -> None:
    text = (root / "docs" / "environment.md").read_text(encoding="utf-8")
    names = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert len(names) >= 5
    assert all(name.startswith("CONNECTOR_") for name in names)
