"""Every link of a page leads somewhere: to a file of the project, and to a heading if it names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "CHANGELOG.md", *sorted(ROOT.glob("README.md"))]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!https?://|mailto:)([^)\s]+)\)")


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    titles = re.findall(r"^#+ (.+)$", _without_code(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def test_there_are_pages() -> None:
    names = {page.name for page in PAGES}
    assert {"start-in-ten-minutes.md", "connection-file.md", "when-a-posting-is-held.md", "CHANGELOG.md"} <= names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_resolves(page: Path) -> None:
    broken = []
    for target in LINK.findall(_without_code(page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in headings(linked)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_has_one_title(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    titles = re.findall(r"^# .+$", _without_code(text), flags=re.MULTILINE)
    assert len(titles) == 1


def test_every_page_can_be_reached_from_another_one() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in LINK.findall(_without_code(page.read_text(encoding="utf-8")))
    }
    decisions = {page for page in PAGES if page.parent.name == "decisions" and page.name != "index.md"}
    assert decisions <= linked
