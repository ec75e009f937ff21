"""Sets the demo up: a home of its own, two connection files, credentials in the vault, consent at DATEV, webhook endpoints."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from connector.demo.processes import DemoFailed, Processes
from connector_resources.connections.consent import erp_authorisation
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings

PROJECT = Path(__file__).parent.parent.parent
CUT_OVER = "2026-06-01"
#: what the stand-ins accept; they are local and forget everything when the demo ends.
GOCARDLESS_TOKEN = "sandbox_read_write"  # noqa: S105 - the stand-in's published token
VISMA_CLIENT = ("isv_sandbox", "sandbox-secret")
DATEV_APP = "sandbox-public"
DATEV_REDIRECT = "http://localhost:8000/datev/callback"

CONNECTIONS = {"nordic": "visma", "german": "datev"}


@dataclass(slots=True)
class Stage:
    """Where everything is. `director` moves the stand-ins' days and tells the truth at the end."""

    home: Path
    director: str = ""
    ui: str = ""
    receiver: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home)

    def books_of_visma(self) -> dict[str, Any]:
        return _get(f"{self.addresses['visma']}/_control/books")

    def books_of_datev(self) -> dict[str, Any]:
        return _get(f"{self.addresses['datev']}/_control/books?client=455148-1")

    def truth(self) -> dict[str, Any]:
        return _get(f"{self.director}/truth", timeout_s=120)


def prepare_home(home: Path) -> Stage:
    """A fresh home. An earlier demo's home is removed; any other directory is left alone. Raises `DemoFailed`."""
    marker = home / ".demo"
    if home.exists() and not marker.exists() and any(home.iterdir()):
        raise DemoFailed(f"{home} is not empty and not an earlier demo's; choose another with --home")
    shutil.rmtree(home, ignore_errors=True)
    for folder in ("connections", "dagster", "logs", "reports"):
        (home / folder).mkdir(parents=True)
    marker.touch()
    shutil.copy(PROJECT / "dagster.yaml", home / "dagster" / "dagster.yaml")
    environment = dict(os.environ)
    environment |= {
        "CONNECTOR_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("CONNECTOR_DATABASE_URL", None)
    os.environ.update({key: environment[key] for key in ("CONNECTOR_HOME", "DAGSTER_HOME")})
    return Stage(home, environment=environment)


def raise_curtain(stage: Stage, processes: Processes, customers: int, payments: int) -> None:
    """Start the stand-ins, write the connections, start receiver and Dagster, register the webhook endpoints."""
    port = free_ports(5)
    processes.start(
        "stand_ins",
        ["sandbox.stand_ins", "--port", str(port), "--customers", str(customers), "--payments", str(payments)],
        f"http://127.0.0.1:{port}/",
    )
    stage.director = f"http://127.0.0.1:{port}"
    stage.addresses = _get(f"{stage.director}/")["addresses"]
    webhook_secrets = write_connections(stage)
    receiver_port, ui_port = free_ports(1), free_ports(1)
    stage.receiver = f"http://127.0.0.1:{receiver_port}"
    processes.start("receiver", ["connector", "serve", "--port", str(receiver_port)], f"{stage.receiver}/health")
    stage.ui = f"http://127.0.0.1:{ui_port}"
    processes.start(
        "dagster",
        ["dagster", "dev", "-h", "127.0.0.1", "-p", str(ui_port), "-w", str(PROJECT / "workspace.yaml")],
        f"{stage.ui}/server_info",
    )
    for name, secret in webhook_secrets.items():
        endpoint = {"merchant": name, "url": f"{stage.receiver}/webhooks/gocardless/{name}", "secret": secret}
        requests.post(f"{stage.director}/listen", json=endpoint, timeout=10).raise_for_status()


def write_connections(stage: Stage) -> dict[str, str]:
    """Both connection files and their credentials; returns the webhook secret of each connection."""
    webhook_secrets: dict[str, str] = {}
    company = _get(f"{stage.director}/")["visma_company"]
    sections = {"nordic": visma_section(stage.addresses["visma"], company), "german": datev_section(stage)}
    for name, section in sections.items():
        document = {
            "description": f"Demo merchant, books in {section['kind']}",
            "gocardless": {"environment": "sandbox", "base_url": stage.addresses[f"gocardless_{name}"]},
            "books": {"time_zone": "Europe/Helsinki" if name == "nordic" else "Europe/Berlin", "cut_over": CUT_OVER},
            "polling": {"events_every_s": 5},
            "erp": section,
        }
        (stage.home / "connections" / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    with Runtime.open(stage.settings) as runtime:
        for name in sections:
            webhook_secrets[name] = secrets.token_urlsafe(24)
            runtime.store.vault.write(name, "gocardless_access_token", GOCARDLESS_TOKEN)
            runtime.store.vault.write(name, "gocardless_webhook_secret", webhook_secrets[name])
        runtime.store.vault.write("nordic", "client_id", VISMA_CLIENT[0])
        runtime.store.vault.write("nordic", "client_secret", VISMA_CLIENT[1])
        runtime.store.vault.write("german", "datev_client_id", DATEV_APP)
        _consent(runtime, "german")
    return webhook_secrets


def visma_section(address: str, company: dict[str, str]) -> dict[str, Any]:
    """The stand-in company's chart (`sandbox/visma/chart.py`)."""
    return {
        "kind": "visma",
        "tenant_id": company["tenant_id"],
        "company_name": company["name"],
        "base_url": address,
        "token_url": f"{address}/connect/token",
        "payment_method": "GC",
        "currencies": {
            "EUR": {"clearing_cash_account": "1985", "bank_account": "1920"},
            "GBP": {"clearing_cash_account": "1986", "bank_account": "1930"},
        },
        "accounts": {
            "fees": "7770",
            "surcharges": "7770",
            "partner_fees": "7770",
            "input_vat": "2710",
            "suspense": "2990",
            "sales_returns": "3000",
            "payout_transit": "1995",
            "fx_transit": "1990",
            "fx_difference": "8160",
            "rounding": "7798",
            "other_income": "3100",
        },
    }


def datev_section(stage: Stage) -> dict[str, Any]:
    base = stage.addresses["datev"]
    return {
        "kind": "datev",
        "environment": "sandbox",
        "public_app": True,
        "redirect_uri": DATEV_REDIRECT,
        "addresses": {
            "authorize": f"{base}/openidsandbox/authorize",
            "token": f"{base}/openidsandbox/token",
            "revoke": f"{base}/openidsandbox/revoke",
            "userinfo": f"{base}/openidsandbox/userinfo",
            "clients": f"{base}/accounting-clients/platform-sandbox/v2",
            "extf_files": f"{base}/accounting-extf-files/platform-sandbox/v3",
            "documents": f"{base}/accounting-documents/platform-sandbox/v2",
            "dxso_jobs": f"{base}/accounting-dxso-jobs/platform-sandbox/v2",
        },
        "consultant_number": 455148,
        "client_number": 1,
        "chart": "skr03",
    }


def free_ports(count: int) -> int:
    """The first of `count` consecutive free loopback ports."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + count < 65_535 and all(_is_free(first + n) for n in range(count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _consent(runtime: Runtime, name: str) -> None:
    """What a person does in the browser: open the address, agree, come back. The stand-in agrees at once."""
    authorisation = erp_authorisation(runtime, runtime.connection(name), DATEV_REDIRECT)
    if authorisation is None:
        raise DemoFailed(f"{name} was expected to need a consent")
    answer = requests.get(authorisation.url, allow_redirects=False, timeout=10)
    if answer.status_code not in (302, 303):
        raise DemoFailed(f"the stand-in's consent page answered {answer.status_code}: {answer.text[:200]}")
    authorisation.complete(answer.headers["Location"])


def _get(url: str, timeout_s: float = 30) -> dict[str, Any]:
    answer = requests.get(url, timeout=timeout_s)
    answer.raise_for_status()
    return dict(json.loads(answer.content))
