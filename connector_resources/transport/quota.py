"""Joins the rate limits that all processes share (store) with the transport's quota hook, and reads quota headers.

What a system says in its headers only lowers our level, never raises it: other programs may use the same quota.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Protocol
from urllib.parse import urlsplit

from connector_resources.transport.back_off import http_date, retry_after_s, seconds_until
from connector_resources.transport.known_limits import Heard
from connector_resources.transport.messages import Response


@dataclass(frozen=True, slots=True)
class Allowance:
    """The server's word: calls left until the window is reset, `reset_in_s` seconds from now.

    `limit` is how many calls a whole window has, 0 where that is not read.
    """

    remaining: int
    reset_in_s: int
    limit: int = 0


class Quotas(Protocol):
    """The part of the store's `Quotas` that is used here."""

    def take(self, bucket: str, *, capacity: int, refill_per_s: Fraction, cost: int = 1) -> float: ...

    def observe(self, bucket: str, *, remaining: int, reset_in_s: float, slack: int = 0) -> None: ...

    def block(self, bucket: str, seconds: float) -> None: ...

    def blocked_for(self, bucket: str) -> float: ...


#: the part of a limit that may be called for at once; the rest is spread over its window. What may come at once is missing
#: from the pace: a fortieth leaves 97.5 % of the limit to those who call without end, and no window ever holds more than it.
AT_ONCE = Fraction(1, 40)


def spread(calls: int, window_s: int) -> tuple[int, Fraction]:
    """Capacity and refill per second of a bucket that never gives more than `calls` in any `window_s` seconds."""
    at_once = max(1, int(calls * AT_ONCE))
    return at_once, Fraction(max(1, calls - at_once), window_s)


def kept_back(calls: int) -> int:
    """How many of a window's `calls` are left alone where the system tells what is left and any number may come at once.

    What it tells is older than what is under way.
    """
    return min(max(1, int(calls * AT_ONCE)), calls - 1)


#: how long places that were taken together may wait for their calls. Those who call without a pause need far less; what
#: another process is told meanwhile, that nothing is left or that nobody may call, is heeded after that at the latest.
IN_HAND_FOR = timedelta(seconds=0.25)
#: how many times as many calls must be left as are taken together: what the system says is older than what is under way.
PLENTY = 4


class SharedQuota:
    """One bucket of the store as a transport's quota hook.

    capacity      calls that may be made at once when nothing was called for a while
    refill_per_s  calls added each second, exact
    read_headers  the allowance an answer tells, or None
    concerns      False for answers that another limit governs (GoCardless counts /balances apart)
    hear          is told what the system says of the limit, for forecasts
    kept          calls of those that the system says are left which nobody makes; half as many may be made before what it
                  says is written down again
    untold        the capacity while the system does not say what is left, if that is another one
    together      places taken in one visit to the store while calls follow each other, none has to wait and the system says
                  that plenty are left; those that are not called for in time are lost, so it must be little beside the
                  capacity
    """

    def __init__(
        self,
        quotas: Quotas,
        bucket: str,
        *,
        capacity: int,
        refill_per_s: Fraction,
        read_headers: Callable[[Response, datetime], Allowance | None],
        now: Callable[[], datetime],
        concerns: Callable[[Response], bool] = lambda _response: True,
        hear: Callable[[Heard], None] = lambda _heard: None,
        kept: int = 0,
        untold: int | None = None,
        together: int = 1,
    ) -> None:
        self._quotas = quotas
        self._bucket = bucket
        self._capacity = capacity
        self._refill_per_s = refill_per_s
        self._read_headers = read_headers
        self._now = now
        self._concerns = concerns
        self._hear = hear
        self._kept = kept
        self._untold = untold
        self._is_told = True
        self._together = together
        self._is_plenty = False
        self._turn = threading.Lock()
        #: places that were taken and not called for yet, when they are due, and whether that had to be waited for.
        self._in_hand = 0
        self._due_at: datetime | None = None
        self._waits = False

    def before(self) -> float:
        """Seconds to wait before the next call; a place in the queue is taken."""
        with self._turn:
            now = self._now()
            follows = self._due_at is not None and timedelta(0) <= now - self._due_at <= IN_HAND_FOR
            if follows and self._in_hand:
                self._in_hand -= 1
                return 0.0
            # Who has to wait takes one place at a time: what is scarce is not taken for later.
            cost = self._together if follows and self._is_plenty and not self._waits else 1
            wait_s = self._take(cost)
            self._in_hand, self._due_at, self._waits = cost - 1, now + timedelta(seconds=wait_s), wait_s > 0
            return wait_s

    def _take(self, cost: int) -> float:
        capacity = self._capacity if self._untold is None or self._is_told else self._untold
        return self._quotas.take(self._bucket, capacity=capacity, refill_per_s=self._refill_per_s, cost=cost)

    def blocked(self) -> float:
        """Seconds for which nobody may call, by the server's word; no place is taken."""
        return self._quotas.blocked_for(self._bucket)

    def after(self, response: Response) -> float | None:
        """Passes the server's word on to all processes. Seconds until the reset, when the answer tells."""
        now = self._now()
        allowance = self._read_headers(response, now)
        reset_in_s = allowance.reset_in_s if allowance else None
        if not self._concerns(response):
            return reset_in_s
        self._is_told = allowance is not None
        remaining = max(0, allowance.remaining - self._kept) if allowance else 0
        self._is_plenty = response.status != 429 and remaining >= PLENTY * self._together
        if not self._is_plenty:
            self._put_down()
        if allowance:
            resets_at = now + timedelta(seconds=allowance.reset_in_s)
            self._hear(Heard(remaining, resets_at, allowance.limit))
        if response.status == 429:
            wait_s = retry_after_s(response, now)
            block_s = reset_in_s if wait_s is None else wait_s
            if block_s:
                self._quotas.block(self._bucket, block_s)
        elif allowance:
            self._quotas.observe(
                self._bucket, remaining=remaining, reset_in_s=allowance.reset_in_s, slack=self._kept // 2
            )
        return reset_in_s

    def _put_down(self) -> None:
        """Nobody calls with a place that was taken while the system said that more was left."""
        with self._turn:
            self._in_hand, self._due_at = 0, None


class SeveralQuotas:
    """Limits of different lengths that one call counts against, such as those of a minute and a day."""

    def __init__(self, quotas: Sequence[SharedQuota]) -> None:
        self._quotas = tuple(quotas)

    def before(self) -> float:
        """The longest of the waits; a place is taken in each."""
        return max(quota.before() for quota in self._quotas)

    def blocked(self) -> float:
        return max(quota.blocked() for quota in self._quotas)

    def after(self, response: Response) -> float | None:
        """Of a refusal, the longest reset that is told: the shorter limit may not be the one that was met."""
        resets = [reset for quota in self._quotas if (reset := quota.after(response)) is not None]
        return max(resets, default=None) if response.status == 429 else None


def gocardless_allowance(response: Response, now: datetime) -> Allowance | None:
    """`RateLimit-Remaining` and `-Reset`, an RFC 1123 date, measured against the answer's `Date` (gocardless.md 5)."""
    remaining = _whole(response.headers.get("ratelimit-remaining"))
    reset = http_date(response.headers.get("ratelimit-reset", ""))
    if remaining is None or reset is None:
        return None
    return Allowance(remaining, seconds_until(reset, response, now))


def gocardless_general_limit(response: Response) -> bool:
    """True for everything but `/balances`, which has its own 60 calls a minute (gocardless.md section 5)."""
    return not urlsplit(response.url).path.rstrip("/").endswith("/balances")


def visma_allowance(response: Response, now: datetime) -> Allowance | None:
    """`X-RateLimit-Limit`, `-Remaining` and `-Reset`: seconds, or a Unix time when above 10^9 (visma.md section 5)."""
    remaining = _whole(response.headers.get("x-ratelimit-remaining"))
    reset = _whole(response.headers.get("x-ratelimit-reset"))
    if remaining is None or reset is None:
        return None
    if reset > 1_000_000_000:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=min(reset, 100_000_000_000))
        reset = seconds_until(moment, response, now)
    return Allowance(remaining, reset, _whole(response.headers.get("x-ratelimit-limit")) or 0)


def exact_minute_allowance(response: Response, now: datetime) -> Allowance | None:
    """`X-RateLimit-Minutely-Remaining` and `-Reset` in epoch milliseconds (exact_online.md section 5).

    A 429 is the minute's unless the day is used up, and without any header it is over in a minute.
    """
    found = _exact_allowance(response, now, "x-ratelimit-minutely")
    if response.status != 429:
        return found
    day = exact_day_allowance(response, now)
    if day is not None and day.remaining <= 0:
        return None
    return Allowance(0, found.reset_in_s if found else 60)


def exact_day_allowance(response: Response, now: datetime) -> Allowance | None:
    """`X-RateLimit-Remaining` and `-Reset`. Over the minute limit they are missing or 0, limit and reset included."""
    if _whole(response.headers.get("x-ratelimit-limit")) in (None, 0):
        return None
    found = _exact_allowance(response, now, "x-ratelimit")
    return None if response.status == 429 and found and found.remaining > 0 else found


def _exact_allowance(response: Response, now: datetime, prefix: str) -> Allowance | None:
    remaining = _whole(response.headers.get(f"{prefix}-remaining"))
    reset_ms = _whole(response.headers.get(f"{prefix}-reset"))
    if remaining is None or not reset_ms:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=min(reset_ms, 10**14))
    return Allowance(remaining, seconds_until(moment, response, now))


def _whole(text: str | None) -> int | None:
    digits = (text or "").strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,15}", digits) else None
