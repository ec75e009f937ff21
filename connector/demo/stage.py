"""Sets the demo up: a home of its own, the connection files, credentials in the vault, consents, webhook endpoints."""

from __future__ import annotations

import contextlib
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

from connector.demo.cast import GOCARDLESS_TOKEN, ROLES, Role
from connector.demo.processes import DemoFailed, Processes
from connector_resources.connections.consent import erp_authorisation
from connector_resources.erp.registry import erp_kind
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.store.marks import ERP_NOTIFIED

PROJECT = Path(__file__).parent.parent.parent
CUT_OVER = "2026-06-01"


@dataclass(slots=True)
class Stage:
    """Where everything is. `director` moves the stand-ins' days and tells the truth at the end.

    `companies` says, by ERP, what a connection file must name of the stand-in's company.
    """

    home: Path
    director: str = ""
    ui: str = ""
    receiver: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    companies: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def clock_file(self) -> Path:
        """Tells every process of the demo the played time."""
        return self.home / "sandbox_clock"

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, sandbox_clock=self.clock_file)

    def meet(self, director: str) -> None:
        """Learn from the director where the stand-ins are."""
        told = _get(f"{director}/")
        self.director = director
        self.addresses, self.companies = told["addresses"], told["companies"]

    def books(self, name: str) -> dict[str, Any]:
        """The merchant's books as its ERP shows them itself."""
        role = ROLES[name]
        return _get(f"{self.addresses[role.erp]}{role.books}")

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
    stage = Stage(home)
    ours = {
        "CONNECTOR_HOME": str(home),
        "CONNECTOR_SANDBOX_CLOCK": str(stage.clock_file),
        "DAGSTER_HOME": str(home / "dagster"),
    }
    stage.environment = dict(os.environ) | ours | {"DAGSTER_DISABLE_TELEMETRY": "yes", "PYTHONUNBUFFERED": "1"}
    stage.environment.pop("CONNECTOR_DATABASE_URL", None)
    os.environ.update(ours)
    return stage


def raise_curtain(stage: Stage, processes: Processes, customers: int, payments: int) -> None:
    """Start the stand-ins, write the connections, start receiver and Dagster, register the webhook endpoints."""
    port = free_ports(2 + 2 * len(ROLES))
    sizes = ["--customers", str(customers), "--payments", str(payments)]
    processes.start(
        "stand_ins",
        ["sandbox.stand_ins", "--port", str(port), *sizes, "--clock-file", str(stage.clock_file)],
        f"http://127.0.0.1:{port}/",
    )
    stage.meet(f"http://127.0.0.1:{port}")
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
    subscribe(stage)


def write_connections(stage: Stage) -> dict[str, str]:
    """Every connection file and its credentials; returns the webhook secret of each connection."""
    webhook_secrets = {name: secrets.token_urlsafe(24) for name in ROLES}
    for name, role in ROLES.items():
        document = {
            "description": f"Demo merchant, books in {role.erp}",
            "gocardless": {"environment": "sandbox", "base_url": stage.addresses[f"gocardless_{name}"]},
            "books": {"time_zone": role.time_zone, "cut_over": CUT_OVER},
            "polling": {"events_every_s": 5, **role.polling},
            **role.sections,
            "erp": role.section(stage.addresses[role.erp], stage.companies.get(role.erp, {})),
        }
        (stage.home / "connections" / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    with Runtime.open(stage.settings) as runtime:
        for name, role in ROLES.items():
            gocardless = {
                "gocardless_access_token": GOCARDLESS_TOKEN,
                "gocardless_webhook_secret": webhook_secrets[name],
            }
            for key, value in {**gocardless, **role.secrets}.items():
                runtime.store.vault.write(name, key, value)
            if role.redirect_uri:
                _consent(runtime, name, role.redirect_uri)
    return webhook_secrets


def subscribe(stage: Stage) -> None:
    """Have the ERPs announce what changes to the receiver: as `connector webhooks create` does, or an administrator there.

    One that announces nothing is read at regular intervals, from one interval after its first day on; here at once.
    """
    with Runtime.open(stage.settings) as runtime:
        for name, role in ROLES.items():
            if not role.topics and role.collects:
                runtime.store.marks.set(name, ERP_NOTIFIED, "the month begins")
            if not role.topics:
                continue
            url = f"{stage.receiver}/webhooks/erp/{name}"
            begin = erp_kind(role.erp).notices
            if begin is None:
                _set_up_event_action(stage, role, url)
                continue
            with contextlib.closing(
                begin(runtime.connection(name).erp, runtime.context(runtime.connection(name)))
            ) as desk:
                for topic in role.topics:
                    desk.subscribe(topic, url)


def _set_up_event_action(stage: Stage, role: Role, url: str) -> None:
    action = {"url": url, "secret": role.secrets["ifs_hook_secret"], "units": list(role.topics)}
    answer = requests.post(f"{stage.addresses[role.erp]}/_control/event_actions", json=action, timeout=10)
    answer.raise_for_status()


#: below those that systems give to outgoing connections (from 32768 on Linux, higher elsewhere): one of these might take the
#: port of a server that has not started yet, or is being started again.
LISTENING_PORTS = range(20_000, 32_000)


def free_ports(count: int) -> int:
    """The first of `count` consecutive free loopback ports."""
    while True:
        first = secrets.choice(LISTENING_PORTS[:-count])
        if all(_is_free(first + n) for n in range(count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _consent(runtime: Runtime, name: str, redirect_uri: str) -> None:
    """What a person does in the browser: open the address, agree, come back. The stand-in agrees at once."""
    authorisation = erp_authorisation(runtime, runtime.connection(name), redirect_uri)
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
