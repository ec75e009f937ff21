"""The tenant's limit of calls per minute, over all clients (fact sheet 5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.clock import SandboxClock
from sandbox.ifs_cloud.refusals import TooMany
from sandbox.ifs_cloud.switches import Switches


class Limits:
    """Counts calls in the running minute of the clock."""

    def __init__(self, clock: SandboxClock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._minute: datetime | None = None
        self._calls = 0
        #: calls refused so far.
        self.refused = 0

    def admit(self) -> None:
        """Count one call. Raises `TooMany`; a refused call is not processed."""
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._calls = minute, 0
        if self._calls >= self._switches.calls_per_minute:
            self.refused += 1
            raise TooMany("Too many requests.", headers=self._wait(minute + timedelta(minutes=1) - now))
        self._calls += 1

    def _wait(self, left: timedelta) -> dict[str, str]:
        return {"Retry-After": str(max(int(left.total_seconds()), 1))} if self._switches.retry_after else {}
