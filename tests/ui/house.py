"""The house that the browser visits: stand-ins, a home with two connections, and Dagster as it runs in production.

Webserver, daemon and code server are processes of their own, started with the project's `dagster.yaml`. The stand-ins run in
threads of the tests, so that a test can break them, mend them, and read their books.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.gocardless.world import Token, World
from sandbox.serve import free_port
from sandbox.visma.company import Company
from tests.evenings import datacentre, evening_company, evening_world
from tests.installations import Installation, datev_installation, visma_installation

ROOT = Path(__file__).parents[2]
#: a fresh Python that imports Dagster, on a machine that does other things as well.
START_S = 180.0
#: the payers; the last of them is not in the ledger yet, so what is posted for it is held.
PAYERS = ("Mäkelä Rakennus Oy", "Van Dijk Logistiek B.V.", "Brückner Metallbau GmbH", "Ashworth Bakery Ltd")
UNKNOWN = len(PAYERS)
#: what no page and no answer of Dagster may hold, by vault name.
CANARIES = {
    "nordic": {
        "gocardless_access_token": "canary-token-4711-gocardless",
        "gocardless_webhook_secret": "canary-secret-4711-webhook",
        "client_secret": "canary-secret-4711-visma",
    },
    "kanzlei": {
        "gocardless_access_token": "canary-token-4712-gocardless",
        "gocardless_webhook_secret": "canary-secret-4712-webhook",
    },
}
#: the days of business, counted back from today.
DAYS_BACK = (4, 3, 2)


@dataclass(frozen=True, slots=True)
class House:
    """Where the UI is, and what is behind it."""

    ui: str
    home: Path
    nordic: Installation
    kanzlei: Installation
    today: date

    @property
    def days(self) -> list[date]:
        """The days of business, oldest first."""
        return [self.today - timedelta(days=back) for back in DAYS_BACK]

    @property
    def company(self) -> Company:
        return self.nordic.erp.company  # type: ignore[union-attr]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Dagster's own answer to a question, to prepare a test or to judge what the browser did."""
        answer = requests.post(f"{self.ui}/graphql", json={"query": query, "variables": variables}, timeout=60)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        assert "errors" not in told, told["errors"]
        return dict(told["data"])

    def runs(self) -> list[dict[str, Any]]:
        """Every run, newest first."""
        told = self.ask("{runsOrError { ... on Runs { results { runId status jobName tags { key value } } } } }")
        return list(told["runsOrError"]["results"])

    def add_unknown_payer(self) -> None:
        """What an accountant does in the ledger before releasing what is held."""
        with self.company.lock:
            self.company.add_customer(f"{10000 + UNKNOWN}", PAYERS[-1], email=f"load{UNKNOWN}@example.com")


@contextlib.contextmanager
def open_house(home: Path) -> Iterator[House]:
    """Everything running, sensors and schedules stopped: what happens is what the browser does."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    books = {"time_zone": "UTC", "cut_over": (midnight - timedelta(days=6)).date().isoformat()}
    nordic_world, kanzlei_world = _world("nordic", midnight), _world("kanzlei", midnight)
    with (
        visma_installation(home, nordic_world, _company(), books=books, owner="finance@nordic.example") as nordic,
        datev_installation(home, kanzlei_world, datacentre(kanzlei_world.clock), books=books) as kanzlei,
    ):
        _plant_canaries(nordic, kanzlei)
        with _dagster(home) as address:
            yield House(address, home, nordic, kanzlei, midnight.date())


def _world(name: str, midnight: datetime) -> World:
    """Confirmed payments on three days, and a payout of the first day's on the last."""
    world = evening_world(datetime.now(UTC))
    token = CANARIES[name]["gocardless_access_token"]
    world.tokens[token] = Token(token)
    loaded = []
    for number, back in enumerate(DAYS_BACK):
        at = midnight - timedelta(days=back) + timedelta(hours=8)
        # The fourth payer, whom the ledger does not know, pays on the second day only.
        customers = UNKNOWN if number == 1 else UNKNOWN - 1
        loaded.append(
            load_confirmed_payments(
                world, 6 + 3 * number, customers=customers, at=at, amount_minor=8_000 + 4_500 * number
            )
        )
    paid = loaded[0].payments
    load_payout(world, paid, items=2 * len(paid), at=midnight - timedelta(days=DAYS_BACK[-1]) + timedelta(hours=13))
    for record in world.customers.ordered:
        record.change(company_name=PAYERS[int(record.body["metadata"]["erp_customer"]) - 10001])
    return world


def _company() -> Company:
    company = evening_company()
    for number, name in enumerate(PAYERS[:-1], start=1):
        company.add_customer(f"{10000 + number}", name, email=f"load{number}@example.com")
    company.add_client("isv_sandbox", CANARIES["nordic"]["client_secret"])
    return company


def _plant_canaries(*installations: Installation) -> None:
    for installation in installations:
        name = installation.connection.name
        for vault_name, value in CANARIES[name].items():
            installation.runtime.store.vault.write(name, vault_name, value)


@contextlib.contextmanager
def _dagster(home: Path) -> Iterator[str]:
    """Code server, webserver and daemon; the address of the UI."""
    dagster_home = home / "dagster"
    dagster_home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", dagster_home / "dagster.yaml")
    environment = {
        **os.environ, "CONNECTOR_HOME": str(home), "DAGSTER_HOME": str(dagster_home), "PYTHONUNBUFFERED": "1",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }  # fmt: skip
    environment.pop("CONNECTOR_DATABASE_URL", None)
    code_port, ui_port = free_port(), free_port()
    workspace = home / "workspace.yaml"
    server = {"host": "127.0.0.1", "port": code_port, "location_name": "ml-connector"}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    address = f"http://127.0.0.1:{ui_port}"
    code_server = ["dagster", "code-server", "start", "-h", "127.0.0.1", "-p", str(code_port), "-m"]
    webserver = ["dagster_webserver", "-h", "127.0.0.1", "-p", str(ui_port), "-w", str(workspace)]
    daemon = ["dagster._daemon", "run", "-w", str(workspace)]
    with (
        _process([*code_server, "connector.definitions"], environment, home, lambda: _listens(code_port)),
        _process(webserver, environment, home, lambda: _knows_the_project(address)),
    ):
        _stop_every_signal(address)
        with _process(daemon, environment, home, lambda: _daemon_is_healthy(address)):
            yield address


@contextlib.contextmanager
def _process(
    module: Sequence[str], environment: Mapping[str, str], home: Path, ready: Callable[[], bool]
) -> Iterator[None]:
    log = home / f"{module[0]}-{module[1].lstrip('-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], env=dict(environment), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + START_S
            while not ready():
                assert process.poll() is None, log.read_text(encoding="utf-8")[-4000:]
                assert time.monotonic() < deadline, f"{module} is not ready: {log.read_text(encoding='utf-8')[-4000:]}"
                time.sleep(0.2)
            yield
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    # Dagster starts children of its own; the whole session ends with it.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _graphql(address: str, query: str, **variables: Any) -> dict[str, Any] | None:
    try:
        answer = requests.post(f"{address}/graphql", json={"query": query, "variables": variables}, timeout=30)
    except requests.RequestException:
        return None
    return answer.json().get("data") if answer.ok else None


def _knows_the_project(address: str) -> bool:
    told = _graphql(address, "{repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
    return bool(told and told["repositoriesOrError"].get("nodes"))


def _daemon_is_healthy(address: str) -> bool:
    told = _graphql(address, "{instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } } }")
    found = told["instance"]["daemonHealth"]["allDaemonStatuses"] if told else []
    return bool(found) and all(each["healthy"] for each in found if each["required"])


def _stop_every_signal(address: str) -> None:
    """Before the daemon starts: a sensor would do what the tests want to see a person do."""
    told = _graphql(
        address,
        "{repositoriesOrError { ... on RepositoryConnection { nodes {"
        " sensors { sensorState { id selectorId } } schedules { scheduleState { id selectorId } } } } } }",
    )
    assert told is not None
    for repository in told["repositoriesOrError"]["nodes"]:
        for kind in ("sensor", "schedule"):
            for each in repository[f"{kind}s"]:
                state = each[f"{kind}State"]
                stop = "stopSensor" if kind == "sensor" else "stopRunningSchedule"
                done = _graphql(
                    address, f"mutation($id: String!) {{ {stop}(id: $id) {{ __typename }} }}", id=state["id"]
                )
                assert done is not None, stop
                assert "Error" not in done[stop]["__typename"], done
