"""Pages that are not Dagster's: the report, and the one a person sees after consenting in the browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.clock import SandboxClock
from sandbox.datev.app import create_app as create_datev
from sandbox.datev.datacentre import DataCentre, Registration
from sandbox.serve import free_port, running
from tests.erp_sections import datev_section
from tests.installations import BOOKS
from tests.ui.house import House
from tests.ui.visitor import Visitor

pytestmark = pytest.mark.ui

#: of a phone and of a sheet of paper, in CSS pixels.
PHONE = (390, 844)
PAPER = (794, 1123)


def test_the_report_needs_nobody_and_fits_a_desk_a_phone_and_paper(house: House, visitor: Visitor) -> None:
    reports = sorted(house.nordic.runtime.settings.reports_dir.glob("reconciliation-nordic-*.html"))
    assert reports, "the backfill has written none"
    visitor.foreign.clear()
    for width, height in ((1100, 850), PHONE, PAPER):
        with visitor.sized(width, height):
            visitor.page.goto(reports[-1].as_uri())
            visitor.text("nordic")
            if width > PAPER[0]:
                visitor.picture("reconciliation")
            assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width, f"wider than {width} pixels"
    visitor.page.emulate_media(media="print")
    assert visitor.text("nordic").is_visible()
    visitor.page.emulate_media(media="screen")
    assert visitor.foreign == []


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[Path, int, DataCentre]]:
    """A home with a DATEV connection nobody has consented to, the port of its redirect address, and DATEV."""
    centre, port = DataCentre(SandboxClock()), free_port()
    centre.behaviour.auto_consent = False
    centre.register(Registration("office-app", None, (f"http://localhost:{port}/callback",)))
    (tmp_path / "connections").mkdir()
    with running(create_datev(centre)) as datev:
        document = {
            "gocardless": {"environment": "sandbox"},
            "books": BOOKS,
            "erp": {**datev_section(datev), "redirect_uri": ""},
        }
        (tmp_path / "connections" / "office.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        yield tmp_path, port, centre


def test_a_consent_in_the_browser_ends_on_a_page_that_tells_nothing(
    office: tuple[Path, int, DataCentre], visitor: Visitor
) -> None:
    home, port, centre = office
    environment: dict[str, Any] = {**os.environ, "CONNECTOR_HOME": str(home)}
    connector = [sys.executable, "-m", "connector"]
    stored = [*connector, "credentials", "set", "office", "datev_client_id"]
    subprocess.run(stored, input="office-app", text=True, env=environment, check=True, capture_output=True)
    command = [*connector, "authorize", "office", "--no-browser", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline(), process.stdout.readline()]
            visitor.page.goto(lines[-1].strip())
            visitor.page.get_by_role("button").first.click()
            visitor.text("You can close this window")
            visitor.page.wait_for_url(f"http://localhost:{port}/done")
            visitor.keep()
            assert "code=" not in visitor.page.content()
            said, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "DATEV has given consent" in said
    assert centre.live_sessions("office-app") == 1
