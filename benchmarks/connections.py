"""A connection to a stand-in that runs elsewhere, with a home, a store and credentials of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from connector_resources.clock import Clock
from connector_resources.connections.model import Connection
from connector_resources.erp.exact_online.authorisation import authorise
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from sandbox.visma.company import Company
from tests.erp_sections import datev_section, exact_online_section, ifs_cloud_section, sage300_section, visma_section
from tests.evenings import EVENING
from tests.installations import consent_to_datev

NOWHERE = "http://127.0.0.1:9"
REDIRECT = "http://127.0.0.1:8123/callback"
CREDENTIALS = {
    "visma": {"client_id": "isv_sandbox", "client_secret": "sandbox-secret"},
    "exact_online": {
        "exact_client_id": "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11",
        "exact_client_secret": "sandbox-secret",
    },
    "sage300": {"sage300_username": "GCAPI", "sage300_password": "Gocard1ess!"},
    "datev": {"datev_client_id": "sandbox-public"},
    "ifs_cloud": {"ifs_client_id": "gc_connector", "ifs_client_secret": "sandbox-secret"},
}


@dataclass(frozen=True, slots=True)
class Opened:
    """`prefix` stands before a customer number in the ERP's own."""

    runtime: Runtime
    connection: Connection
    prefix: str


@contextlib.contextmanager
def opened(
    erp: str,
    address: str,
    home: Path,
    database_url: str | None = None,
    gocardless: Mapping[str, Any] | None = None,
    clock: Clock = lambda: EVENING,
) -> Iterator[Opened]:
    """The connection `measured`; GoCardless is reached only by what `gocardless` says of it.

    The clock stands still where business of one evening is measured; a quota that is waited for needs one that goes on.
    """
    folder = home / "connections"
    folder.mkdir(parents=True)
    document = {
        "gocardless": {"environment": "sandbox", "base_url": NOWHERE, **(gocardless or {})},
        "books": {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"},
        "erp": _section(erp, address),
    }
    (folder / "measured.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with Runtime.open(Settings(home=home, database_url=database_url), clock=clock) as runtime:
        for name, value in {**CREDENTIALS[erp], "gocardless_access_token": "sandbox-token"}.items():
            runtime.store.vault.write("measured", name, value)
        connection = runtime.connection("measured")
        if erp == "exact_online":
            begun = authorise(connection.erp, runtime.context(connection), REDIRECT)
            begun.complete(requests.get(begun.url, allow_redirects=False, timeout=10).headers["location"])
        if erp == "datev":
            consent_to_datev(runtime, connection)
        yield Opened(runtime, connection, "10:" if erp == "ifs_cloud" else "")


def _section(erp: str, address: str) -> dict[str, Any]:
    match erp:
        case "visma":
            return visma_section(Company(), address)
        case "exact_online":
            # Its quota is no part of the question, and would make both wait alike.
            return {**exact_online_section(address), "calls_per_minute": 10_000_000, "calls_per_day": 10_000_000}
        case "sage300":
            return sage300_section(address)
        case "datev":
            return datev_section(address)
        case "ifs_cloud":
            return {**ifs_cloud_section(address, "CR0001"), "calls_per_minute": 10_000_000}
    raise ValueError(f"{erp} is not measured")
