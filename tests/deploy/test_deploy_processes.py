"""A day of business through the processes of a deployment: receiver, code server, webserver and daemon, each its own.

PostgreSQL holds the store and Dagster's tables, in one database. The settings are the files of `deploy/`; only addresses
point at this machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.serve import free_port
from tests.evenings import EVENING, MORNING, evening_company, evening_world
from tests.installations import WEBHOOK_SECRET, Installation, visma_installation
from tests.postgres import running_postgres

pytestmark = pytest.mark.deployment

#: patience for a step on a busy machine; nothing is asserted of how fast it goes.
PATIENCE_S = 240
RUNS = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    __typename ... on RepositoryLocation { name isReloadSupported serverId } } } } } }"""
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } } }"


@dataclass(slots=True)
class Deployment:
    """Processes of one installation; each writes to a file of its own name in `logs`."""

    installation: Installation
    environment: dict[str, str]
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *words: str) -> None:
        log = (self.logs / f"{name}.log").open("ab")
        program = [str(Path(sys.executable).parent / words[0]), *words[1:]]
        self.processes[name] = subprocess.Popen(
            program, env=self.environment, stdout=log, stderr=log, cwd=self.logs, start_new_session=True
        )

    def stop(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=60)
            # Dagster starts children of its own; the whole session ends with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def said(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def wait(self, what: str, is_so: Callable[[], object]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} has stopped: {self.said(name)}"
            with contextlib.suppress(requests.RequestException):
                if found := is_so():
                    return found
            time.sleep(0.5)
        raise AssertionError(f"not within {PATIENCE_S} s: {what}\n" + "\n".join(map(self.said, self.processes)))


@pytest.fixture
def deployment(tmp_path: Path, root: Path) -> Iterator[Deployment]:
    world = evening_world()
    loaded = load_confirmed_payments(world, 6, customers=3, at=MORNING)
    load_payout(world, list(loaded.payments), items=12, at=EVENING)
    dagster_home = tmp_path / "home" / "dagster"
    dagster_home.mkdir(parents=True)
    (dagster_home / "dagster.yaml").write_bytes((root / "deploy/dagster.postgres.yaml").read_bytes())
    with running_postgres() as server:
        url = server.url(server.create()).replace("postgresql://", "postgresql+psycopg2://")
        with visma_installation(tmp_path / "home", world, evening_company(3), database_url=url) as installation:
            environment = {
                **os.environ,
                "CONNECTOR_HOME": str(installation.home),
                "CONNECTOR_DATABASE_URL": url,
                "DAGSTER_HOME": str(dagster_home),
                "DAGSTER_POSTGRES_URL": url,
            }
            opened = Deployment(installation, environment, tmp_path)
            try:
                yield opened
            finally:
                opened.stop()


def ask(port: int, query: str) -> Any:
    answer = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=30)
    answer.raise_for_status()
    return answer.json()["data"]


def test_a_day_passes_through_separate_processes_on_postgresql(deployment: Deployment, tmp_path: Path) -> None:
    receiver, code, web, metrics = free_port(), free_port(), free_port(), free_port()
    workspace = tmp_path / "workspace.yaml"
    text = (Path(__file__).parents[2] / "deploy/compose/workspace.yaml").read_text(encoding="utf-8")
    workspace.write_text(text.replace("host: code", "host: 127.0.0.1").replace("4000", str(code)), encoding="utf-8")
    deployment.start("receiver", "connector", "serve", "--port", str(receiver), "--metrics-port", str(metrics))
    deployment.start("code", "connector", "code-server", "--port", str(code))
    deployment.wait("the receiver answers", lambda: requests.get(f"http://127.0.0.1:{receiver}/health", timeout=5).ok)
    deployment.wait("the code server is ready", lambda: "Started Dagster code server" in deployment.said("code"))
    deployment.start(
        "webserver", "dagster-webserver", "--host", "127.0.0.1", "--port", str(web), "--workspace", str(workspace)
    )
    deployment.start("daemon", "dagster-daemon", "run", "--workspace", str(workspace))

    def location() -> Any:
        (entry,) = ask(web, LOCATIONS)["workspaceOrError"]["locationEntries"]
        return entry if entry["locationOrLoadError"]["__typename"] == "RepositoryLocation" else None

    entry = deployment.wait("the webserver knows the code location", location)
    assert entry["name"] == "ml-connector"

    events = [event.body for event in deployment.installation.world.events.ordered]
    body = orjson.dumps({"events": events, "meta": {"webhook_id": "WB1"}})
    signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    address = f"http://127.0.0.1:{receiver}/webhooks/gocardless/nordic"
    answer = requests.post(address, data=body, headers={"Webhook-Signature": signature}, timeout=60)
    assert answer.status_code == 204, answer.text

    states = deployment.installation.states
    deployment.wait("all is booked", lambda: states().get("receipt posted") == 6 and states().get("payout posted") == 1)
    runs = deployment.wait("the run has ended", lambda: ended(web))
    assert {run["status"] for run in runs} == {"SUCCESS"}
    assert not [state for state in states() if not state.endswith(" posted")]

    shown = requests.get(f"http://127.0.0.1:{metrics}/metrics", timeout=30).text
    assert 'connector_webhooks_total{answer="accepted",connection="nordic",source="gocardless"} 1.0' in shown
    assert 'connector_postings{connection="nordic",state="posted"}' in shown
    statuses = ask(web, DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    assert all(each["healthy"] for each in statuses if each["required"])


def ended(port: int) -> Any:
    runs = ask(port, RUNS)["runsOrError"]["results"]
    days = [run for run in runs if any(tag["key"] == "connector/connection" for tag in run["tags"])]
    return days if days and all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in days) else None
