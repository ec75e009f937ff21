"""Who is killed next, and when: workers at a request that is under way, the others while a worker writes or webhooks come in.

Every twenty kills meet the same victims in another order, so that no campaign leaves one out.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

from tests.kills.ambush import MOMENTS
from tests.kills.director import Director
from tests.kills.household import Household, kill
from tests.kills.sites import ERPS

#: how many of twenty kills meet whom.
VICTIMS: Mapping[str, int] = {
    "worker": 9,
    "worker that reads": 2,
    "worker at any moment": 2,
    "receiver": 3,
    "daemon": 2,
    "code server": 1,
    "machine": 1,
}
#: a short campaign meets one of these after its workers and its receiver: each ledger another, and with another seed again.
RARE = ("machine", "daemon", "code server", "worker that reads", "worker at any moment")
#: ledgers that get few writes, because a file carries many documents, and answer many questions about them.
READ_MORE_OFTEN = {"datev"}
#: how many requests from the last kill on the next one comes: at the very next one in most cases, up to this one in others.
NTH = {"visma": 5, "exact_online": 3, "sage300": 4, "datev": 1, "ifs_cloud": 5}
AT_THE_NEXT = 0.75
#: CPU seconds that a worker has used when it is killed at any moment, at most: a copy ends after two, others after four.
USED_S = 3.0
#: real seconds for which its work is watched before all else is looked at again; played time stands in the meantime.
WATCH_S = 1.0


@dataclass(slots=True)
class Killer:
    """Draws from decks of victims. `kills` says how many of each were killed."""

    erp: str
    seed: int
    household: Household
    director: Director
    kills: Counter[str] = field(default_factory=Counter)
    _chance: random.Random = field(init=False)
    _deck: list[str] = field(init=False)
    #: the card that is played, and what became of it.
    _card: str = ""
    _armed: str = ""
    _enough_s: float = 0.0

    def __post_init__(self) -> None:
        self._chance = random.Random(f"killer {self.erp} {self.seed}")
        self._deck = self._shuffled(Counter(VICTIMS))
        # A short campaign sees the first of its deck only: something of everything, over all ledgers.
        rare = RARE[(ERPS.index(self.erp) + self.seed) % len(RARE)]
        first = ["receiver", "worker", rare, "worker", "worker"]
        self._deck = self._shuffled(Counter(VICTIMS) - Counter(first)) + first[::-1]

    @property
    def count(self) -> int:
        return sum(self.kills.values())

    def lay(self) -> None:
        """Get ready for the next victim; the receiver has its own moment, when webhooks come in."""
        while not (left := [victim for victim in self._deck if victim != "receiver"]):
            self._deck = self._shuffled(Counter(VICTIMS)) + self._deck
        self._card = self._armed = left[-1]
        if self._armed == "worker at any moment":
            self._enough_s = self._chance.random() * USED_S
            return
        if self.erp in READ_MORE_OFTEN and self._armed == "worker" and self._chance.random() < 0.5:
            self._armed = "worker that reads"
        reads = self._armed == "worker that reads"
        nth = 1
        if reads or self._chance.random() > AT_THE_NEXT:
            nth = self._chance.randint(1, 12 if reads else NTH[self.erp])
        # Sensors read from GoCardless all the time; whoever reads from the ledger is a run.
        systems = ["erp"] if reads else ["erp", "gocardless"]
        self.director.ask("trap", systems=systems, nth=nth, moment=self._chance.choice(MOMENTS), reads=reads)

    def strike(self) -> bool:
        """Kill if the moment has come."""
        killed, note = self._at_any_moment() if self._armed == "worker at any moment" else self._in_the_trap()
        if killed:
            self.kills[f"{self._armed}{note}"] += 1
            self._take_from_deck(self._card)
        return killed

    def kill_receiver(self) -> None:
        """As often as the deck says so, while webhooks come in; what was not answered is sent again by GoCardless's plan."""
        sending = self._sending("deliver", duplicate_percent=self._chance.choice((0, 50)))
        while "receiver" in self._deck[-5:]:
            self._take_from_deck("receiver")
            time.sleep(self._chance.random() * 0.1)
            self.household.kill("receiver")
            self.kills["receiver"] += 1
            self.household.start_again_what_died()
            self.household.await_ready("receiver")
            self.director.ask("clock", advance_s=120)
            if not sending.is_alive():
                sending = self._sending("redeliver")
        sending.join()

    # --- at a request, or whenever it comes --------------------------------------------------------------------------

    def _in_the_trap(self) -> tuple[bool, str]:
        sprung = self.director.ask("sprung")
        if not sprung["port"]:
            return False, ""
        sender = self.household.owner_of(sprung["port"])
        workers = {process.pid for process in self.household.workers()}
        if sender is None or sender.pid not in workers:
            # A sensor's request: that is no write of a run.
            self.director.ask("release")
            self.lay()
            return False, ""
        match self._armed:
            case "worker" | "worker that reads":
                killed = kill(sender)
            case "daemon":
                killed = self.household.kill("daemon")
            case "code server":
                return self._kill_server()
            case _:
                # What a power cut does: all at once, the stand-ins excepted.
                killed = sum(map(kill, self.household.all_but("stand_ins"))) > 0
        self.director.ask("release", killed=killed and self._armed.startswith(("worker", "machine")))
        return killed, f", {sprung['moment']}" if self._armed == "worker" else ""

    def _kill_server(self) -> tuple[bool, str]:
        """The server that knows the code, or the process that runs are copies of."""
        copied = self.household.fork_servers() if self._chance.random() < 0.5 else []
        killed = sum(map(kill, copied or self.household.code_servers())) > 0
        self.director.ask("release")
        return killed, ", the copied process" if copied else ""

    def _at_any_moment(self) -> tuple[bool, str]:
        """After so much work of its own: a moment that does not depend on how busy the machine is."""
        workers, until = self.household.workers(), time.monotonic() + WATCH_S
        while workers and time.monotonic() < until:
            for worker in workers:
                if _used_s(worker) >= self._enough_s and kill(worker):
                    return True, ""
            time.sleep(0.02)
        return False, ""

    # --- decks -------------------------------------------------------------------------------------------------------

    def _shuffled(self, cards: Counter[str]) -> list[str]:
        deck = sorted(cards.elements())
        self._chance.shuffle(deck)
        return deck

    def _take_from_deck(self, victim: str) -> None:
        """The topmost of its kind."""
        for place in reversed(range(len(self._deck))):
            if self._deck[place] == victim:
                del self._deck[place]
                return

    def _sending(self, what: str, **given: int) -> threading.Thread:
        sending = threading.Thread(target=self.director.ask, args=(what,), kwargs=given)
        sending.start()
        return sending


def _used_s(process: psutil.Process) -> float:
    """CPU seconds of its own; without end once it is gone."""
    try:
        times = process.cpu_times()
        return math.inf if process.status() == psutil.STATUS_ZOMBIE else times.user + times.system
    except psutil.NoSuchProcess:
        return math.inf
