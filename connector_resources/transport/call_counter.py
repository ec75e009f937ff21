"""Counts HTTP attempts per remote system and their time, for reports and call budgets; all transports of a run share one."""

from __future__ import annotations

import threading
from collections import Counter
from fractions import Fraction


class CallCounter:
    """How many HTTP attempts were made, by system name. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_system: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._answered_us: Counter[str] = Counter()

    def add(self, system: str) -> None:
        with self._lock:
            self._by_system[system] += 1

    def answered(self, system: str, elapsed_s: float) -> None:
        """An attempt was answered after so long."""
        with self._lock:
            self._answered[system] += 1
            self._answered_us[system] += round(elapsed_s * 1_000_000)

    def usual_s(self, system: str) -> Fraction:
        """How long an answer of `system` took on average, that of any system before its first; 0 before any."""
        with self._lock:
            systems = [system] if self._answered[system] else list(self._answered)
            answered = sum(self._answered[each] for each in systems)
            return Fraction(sum(self._answered_us[each] for each in systems), 1_000_000 * max(1, answered))

    def of(self, system: str) -> int:
        """Attempts made to `system` so far: retries, token calls and unanswered ones included."""
        with self._lock:
            return self._by_system[system]

    @property
    def by_system(self) -> dict[str, int]:
        """A copy of all counts, to be shown in a report."""
        with self._lock:
            return dict(self._by_system)
