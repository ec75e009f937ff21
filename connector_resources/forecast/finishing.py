"""When the work of a plan will be done: the calls it needs of each system, under the quotas as they stand now.

It forecasts a run that starts at once and has the quotas to itself. The systems are called one after another, as a run does:
their times add up. Nothing is reserved and no call is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from sqlalchemy import select

from connector_resources.forecast.quota_time import BucketLevel, QuotaTime, ServerWindow, time_for
from connector_resources.runtime import Runtime
from connector_resources.store.schema import QUOTAS
from connector_resources.transport.known_limits import Heard, Limit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_S = 1_000_000
#: what calls wait for when no limit makes them: their answers, one after another.
ANSWERS = "answers"
#: so often is the reading of further runs allowed to make further runs necessary; who reads more than a window holds never ends.
ROUNDS = 50


@dataclass(frozen=True, slots=True)
class SystemCalls:
    """Calls that a run needs of one system.

    reading  before anything is written, as counted while it was planned
    writing  the requests with their later steps and the reading back
    again    what every further run reads, when this one has to end because the quota is used up
    """

    system: str
    label: str
    reading: int
    writing: int
    again: int = 0

    @property
    def calls(self) -> int:
        return self.reading + self.writing


@dataclass(frozen=True, slots=True)
class SystemTime:
    """How long the calls to one system take.

    bound_by  what makes them take that long: the name of a limit, or `ANSWERS`; "" where they take no time
    stops     how often a run ends and another one goes on, because the quota is used up for longer than a run waits
    """

    needed: SystemCalls
    seconds: int
    bound_by: str
    stops: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of a run that starts at `start`."""

    start: datetime
    systems: tuple[SystemTime, ...]

    @property
    def seconds(self) -> int:
        return sum(each.seconds for each in self.systems)

    @property
    def finished_at(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    @property
    def slowest(self) -> SystemTime | None:
        """The system that takes the longest; None when nothing takes any time."""
        return max((each for each in self.systems if each.seconds), key=lambda each: each.seconds, default=None)


def forecast(runtime: Runtime, needed: Iterable[SystemCalls]) -> Forecast:
    """How long these calls take from now on. Limits are those that this process's transports were built with."""
    now = runtime.clock()
    return Forecast(now, tuple(_system_time(runtime, each, now) for each in needed))


def _system_time(runtime: Runtime, needed: SystemCalls, now: datetime) -> SystemTime:
    own_s = needed.calls * runtime.counter.usual_s(needed.system)
    slowest, bound_by = QuotaTime(own_s), ANSWERS if own_s else ""
    limits = runtime.limits.of(needed.system)
    levels = _levels(runtime, limits, now)
    for limit in limits:
        taken = _quota_time(needed, levels[limit.bucket], _window(limit, runtime.limits.heard(limit), now))
        if taken.seconds > slowest.seconds:
            slowest, bound_by = taken, limit.name
    needed = replace(needed, reading=needed.reading + slowest.stops * needed.again)
    return SystemTime(needed, -(-slowest.seconds // 1), bound_by, slowest.stops)


def _quota_time(needed: SystemCalls, level: BucketLevel, window: ServerWindow | None) -> QuotaTime:
    """Every further run reads again, which may make one more necessary."""
    taken = time_for(needed.calls, level, window)
    for _ in range(ROUNDS):
        again = time_for(needed.calls + taken.stops * needed.again, level, window)
        if again.stops <= taken.stops:
            return again
        taken = again
    return taken


def _levels(runtime: Runtime, limits: Sequence[Limit], now: datetime) -> dict[str, BucketLevel]:
    """By bucket; one that nobody has taken from yet is full."""
    now_us = (now - _EPOCH) // _MICROSECOND
    names = [limit.bucket for limit in limits]
    with runtime.store.database.read() as reading:
        rows = {row.bucket: row for row in reading.execute(select(QUOTAS).where(QUOTAS.c.bucket.in_(names)))}
    levels: dict[str, BucketLevel] = {}
    for limit in limits:
        full = BucketLevel(limit.capacity, limit.refill_per_s, Fraction(limit.capacity))
        row = rows.get(limit.bucket)
        if row is not None:
            missing_us = max(0, row.full_at_us - now_us)
            full = replace(
                full,
                available=limit.capacity - Fraction(missing_us, _S) * limit.refill_per_s,
                blocked_s=Fraction(max(0, row.blocked_until_us - now_us), _S),
            )
        levels[limit.bucket] = full
    return levels


def _window(limit: Limit, heard: Heard | None, now: datetime) -> ServerWindow | None:
    """The system's own count as it stands; None where the system has said nothing of it."""
    if heard is None or not limit.window_calls:
        return None
    ends_in_s = Fraction((heard.resets_at - now) // _MICROSECOND, _S)
    return ServerWindow(heard.limit or limit.window_calls, Fraction(limit.window_s), heard.remaining, ends_in_s)
