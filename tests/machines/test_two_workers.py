"""A day of business through two workers of one installation: a broker, PostgreSQL, Dagster's daemon, `deploy/celery`'s settings.

One worker is killed in the middle, and two runs of the same day are started at once by hand. The stand-ins' own books judge:
nothing is posted twice, nothing is missing, and no call was over a quota, although both workers draw on the same ones.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bookkeeping.settings import activity_day
from sandbox.faults import Fault
from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.serve import running
from tests.evenings import DAY, EVENING, MORNING, evening_company, evening_world
from tests.installations import Installation, visma_installation
from tests.ledger_books import VismaBooks
from tests.machines.broker import running_redis
from tests.machines.processes import PATIENCE_S, Processes
from tests.postgres import running_postgres

pytestmark = pytest.mark.machines

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "deploy/celery/dagster.yaml"
PAYMENTS = 90
#: of GoCardless, by the connection's settings and by the stand-in: so few that a run needs more than a minute's, and two workers
#: that did not know of each other would be turned away.
CALLS_A_MINUTE = 12
#: payments in the ledger when a worker dies: some, by far not all.
BEFORE_THE_KILL = 10
#: runs of one connection that the queue lets in: the lost one, and two at once. Production has one.
AT_ONCE = 3
TASK = re.compile(r"Task execute_job\[\S+\] received")


@dataclass(slots=True)
class Answers:
    """Counts the statuses of everything that an application answers."""

    app: ASGIApp
    statuses: Counter[int]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
            await send(message)

        await self.app(scope, receive, counted)


@dataclass(frozen=True, slots=True)
class Installed:
    """The installation, its processes, and what its stand-ins answered."""

    site: Installation
    processes: Processes
    statuses: Counter[int]

    def worker(self, name: str) -> None:
        words = ("--loglevel", "INFO", "--queues", "dagster", "--concurrency", "1", "--hostname", f"{name}@machines")
        self.processes.start(name, "celery", "--app", "connector.celery_app", "worker", *words)

    def payments(self) -> int:
        """How many payments the ledger holds, by its own account."""
        return sum(count for (kind, *_), count in self.books.documents().items() if kind == "Payment")

    def all_is_posted(self) -> bool:
        states = self.site.states()
        settled = (states.get("receipt posted"), states.get("payout posted"))
        return settled == (PAYMENTS, 1) and all(state.endswith(" posted") for state in states)

    @property
    def books(self) -> VismaBooks:
        return VismaBooks(self.site.erp.company)  # type: ignore[union-attr]

    def runs(self) -> list[dg.DagsterRun]:
        home = self.processes.environment["DAGSTER_HOME"]
        with dg.DagsterInstance.from_config(home) as instance:
            return list(instance.get_runs())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    world = evening_world(rate_limit=CALLS_A_MINUTE)
    loaded = load_confirmed_payments(world, PAYMENTS, customers=30, at=MORNING)
    load_payout(world, list(loaded.payments), items=2 * PAYMENTS, at=EVENING)
    home = tmp_path / "home"
    (home / "dagster").mkdir(parents=True)
    settings = SETTINGS.read_text(encoding="utf-8")
    assert settings.count("limit: 1\n") == 2
    (home / "dagster/dagster.yaml").write_text(settings.replace("limit: 1\n", f"limit: {AT_ONCE}\n"), encoding="utf-8")
    statuses: Counter[int] = Counter()
    with running_redis(tmp_path) as redis, running_postgres() as server:
        url = server.url(server.create()).replace("postgresql://", "postgresql+psycopg2://")
        given = {
            "CONNECTOR_HOME": str(home),
            "CONNECTOR_DATABASE_URL": url,
            "DAGSTER_HOME": str(home / "dagster"),
            "DAGSTER_POSTGRES_URL": url,
            "DAGSTER_CELERY_BROKER": f"{redis}/0",
            "DAGSTER_CELERY_BACKEND": f"{redis}/1",
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        with visma_installation(
            home, world, evening_company(30), database_url=url, serve=lambda app: running(Answers(app, statuses))
        ) as site:
            _limit_gocardless(home / "connections/nordic.yaml")
            processes = Processes({**os.environ, "PYTHONPATH": str(ROOT)}, tmp_path)
            try:
                yield Installed(site, processes, statuses)
            finally:
                processes.stop()


def _limit_gocardless(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("gocardless:\n", f"gocardless:\n  requests_per_minute: {CALLS_A_MINUTE}\n", 1), "utf-8"
    )


def _announce_the_day(site: Installation) -> None:
    books = site.connection.book_settings
    fresh = [event.body for event in site.world.events.ordered]
    site.runtime.store.inbox.drop_polled(site.connection.name, fresh, day_of=lambda at: activity_day(at, books))


def _who_works(processes: Processes, names: tuple[str, ...]) -> str:
    (worker,) = [name for name in names if TASK.search(processes.said(name))]
    return worker


def test_two_workers_post_a_day_once_although_one_is_killed_and_runs_overlap(installed: Installed) -> None:
    site, processes, workers = installed.site, installed.processes, ("alpha", "beta")
    for name in workers:
        installed.worker(name)
    for name in workers:
        processes.wait(f"{name} is ready", lambda name=name: " ready." in processes.said(name))
    processes.start("daemon", "dagster-daemon", "run", "--workspace", str(ROOT / "workspace.yaml"))
    # Slow enough that a worker can be met in the middle of it.
    site.erp.faults.add(Fault("delay", method="POST", times=10 * PAYMENTS, delay_s=1.0))
    _announce_the_day(site)

    processes.wait("some payments are in the ledger", lambda: installed.payments() >= BEFORE_THE_KILL)
    killed = _who_works(processes, workers)
    processes.kill(killed)
    assert installed.payments() < PAYMENTS
    (lost,) = [run for run in installed.runs() if run.status == dg.DagsterRunStatus.STARTED]
    site.erp.faults.clear()
    installed.worker(killed)
    day = f'{{"dagster/partition": "{DAY.isoformat()}"}}'
    launch = ("dagster", "job", "launch", "-w", str(ROOT / "workspace.yaml"), "-j", "nordic_day", "--tags", day)
    processes.call_at_once(launch, launch)

    processes.wait("all is posted", installed.all_is_posted)
    processes.wait("every run has ended", lambda: all(run.is_finished for run in installed.runs()))
    by_hand = [run for run in installed.runs() if run.run_id != lost.run_id and "dagster/sensor_name" not in run.tags]
    # The lease lets one of two work; the other one waits for it, and may give up.
    assert len(by_hand) == 2
    assert dg.DagsterRunStatus.SUCCESS in {run.status for run in by_hand}
    assert [run.status for run in installed.runs() if run.run_id == lost.run_id] == [dg.DagsterRunStatus.FAILURE]
    assert all(TASK.search(processes.said(name)) for name in workers)

    documents = installed.books.documents()
    assert {document: count for document, count in documents.items() if count > 1} == {}
    assert installed.payments() == PAYMENTS
    assert installed.books.clearing() == 0
    assert installed.statuses[429] == 0


def test_a_worker_refuses_an_installation_that_starts_its_runs_another_way(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DAGSTER_HOME": str(tmp_path),
        "CONNECTOR_HOME": str(tmp_path),
    }
    processes = Processes(environment, tmp_path)
    processes.start("worker", "celery", "--app", "connector.celery_app", "report")
    assert processes.running["worker"].wait(timeout=PATIENCE_S) != 0
    assert "this worker would get none" in processes.said("worker")
