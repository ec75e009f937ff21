"""A person at the browser: opens pages of the Dagster UI, clicks, waits, and keeps everything that was shown.

What a page holds and what Dagster answered is kept, so that a test can search all of it for secrets.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Route, WebSocket, sync_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
#: a sandbox of its own needs rights that a container does not give; the rest keeps it from calling anywhere.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
#: a page or a run on a machine that does other things as well.
PATIENCE_MS = 180_000
JOB = "/locations/ml-connector/jobs"


@dataclass(slots=True)
class Visitor:
    """One browser window. `seen` holds every page's content and every answer; `foreign` every request to elsewhere."""

    page: Page
    base: str
    pictures: Path | None
    seen: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the UI."""
        self.keep()
        self.page.goto(self.base + path)
        return self.page

    def keep(self) -> None:
        """Remember what the page shows now."""
        self.seen.append(self.page.content())

    def text(self, words: str | re.Pattern[str]) -> Locator:
        """The first visible place with these words, once it is there."""
        found = self.page.get_by_text(words).filter(visible=True).first
        found.wait_for()
        return found

    def click(self, name: str | re.Pattern[str], role: str = "button", within: Locator | None = None) -> None:
        place = within or self.page
        place.get_by_role(role, name=name).filter(visible=True).first.click()  # type: ignore[arg-type]

    def picture(self, name: str, *, left: int = 0) -> None:
        """Keep a screenshot for the documentation, where one was asked for; `left` pixels are cut off."""
        self.keep()
        size = self.page.viewport_size
        if self.pictures is not None and size is not None:
            self.page.screenshot(
                path=self.pictures / f"{name}.png",
                animations="disabled",
                clip={"x": left, "y": 0, "width": size["width"] - left, "height": size["height"]},
            )

    @contextmanager
    def sized(self, width: int, height: int) -> Iterator[None]:
        """A window of another size."""
        before = self.page.viewport_size
        self.page.set_viewport_size({"width": width, "height": height})
        try:
            yield
        finally:
            assert before is not None
            self.page.set_viewport_size(before)


@contextmanager
def visiting(base: str, pictures: Path | None) -> Iterator[Visitor]:
    """A headless Chromium in front of `base`; `pictures` is where screenshots go."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield _visitor(browser, base, pictures)
        finally:
            browser.close()


def _visitor(browser: Browser, base: str, pictures: Path | None) -> Visitor:
    page = browser.new_page(viewport={"width": 1360, "height": 850})
    page.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(page, base, pictures)

    def answer(route: Route) -> None:
        response = route.fetch(timeout=PATIENCE_MS)
        visitor.seen.append(response.text())
        route.fulfill(response=response)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: visitor.seen.append(str(frame)))

    page.route("**/graphql", answer)
    page.on("websocket", listen)
    page.on("request", lambda request: _note_foreign(visitor, request.url))
    return visitor


def _note_foreign(visitor: Visitor, url: str) -> None:
    here = ("data:", "blob:", "file:", "http://127.0.0.1:", "http://localhost:", "ws://127.0.0.1:")
    if not url.startswith(here):
        visitor.foreign.append(url)
