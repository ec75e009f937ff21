"""What goes wrong, when: drawn from a seed, so that any schedule can be played again alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from sandbox.faults import Fault

#: longer than the time limit that a campaign sets, see `campaign.READ_LIMIT_S`.
TOO_SLOW_S = 0.5
BUSINESSES = 6

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
#: kinds of trouble in the process itself, or around it.
LOCAL = ("death", "second_worker", "locked", "disk_full")


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
            return Fault(kind, method="POST", path=r"(?i)/(oauth2/|connect/)?token$", **details)
        method = "POST|PUT|PATCH|DELETE" if self.writes_only else ".*"
        return Fault(kind, method=method, path=r"^(?!.*(?i:token)$)", skip=self.at, **details)


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


def draw(seed: int) -> Schedule:
    """The schedule of `seed`."""
    chance = random.Random(seed)
    acts = tuple(tuple(_run(chance) for _ in range(chance.choice((1, 1, 2)))) for _ in range(3))
    return Schedule(seed, chance.randrange(BUSINESSES), acts)


def _run(chance: random.Random) -> RunPlan:
    troubles = tuple(_trouble(chance) for _ in range(chance.choice((0, 1, 1, 2, 3))))
    delivery = chance.choice(("polled", "webhooks", "shuffled", "doubled", "some_missing", "whole_day"))
    return RunPlan(troubles, delivery, chance.choice((0, 1, 130, 4_000)))


def _trouble(chance: random.Random) -> Trouble:
    if chance.random() < 0.4:
        kind = chance.choice((*LOCAL, "death", "death"))
        at_a_write = chance.random() < 0.6
        return Trouble(kind, chance.randint(1, 16 if at_a_write else 45), writes_only=at_a_write)
    kind = chance.choice(sorted(REMOTE))
    if chance.random() < 0.15:
        return Trouble(kind, 0, token=True)
    writes_only = chance.random() < 0.7
    at = chance.randrange(6) if writes_only else chance.randrange(14)
    system = "erp" if writes_only or chance.random() < 0.5 else "gocardless"
    return Trouble(kind, at, system, writes_only)
