"""The limits that the transports of this process keep to, and what the systems last said of them, for a forecast.

How full a quota is stands in the store. Here is only what is not kept there: how long the system's own window is, and when
the system said that it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a system: its bucket in the store, and the window in which the system counts by itself.

    name          for people: "hourly quota"
    window_calls  calls that the system allows in a window; 0 where it tells nothing of what is left
    """

    name: str
    bucket: str
    capacity: int
    refill_per_s: Fraction
    window_calls: int = 0
    window_s: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """The system's word: calls left in its window, when the next one begins, and how many that has (0: not told)."""

    remaining: int
    resets_at: datetime
    limit: int = 0


@dataclass(slots=True)
class KnownLimits:
    """Limits by system and name: the newest that a transport was built with."""

    _limits: dict[tuple[str, str], Limit] = field(default_factory=dict)
    _heard: dict[str, Heard] = field(default_factory=dict)

    def keep(self, system: str, limit: Limit) -> Callable[[Heard], None]:
        """Note a limit of `system`; the answer is to be told what the system says of it."""
        self._limits[system, limit.name] = limit

        def hear(heard: Heard) -> None:
            self._heard[limit.bucket] = heard

        return hear

    def of(self, system: str) -> list[Limit]:
        return [limit for (owner, _), limit in self._limits.items() if owner == system]

    def heard(self, limit: Limit) -> Heard | None:
        """What was last said of it in this process; None when nothing was."""
        return self._heard.get(limit.bucket)
