"""What goes wrong, when: drawn from a seed, so that any schedule can be played again alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from sandbox.faults import Fault

#: longer than the time limit that a campaign sets, see `playing.READ_LIMIT_S`.
TOO_SLOW_S = 0.35
BUSINESSES = 6
#: how many runs an act may have. Without one, what happened reaches the next act's run with it, as after a weekend.
RUNS = ((0, 1), (0, 1, 1), (1, 1, 1, 2))
#: no ledger's access token lives longer.
TOKEN_LIFETIME_S = 3_600

#: kind of fault at a remote system -> its details.
REMOTE: dict[str, dict[str, Any]] = {
    "drop_before": {},
    "drop_after": {},
    "error_before": {"status": 503},
    "error_after": {"status": 500},
    "html": {"status": 200},
    "html_after": {"status": 502},
    "truncate": {},
    "delay": {"delay_s": TOO_SLOW_S},
    "delay_after": {"delay_s": TOO_SLOW_S},
    "rate_limit": {"headers": {"Retry-After": "60"}},
    "unauthorised": {"status": 401},
}
#: by how many seconds the clock of the connector's machine jumps.
CLOCK_JUMPS = {"clock_back": -3_600, "clock_forward": 3_600}
#: kinds of trouble in the process itself, or around it.
LOCAL = ("death", "second_worker", "locked", "disk_full", "token_expires", "clerk", "period_closed", *CLOCK_JUMPS)
#: how events reach a run. Those that are late are missed by this run, and come with old timestamps.
DELIVERIES = ("polled", "webhooks", "shuffled", "doubled", "some_missing", "late", "whole_day")
_TOKEN = r"(?i)/(oauth2/|connect/)?token$"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong in one run: a kind of `REMOTE` or `LOCAL`, and when.

    `at` is the point of the process (see `fate`), or with `writes_only` how many writes to the ledger come before it.
    """

    kind: str
    at: int
    system: str = "erp"
    writes_only: bool = False
    token: bool = False

    def fault(self) -> Fault:
        """The stand-in's fault of this remote trouble."""
        kind = "error_before" if self.kind == "unauthorised" else self.kind
        details = REMOTE[self.kind]
        if self.token:
            return Fault(kind, method="POST", path=_TOKEN, **details)
        method = "POST|PUT|PATCH|DELETE" if self.writes_only else ".*"
        return Fault(kind, method=method, path=r"^(?!.*(?i:token)$)", skip=self.at, **details)


def name_of(system: str, fault: Fault) -> str:
    """The name of a fault that was met, as coverage counts it: where, at what kind of request, and which."""
    kind = "unauthorised" if fault.status == REMOTE["unauthorised"]["status"] else fault.kind
    request = "token" if fault.path == _TOKEN else "read or write" if fault.method == ".*" else "write"
    return f"{system} {request}: {kind}"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run of an act: how the events reach it, what goes wrong, and how long it is until the next."""

    troubles: tuple[Trouble, ...]
    delivery: str
    pause_s: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Acts of runs. `business` is the number of the business that is disturbed."""

    seed: int
    business: int
    acts: tuple[tuple[RunPlan, ...], ...]

    def kinds(self) -> set[str]:
        return {trouble.kind for act in self.acts for run in act for trouble in run.troubles}


def draw(seed: int, writes_to: str = "erp") -> Schedule:
    """The schedule of `seed` for a business that writes to this system."""
    chance = random.Random(seed)
    acts = tuple(tuple(_run(chance, writes_to) for _ in range(chance.choice(runs))) for runs in RUNS)
    return Schedule(seed, chance.randrange(BUSINESSES), acts)


def _run(chance: random.Random, writes_to: str) -> RunPlan:
    troubles = tuple(_trouble(chance, writes_to) for _ in range(chance.choice((1, 1, 2, 2, 3))))
    return RunPlan(troubles, chance.choice(DELIVERIES), chance.choice((0, 1, 130, 4_000)))


def _trouble(chance: random.Random, writes_to: str) -> Trouble:
    if chance.random() < 0.45:
        kind = chance.choice((*LOCAL, "death", "death", "death"))
        at_a_write = chance.random() < 0.6
        return Trouble(kind, _early(chance, 1, 16 if at_a_write else 45), writes_only=at_a_write)
    kind = chance.choice(sorted(REMOTE))
    if chance.random() < 0.15:
        return Trouble(kind, 0, token=True)
    writes_only = chance.random() < 0.7
    at = _early(chance, 0, 5 if writes_only else 13)
    system = writes_to if writes_only or chance.random() < 0.5 else "gocardless" if writes_to == "erp" else "erp"
    return Trouble(kind, at, system, writes_only)


def _early(chance: random.Random, first: int, last: int) -> int:
    """More often early than late: many a run passes few points."""
    return min(chance.randint(first, last), chance.randint(first, last))
