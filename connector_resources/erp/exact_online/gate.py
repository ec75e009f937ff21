"""A transport that keeps away from Exact when a call would do harm: during maintenance, and near the error limit (section 5).

More than ten refused calls of one endpoint in an hour block the app for an hour and longer. Refusals are counted in the store,
for all processes, and an endpoint that was refused too often is left alone before Exact does it for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from fractions import Fraction
from typing import Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connector_resources.erp.exact_online.client import SYSTEM
from connector_resources.errors import NotSent, RateLimited, RemoteError
from connector_resources.transport.messages import Request, Response, Transport

#: Exact is closed from 04:00 to 04:30 local time every night.
MAINTENANCE = (time(4, 0), time(4, 30))
ZONE = ZoneInfo("Europe/Amsterdam")
COUNTED = frozenset({400, 401, 403, 404})
HOUR_S = 3600


class Quotas(Protocol):
    """The part of the store's `Quotas` that is used here."""

    def take(self, bucket: str, *, capacity: int, refill_per_s: Fraction, cost: int = 1) -> float: ...

    def block(self, bucket: str, seconds: float) -> None: ...

    def blocked_for(self, bucket: str) -> float: ...


class GatedTransport:
    """`inner`, watched. `bucket` names app and division; `errors_per_hour` is how many refusals we allow ourselves."""

    def __init__(
        self,
        inner: Transport,
        quotas: Quotas,
        bucket: str,
        *,
        connection: str,
        errors_per_hour: int,
        maintenance_wait_s: int,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._inner = inner
        self._quotas = quotas
        self._bucket = bucket
        self._connection = connection
        self._errors_per_hour = errors_per_hour
        self._maintenance_wait_s = maintenance_wait_s
        self._now = now
        self._sleep = sleep

    @property
    def calls(self) -> int:
        return self._inner.calls

    def send(self, request: Request) -> Response:
        """As `Transport.send`; besides, `NotSent` during maintenance and `RateLimited` near the error limit."""
        self._wait_for_maintenance()
        endpoint = endpoint_of(request)
        self._require_no_block(endpoint)
        try:
            return self._inner.send(request)
        except RemoteError as error:
            if error.status in COUNTED and error.response is not None:
                self._count(endpoint)
            raise

    def close(self) -> None:
        self._inner.close()

    def _wait_for_maintenance(self) -> None:
        left_s = maintenance_left_s(self._now())
        if not left_s:
            return
        if left_s <= self._maintenance_wait_s:
            self._sleep(left_s)
            return
        error = NotSent(
            f"Exact Online is closed for its nightly maintenance for another {left_s // 60 + 1} minutes.",
            system=SYSTEM,
            connection=self._connection,
            next_step="nothing: the next run goes on. Plan schedules outside 04:00 to 04:30 Amsterdam time.",
        )
        error.retry_after_s = left_s
        raise error

    def _require_no_block(self, endpoint: str) -> None:
        wait_s = self._quotas.blocked_for(f"{self._bucket}:{endpoint}")
        if wait_s <= 0:
            return
        error = RateLimited(
            f"Exact Online refused {endpoint} {self._errors_per_hour} times within an hour; it is left alone for "
            f"{int(wait_s) + 1} s, because Exact blocks an app after ten.",
            retry_after_s=int(wait_s) + 1,
            system=SYSTEM,
            connection=self._connection,
        )
        error.next_step = f"run `connector ping {self._connection}` then, and correct what it names."
        raise error

    def _count(self, endpoint: str) -> None:
        """One more refusal. The bucket holds one less than we allow, so the last one finds it empty."""
        bucket = f"{self._bucket}:{endpoint}"
        room, refill = self._errors_per_hour - 1, Fraction(1, HOUR_S)
        if self._quotas.take(f"{bucket}:errors", capacity=room, refill_per_s=refill) > 0:
            self._quotas.block(bucket, HOUR_S)


def endpoint_of(request: Request) -> str:
    """The address without division, key and query: what Exact counts errors by."""
    path = urlsplit(request.url).path
    return re.sub(r"\(.*\)$", "", re.sub(r"^.*/api/v1/(?:\d+/)?", "", path))


def maintenance_left_s(now: datetime) -> int:
    """Seconds until the maintenance under way ends; 0 outside of it."""
    local = now.astimezone(ZONE)
    begins, ends = (datetime.combine(local.date(), each, ZONE) for each in MAINTENANCE)
    if not begins <= local < ends:
        return 0
    left: timedelta = ends - local
    return left.days * 86_400 + left.seconds + (1 if left.microseconds else 0)
