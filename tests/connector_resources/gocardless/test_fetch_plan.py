"""Which resources are fetched by id and which with a page of events, by the number of calls each way costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector_resources.gocardless.fetch_plan import PAGE, plan_fetch

START = datetime(2026, 6, 3, 8, 0, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def every(gap: timedelta, count: int) -> dict[str, datetime]:
    return {f"PM{number:04d}": START + gap * number for number in range(count)}


def known(density_per_minute: int):
    """As many events as an inbox holds of a span."""
    return lambda start, end: int((end - start) / timedelta(minutes=1) * density_per_minute)


def cost(plan, events_between) -> int:
    return len(plan.ids) + sum(1 + events_between(start, end) // PAGE for start, end in plan.windows)


def test_nothing_wanted_costs_nothing():
    plan = plan_fetch({}, known(0))
    assert (plan.ids, plan.windows) == ((), ())


def test_a_single_resource_is_fetched_by_id():
    assert plan_fetch(every(timedelta(0), 1), known(10)).ids == ("PM0000",)


def test_resources_of_one_burst_are_fetched_with_one_window_that_holds_all_their_events():
    wanted = every(timedelta(seconds=1), 300)

    plan = plan_fetch(wanted, known(60))

    assert plan.ids == ()
    assert plan.windows == ((START, START + timedelta(seconds=299) + MILLISECOND),)


def test_a_few_among_very_many_known_events_are_fetched_by_id():
    plan = plan_fetch(every(timedelta(minutes=1), 5), known(10_000))
    assert (len(plan.ids), plan.windows) == (5, ())


def test_bursts_that_lie_apart_get_a_window_each():
    wanted = every(timedelta(seconds=1), 50)
    wanted |= {f"{key}b": moment + timedelta(hours=5) for key, moment in wanted.items()}

    plan = plan_fetch(wanted, known(1_000))

    assert (plan.ids, len(plan.windows)) == ((), 2)


def test_resources_strewn_over_a_quiet_day_are_fetched_with_one_window():
    wanted = every(timedelta(minutes=5), 250)

    plan = plan_fetch(wanted, known(1))

    assert plan.ids == ()
    assert plan.windows == ((START, START + timedelta(minutes=5 * 249) + MILLISECOND),)


@pytest.mark.parametrize("density", [0, 3, 40, 700])
@pytest.mark.parametrize("gap_s", [1, 60, 200, 3000])
@pytest.mark.parametrize("count", [2, 9, 100])
def test_no_plan_costs_more_than_fetching_each_by_id_or_all_in_one_window(density, gap_s, count):
    wanted = every(timedelta(seconds=gap_s), count)
    events_between = known(density)

    plan = plan_fetch(wanted, events_between)

    whole = 1 + events_between(START, START + timedelta(seconds=gap_s) * (count - 1) + MILLISECOND) // PAGE
    assert cost(plan, events_between) <= min(count, whole)
    covered = set(plan.ids) | {k for k, at in wanted.items() for start, end in plan.windows if start <= at < end}
    assert covered == set(wanted)
