"""Plays one schedule of faults against one ledger, lets the trouble end, and judges by the ledger's own books.

The books of the same business without trouble are the measure: each document once, money to the penny. What the connector
itself believes is compared as well, but proves nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import requests
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from connector_resources.connections.consent import erp_authorisation
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import ErpConnector
from connector_resources.erp.exact_online import resource as exact_online
from connector_resources.errors import ConnectorError, ConsentExpired
from connector_resources.posting.protocol import LEASE_TTL_S, PostingProtocol, Surroundings
from connector_resources.runtime import Runtime
from connector_resources.store.schema import LEASES, TRAIL
from connector_resources.transport import http_transport
from connector_resources.transport.exchange import Limits
from sandbox.datev.app import DatevApp
from tests.faults.business import CUSTOMERS, Business
from tests.faults.fate import Death, Fate, LockedDatabase, Moment, Mortal, Watched
from tests.faults.schedule import LOCAL, RunPlan, Schedule, Trouble
from tests.sites import Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site

SITES: dict[str, Callable[[Path], contextlib.AbstractContextManager[Site]]] = {
    "visma": lambda home: visma_site(home, customers=CUSTOMERS),
    "exact_online": lambda home: exact_online_site(home, customers=CUSTOMERS),
    "sage300": lambda home: sage300_site(home, customers=CUSTOMERS),
    "datev": lambda home: datev_site(home),
    "ifs_cloud": lambda home: ifs_cloud_site(home, customers=CUSTOMERS),
}
#: the time limit of a request while a campaign runs; the slow answers of a schedule take twice as long.
READ_LIMIT_S = 0.25
#: runs that must be enough after the trouble is over, and how often a person may have to release what is held.
RUNS_TO_RECOVER = 6
RELEASES = 3
CONSENT_REDIRECT = "http://localhost:8000/callback"

Documents = Counter[tuple[Any, ...]]


@dataclass(slots=True)
class Verdict:
    """What became of one schedule. All of `lost`, `doubled`, `differing` and `wrong` must be empty."""

    erp: str
    seed: int
    lost: list[tuple[Any, ...]] = field(default_factory=list)
    doubled: list[tuple[Any, ...]] = field(default_factory=list)
    differing: list[tuple[Any, ...]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    hit: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.differing or self.wrong)


@dataclass(frozen=True, slots=True)
class Truth:
    """The books after the same business without trouble.

    What was `undone` before it was booked may stay unbooked, document and reversal both: together they move no balance.
    """

    documents: Documents
    balances: dict[tuple[str, str, str], int]
    ledger: dict[str, int]
    undone: frozenset[str]


@dataclass(slots=True)
class DoomedRuntime(Runtime):
    """The product's runtime in a process that may end at any point. `protocol_type` is the product's, or a broken one."""

    watched: Watched | None = None
    protocol_type: type[PostingProtocol] = PostingProtocol

    @contextlib.contextmanager
    def erp(self, connection: Connection) -> Iterator[ErpConnector]:
        with Runtime.erp(self, connection) as connector:
            mortal: Any = Mortal(connector, self.watched) if self.watched else connector
            yield mortal

    def protocol(self, connection: Connection, connector: ErpConnector) -> PostingProtocol:
        return self.protocol_type(self.store, connector, connection.name, Surroundings(self.sleep))


def play(erp: str, schedule: Schedule, protocol_type: type[PostingProtocol] = PostingProtocol) -> Verdict:
    """Play `schedule` against the ledger `erp`, and judge."""
    with _home() as home, SITES[erp](home) as site, _short_patience():
        playing = Playing(site, schedule, protocol_type)
        playing.play()
        return playing.judge(erp, truth_of(erp, schedule.business))


_TRUTHS: dict[tuple[str, int], Truth] = {}


def truth_of(erp: str, business: int) -> Truth:
    """The undisturbed books, played once a process."""
    if (erp, business) not in _TRUTHS:
        with _home() as home, SITES[erp](home) as site:
            played = Business(business)
            for act in (played.opens, *played.acts):
                act(site.merchant)
                report = site.run_new()
                assert (report.stopped, report.held) == ("", []), report
            assert site.unfinished() == {}, site.unfinished()
            undone = frozenset(played.taken_back)
            _TRUTHS[erp, business] = Truth(documents_of(site), site.balances(), site.ledger_balances(), undone)
    return _TRUTHS[erp, business]


def documents_of(site: Site) -> Documents:
    """The documents of the site that are in effect, without what they may or may not know yet when they are made.

    Rows at DATEV name the payout only when there is one. An entry begun at IFS whose key was lost on the way books
    nothing (ifs_cloud.md section 6.3, step 4).
    """
    documents = site.documents()
    if isinstance(site.at.erp, DatevApp):
        known: Documents = Counter()
        for document, count in documents.items():
            known[document[:8]] += count
        return known
    return Counter({document: count for document, count in documents.items() if document[0] != "Draft"})


class Playing:
    """One schedule under way."""

    def __init__(self, site: Site, schedule: Schedule, protocol_type: type[PostingProtocol]) -> None:
        self._site = site
        self._schedule = schedule
        self._protocol_type = protocol_type
        self._chance = random.Random(schedule.seed)
        self._delivered = 0
        self._home = site.at.home
        self.hit: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.held: Counter[str] = Counter()
        self._first = site.at.runtime
        self._watched: Watched
        self._open()

    # --- the schedule ------------------------------------------------------------------------------------------------

    def play(self) -> None:
        business = Business(self._schedule.business)
        business.opens(self._site.merchant)
        self._site.run_new()
        for act, runs in zip(business.acts, self._schedule.acts, strict=True):
            act(self._site.merchant)
            for plan in runs:
                self._deliver(plan.delivery)
                self._run(plan)
        self._recover()

    def _run(self, plan: RunPlan) -> None:
        fate, database = self._troubled(plan.troubles)
        try:
            if plan.delivery == "whole_day":
                self._site.run()
            elif plan.delivery == "polled":
                self._site.run_new()
            else:
                self._site.run_inbox()
        except Death:
            self.hit[f"death {fate.died_at}"] += 1
            self._reopen()
        except (ConnectorError, OperationalError) as error:
            self.hit[f"run failed: {type(error).__name__}"] += 1
        finally:
            self._calm(database)
            self._tick(plan.pause_s)

    def _troubled(self, troubles: tuple[Trouble, ...]) -> tuple[Fate, LockedDatabase]:
        database = LockedDatabase(str(self._home / "connector.sqlite"))
        ends_at: Moment | None = None
        happens: tuple[Moment, Callable[[], None]] | None = None
        for trouble in troubles:
            if trouble.kind not in LOCAL:
                layer = self._site.at.erp.faults if trouble.system == "erp" else self._site.at.gocardless.faults
                layer.add(trouble.fault())
            elif trouble.kind == "death":
                ends_at = Moment(trouble.at, trouble.writes_only)
            else:
                moment = Moment(trouble.at, trouble.writes_only)
                happens = (moment, self._happening(trouble.kind, database))
        self._watched.fate = Fate(ends_at, happens)
        return self._watched.fate, database

    def _happening(self, kind: str, database: LockedDatabase) -> Callable[[], None]:
        def lock() -> None:
            with contextlib.suppress(Exception):
                # Held by the process itself at this very moment: then there is nothing to lock.
                database.lock()
                self.hit["locked"] += 1

        def fill() -> None:
            self._watched.is_full = True
            self.hit["disk_full"] += 1

        return {"locked": lock, "disk_full": fill, "second_worker": self._second_worker}[kind]

    def _second_worker(self) -> None:
        """Another process works on the same connection meanwhile; the first one may have stood still beyond its lease.

        Not between making sure of the lease and sending: that this takes less than the lease lasts is assumed. Not in
        the middle of a transaction either: there the database keeps the other one waiting.
        """
        if self._watched.fate.last not in ("after a commit", "after a write"):
            return
        self.hit["second_worker"] += 1
        self._tick(LEASE_TTL_S + 1)
        mine, watched = self._site.at.runtime, self._watched
        self._open()
        try:
            self._site.run_inbox()
        except (ConnectorError, OperationalError) as error:
            self.hit[f"second worker failed: {type(error).__name__}"] += 1
        finally:
            self._site.at.runtime.close()
            self._site.at.runtime, self._watched = mine, watched

    def _calm(self, database: LockedDatabase) -> None:
        """The trouble of this run is over; requests that are still under way have landed."""
        self._watched.fate, self._watched.is_full = Fate(), False
        database.release()
        for layer in (self._site.at.erp.faults, self._site.at.gocardless.faults):
            layer.clear()
        self._land()

    def _deliver(self, how: str) -> None:
        """Webhooks of what happened since the last time; what is missing or wrong is left to the poll."""
        if how in ("polled", "whole_day"):
            return
        events = self._site.events()
        new, self._delivered = events[self._delivered :], len(events)
        if how == "some_missing":
            new = [event for event in new if self._chance.random() < 0.6]
        elif how == "doubled":
            new = [*new, *self._chance.sample(events, min(3, len(events))), *new]
        elif how == "shuffled":
            self._chance.shuffle(new)
        for start in range(0, len(new), 5):
            if batch := new[start : start + 5]:
                self._site.deliver(*batch)

    # --- afterwards --------------------------------------------------------------------------------------------------

    def _recover(self) -> None:
        for _ in range(1 + RELEASES):
            for _ in range(RUNS_TO_RECOVER):
                self._tick(3_600)
                try:
                    report = self._site.run_new()
                except ConsentExpired:
                    self._consent()
                except ConnectorError:
                    self._look()
                else:
                    if not report.stopped and not self._waits():
                        break
                    self._look()
            held = self._site.held()
            if not held:
                return
            self.held.update(held.values())
            self._site.release()

    def _consent(self) -> None:
        """A person does what the message says, because the answer that held the next single-use token was lost."""
        self.hit["consent given again"] += 1
        begun = erp_authorisation(self._site.at.runtime, self._site.at.connection, CONSENT_REDIRECT)
        assert begun is not None
        page = requests.get(begun.url, allow_redirects=False, timeout=10)
        begun.complete(page.headers["location"])

    def _look(self) -> None:
        """A person asks what is wrong: after a refused sign-on Sage 300 is not asked again before somebody has."""
        with Runtime.erp(self._site.at.runtime, self._site.at.connection) as connector:
            connector.ping()

    def _waits(self) -> bool:
        return any(not state.endswith(" held") for state in self._site.unfinished())

    def judge(self, erp: str, truth: Truth) -> Verdict:
        verdict = Verdict(erp, self._schedule.seed, hit=self.hit, held=self.held, wrong=self.wrong)
        found = documents_of(self._site)
        verdict.lost = [gone for gone in (truth.documents - found).elements() if not _says(gone, truth.undone)]
        extra = [more for more in (found - truth.documents).elements() if not _is_other_way(more, found, truth)]
        verdict.doubled = [document for document in extra if document in truth.documents]
        verdict.differing = [document for document in extra if document not in truth.documents]
        self._compare("what the postings say", self._site.balances(), truth.balances)
        self._compare("the ledger's own balances", self._site.ledger_balances(), truth.ledger)
        self._compare("unfinished postings", self._site.unfinished(), {})
        self._compare("events without a decision", self._site.waiting(), [])
        self._compare("trail verifies", self._site.trail_is_whole(), True)
        self._compare("leases held", self._leases(), [])
        verdict.edges = self._edges()
        self._site.at.runtime.close()
        self._site.at.runtime = self._first
        return verdict

    def _compare(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            self.wrong.append(f"{what}: {found} instead of {expected}")

    def _leases(self) -> list[str]:
        with self._site.at.runtime.store.database.read() as reading:
            return list(reading.scalars(select(LEASES.c.name).where(LEASES.c.holder.is_not(None))))

    def _edges(self) -> Counter[str]:
        """Which ways the submissions went, from the trail: `claimed > unknown`, …"""
        wanted = select(TRAIL.c.subject, TRAIL.c.kind).where(TRAIL.c.kind.like("submission_%")).order_by(TRAIL.c.seq)
        ways: dict[str, list[str]] = {}
        with self._site.at.runtime.store.database.read() as reading:
            for subject, kind in reading.execute(wanted):
                ways.setdefault(subject, ["new"]).append(kind.removeprefix("submission_"))
        return Counter(f"{a} > {b}" for way in ways.values() for a, b in itertools.pairwise(way))

    # --- the process -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        runtime = DoomedRuntime.open(self._first.settings, clock=self._first.clock)
        runtime.sleep = runtime.store.database.sleep = self._sleep
        runtime.protocol_type = self._protocol_type
        self._watched = runtime.watched = Watched(runtime.store.database.engine)
        self._site.at.runtime = runtime
        self._site.at.connection = runtime.connection(self._site.name)

    def _reopen(self) -> None:
        """A new process, after the dead one's leases have run out."""
        self._site.at.runtime.store.database.engine.dispose()
        self._tick(LEASE_TTL_S + 1)
        self._open()

    def _sleep(self, seconds: float) -> None:
        self._tick(seconds)
        self._land()

    def _land(self) -> None:
        """A request that was given up takes effect in less than the read lag that is slept away here."""
        while self._site.at.erp.faults.under_way or self._site.at.gocardless.faults.under_way:
            time.sleep(0.005)

    def _tick(self, seconds: float) -> None:
        self._site.merchant.tick(timedelta(seconds=seconds))


def _is_other_way(document: tuple[Any, ...], found: Documents, truth: Truth) -> bool:
    """What was taken back and came again may stand once where the undisturbed books show all three steps."""
    return found[document] == 1 and document not in truth.documents and _says(document, truth.undone)


def _says(document: tuple[Any, ...], subjects: frozenset[str]) -> bool:
    """Whether a document is about one of `subjects`."""
    return any(subject in str(value) for subject in subjects for value in document)


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _short_patience() -> Iterator[None]:
    """A time limit for answers that a campaign can afford to wait for."""
    limits = Limits(read_s=READ_LIMIT_S)
    with (
        mock.patch.object(http_transport, "Limits", return_value=limits),
        mock.patch.object(exact_online, "DATA_LIMITS", limits),
    ):
        yield
