"""A short campaign in every test run.

`make faults` plays thousands of schedules; a schedule that fails there fails here when its seed is put into `SEEDS`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.faults.campaign import LINES, Verdict, play, schedule_of
from tests.faults.coverage import CANNOT, Coverage, required_of
from tests.faults.schedule import DELIVERIES, LOCAL, REMOTE, RunPlan, Schedule, Trouble, draw

SEEDS = range(200, 205)


@pytest.mark.parametrize("erp", sorted(LINES))
@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_trouble_the_books_show_what_happened_and_nothing_twice(erp: str, seed: int) -> None:
    verdict = play(erp, schedule_of(erp, seed))

    assert (verdict.lost, verdict.doubled, verdict.differing, verdict.wrong) == ([], [], [], [])


def test_a_clock_that_goes_back_between_two_steps_leaves_no_document_unposted() -> None:
    back = RunPlan((Trouble("clock_back", 14, writes_only=True),), "whole_day", 1)
    calm = RunPlan((), "polled", 1)

    assert play("sage300", Schedule(0, 1, ((), (back,), (calm,)))).good


def test_what_sage_300_moved_to_a_batch_of_errors_is_found_there_once_a_person_has_posted_it() -> None:
    closes = RunPlan((Trouble("period_closed", 4, writes_only=True),), "polled", 1)
    calm = RunPlan((), "polled", 1)

    verdict = play("sage300", Schedule(0, 1, ((closes,), (), (calm,))))

    assert verdict.good
    assert verdict.held == {"read_back_differs": 3}


def test_no_booking_goes_before_the_debtor_it_needs_whose_upload_was_not_answered() -> None:
    """Found by 12,000 schedules: the file of debtors was answered by a page, that of bookings went with it, and was refused."""
    assert play("gocardless", schedule_of("gocardless", 1744)).good


def test_a_clock_that_is_an_hour_ahead_does_not_send_a_payout_to_suspense_too_early() -> None:
    """Found by 2,000 schedules: confirmations appear late, and by our clock it was an hour since the payout already."""
    assert play("visma", schedule_of("visma", 2857)).good


def test_of_two_names_the_newer_reaches_gocardless_though_the_clock_went_back_between_them() -> None:
    """Found by 12,000 schedules: the first was on its way still, and seemed to be the newer one."""
    assert play("gocardless", schedule_of("gocardless", 3214)).good


def test_a_payment_that_a_quota_broke_off_is_finished_before_another_receipt_joins_its_own() -> None:
    """The disk is full while two receipts are planned; then the clock goes back, and the shared quota asks for an hour."""
    full = RunPlan((Trouble("rate_limit", 3, writes_only=True), Trouble("disk_full", 26)), "some_missing", 130)
    back = RunPlan((Trouble("clock_back", 38), Trouble("error_before", 4)), "late", 4_000)

    verdict = play("ifs_cloud", Schedule(0, 5, ((), (full,), (back,))))

    assert verdict.good
    assert verdict.edges["claimed > unknown"] == 1


def test_a_schedule_leaves_no_trace_in_the_next() -> None:
    dies = Schedule(0, 0, ((RunPlan((Trouble("death", 3, writes_only=True),), "polled", 0),), (), ()))

    first, second = play("visma", dies), play("visma", dies)

    assert first.hit["death before a write"] + first.hit["death after a write"] == 1
    assert first == second


def test_the_schedules_know_every_kind_of_trouble() -> None:
    drawn = [draw(seed) for seed in range(200)]
    runs = [run for schedule in drawn for act in schedule.acts for run in act]
    assert set().union(*(schedule.kinds() for schedule in drawn)) == {*REMOTE, *LOCAL}
    assert {run.delivery for run in runs} == set(DELIVERIES)
    assert draw(7) == draw(7) != draw(8)


def test_what_was_not_met_is_named_unless_the_line_cannot_have_it() -> None:
    coverage = Coverage()
    coverage.add(Verdict("sage300", 0, hit=Counter({"clerk": 1}), edges=Counter({"unknown > posted": 1})))

    missing = coverage.missing("sage300")

    assert {"clerk", "not answered, then found by the look-up", "token reply lost"}.isdisjoint(missing)
    assert {"held", "death before a write", "write: drop_after"} <= set(missing)
    assert "token reply lost" in Coverage().missing("visma")
    assert all(why and what not in required_of(erp) for erp, each in CANNOT.items() for what, why in each.items())
