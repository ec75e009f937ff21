"""Rate limits: the hourly window with its headers, and the two old policies against repeating oneself (section 5)."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.visma.refusals import TooMany

if TYPE_CHECKING:
    from sandbox.visma.company import Company

SAME_REQUEST_WINDOW_S = 60
FAILED_REQUEST_WINDOW_S = 300


class Limits:
    """Counts per client application, by the company's clock."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._windows: dict[str, tuple[datetime, int]] = {}
        self._same: dict[str, deque[datetime]] = {}
        self._failed: dict[str, deque[datetime]] = {}

    def admit(self, client_id: str, fingerprint: str) -> None:
        """Count one request. Raises `TooMany` when a limit refuses it; a refused request is not processed."""
        now = self._company.clock.now()
        started, used = self._window(client_id, now)
        if used >= self._company.switches.rate_limit:
            raise TooMany("Rate limit is exceeded. Try again later.", self._reset_s(started, now))
        self._windows[client_id] = (started, used + 1)
        self._refuse_repetition(
            self._same, fingerprint, now, self._company.switches.same_request_limit, SAME_REQUEST_WINDOW_S
        )
        self._refuse_repetition(
            self._failed, fingerprint, now, self._company.switches.failed_same_request_limit, FAILED_REQUEST_WINDOW_S
        )
        if self._company.switches.same_request_limit:
            self._same.setdefault(fingerprint, deque()).append(now)

    def failed(self, fingerprint: str) -> None:
        """The request was answered with a client error: its repetitions are counted from now on."""
        if self._company.switches.failed_same_request_limit:
            self._failed.setdefault(fingerprint, deque()).append(self._company.clock.now())

    def headers(self, client_id: str) -> Mapping[str, str]:
        """The X-RateLimit headers of the present moment."""
        now = self._company.clock.now()
        started, used = self._window(client_id, now)
        limit = self._company.switches.rate_limit
        reset = self._reset_s(started, now)
        if self._company.switches.rate_reset_as_epoch:
            reset += int(now.timestamp())
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(limit - used, 0)),
            "X-RateLimit-Reset": str(reset),
            "X-RateLimit-Policy": "4-fixed-window",
        }

    def _window(self, client_id: str, now: datetime) -> tuple[datetime, int]:
        started, used = self._windows.get(client_id, (now, 0))
        if now >= started + timedelta(seconds=self._company.switches.rate_window_s):
            return now, 0
        return started, used

    def _reset_s(self, started: datetime, now: datetime) -> int:
        ends = started + timedelta(seconds=self._company.switches.rate_window_s)
        return max(math.ceil((ends - now).total_seconds()), 1)

    def _refuse_repetition(
        self, seen: dict[str, deque[datetime]], fingerprint: str, now: datetime, limit: int, window_s: int
    ) -> None:
        times = seen.get(fingerprint)
        if not limit or not times:
            return
        while times and times[0] <= now - timedelta(seconds=window_s):
            times.popleft()
        if len(times) >= limit:
            wait_s = math.ceil((times[0] + timedelta(seconds=window_s) - now).total_seconds())
            raise TooMany("Same request made too many times", max(wait_s, 1))


def fingerprint(client_id: str, method: str, url: str, body: bytes) -> str:
    """What makes two requests the same one."""
    return hashlib.sha256(b"\n".join((client_id.encode(), method.encode(), url.encode(), body))).hexdigest()
