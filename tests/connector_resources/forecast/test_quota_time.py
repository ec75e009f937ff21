"""How long calls take under a quota: against somebody who makes them one by one and waits."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_resources.forecast.quota_time import LONGEST_WAIT_S, BucketLevel, ServerWindow, time_for

seconds = st.integers(0, 200).map(Fraction)


@st.composite
def buckets(draw: st.DrawFn) -> BucketLevel:
    capacity = draw(st.integers(1, 40))
    refill = draw(st.fractions(Fraction(1, 50), 20, max_denominator=60))
    available = draw(st.fractions(-20, capacity, max_denominator=10))
    return BucketLevel(capacity, refill, available, draw(seconds))


@st.composite
def windows(draw: st.DrawFn) -> ServerWindow:
    calls = draw(st.integers(1, 50))
    length = draw(st.integers(1, 300))
    return ServerWindow(calls, Fraction(length), draw(st.integers(0, calls)), Fraction(draw(st.integers(0, length))))


def one_by_one(calls: int, bucket: BucketLevel, window: ServerWindow | None) -> Fraction:
    """The moment of the last call of somebody who asks both counts before each."""
    now, filled_at = Fraction(0), Fraction(0)
    available = bucket.available
    left, ends = (window.left, window.ends_in_s) if window else (calls, None)
    for _ in range(calls):
        now = max(now, bucket.blocked_s)
        while True:
            while window and ends is not None and ends <= now:
                left, ends = window.calls, ends + window.length_s
            if window and ends is not None and not left:
                now = ends
                continue
            available = min(Fraction(bucket.capacity), available + (now - filled_at) * bucket.refill_per_s)
            filled_at = now
            if available >= 1:
                break
            now += (1 - available) / bucket.refill_per_s
        available, left = available - 1, left - 1
    return now


@given(st.integers(1, 200), buckets())
def test_a_bucket_alone_lets_calls_through_as_one_would_make_them(calls: int, bucket: BucketLevel) -> None:
    assert time_for(calls, bucket).seconds == one_by_one(calls, bucket, None)


@given(st.integers(1, 200), buckets(), windows())
def test_a_window_of_the_system_makes_everybody_wait_for_its_end(
    calls: int, bucket: BucketLevel, window: ServerWindow
) -> None:
    assert time_for(calls, bucket, window).seconds == one_by_one(calls, bucket, window)


@given(st.integers(0, 200), st.integers(0, 50), buckets(), st.none() | windows())
def test_more_calls_never_end_sooner(calls: int, more: int, bucket: BucketLevel, window: ServerWindow | None) -> None:
    assert time_for(calls + more, bucket, window).seconds >= time_for(calls, bucket, window).seconds


@given(st.integers(1, 200), buckets(), windows())
def test_a_further_limit_never_helps(calls: int, bucket: BucketLevel, window: ServerWindow) -> None:
    assert time_for(calls, bucket, window).seconds >= time_for(calls, bucket).seconds


def test_an_hour_whose_calls_are_used_up_is_waited_for_in_further_runs() -> None:
    bucket = BucketLevel(1500, Fraction(1500, 3600), Fraction(1500))
    window = ServerWindow(1500, Fraction(3600), 1500, Fraction(3600))
    assert time_for(1500, bucket, window).seconds == 0
    taken = time_for(4000, bucket, window)
    assert (taken.seconds, taken.stops) == (7200, 2)


def test_a_minute_whose_calls_are_used_up_is_waited_for_in_the_same_run() -> None:
    bucket = BucketLevel(15, Fraction(1), Fraction(15))
    taken = time_for(118, bucket, ServerWindow(59, Fraction(60), 59, Fraction(60)))
    assert (taken.seconds, taken.stops) == (60 + 44, 0)


def test_a_long_block_ends_the_run() -> None:
    bucket = BucketLevel(10, Fraction(1), Fraction(10), Fraction(LONGEST_WAIT_S + 1))
    assert time_for(1, bucket).stops == 1


def test_no_calls_take_no_time() -> None:
    assert time_for(0, BucketLevel(1, Fraction(1), Fraction(-5), Fraction(60))).seconds == 0


@pytest.mark.parametrize(
    ("bucket", "window"),
    [
        (BucketLevel(1, Fraction(0), Fraction(1)), None),
        (BucketLevel(0, Fraction(1), Fraction(0)), None),
        (BucketLevel(1, Fraction(1), Fraction(1)), ServerWindow(0, Fraction(60), 0, Fraction(0))),
    ],
)
def test_what_never_lets_a_call_through_is_said(bucket: BucketLevel, window: ServerWindow | None) -> None:
    with pytest.raises(ValueError, match="never lets a call through"):
        time_for(1, bucket, window)
