"""Counts HTTP attempts per remote system, for reports and call budgets; all transports of a run share one."""

from __future__ import annotations

import threading
from collections import Counter


class CallCounter:
    """How many HTTP attempts were made, by system name. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_system: Counter[str] = Counter()

    def add(self, system: str) -> None:
        with self._lock:
            self._by_system[system] += 1

    def of(self, system: str) -> int:
        """Attempts made to `system` so far: retries, token calls and unanswered ones included."""
        with self._lock:
            return self._by_system[system]

    @property
    def by_system(self) -> dict[str, int]:
        """A copy of all counts, to be shown in a report."""
        with self._lock:
            return dict(self._by_system)
