"""How long a webhook waits: from its answer to the first line of posting code, in parts, with real processes.

    python -m benchmarks --quick --only latency

Each installation is started anew with nothing but the files of this repository: receiver and Dagster as the README starts
them on SQLite (`dagster dev`), or receiver, code server and daemon on PostgreSQL. A payment is confirmed, its webhook is
sent, and the moments of the run that follows are read from Dagster's own log. Webhooks come when all is at rest, after a
pause of random length, so that they meet the loops of the daemon at any phase.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import itertools
import json
import os
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import orjson
import requests

from benchmarks.measure import Page, machine
from benchmarks.target import Benchmark, Found, Verdict, at_most
from connector.demo.drama import ON_ITS_WAY, waiting_events
from connector.demo.stage import free_ports
from connector_assets.names import key
from tests.installations import WEBHOOK_SECRET
from tests.kills.household import PATIENCE_S, ROOT, Household
from tests.postgres import running_postgres
from tests.sites import Site, visma_site

TARGET_MEDIAN_S, TARGET_P95_S = 4.0, 7.0
#: pauses between two webhooks; the daemon looks for sensors every five seconds.
LONGEST_PAUSE_S = 12.0
POSTING_STEP = "receipts"
REASON = (
    "What is left is processor time of Dagster: the daemon asks the code server for the plan of the run and writes an event for "
    "each of its assets; ten assets come before the first posting, and of the processor time of each four fifths are Dagster's: "
    "its events, and a look at the versions of what the asset depends on. Tried: a sensor that waits on the inbox, a short "
    "dequeue interval, steps in the process of the run, copied processes with everything imported, definitions of a run without "
    "what only the UI shows. Receipts before payouts would begin earlier, but payouts bring payments that no event announced, "
    "and those want receipts in the same run. A machine that is busy with other work makes each part longer."
)
#: the parts, in the order in which they happen.
PARTS = (
    "seen by the sensor",
    "run queued",
    "taken from the queue",
    "worker process up",
    "run started",
    "first asset",
    "posting code",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds that each of `PARTS` took, of one webhook."""

    parts: tuple[float, ...]

    @property
    def total(self) -> float:
        return sum(self.parts)


@dataclass(slots=True)
class Scene:
    """A running installation, its connection at rest between two webhooks."""

    site: Site
    receiver: str
    instance: dg.DagsterInstance
    chance: random.Random

    def webhook(self) -> Sample:
        """One payment more is confirmed; what its webhook had to wait for."""
        self._rest()
        time.sleep(self.chance.random() * LONGEST_PAUSE_S)
        known = {run.run_id for run in self.instance.get_runs()}
        accepted = self._send()
        run = self._until("its run", lambda: next(iter(self._new(known)), None))
        self._until("its end", lambda: (found := self.instance.get_run_by_id(run)) and found.is_finished)
        return self._sample(accepted, run)

    def _send(self) -> float:
        merchant = self.site.merchant
        before = len(merchant.world.events.ordered)
        merchant.collected(self.chance.randrange(10_000, 90_000), customer=self.chance.randint(1, 5))
        events = [event.body for event in merchant.world.events.ordered[before:]]
        body = orjson.dumps({"events": events, "meta": {"webhook_id": f"WB{before:08d}"}})
        signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        address = f"{self.receiver}/webhooks/gocardless/{self.site.name}"
        answer = requests.post(address, data=body, headers={"Webhook-Signature": signature}, timeout=60)
        accepted = time.time()
        assert answer.status_code == 204, answer.text
        return accepted

    def _new(self, known: set[str]) -> list[str]:
        return [run.run_id for run in self.instance.get_runs() if run.run_id not in known]

    def _sample(self, accepted: float, run_id: str) -> Sample:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        assert run.is_success, f"run {run_id} ended as {run.status.value}"
        moments = [accepted, self._seen_at(), *_moments(self.instance, run_id, self.site.name)]
        return Sample(tuple(after - before for before, after in itertools.pairwise(moments)))

    def _seen_at(self) -> float:
        """When the sensor last asked for a run: its cursor says so."""
        states = self.instance.all_instigator_state()
        (drop,) = [each for each in states if each.instigator_name == "webhook_drop"]
        data: Any = drop.instigator_data
        return max(datetime.fromisoformat(at).timestamp() for _, at in json.loads(data.cursor).values())

    def _rest(self) -> None:
        """Until nothing waits and no run is on its way."""
        busy = dg.RunsFilter(statuses=list(ON_ITS_WAY))
        self._until("rest", lambda: not self.instance.get_runs_count(busy) and not waiting_events(self.site.at.runtime))

    def _until(self, what: str, is_so: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := is_so():
                return found
            # Looking takes processor time from what is measured.
            time.sleep(0.5)
        raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}")


def _moments(instance: dg.DagsterInstance, run_id: str, connection: str) -> list[float]:
    """Queued, taken from the queue, process up, started, first asset, posting asset: seconds since 1970."""
    posting = "__".join(key(connection, "postings", POSTING_STEP).path)
    first: dict[str, float] = {}
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None:
            continue
        name = event.event_type_value
        if name == "ENGINE_EVENT" and (event.message or "").startswith("Started process for run"):
            name = "process"
        first.setdefault(name, entry.timestamp)
        if name == "STEP_START":
            first.setdefault(str(event.step_key), entry.timestamp)
    names = ("PIPELINE_ENQUEUED", "PIPELINE_STARTING", "process", "PIPELINE_START", "STEP_START", posting)
    return [first[name] for name in names]


@contextlib.contextmanager
def on_sqlite(home: Path, chance: random.Random) -> Iterator[Scene]:
    """Receiver and `dagster dev`, as the README starts them."""
    with _household(home, "dagster.yaml", None) as (site, household, address):
        port = free_ports(1)
        arguments = ["dagster", "dev", "-h", "127.0.0.1", "-p", str(port), "-w", str(ROOT / "workspace.yaml")]
        household.start("dagster", arguments, f"http://127.0.0.1:{port}/server_info")
        with dg.DagsterInstance.get() as instance:
            yield Scene(site, address, instance, chance)


@contextlib.contextmanager
def on_postgresql(home: Path, chance: random.Random) -> Iterator[Scene]:
    """Receiver, code server and daemon, each its own process, as in the containers of `deploy/`; one database for all."""
    with running_postgres() as server:
        server.remember_durability()
        url = server.url(server.create())
        with _household(home, "deploy/dagster.postgres.yaml", url) as (site, household, address):
            port = free_ports(1)
            given = (ROOT / "deploy/compose/workspace.yaml").read_text(encoding="utf-8")
            workspace = home / "workspace.yaml"
            workspace.write_text(given.replace("host: code", "host: 127.0.0.1").replace("4000", str(port)), "utf-8")
            with dg.DagsterInstance.get() as instance:
                # Dagster's tables are made by whoever comes first, and two at once stumble over each other.
                instance.get_runs_count()
                household.start("code", ["connector", "code-server", "--port", str(port)])
                _await_port(port)
                household.start("daemon", ["dagster._daemon", "run", "-w", str(workspace)])
                yield Scene(site, address, instance, chance)


@contextlib.contextmanager
def _household(home: Path, settings: str, database_url: str | None) -> Iterator[tuple[Site, Household, str]]:
    """Stand-ins in this process, a home with one connection to them, and the receiver in a process of its own."""
    (home / "dagster").mkdir(parents=True)
    (home / "logs").mkdir()
    shutil.copy(ROOT / settings, home / "dagster" / "dagster.yaml")
    ours = {"CONNECTOR_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "PYTHONUNBUFFERED": "1"}
    if database_url:
        with_driver = database_url.replace("postgresql://", "postgresql+psycopg2://")
        ours |= {"CONNECTOR_DATABASE_URL": database_url, "DAGSTER_POSTGRES_URL": with_driver}
    port = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    with (
        visma_site(home, database_url=database_url) as site,
        mock.patch.dict(os.environ, ours),
        Household(home, dict(os.environ)) as household,
    ):
        household.start("receiver", ["connector", "serve", "--port", str(port)], f"{address}/health")
        yield site, household, address


def _await_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


INSTALLATIONS = {"SQLite, dagster dev": on_sqlite, "PostgreSQL, code server": on_postgresql}


def measure(webhooks: int, blocks: int) -> dict[str, list[Sample]]:
    """`webhooks` of each installation, in `blocks` turns; the first two of a turn warm up and are not counted."""
    chance = random.Random(1)
    samples: dict[str, list[Sample]] = {name: [] for name in INSTALLATIONS}
    for block in range(blocks):
        for name, start in INSTALLATIONS.items():
            with tempfile.TemporaryDirectory(prefix="latency-") as folder, start(Path(folder), chance) as scene:
                for _ in range(2):
                    scene.webhook()
                for number in range(webhooks // blocks):
                    samples[name].append(scene.webhook())
                    print(
                        f"{name}, turn {block + 1}, webhook {number + 1}: {_line(samples[name][-1])}", file=sys.stderr
                    )
    return samples


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed: one that was measured, never one between two."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def run(quick: bool) -> Found:
    webhooks, blocks = (5, 1) if quick else (20, 2)
    page = Page(
        "From a webhook to posting code",
        "Seconds from the receiver's answer to the first line of posting code, median / 95th percentile, in parts.",
        "python -m benchmarks --only latency",
        machine(),
        ["installation", "total", *PARTS],
    )
    verdicts: list[Verdict] = []
    for name, found in measure(webhooks, blocks).items():
        verdicts += _add(page, name, found)
    page.notes += [
        f"{webhooks} webhooks each, in {blocks} turns of the installations.",
        "Each part begins where the one before ends. The sum of medians is not the median of sums.",
        "In both the process of a run is a copy of one that has everything imported.",
    ]
    return Found([page], verdicts)


def _add(page: Page, name: str, samples: Sequence[Sample]) -> list[Verdict]:
    totals = [sample.total for sample in samples]
    columns = list(zip(*(sample.parts for sample in samples), strict=True))
    cells = [f"{statistics.median(each):.2f} / {p95(each):.2f}" for each in [totals, *columns]]
    median, high = statistics.median(totals), p95(totals)
    figures = {
        "installation": name,
        "median_s": round(median, 3),
        "p95_s": round(high, 3),
        "parts": {part: [round(value, 3) for value in each] for part, each in zip(PARTS, columns, strict=True)},
    }
    page.add([name, *cells], figures)
    return [
        at_most(f"median, {name}", median, TARGET_MEDIAN_S, unit="s", reason=REASON),
        at_most(f"95th percentile, {name}", high, TARGET_P95_S, unit="s", reason=REASON),
    ]


def _line(sample: Sample) -> str:
    return f"{sample.total:.2f} s = " + " + ".join(f"{part:.2f}" for part in sample.parts)


BENCHMARK = Benchmark(
    "latency",
    "From a webhook to posting code",
    (
        "median <= 4 s and 95th percentile <= 7 s from the receiver's answer to the first line of posting code, by default",
        "the same for PostgreSQL with a code server of its own, in parts",
    ),
    run,
)
