"""`connector authorize` as a process of its own: the consent pages of DATEV and GoCardless, and a browser made of HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml

from sandbox.clock import SandboxClock
from sandbox.datev.app import create_app as create_datev
from sandbox.datev.datacentre import DataCentre, Registration
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.gocardless.load import load_confirmed_payments
from sandbox.gocardless.world import OAuthApp, World
from sandbox.serve import free_port, running
from tests.erp_sections import datev_section
from tests.evenings import MORNING
from tests.installations import BOOKS

PARTNER_SECRET = "partner-app-secret"


@pytest.fixture
def office(terminal: Any) -> Iterator[Any]:
    """A DATEV connection whose GoCardless is reached through a partner app; nobody has consented to anything yet."""
    centre, world, port = DataCentre(SandboxClock()), World(SandboxClock()), free_port()
    centre.behaviour.auto_consent = True
    callback = f"http://localhost:{port}/callback"
    centre.register(Registration("office-app", None, (callback,)))
    world.oauth_apps["partner"] = OAuthApp("partner", PARTNER_SECRET, (callback,))
    with running(create_datev(centre)) as datev, running(create_gocardless(world)) as gocardless:
        document = {
            "gocardless": {
                "environment": "sandbox",
                "base_url": gocardless,
                "partner_app": {"connect_url": gocardless},
                "organisation": world.organisation_id,
            },
            "books": BOOKS,
            "erp": {**datev_section(datev), "redirect_uri": ""},
        }
        (terminal.home / "connections").mkdir(parents=True)
        (terminal.home / "connections" / "office.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        for name, value in (
            ("datev_client_id", "office-app"),
            ("gocardless_client_id", "partner"),
            ("gocardless_client_secret", PARTNER_SECRET),
        ):
            terminal.ok("credentials", "set", "office", name, given=value)
        yield Office(terminal, port, centre, world, document)


class Office:
    def __init__(self, terminal: Any, port: int, centre: DataCentre, world: World, document: dict[str, Any]) -> None:
        self.terminal, self.port, self.centre, self.world, self.document = terminal, port, centre, world, document

    def authorize(self, system: str, agree: Any) -> tuple[int, str, str]:
        """Run the command; `agree(url)` is the person. Exit code, standard output and error."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "connector", "authorize", "office", "--no-browser"),
                *("--system", system, "--port", str(self.port)),
            ],
            env={**os.environ, "CONNECTOR_HOME": str(self.terminal.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline(), process.stdout.readline()]
            agree(lines[-1].strip())
            rest, errors = process.communicate(timeout=30)
        finally:
            process.kill()
        return process.returncode, "".join(lines) + rest, errors

    def stored(self) -> set[str]:
        return {row["name"] for row in self.terminal.json("credentials", "list", "office") if row["stored"]}


def _open(url: str) -> None:
    """A browser on a page that redirects by itself."""
    assert "You can close this window" in requests.get(url, timeout=10).text


def test_consent_at_datev_is_caught_and_sealed(office: Any) -> None:
    code, said, _ = office.authorize("erp", _open)

    assert code == 0, said
    assert "DATEV has given consent; it ends at" in said
    assert office.centre.live_sessions("office-app") == 1
    lines = json.loads(office.terminal.run("ping", "office", "--json").stdout)["office"]
    assert any(line["detail"] == "Muster GmbH" and line["ok"] for line in lines)


def test_the_redirect_of_another_consent_is_refused(office: Any) -> None:
    def forge(_url: str) -> None:
        requests.get(f"http://localhost:{office.port}/callback?code=stolen-code&state=foreign", timeout=10)

    code, said, errors = office.authorize("erp", forge)

    assert code == 1
    assert "the returned state belongs to another authorisation" in errors
    assert "connector authorize office" in " ".join(errors.split())
    assert "stolen-code" not in said + errors
    assert "Traceback" not in errors


def test_consent_at_gocardless_stores_the_merchants_token(office: Any) -> None:
    def agree(url: str) -> None:
        assert "You can close this window" in requests.post(url, timeout=10).text

    code, said, _ = office.authorize("gocardless", agree)

    assert code == 0, said
    assert office.world.organisation_id in said
    assert "partner_" not in said
    assert "gocardless_access_token" in office.stored()


def test_an_expired_consent_stops_a_run_with_the_next_step(office: Any) -> None:
    office.terminal.ok("credentials", "set", "office", "gocardless_access_token", given="sandbox_read_write")
    load_confirmed_payments(office.world, 1, customers=1, at=MORNING)
    message = office.terminal.fails("run", "office", "--day", "2026-06-03")
    assert "connector authorize office" in message


def test_a_connection_that_needs_no_consent_says_so(shop: Any) -> None:
    message = shop.fails("authorize", "nordic", "--no-browser", "--port", "0")
    assert "nordic needs no authorisation in a browser for erp" in message
    assert "for gocardless" in shop.fails(
        "authorize", "nordic", "--system", "gocardless", "--no-browser", "--port", "0"
    )


def test_a_port_that_is_taken_is_named(terminal: Any, office: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} cannot be used" in terminal.fails("authorize", "office", "--no-browser", "--port", port)
