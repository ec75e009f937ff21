"""Retry-After in all its forms, and the bounds of the back-off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_resources.transport.back_off import Retries, full_jitter, retry_after_s
from connector_resources.transport.messages import Response

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
MOMENTS = st.integers(-1_000_000_000_000, 2_000_000_000_000).map(lambda ms: NOW + timedelta(milliseconds=ms))


def answer(**headers: str) -> Response:
    return Response(429, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


@given(st.integers(min_value=0, max_value=999_999_999))
def test_seconds_are_read_as_they_are(seconds: int) -> None:
    assert retry_after_s(answer(retry_after=f" {seconds} "), NOW) == seconds


@given(MOMENTS, st.integers(min_value=-10_000_000, max_value=10_000_000), MOMENTS)
def test_a_date_counts_from_the_answers_own_date(served: datetime, seconds: int, wrong_clock: datetime) -> None:
    served = served.replace(microsecond=0)
    due = served + timedelta(seconds=seconds)
    response = answer(date=format_datetime(served, usegmt=True), retry_after=format_datetime(due, usegmt=True))
    assert retry_after_s(response, wrong_clock) == max(0, seconds)


@given(MOMENTS)
def test_without_a_date_our_clock_counts_and_part_seconds_round_up(now: datetime) -> None:
    due = now.replace(microsecond=0) + timedelta(seconds=61)
    wait_s = retry_after_s(answer(retry_after=format_datetime(due, usegmt=True)), now)
    assert wait_s is not None
    assert now + timedelta(seconds=wait_s) >= due > now + timedelta(seconds=wait_s - 1)


@given(st.text())
def test_whatever_the_header_holds_it_is_seconds_or_nothing(text: str) -> None:
    wait_s = retry_after_s(answer(retry_after=text, date=text), NOW)
    assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize(
    "text", ["", "-5", "1.5", "soon", "²", "99999999999999999999", "Mon, 99 Foo 2026 00:00:00 GMT"]
)
def test_what_is_neither_seconds_nor_a_date_is_nothing(text: str) -> None:
    assert retry_after_s(answer(retry_after=text), NOW) is None


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1))
def test_the_back_off_never_exceeds_its_cap(attempt: int, chance: float) -> None:
    wait_s = full_jitter(Retries(base_s=0.5, cap_s=20), attempt, lambda: chance)
    assert 0 <= wait_s <= min(20, 0.5 * 2 ** min(attempt - 1, 50))
