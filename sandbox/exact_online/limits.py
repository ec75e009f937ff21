"""Call limits of the minute and the day with their headers, and the block after too many errors (section 5)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.exact_online.refusals import Blocked, TooMany

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

COUNTED_ERRORS = (400, 401, 403, 404)
_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class _Usage:
    minute: datetime
    day: datetime
    in_minute: int = 0
    in_day: int = 0


@dataclass(slots=True)
class _Errors:
    times: deque[datetime] = field(default_factory=deque)
    blocks: int = 0


class Limits:
    """Counts per application; the division is one. REST and XML calls share the counts."""

    def __init__(self, division: Division) -> None:
        self._division = division
        self._usage: dict[str, _Usage] = {}
        self._errors: dict[tuple[str, str], _Errors] = {}
        self._blocked_until: dict[str, datetime] = {}

    def admit(self, client_id: str) -> None:
        """Count one call. Raises `Blocked` or `TooMany`; a refused call is not processed."""
        now = self._division.now()
        switches = self._division.switches
        if now < self._blocked_until.get(client_id, now):
            until = self._blocked_until[client_id].isoformat()
            raise Blocked(f"The API key is blocked until {until} because of too many errors.", switches.blocked_status)
        usage = self._current(client_id, now)
        if usage.in_minute >= switches.calls_per_minute:
            # Only the minutely headers are there when the minute is used up.
            raise TooMany("Too many calls in this minute.", headers=self._over(self._minutely(usage), usage, now))
        if usage.in_day >= switches.calls_per_day:
            raise TooMany("Too many calls today.", headers={**self._daily(usage), **self._minutely(usage)})
        usage.in_minute += 1
        usage.in_day += 1

    def headers(self, client_id: str) -> dict[str, str]:
        """All six headers, as they stand now."""
        usage = self._current(client_id, self._division.now())
        return {**self._daily(usage), **self._minutely(usage)}

    def failed(self, client_id: str, endpoint: str, status: int) -> None:
        """Count an error answer; one too many blocks the key, each time twice as long as before."""
        limit = self._division.switches.errors_per_hour
        if status not in COUNTED_ERRORS or not limit:
            return
        now = self._division.now()
        errors = self._errors.setdefault((client_id, endpoint.lower()), _Errors())
        errors.times.append(now)
        while errors.times[0] <= now - _HOUR:
            errors.times.popleft()
        if len(errors.times) > limit:
            self._blocked_until[client_id] = now + _HOUR * 2**errors.blocks
            errors.blocks += 1
            errors.times.clear()

    def _current(self, client_id: str, now: datetime) -> _Usage:
        minute = now.replace(second=0, microsecond=0)
        day = minute.replace(hour=0, minute=0)
        usage = self._usage.setdefault(client_id, _Usage(minute, day))
        if usage.minute != minute:
            usage.minute, usage.in_minute = minute, 0
        if usage.day != day:
            usage.day, usage.in_day = day, 0
        return usage

    def _daily(self, usage: _Usage) -> dict[str, str]:
        limit = self._division.switches.calls_per_day
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - usage.in_day, 0)),
            "X-RateLimit-Reset": _milliseconds(usage.day + timedelta(days=1)),
        }

    def _minutely(self, usage: _Usage) -> dict[str, str]:
        limit = self._division.switches.calls_per_minute
        return {
            "X-RateLimit-Minutely-Limit": str(limit),
            "X-RateLimit-Minutely-Remaining": str(max(limit - usage.in_minute, 0)),
            "X-RateLimit-Minutely-Reset": _milliseconds(usage.minute + timedelta(minutes=1)),
        }

    def _over(self, headers: dict[str, str], usage: _Usage, now: datetime) -> dict[str, str]:
        if self._division.switches.retry_after:
            wait = usage.minute + timedelta(minutes=1) - now
            headers["Retry-After"] = str(max(int(wait.total_seconds()), 1))
        return headers


def _milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp()) * 1000)
