"""One schedule under way: its acts and runs, the troubles in them, and what goes on after them.

A run is normal operation; the troubles are put around it and taken away at its end. Afterwards normal operation goes on for
a bounded number of runs, and a person does what the messages ask for: consents again, looks, releases.
"""

from __future__ import annotations

import contextlib
import functools
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from unittest import mock

import requests
from sqlalchemy.exc import OperationalError

from connector_resources.connections.consent import erp_authorisation
from connector_resources.erp.exact_online import resource as exact_online
from connector_resources.errors import ConnectorError, ConsentExpired
from connector_resources.posting.protocol import LEASE_TTL_S, PostingProtocol
from connector_resources.runtime import Runtime
from connector_resources.transport import http_transport
from connector_resources.transport.exchange import Limits
from sandbox.gocardless.timestamps import stamp
from tests.faults import clerk
from tests.faults.fate import Death, Fate, LockedDatabase, Moment
from tests.faults.ledgers import Line
from tests.faults.schedule import CLOCK_JUMPS, LOCAL, TOKEN_LIFETIME_S, RunPlan, Schedule, Trouble, name_of
from tests.faults.stage import Stage
from tests.sites import Site

#: runs that must be enough after the trouble is over, and how often a person may have to release what is held.
RUNS_TO_RECOVER = 6
RELEASES = 3
#: the time limit of a request in a run with trouble; the slow answers of a schedule take longer.
READ_LIMIT_S = 0.25
#: how much later than it happened an event appears: within the overlap of two polls.
LATE_BY = timedelta(minutes=40)
CONSENT_REDIRECT = "http://localhost:8000/callback"


class Playing:
    """`site` is the stage's for this schedule. Read `hit` and `held` when it was played."""

    def __init__(
        self, erp: str, line: Line, stage: Stage, schedule: Schedule, protocol_type: type[PostingProtocol]
    ) -> None:
        self.erp = erp
        self.site: Site = stage.begin()
        self.hit: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self._line = line
        self._stage = stage
        self._schedule = schedule
        self._protocol_type = protocol_type
        self._chance = random.Random(schedule.seed)
        self._delivered = 0
        self._seat = stage.seats[0]
        #: what the clerk has still to do in this act.
        self._by_hand: Callable[[], bool] | None = None
        self._is_closed = False
        self._open()

    def play(self) -> None:
        business = self._line.business(self._schedule.business)
        self._delivered = len(self.site.events())
        for number, (act, runs) in enumerate(zip(business.acts, self._schedule.acts, strict=True)):
            act(self.site)
            self._by_hand = functools.partial(business.by_hand, self.site, number)
            for plan in runs:
                self._deliver(plan.delivery)
                self._run(plan)
            self._works_by_hand()
        self._recover()

    def _works_by_hand(self) -> bool:
        work, self._by_hand = self._by_hand, None
        return work is not None and work()

    # --- a run with its troubles -------------------------------------------------------------------------------------

    def _run(self, plan: RunPlan) -> None:
        fate, database = self._troubled(plan.troubles)
        try:
            with _short_patience():
                self._line.run(self.site, plan.delivery)
        except Death:
            self.hit[f"death {fate.died_at}"] += 1
            self._reopen()
        except (ConnectorError, OperationalError) as error:
            self.hit[f"run failed: {type(error).__name__}"] += 1
        finally:
            self._calm(database)
            self._tick(plan.pause_s)

    def _troubled(self, troubles: tuple[Trouble, ...]) -> tuple[Fate, LockedDatabase]:
        database = LockedDatabase(str(self._seat.file))
        ends_at: Moment | None = None
        happenings: list[tuple[Moment, Callable[[], None]]] = []
        for trouble in troubles:
            moment = Moment(trouble.at, trouble.writes_only)
            if trouble.kind not in LOCAL:
                layer = self.site.at.erp.faults if trouble.system == "erp" else self.site.at.gocardless.faults
                layer.add(trouble.fault())
            elif trouble.kind == "death":
                ends_at = moment
            else:
                happenings.append((moment, self._happening(trouble.kind, database)))
        self._seat.watched.fate = Fate(ends_at, happenings)
        return self._seat.watched.fate, database

    def _happening(self, kind: str, database: LockedDatabase) -> Callable[[], None]:
        def lock() -> None:
            # Held by the process itself at this very moment, there is nothing to lock.
            with contextlib.suppress(sqlite3.OperationalError):
                database.lock()
                self.hit["locked"] += 1

        def fill() -> None:
            self._seat.watched.is_full = True
            self.hit["disk_full"] += 1

        def jump() -> None:
            self._stage.skew = timedelta(seconds=CLOCK_JUMPS[kind])
            self.hit[kind] += 1

        def expire() -> None:
            self._tick(TOKEN_LIFETIME_S + 1)
            self.hit[kind] += 1

        if kind in CLOCK_JUMPS:
            return jump
        happenings: dict[str, Callable[[], None]] = {
            "locked": lock,
            "disk_full": fill,
            "second_worker": self._second_worker,
            "token_expires": expire,
            "clerk": self._clerk,
            "period_closed": self._close_period,
        }
        return happenings[kind]

    def _clerk(self) -> None:
        """While the period is closed he does not book either."""
        if not self._is_closed and self._works_by_hand():
            self.hit["clerk"] += 1

    def _close_period(self) -> None:
        if clerk.closes(self.site):
            self._is_closed = True
            self.hit["period_closed"] += 1

    def _second_worker(self) -> None:
        """Another process works on the same connection meanwhile; the first one may have stood still beyond its lease.

        Not between making sure of the lease and sending: that this takes less than the lease lasts is assumed. Not in
        the middle of a transaction either: there the database keeps the other one waiting.
        """
        if (
            self._seat.watched.fate.last not in ("after a commit", "after a write")
            or self._seat is self._stage.seats[1]
        ):
            return
        self.hit["second_worker"] += 1
        self._tick(LEASE_TTL_S + 1)
        mine = self.site.at.runtime
        self._seat = self._stage.seats[1]
        self._open()
        try:
            self._line.run(self.site, "delivered")
        except (ConnectorError, OperationalError) as error:
            self.hit[f"second worker failed: {type(error).__name__}"] += 1
        finally:
            self.site.at.runtime.close()
            self._seat, self.site.at.runtime = self._stage.seats[0], mine

    def _calm(self, database: LockedDatabase) -> None:
        """The trouble of this run is over; requests that are still under way have landed."""
        self._seat.watched.fate, self._seat.watched.is_full = Fate(), False
        self._stage.skew = timedelta()
        database.release()
        self._land()
        if self._is_closed:
            clerk.reopens(self.site)
            self._is_closed = False
        for system, layer in (("erp", self.site.at.erp.faults), ("gocardless", self.site.at.gocardless.faults)):
            self.hit.update(name_of(system, fault) for fault in layer.met)
            layer.clear()

    # --- how news reach the connector --------------------------------------------------------------------------------

    def _deliver(self, how: str) -> None:
        """Webhooks of what happened since the last time; what is missing or wrong is left to the poll."""
        self.hit[f"events {how}"] += 1
        if how == "late":
            self._hide_events()
        if how in ("polled", "whole_day", "late"):
            return
        events = self.site.events()
        new, self._delivered = events[self._delivered :], len(events)
        if how == "some_missing":
            new = [event for event in new if self._chance.random() < 0.6]
        elif how == "doubled":
            new = [*new, *self._chance.sample(events, min(3, len(events))), *new]
        elif how == "shuffled":
            self._chance.shuffle(new)
        for start in range(0, len(new), 5):
            if batch := new[start : start + 5]:
                self.site.deliver(*batch)

    def _hide_events(self) -> None:
        """Some of the newest events become visible only later, with the times at which they happened."""
        world = self.site.merchant.world
        with world.lock:
            for event in list(world.events.ordered[self._delivered :]):
                appears = datetime.fromisoformat(event.body["created_at"]) + LATE_BY
                if appears > world.now() and self._chance.random() < 0.5:
                    world.events.hide(event, stamp(appears))

    # --- afterwards --------------------------------------------------------------------------------------------------

    def _recover(self) -> None:
        for _ in range(1 + RELEASES):
            for _ in range(RUNS_TO_RECOVER):
                self._tick(3_600)
                try:
                    left = self._line.run(self.site, "polled")
                except ConsentExpired:
                    self._consent()
                except ConnectorError:
                    self._look()
                else:
                    if not left and not self._waits():
                        break
                    self._look()
            held = self.site.held()
            if not held:
                return
            self.held.update(held.values())
            clerk.does_what_is_asked(self.site)
            self.site.release()

    def _consent(self) -> None:
        """A person does what the message says, because the answer that held the next single-use token was lost."""
        self.hit["consent given again"] += 1
        begun = erp_authorisation(self.site.at.runtime, self.site.at.connection, CONSENT_REDIRECT)
        assert begun is not None
        page = requests.get(begun.url, allow_redirects=False, timeout=10)
        begun.complete(page.headers["location"])

    def _look(self) -> None:
        """A person asks what is wrong: after a refused sign-on Sage 300 is not asked again before somebody has."""
        with Runtime.erp(self.site.at.runtime, self.site.at.connection) as connector:
            connector.ping()

    def _waits(self) -> bool:
        return any(not state.endswith(" held") for state in self.site.unfinished())

    # --- the process -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.site.at.runtime = self._seat.process(self._sleep, self._protocol_type)

    def _reopen(self) -> None:
        """A new process, after the dead one's leases have run out."""
        self._tick(LEASE_TTL_S + 1)
        self._open()

    def _sleep(self, seconds: float) -> None:
        self._tick(seconds)
        self._land()

    def _land(self) -> None:
        """A request that was given up takes effect in less than the read lag that is slept away here."""
        while self.site.at.erp.faults.under_way or self.site.at.gocardless.faults.under_way:
            time.sleep(0.005)

    def _tick(self, seconds: float) -> None:
        self.site.merchant.tick(timedelta(seconds=seconds))


@contextlib.contextmanager
def _short_patience() -> Iterator[None]:
    """A time limit for answers that a campaign can afford to wait for; without trouble the product's own holds."""
    limits = Limits(read_s=READ_LIMIT_S)
    with (
        mock.patch.object(http_transport, "Limits", return_value=limits),
        mock.patch.object(exact_online, "DATA_LIMITS", limits),
    ):
        yield
