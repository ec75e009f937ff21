"""What the quota headers of GoCardless and Visma say, whatever the clocks show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_resources.transport.messages import Response
from connector_resources.transport.quota import (
    Allowance,
    gocardless_allowance,
    gocardless_general_limit,
    visma_allowance,
)

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)


def answer(headers: dict[str, str], url: str = "https://api.gocardless.com/payments") -> Response:
    return Response(200, headers, b"", url)


@given(st.integers(0, 10**6), st.integers(-1_000, 100_000), st.integers(-(10**8), 10**8))
def test_gocardless_resets_at_a_date_of_its_own_clock(remaining: int, seconds: int, skew_s: int) -> None:
    there = NOW + timedelta(seconds=skew_s)
    headers = {
        "ratelimit-limit": "1000",
        "ratelimit-remaining": str(remaining),
        "ratelimit-reset": format_datetime(there + timedelta(seconds=seconds), usegmt=True),
        "date": format_datetime(there, usegmt=True),
    }
    assert gocardless_allowance(answer(headers), NOW) == Allowance(remaining, max(0, seconds))


def test_visma_resets_after_seconds() -> None:
    headers = {"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1800"}
    assert visma_allowance(answer(headers), NOW) == Allowance(12, 1800)


def test_visma_says_how_many_calls_its_hour_has() -> None:
    headers = {"x-ratelimit-limit": "500", "x-ratelimit-remaining": "12", "x-ratelimit-reset": "1800"}
    assert visma_allowance(answer(headers), NOW) == Allowance(12, 1800, 500)


@given(st.integers(0, 10**5), st.integers(-(10**6), 10**6))
def test_visma_may_reset_at_a_unix_time(seconds: int, skew_s: int) -> None:
    there = NOW + timedelta(seconds=skew_s)
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(there.timestamp()) + seconds),
        "date": format_datetime(there, usegmt=True),
    }
    assert visma_allowance(answer(headers), NOW) == Allowance(0, seconds)


@given(st.text(max_size=30), st.text(max_size=30))
def test_unreadable_headers_say_nothing(remaining: str, reset: str) -> None:
    for prefix, read in (("", gocardless_allowance), ("x-", visma_allowance)):
        found = read(answer({f"{prefix}ratelimit-remaining": remaining, f"{prefix}ratelimit-reset": reset}), NOW)
        assert found is None or found.reset_in_s >= 0


@pytest.mark.parametrize(
    ("path", "general"), [("/payments", True), ("/balances?creditor=CR1", False), ("/balances", False)]
)
def test_balances_have_a_limit_of_their_own(path: str, general: bool) -> None:
    assert gocardless_general_limit(answer({}, f"https://api.gocardless.com{path}")) is general
