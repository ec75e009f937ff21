"""Makes the installation of a campaign, in one of the two ways in which installations are run, and starts its processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import dagster as dg

from connector.demo.stage import free_ports
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from tests.kills.director import Director
from tests.kills.household import ROOT, Household
from tests.kills.sites import ERPS


@dataclass(frozen=True, slots=True)
class Ground:
    """What a campaign is played on.

    database_url   of an empty PostgreSQL database that holds the connector's store and Dagster's tables; without it both are
                   SQLite files
    bytecode       where Python keeps its compiled modules when the environment forbids it to keep them beside the code;
                   several campaigns may share it
    """

    erp: str
    seed: int
    home: Path
    database_url: str | None = None
    bytecode: Path | None = None

    @property
    def daemon_has_code_server(self) -> bool:
        """As under systemd, where the daemon starts its own; for one ledger it is a service of its own, as in the containers."""
        return (ERPS.index(self.erp) + self.seed) % len(ERPS) != 0


@dataclass(frozen=True, slots=True)
class Installation:
    """A running one."""

    household: Household
    director: Director
    runtime: Runtime
    instance: dg.DagsterInstance


@contextlib.contextmanager
def open_installation(ground: Ground) -> Iterator[Installation]:
    """Raises `HouseholdFailed`. When the block ends, no process of it is left."""
    for folder in ("connections", "dagster", "logs", "reports"):
        (ground.home / folder).mkdir(parents=True)
    settings = "deploy/dagster.postgres.yaml" if ground.database_url else "dagster.yaml"
    shutil.copy(ROOT / settings, ground.home / "dagster" / "dagster.yaml")
    port = free_ports(3)
    with (
        mock.patch.dict(os.environ, _environment(ground)),
        Household(ground.home, _inherited(ground)) as household,
    ):
        director, receiver = Director(f"http://127.0.0.1:{port}"), f"http://127.0.0.1:{port + 1}"
        stand_ins = ["tests.kills.stand_ins", "--port", str(port), "--erp", ground.erp, "--seed", str(ground.seed)]
        stand_ins += ["--home", str(ground.home), "--clock-file", os.environ["CONNECTOR_SANDBOX_CLOCK"]]
        stand_ins += ["--database-url", ground.database_url] if ground.database_url else []
        household.start("stand_ins", stand_ins, director.address)
        household.start("receiver", ["connector", "serve", "--port", str(port + 1)], f"{receiver}/health")
        with Runtime.open(Settings(), clock=None) as runtime:
            director.ask("opens", url=f"{receiver}/webhooks/gocardless/{runtime.connections[0].name}")
            with dg.DagsterInstance.get() as instance:
                # Dagster's tables are made by whoever comes first, and two at once stumble over each other.
                instance.get_runs_count()
                _start_dagster(household, ground, port + 2)
                yield Installation(household, director, runtime, instance)


def _start_dagster(household: Household, ground: Ground, port: int) -> None:
    if ground.daemon_has_code_server:
        household.start("daemon", ["dagster._daemon", "run", "-w", str(ROOT / "workspace.yaml")])
        return
    workspace = ground.home / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: ml-connector}}\n", "utf-8"
    )
    served = ["--host", "127.0.0.1", "--port", str(port), "--module-name", "connector.definitions"]
    household.start("code server", ["connector.code_server", "api", "grpc", *served], f"tcp://127.0.0.1:{port}")
    household.start("daemon", ["dagster._daemon", "run", "-w", str(workspace)], after="code server")


def _environment(ground: Ground) -> dict[str, str]:
    ours = {
        "CONNECTOR_HOME": str(ground.home),
        "CONNECTOR_SANDBOX_CLOCK": str(ground.home / "sandbox_clock"),
        "DAGSTER_HOME": str(ground.home / "dagster"),
        "PYTHONUNBUFFERED": "1",
    }
    if ground.database_url:
        with_driver = ground.database_url.replace("postgresql://", "postgresql+psycopg2://")
        ours |= {"CONNECTOR_DATABASE_URL": ground.database_url, "DAGSTER_POSTGRES_URL": with_driver}
    return ours


def _inherited(ground: Ground) -> dict[str, str]:
    """What every process of the installation is given. Half a second of each worker would go into compiling otherwise."""
    environment = {**os.environ, **_environment(ground)}
    if sys.dont_write_bytecode and ground.bytecode is not None:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = str(ground.bytecode)
    return environment
