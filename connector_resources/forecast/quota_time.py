"""How long so many calls take under a rate limit. Pure: numbers in, seconds out; the calls themselves take no time here.

Two counts may say no. Ours is a bucket in the store that fills evenly. The system's own is a window with so many calls, which
begins anew when it ends; once that is used up, everybody waits for its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

#: a wait that is longer is not slept: the run ends, and another one goes on (`transport.back_off.Retries.max_wait_s`).
LONGEST_WAIT_S = 90


@dataclass(frozen=True, slots=True)
class BucketLevel:
    """A bucket at some moment.

    available  calls that could be made at once; below 0 where waiting callers have reserved more
    blocked_s  seconds for which nobody may call
    """

    capacity: int
    refill_per_s: Fraction
    available: Fraction
    blocked_s: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class ServerWindow:
    """The system's own count: `left` calls until `ends_in_s`, then `calls` in every `length_s` seconds."""

    calls: int
    length_s: Fraction
    left: int
    ends_in_s: Fraction


@dataclass(frozen=True, slots=True)
class QuotaTime:
    """Seconds until the last call may be made, and how often a run has to end on the way because the wait is too long."""

    seconds: Fraction
    stops: int = 0


def time_for(calls: int, bucket: BucketLevel, window: ServerWindow | None = None) -> QuotaTime:
    """When the last of `calls` may be made, by somebody who makes each as soon as it is allowed.

    Raises `ValueError` for a bucket that never fills, or windows that allow nothing.
    """
    if bucket.refill_per_s <= 0 or bucket.capacity < 1:
        raise ValueError(f"{bucket} never lets a call through")
    if window is not None and (window.calls < 1 or window.length_s <= 0):
        raise ValueError(f"{window} never lets a call through")
    if calls <= 0:
        return QuotaTime(Fraction(0))
    clock = _Clock(bucket)
    clock.wait_until(bucket.blocked_s)
    if window is None:
        clock.make(calls)
        return QuotaTime(clock.now_s, clock.stops)
    left, ends_s = window.left, window.ends_in_s
    while True:
        while ends_s <= clock.now_s:
            left, ends_s = window.calls, ends_s + window.length_s
        made = min(calls, left, clock.possible_before(ends_s))
        clock.make(made)
        calls, left = calls - made, left - made
        if not calls:
            return QuotaTime(clock.now_s, clock.stops)
        clock.wait_until(ends_s)


class _Clock:
    """Time that goes by while calls are made and waited for."""

    def __init__(self, bucket: BucketLevel) -> None:
        self._capacity = bucket.capacity
        self._refill_per_s = bucket.refill_per_s
        self._available = min(Fraction(bucket.capacity), bucket.available)
        self.now_s = Fraction(0)
        self.stops = 0

    def wait_until(self, moment_s: Fraction) -> None:
        waited_s = max(Fraction(0), moment_s - self.now_s)
        self._available = min(Fraction(self._capacity), self._available + waited_s * self._refill_per_s)
        self.now_s += waited_s
        self.stops += waited_s > LONGEST_WAIT_S

    def possible_before(self, moment_s: Fraction) -> int:
        """Whole calls that the bucket gives up to `moment_s` when each is taken as soon as it is there."""
        return max(0, int(self._available + (moment_s - self.now_s) * self._refill_per_s))

    def make(self, calls: int) -> None:
        """As soon as each is allowed; where the bucket gives one only after a long wait, every run makes one and ends."""
        if not calls:
            return
        missing = max(Fraction(0), calls - self._available)
        waited_s = missing / self._refill_per_s
        self._available = max(Fraction(0), self._available - calls) if not missing else Fraction(0)
        self.now_s += waited_s
        apart_s = 1 / self._refill_per_s
        if apart_s > LONGEST_WAIT_S:
            self.stops += -(-missing // 1)
