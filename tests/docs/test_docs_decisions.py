"""Every requirement has a page that says why, and what a page says of imports is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs" / "decisions"
ROOMS = ("bookkeeping", "connector_resources", "connector_assets", "sensors", "connector", "sandbox")
#: type stubs follow the library they describe.
STUBS = re.compile(r"^types-|-stubs$")


def requirements() -> list[str]:
    lines = [line for name in ("base.in", "dev.in") for line in (ROOT / "requirements" / name).read_text().splitlines()]
    names = [re.split(r"[=<>\[ ]", line)[0] for line in lines if line and not line.startswith(("#", "-"))]
    return [name for name in names if not STUBS.search(name)]


def pages() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(DECISIONS.glob("*.md"))}


def imported_modules() -> set[str]:
    sources = [path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return {name for text in sources for name in re.findall(r"^\s*(?:from|import) ([A-Za-z_]\w*)", text, re.MULTILINE)}


@pytest.mark.parametrize("name", requirements())
def test_every_requirement_is_spoken_of_on_a_page(name: str) -> None:
    told = "\n".join(text for page, text in pages().items() if page != "index.md").lower().replace("_", "-")
    assert re.search(rf"(?<![\w-]){re.escape(name.lower())}(?![\w-])", told)


@pytest.mark.parametrize("page", sorted(set(pages()) - {"index.md"}))
def test_every_page_states_one_decision_and_when_to_look_again(page: str) -> None:
    text = pages()[page]
    assert text.count("**Decision: ") == 1
    assert "## Look again when" in text
    assert 8 <= len(text.splitlines()) <= 25


@pytest.mark.parametrize(("page", "module"), [("pandas.md", "pandas"), ("prometheus-client.md", "prometheus_client")])
def test_what_a_page_calls_unused_is_imported_nowhere(page: str, module: str) -> None:
    assert ("**Decision: not used" in pages()[page]) == (module not in imported_modules())


@pytest.mark.parametrize(
    "module", ["dlt", "airbyte_cdk", "gocardless_pro", "httpx", "authlib", "limits", "dbos", "temporalio"]
)
def test_what_was_refused_is_not_imported_by_the_product(module: str) -> None:
    assert module not in imported_modules()
    assert "requests" in imported_modules()
