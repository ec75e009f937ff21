"""Recurring charges on the calendar: their days, what GoCardless can express of them, and which day a document is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkeeping.charge_schedule import (
    NotExpressible,
    Recurrence,
    nearest,
    number_from,
    occurrence,
    occurrence_of_charge_date,
    phase_of,
    recurrence_of,
    remaining,
)
from bookkeeping.money import Money
from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge

WEEKLY, MONTHLY, YEARLY = IntervalUnit.WEEKLY, IntervalUnit.MONTHLY, IntervalUnit.YEARLY


def charge(unit: IntervalUnit = MONTHLY, interval: int = 1, starts_on: date = date(2026, 1, 15), **fields):
    return RecurringCharge("RC1", "10001", Money(1_000, "EUR"), unit, interval, starts_on, **fields)


def days(each: RecurringCharge, count: int) -> list[date | None]:
    return [occurrence(each, number) for number in range(count)]


def test_a_monthly_charge_falls_on_its_day_from_the_first_one_after_it_starts():
    assert days(charge(day_of_month=1), 3) == [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
    assert days(charge(interval=3, day_of_month=20), 2) == [date(2026, 1, 20), date(2026, 4, 20)]
    assert days(charge(), 2) == [date(2026, 1, 15), date(2026, 2, 15)]


def test_the_last_day_of_the_month_is_the_last_day_of_every_month():
    assert days(charge(day_of_month=-1), 3) == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    assert days(charge(day_of_month=31), 3) == days(charge(day_of_month=-1), 3)


def test_a_yearly_charge_falls_on_its_day_of_its_month():
    assert days(charge(YEARLY, month=1, day_of_month=10), 2) == [date(2027, 1, 10), date(2028, 1, 10)]
    assert days(charge(YEARLY), 2) == [date(2026, 1, 15), date(2027, 1, 15)]


def test_a_weekly_charge_counts_weeks_from_its_start():
    assert days(charge(WEEKLY, 2), 3) == [date(2026, 1, 15), date(2026, 1, 29), date(2026, 2, 12)]


def test_an_end_and_a_count_end_the_days():
    assert days(charge(ends_on=date(2026, 3, 14)), 3) == [date(2026, 1, 15), date(2026, 2, 15), None]
    assert days(charge(count=1), 2) == [date(2026, 1, 15), None]
    assert remaining(charge(count=5, ends_on=date(2026, 3, 15)), 1) == 2
    assert remaining(charge(), 0) is None


@pytest.mark.parametrize(
    ("given_charge", "expected"),
    [
        (charge(WEEKLY, 2), Recurrence(WEEKLY, 2)),
        (charge(day_of_month=28), Recurrence(MONTHLY, 1, 28)),
        (charge(day_of_month=31), Recurrence(MONTHLY, 1, -1)),
        (charge(interval=12, starts_on=date(2026, 5, 31)), Recurrence(MONTHLY, 12, -1)),
        (charge(YEARLY, month=3, day_of_month=1), Recurrence(YEARLY, 1, 1, "march")),
    ],
)
def test_what_gocardless_can_express_is_said_in_its_words(given_charge, expected):
    assert recurrence_of(given_charge) == expected


@pytest.mark.parametrize(
    "impossible",
    [
        charge(day_of_month=29), charge(day_of_month=0), charge(starts_on=date(2026, 1, 30)), charge(interval=0),
        charge(interval=13), charge(WEEKLY, 53), charge(YEARLY, 2), charge(YEARLY, month=13),
    ],
)  # fmt: skip
def test_what_gocardless_cannot_express_is_refused(impossible):
    with pytest.raises(NotExpressible):
        recurrence_of(impossible)


def test_a_document_is_about_the_nearest_occurrence_the_earlier_of_two():
    monthly = charge(day_of_month=1)
    assert nearest(monthly, date(2026, 2, 27)) == date(2026, 3, 1)
    assert nearest(monthly, date(2026, 3, 4)) == date(2026, 3, 1)
    assert nearest(charge(WEEKLY, 2), date(2026, 1, 22)) == date(2026, 1, 15)


def test_where_a_charge_begins_and_ends_does_not_move_its_days():
    assert nearest(charge(day_of_month=1), date(2020, 1, 3)) == date(2020, 1, 1)
    assert nearest(charge(count=2), date(2030, 1, 10)) == date(2030, 1, 15)
    assert nearest(charge(YEARLY, month=3, day_of_month=1), date(2024, 10, 1)) == date(2025, 3, 1)


def test_a_payment_rolled_back_from_the_end_of_the_month_is_for_the_whole_month():
    assert occurrence_of_charge_date(date(2026, 5, 29), -1) == date(2026, 5, 31)
    assert occurrence_of_charge_date(date(2026, 6, 3), 1) == date(2026, 6, 3)


EXPRESSIBLE = st.one_of(
    st.builds(charge, st.just(WEEKLY), st.integers(1, 52), st.dates(date(2015, 1, 1), date(2030, 1, 1))),
    st.builds(
        charge, st.just(MONTHLY), st.integers(1, 12), st.dates(date(2015, 1, 1), date(2030, 1, 1)),
        day_of_month=st.sampled_from([*range(1, 29), -1, 31]),
    ),
    st.builds(
        charge, st.just(YEARLY), st.just(1), st.dates(date(2015, 1, 1), date(2030, 1, 1)),
        day_of_month=st.sampled_from([*range(1, 29), -1]), month=st.integers(1, 12),
    ),
)  # fmt: skip


@given(EXPRESSIBLE, st.dates(date(2010, 1, 1), date(2040, 1, 1)), st.none() | st.integers(1, 60))
def test_the_first_occurrence_from_a_day_on_is_the_one_that_counting_finds(each, day, count):
    each = replace(each, count=count)
    found = number_from(each, day)
    counted = next((number for number in range(2_000) if (on := occurrence(each, number)) is None or on >= day), 2_000)
    if occurrence(each, counted) is None:
        assert found is None
    else:
        assert found == counted


@given(EXPRESSIBLE, st.integers(0, 200))
def test_occurrences_come_in_order_none_before_the_start(each, number):
    here, following = occurrence(each, number), occurrence(each, number + 1)
    assert here is not None
    assert following is not None
    assert each.starts_on <= here < following
    assert nearest(each, here) == here


@given(EXPRESSIBLE, st.integers(1, 40))
def test_a_charge_that_only_begins_later_keeps_its_phase(each, number):
    later = occurrence(each, number)
    assert later is not None
    moved = replace(each, starts_on=later)
    assert phase_of(moved) == phase_of(each)
    assert occurrence(moved, 0) == later
