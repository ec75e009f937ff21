"""Plays a business through an installation of real processes, kills them with `kill -9`, and judges by the stand-ins' own books.

Nobody helps a run that was killed: what is left is found by run monitoring and by the sensors. Played time passes quickly,
so that waits of minutes cost seconds.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg
import requests
from sqlalchemy import select

from connector.demo.drama import ON_ITS_WAY, ledgers_to_look_at, unfinished_postings, waiting_events
from connector.demo.stage import free_ports
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.store.schema import LEASES
from tests.kills.ambush import MOMENTS
from tests.kills.books import Books, compare
from tests.kills.business import COLLECTING
from tests.kills.household import PATIENCE_S, ROOT, Household, kill
from tests.kills.undisturbed import begins, play_undisturbed

Tell = Callable[[str], None]

#: who is killed in an act: in how many of twelve acts, and how many times at most.
VICTIMS: Mapping[str, tuple[int, int]] = {
    "worker": (5, 3),
    "worker at any moment": (1, 2),
    "receiver": (2, 3),
    "daemon": (2, 1),
    "code server": (1, 1),
    "machine": (1, 1),
}
SHARES = [share for share, _ in VICTIMS.values()]
#: the write at which a trap springs is drawn up to this one; most acts have fewer or more of them.
NTH = {"visma": 8, "exact_online": 3, "sage300": 6, "datev": 1, "ifs_cloud": 8}
#: played seconds that pass in one look at how things stand, and at once after a kill.
PASSES_S, AFTER_A_KILL_S = 40, 660
#: real seconds in which everything must have come to rest after the last kill of an act.
REST_PATIENCE_S = 1200.0
LOOK_EVERY_S = 1.0


class NeverRests(Exception):
    """Something is stuck; the message says how things stand."""


@dataclass(slots=True)
class Verdict:
    """What became of one campaign. All but `kills`, `acts` and `recovered_s` must be empty."""

    erp: str
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    acts: int = 0
    lost: list[tuple[str, ...]] = field(default_factory=list)
    doubled: list[tuple[str, ...]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    #: real seconds from the last kill of an act until everything was at rest.
    recovered_s: list[float] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.differing)

    @property
    def count(self) -> int:
        return sum(self.kills.values())


def play(erp: str, kills: int, seed: int, home: Path, database_url: str | None = None, tell: Tell = str) -> Verdict:
    """At least `kills` kills in an installation that is made in `home`. `database_url` is of an empty PostgreSQL database that
    holds the connector's store and Dagster's tables; without it both are SQLite files.
    """
    with _installation(erp, seed, home, database_url) as (household, director, runtime, instance):
        campaign = Campaign(erp, seed, household, director, runtime, instance, tell)
        try:
            campaign.play(kills)
        except NeverRests as stuck:
            campaign.verdict.differing.append(str(stuck))
        return campaign.judge()


@dataclass(frozen=True, slots=True)
class Director:
    """The stand-ins' director, from afar."""

    address: str

    def ask(self, what: str, **given: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.address}/{what}", json=given, timeout=PATIENCE_S)
        answer.raise_for_status()
        return dict(answer.json())


@contextlib.contextmanager
def _installation(
    erp: str, seed: int, home: Path, database_url: str | None
) -> Iterator[tuple[Household, Director, Runtime, dg.DagsterInstance]]:
    for folder in ("connections", "dagster", "logs", "reports"):
        (home / folder).mkdir(parents=True)
    settings = "deploy/dagster.postgres.yaml" if database_url else "dagster.yaml"
    shutil.copy(ROOT / settings, home / "dagster" / "dagster.yaml")
    clock_file = home / "sandbox_clock"
    ours = {
        "CONNECTOR_HOME": str(home),
        "CONNECTOR_SANDBOX_CLOCK": str(clock_file),
        "DAGSTER_HOME": str(home / "dagster"),
        "PYTHONUNBUFFERED": "1",
    }
    if database_url:
        with_driver = database_url.replace("postgresql://", "postgresql+psycopg2://")
        ours |= {"CONNECTOR_DATABASE_URL": database_url, "DAGSTER_POSTGRES_URL": with_driver}
    port = free_ports(2)
    director, receiver = Director(f"http://127.0.0.1:{port}"), f"http://127.0.0.1:{port + 1}"
    with mock.patch.dict(os.environ, ours), Household(home, dict(os.environ)) as household:
        stand_ins = ["--erp", erp, "--home", str(home), "--clock-file", str(clock_file), "--seed", str(seed)]
        stand_ins += ["--database-url", database_url] if database_url else []
        household.start("stand_ins", ["tests.kills.stand_ins", "--port", str(port), *stand_ins], director.address)
        household.start("receiver", ["connector", "serve", "--port", str(port + 1)], f"{receiver}/health")
        with Runtime.open(Settings(), clock=None) as runtime:
            name = runtime.connections[0].name
            director.ask("opens", url=f"{receiver}/webhooks/gocardless/{name}")
            with dg.DagsterInstance.get() as instance:
                # Dagster's tables are made by whoever comes first, and two at once stumble over each other.
                instance.get_runs_count()
                household.start("daemon", ["dagster._daemon", "run", "-w", str(ROOT / "workspace.yaml")])
                yield household, director, runtime, instance


@dataclass(slots=True)
class Campaign:
    """One installation under fire."""

    erp: str
    seed: int
    household: Household
    director: Director
    runtime: Runtime
    instance: dg.DagsterInstance
    tell: Tell
    verdict: Verdict = field(init=False)
    _chance: random.Random = field(init=False)
    _killed_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.verdict = Verdict(self.erp, self.seed)
        self._chance = random.Random(f"killer {self.erp} {self.seed}")

    def play(self, kills: int) -> None:
        """Raises `NeverRests`."""
        self.director.ask("deliver")
        self._rest(lambda: False)
        turns: list[str] = []
        while self.verdict.count < kills:
            turns = turns or self._chance.sample(list(VICTIMS), sum(SHARES), counts=SHARES)
            self._act(victim := turns.pop(), min(VICTIMS[victim][1], kills - self.verdict.count))

    def _act(self, victim: str, at_most: int) -> None:
        number, before = self.verdict.acts, self.verdict.count
        self.verdict.acts += 1
        times = self._chance.randint(1, at_most)
        self.director.ask("act", number=number, at=begins(number).isoformat())
        self._killed_at = time.monotonic()
        if victim == "receiver":
            self._kill_receiver(times)
        else:
            self._lay_trap(victim)
            self.director.ask("deliver", duplicate_percent=self._chance.choice((0, 50)))

        def strike() -> bool:
            """One attempt; False when this act has seen all its kills."""
            if victim == "receiver" or self.verdict.count - before >= times:
                return False
            if self._strike(victim):
                self._killed_at = time.monotonic()
                if self.verdict.count - before < times:
                    self._lay_trap(victim)
                self.director.ask("clock", advance_s=AFTER_A_KILL_S)
            return True

        self._rest(strike)
        self.director.ask("release")
        self.verdict.recovered_s.append(time.monotonic() - self._killed_at)
        self.tell(
            f"{self.erp}: act {number}, {victim} killed {self.verdict.count - before} times, at rest after "
            f"{self.verdict.recovered_s[-1]:.0f} s; {self.verdict.count} kills so far"
        )

    # --- kills -------------------------------------------------------------------------------------------------------

    def _lay_trap(self, victim: str) -> None:
        if victim == "worker at any moment":
            return
        system = "gocardless" if self.erp in COLLECTING and self._chance.random() < 0.3 else "erp"
        nth = self._chance.randint(1, NTH[self.erp] if system == "erp" else 2)
        self.director.ask("trap", system=system, nth=nth, moment=self._chance.choice(MOMENTS))

    def _strike(self, victim: str) -> bool:
        """Kill if the moment has come."""
        if victim == "worker at any moment":
            return self._kill_some_worker()
        sprung = self.director.ask("sprung")
        if not sprung["port"]:
            return False
        sender = self.household.owner_of(sprung["port"])
        killed = {
            "worker": lambda: sender is not None and kill(sender),
            "daemon": self._kill_daemon,
            "code server": lambda: sum(map(kill, self.household.code_servers())) > 0,
            "machine": self._kill_all,
        }[victim]()
        self.director.ask("release", killed=killed and victim in ("worker", "machine"))
        if killed:
            self.verdict.kills[f"{victim}, {sprung['moment']}" if victim == "worker" else victim] += 1
        return killed

    def _kill_some_worker(self) -> bool:
        workers = self.household.workers()
        if not workers:
            return False
        time.sleep(self._chance.random() * 5)
        killed = kill(workers[0])
        self.verdict.kills["worker at any moment"] += killed
        return killed

    def _kill_daemon(self) -> bool:
        self.household.kill("daemon")
        return True

    def _kill_all(self) -> bool:
        """What a power cut does: all at once, the stand-ins excepted."""
        for process in (*self.household.workers(), *self.household.code_servers()):
            kill(process)
        self.household.kill("daemon")
        self.household.kill("receiver")
        return True

    def _kill_receiver(self, times: int) -> None:
        """While webhooks come in; what was not answered is sent again by GoCardless's plan."""
        sending = threading.Thread(target=self.director.ask, args=("deliver",))
        sending.start()
        for _ in range(times):
            time.sleep(self._chance.random() * 0.1)
            self.household.kill("receiver")
            self.verdict.kills["receiver"] += 1
            self._killed_at = time.monotonic()
            self.household.start_again_what_died()
            self.household.await_ready("receiver")
            self.director.ask("clock", advance_s=120)
            if not sending.is_alive():
                sending = threading.Thread(target=self.director.ask, args=("redeliver",))
                sending.start()
        sending.join()

    # --- rest --------------------------------------------------------------------------------------------------------

    def _rest(self, strike: Callable[[], bool]) -> None:
        """Until nothing waits, nothing is under way and no run is on its way. Raises `NeverRests`."""
        begun, since = time.monotonic(), self.runtime.clock()
        while True:
            self.household.start_again_what_died()
            strike()
            left = self._left(since)
            if not left:
                return
            if time.monotonic() - max(begun, self._killed_at) > REST_PATIENCE_S:
                raise NeverRests(f"not at rest after {REST_PATIENCE_S:.0f} s: {left}")
            self.director.ask("clock", advance_s=PASSES_S)
            time.sleep(LOOK_EVERY_S)

    def _left(self, since: Any) -> dict[str, Any]:
        """What is still to be done, empty when all is at rest."""
        undelivered = self.director.ask("redeliver")["waiting"]
        running = self.instance.get_runs(dg.RunsFilter(statuses=list(ON_ITS_WAY)))
        found = {
            "webhooks not delivered": undelivered,
            "events that no run has taken": waiting_events(self.runtime),
            "postings under way": unfinished_postings(self.runtime.store, self.runtime),
            "runs": [f"{run.job_name} {run.status.value}" for run in running],
            "invoices to be looked at": ledgers_to_look_at(self.runtime, since),
            "pool slots": len(self.instance.event_log_storage.get_concurrency_run_ids()),
        }
        return {name: value for name, value in found.items() if value}

    # --- judgement ---------------------------------------------------------------------------------------------------

    def judge(self) -> Verdict:
        found = Books.heard(self.director.ask("books"))
        truth = play_undisturbed(self.erp, self.seed, self.verdict.acts).books
        differences = compare(found, truth)
        self.verdict.lost += differences.lost
        self.verdict.doubled += differences.doubled
        self.verdict.differing += differences.differing
        store, (connection,) = self.runtime.store, self.runtime.connections
        with store.database.read() as reading:
            held = list(reading.scalars(select(LEASES.c.name).where(LEASES.c.holder.is_not(None))))
        counts = store.ledger.counts(connection.name)
        done = ("posted", "delivered", "withdrawn")
        for what, value in {
            "leases held": held,
            "postings not at their end": [
                f"{row.kind} {row.state} {row.count}" for row in counts if row.state not in done
            ],
            "trail": [] if store.trail.verify(connection.name).ok else ["does not verify"],
        }.items():
            if value:
                self.verdict.differing.append(f"{what}: {value}")
        return self.verdict
