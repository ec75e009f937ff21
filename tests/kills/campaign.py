"""Plays a business through an installation of real processes, kills them with `kill -9`, and judges by the stand-ins' own books.

Nobody helps a run that was killed: what is left is found by run monitoring and by the sensors. The run that comes after it is
killed in its turn, until the work of the act is done. A request that was killed as often as it may be sent is held; after the
act a person does what the connector says of it. Played time passes quickly, so that waits of minutes cost seconds.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg
from sqlalchemy import select

from connector.demo.drama import ON_ITS_WAY, ledgers_to_look_at, unfinished_postings, waiting_events
from connector_resources.store.schema import LEASES
from connector_resources.store.settlements import CANNOT_TELL
from tests.kills.books import Books, compare
from tests.kills.installation import Ground, Installation, open_installation
from tests.kills.killer import Killer
from tests.kills.undisturbed import begins, play_undisturbed

Tell = Callable[[str], None]

#: played seconds that pass in one look at how things stand: while runs work, while nothing does, and at once after a kill.
PASSES_S, PASSES_IDLE_S, AFTER_A_KILL_S = 40, 300, 660
#: kills of one act at most; most acts have fewer writes.
KILLS_OF_AN_ACT = 8
#: real seconds in which everything must have come to rest after the last kill of an act.
REST_PATIENCE_S = 1200.0
LOOK_EVERY_S = 0.5


class NeverRests(Exception):
    """Something is stuck; the message says how things stand."""


@dataclass(slots=True)
class Verdict:
    """What became of one campaign. `lost`, `doubled` and `differing` must be empty."""

    erp: str
    seed: int
    database: str = "sqlite"
    kills: Counter[str] = field(default_factory=Counter)
    acts: int = 0
    lost: list[tuple[str, ...]] = field(default_factory=list)
    doubled: list[tuple[str, ...]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    #: real seconds from the last kill of an act until everything was at rest.
    recovered_s: list[float] = field(default_factory=list)
    #: postings whose request was killed so often that a person had to release them.
    released: int = 0

    @property
    def count(self) -> int:
        return sum(self.kills.values())


def play(ground: Ground, kills: int, tell: Tell = str) -> Verdict:
    """At least `kills` kills in an installation that is made in the ground's home."""
    with open_installation(ground) as installation:
        campaign = Campaign(ground, installation, tell)
        try:
            campaign.play(kills)
        except NeverRests as stuck:
            campaign.verdict.differing.append(str(stuck))
        return campaign.judge()


@dataclass(slots=True)
class Campaign:
    """One installation under fire."""

    ground: Ground
    at: Installation
    tell: Tell
    verdict: Verdict = field(init=False)
    _killer: Killer = field(init=False)
    #: when each act was played, by the played clock.
    _moments: list[datetime] = field(default_factory=list)
    _killed_at: float = 0.0

    def __post_init__(self) -> None:
        self.verdict = Verdict(self.ground.erp, self.ground.seed, "postgres" if self.ground.database_url else "sqlite")
        self._killer = Killer(self.ground.erp, self.ground.seed, self.at.household, self.at.director)
        self.verdict.kills = self._killer.kills

    def play(self, kills: int) -> None:
        """Raises `NeverRests`."""
        self.at.director.ask("deliver")
        self._rest(lambda: False)
        while self.verdict.count < kills:
            self._act(min(KILLS_OF_AN_ACT, kills - self.verdict.count))

    def _act(self, at_most: int) -> None:
        number, before = len(self._moments), self.verdict.count
        played = self.at.director.ask("act", number=number, at=begins(number).isoformat())
        self._moments.append(datetime.fromisoformat(played["at"]))
        self._killer.lay()
        self._killer.kill_receiver()
        self._killed_at = time.monotonic()

        def strike() -> bool:
            """True while the next kill is waited for."""
            if self.verdict.count - before >= at_most:
                return False
            if self._killer.strike():
                self._killed_at = time.monotonic()
                self.at.director.ask("clock", advance_s=AFTER_A_KILL_S)
                if self.verdict.count - before >= at_most:
                    return False
                self._killer.lay()
            return True

        self._rest(strike)
        self.at.director.ask("release")
        self.verdict.recovered_s.append(time.monotonic() - self._killed_at)
        self._do_what_a_person_is_told()
        self.verdict.acts += 1
        self.tell(
            f"{self.ground.erp}: act {number}, {self.verdict.count - before} killed, at rest after "
            f"{self.verdict.recovered_s[-1]:.0f} s; {self.verdict.count} kills so far"
        )

    def _do_what_a_person_is_told(self) -> None:
        """No look-up finds what was sent for them, and nothing is on its way: they are released. Raises `NeverRests`."""
        store, (connection,) = self.at.runtime.store, self.at.runtime.connections
        held = [row.posting.key for row in store.ledger.held(connection.name) if row.held_code == CANNOT_TELL]
        if held:
            store.ledger.release(connection.name, held, by="campaign", note="killed as often as it may be sent")
            self.verdict.released += len(held)
            self._killed_at = time.monotonic()
            self._rest(lambda: False)

    # --- rest --------------------------------------------------------------------------------------------------------

    def _rest(self, strike: Callable[[], bool]) -> None:
        """Until nothing waits, nothing is under way and no run is on its way. Raises `NeverRests`."""
        begun, since = time.monotonic(), self.at.runtime.clock()
        while True:
            self.at.household.start_again_what_died()
            strike()
            left = self._left(since)
            if not left:
                return
            if time.monotonic() - max(begun, self._killed_at) > REST_PATIENCE_S:
                raise NeverRests(f"not at rest after {REST_PATIENCE_S:.0f} s: {left}")
            self.at.director.ask("clock", advance_s=PASSES_S if "runs" in left else PASSES_IDLE_S)
            time.sleep(LOOK_EVERY_S)

    def _left(self, since: datetime) -> dict[str, Any]:
        """What is still to be done, empty when all is at rest."""
        runtime, instance = self.at.runtime, self.at.instance
        undelivered = self.at.director.ask("redeliver")["waiting"]
        running = instance.get_runs(dg.RunsFilter(statuses=list(ON_ITS_WAY)))
        found = {
            "webhooks not delivered": undelivered,
            "events that no run has taken": waiting_events(runtime),
            "postings under way": unfinished_postings(runtime.store, runtime),
            "runs": [f"{run.job_name} {run.status.value}" for run in running],
            "invoices to be looked at": ledgers_to_look_at(runtime, since),
            "pool slots": len(instance.event_log_storage.get_concurrency_run_ids()),
        }
        return {name: value for name, value in found.items() if value}

    # --- judgement ---------------------------------------------------------------------------------------------------

    def judge(self) -> Verdict:
        """Everything that differs from the undisturbed books, and whatever is stuck."""
        found = Books.heard(self.at.director.ask("books"))
        differences = compare(found, play_undisturbed(self.ground.erp, self.ground.seed, self._moments))
        self.verdict.lost += differences.lost
        self.verdict.doubled += differences.doubled
        self.verdict.differing += differences.differing
        store, (connection,) = self.at.runtime.store, self.at.runtime.connections
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
