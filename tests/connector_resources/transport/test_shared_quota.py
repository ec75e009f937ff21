"""The quota hook on a real store: all processes wait together, and the server's word wins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from connector_resources.store.store import Store
from connector_resources.transport.messages import Response
from connector_resources.transport.quota import SharedQuota, gocardless_allowance, gocardless_general_limit


@pytest.fixture
def timed_store(tmp_path: Path, clock: Any) -> Any:
    with Store.open(f"sqlite:///{tmp_path}/quotas.sqlite", clock=clock) as store:
        store.migrate()
        yield store


def quota(store: Store, clock: Any) -> SharedQuota:
    return SharedQuota(
        store.quotas,
        "gocardless:acme",
        capacity=10,
        refill_per_s=Fraction(2),
        read_headers=gocardless_allowance,
        concerns=gocardless_general_limit,
        now=clock,
    )


def answer(clock: Any, status: int, remaining: int, reset_s: int, path: str = "/payments", **more: str) -> Response:
    headers = {
        "ratelimit-remaining": str(remaining),
        "ratelimit-reset": format_datetime(clock() + timedelta(seconds=reset_s), usegmt=True),
        "date": format_datetime(clock(), usegmt=True),
    }
    more_headers = {name.replace("_", "-"): value for name, value in more.items()}
    return Response(status, headers | more_headers, b"", f"https://api.gocardless.com{path}")


def test_calls_beyond_the_capacity_wait_their_turn(timed_store: Store, clock: Any) -> None:
    one, other = quota(timed_store, clock), quota(timed_store, clock)
    assert [one.before() for _ in range(10)] == [0] * 10
    assert [other.before(), one.before()] == [0.5, 1.0]


def test_a_used_up_quota_stops_everybody_until_its_reset(timed_store: Store, clock: Any) -> None:
    one, other = quota(timed_store, clock), quota(timed_store, clock)
    one.before()
    assert one.after(answer(clock, 200, 0, 30)) == 30
    assert other.before() == pytest.approx(30, abs=5.1)
    assert other.before() >= 29


def test_a_429_stops_everybody_for_as_long_as_it_says(timed_store: Store, clock: Any) -> None:
    one, other = quota(timed_store, clock), quota(timed_store, clock)
    one.after(answer(clock, 429, 0, 30, retry_after="7"))
    assert other.before() == pytest.approx(7, abs=0.1)


def test_a_429_without_retry_after_waits_for_the_reset(timed_store: Store, clock: Any) -> None:
    one = quota(timed_store, clock)
    assert one.after(answer(clock, 429, 0, 42)) == 42
    assert one.before() == pytest.approx(42, abs=0.1)


def test_the_limit_of_balances_stops_nothing_else(timed_store: Store, clock: Any) -> None:
    one = quota(timed_store, clock)
    one.before()
    assert one.after(answer(clock, 429, 0, 55, path="/balances")) == 55
    one.after(answer(clock, 200, 0, 55, path="/balances?creditor=CR1"))
    assert one.before() == 0


def test_answers_without_headers_change_nothing(timed_store: Store, clock: Any) -> None:
    one = quota(timed_store, clock)
    one.before()
    assert one.after(Response(200, {}, b"")) is None
    assert one.after(Response(429, {}, b"")) is None
    assert one.before() == 0
    assert clock() == datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def visits(timed_store: Store) -> list[int]:
    """What was taken in each visit to the store."""
    take, seen = timed_store.quotas.take, []

    def noted(bucket: str, **told: Any) -> float:
        seen.append(told["cost"])
        return take(bucket, **told)

    timed_store.quotas.take = noted  # type: ignore[method-assign]
    return seen


def together(store: Store, clock: Any, capacity: int = 100) -> SharedQuota:
    return SharedQuota(
        store.quotas,
        "gocardless:acme",
        capacity=capacity,
        refill_per_s=Fraction(2),
        read_headers=gocardless_allowance,
        now=clock,
        together=4,
    )


def test_who_calls_without_a_pause_takes_several_places_in_one_visit(
    timed_store: Store, clock: Any, visits: list[int]
) -> None:
    one = together(timed_store, clock)
    assert one.before() == 0
    one.after(answer(clock, 200, 99, 60))
    assert [one.before() for _ in range(8)] == [0] * 8
    assert visits == [1, 4, 4]
    other = quota(timed_store, clock)
    assert [other.before(), other.before()] == [0, 0.5], "what is in hand is taken for everybody"


def test_places_in_hand_are_lost_after_a_pause(timed_store: Store, clock: Any, visits: list[int]) -> None:
    one = together(timed_store, clock)
    one.before()
    one.after(answer(clock, 200, 99, 60))
    one.before()
    clock.advance(1)
    one.before()
    assert visits == [1, 4, 1]


@pytest.mark.parametrize(("status", "left"), [(200, 15), (429, 90)])
def test_where_little_is_left_or_refused_no_place_is_kept_in_hand(
    timed_store: Store, clock: Any, visits: list[int], status: int, left: int
) -> None:
    one = together(timed_store, clock)
    one.before()
    one.after(answer(clock, 200, 99, 60))
    one.before()
    one.after(answer(clock, status, left, 60))
    one.before()
    assert visits == [1, 4, 1]


def test_several_places_that_have_to_be_waited_for_are_due_together(
    timed_store: Store, clock: Any, visits: list[int]
) -> None:
    one = together(timed_store, clock, capacity=4)
    one.before()
    one.after(answer(clock, 200, 99, 60))
    wait_s = one.before()
    assert wait_s == 0.5
    clock.advance(wait_s)
    assert [one.before() for _ in range(3)] == [0] * 3
    assert one.before() == 0.5, "what was taken together is used up"
    assert visits == [1, 4, 1], "who has to wait takes one at a time"
