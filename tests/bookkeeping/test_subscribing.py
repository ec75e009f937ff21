"""Recurring charges compared with subscriptions: what is asked of GoCardless, one step at a time, and why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bookkeeping.collection_schemes import Limits, LimitSettings
from bookkeeping.eligibility import Payer
from bookkeeping.entities import Mandate
from bookkeeping.money import Money
from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge
from bookkeeping.subscribing import (
    MOST_AMENDMENTS,
    Action,
    Answer,
    Change,
    Create,
    Drop,
    Follower,
    Known,
    Left,
    SubscriptionSettings,
    SubscriptionState,
    compare,
    schedule_of,
)

TODAY = date(2026, 6, 3)
STATE = SubscriptionState


def euros(units: int) -> Money:
    return Money(units * 100, "EUR")


def charge(number: str = "RC1", **fields: Any) -> RecurringCharge:
    values: dict[str, Any] = {
        "customer": "10001", "amount": euros(20), "interval_unit": IntervalUnit.MONTHLY, "interval": 1,
        "starts_on": date(2026, 7, 1), "description": "Hosting",
    }  # fmt: skip
    return RecurringCharge(number, **{**values, **fields})


def mandate(number: int = 1, **fields: Any) -> Mandate:
    values: dict[str, Any] = {
        "status": "active", "scheme": "sepa_core", "customer_id": "CU1", "next_possible_charge_date": date(2026, 6, 8),
    }  # fmt: skip
    return Mandate(f"MD{number}", datetime(2026, 1, number, tzinfo=UTC), **{**values, **fields})


def follower(of: RecurringCharge | None = None, number: int = 1, **fields: Any) -> Follower:
    followed = of or charge()
    values: dict[str, Any] = {
        "state": STATE.ACTIVE, "mandate": "MD1", "amount": followed.amount, "name": followed.description,
        "schedule": schedule_of(followed), "start_on": date(2026, 7, 1),
    }  # fmt: skip
    return Follower(f"{followed.number}#{number}", followed.number, number, **{**values, **fields})


def known(*followers: Follower, mandates: tuple[Mandate, ...] = (mandate(),), **fields: Any) -> Known:
    payer = Payer("10001", gocardless_customers=("CU1",), mandates=mandates)
    values: dict[str, Any] = {"payers": {"10001": payer}, "mandates": {each.id: each for each in mandates}}
    return Known(TODAY, followers=followers, **{**values, **fields})


def answer_to(each: RecurringCharge, books: Known, **settings: Any) -> Answer:
    (answer,) = compare([each], books, SubscriptionSettings(**settings))
    return answer


def left(each: RecurringCharge, books: Known, **settings: Any) -> str:
    answer = answer_to(each, books, **settings)
    assert isinstance(answer, Left), answer
    return answer.code


def change(each: RecurringCharge, books: Known, **settings: Any) -> tuple[Action, str]:
    answer = answer_to(each, books, **settings)
    assert isinstance(answer, Change), answer
    return answer.action, answer.code


# --- a charge that nothing follows -----------------------------------------------------------------------------------


def test_a_charge_with_a_mandate_becomes_a_subscription_from_its_first_day():
    answer = answer_to(charge(count=12), known())

    assert isinstance(answer, Create)
    assert (answer.reference, answer.mandate.id, answer.start_on, answer.count) == (
        "RC1#1",
        "MD1",
        date(2026, 7, 1),
        12,
    )
    assert (answer.recurrence.day_of_month, answer.name, answer.statement_reference) == (1, "Hosting", "RC1")


def test_a_charge_that_began_before_starts_with_the_next_day_that_the_mandate_allows():
    began = charge(starts_on=date(2026, 1, 5), count=12)

    answer = answer_to(began, known())

    assert isinstance(answer, Create)
    # The 5th of June comes before the mandate can be charged on the 8th; six of twelve are left.
    assert (answer.start_on, answer.count) == (date(2026, 7, 5), 6)
    assert left(began, known(), past_start="refuse") == "starts_in_the_past"


def test_nothing_is_charged_before_the_day_that_the_connection_names():
    answer = answer_to(charge(), known(), starts_from=date(2026, 9, 2))
    assert isinstance(answer, Create)
    assert answer.start_on == date(2026, 10, 1)


def test_an_occurrence_whose_invoice_is_collected_on_its_own_is_left_out():
    answer = answer_to(charge(), known(taken_through={"RC1": date(2026, 7, 1)}))
    assert isinstance(answer, Create)
    assert answer.start_on == date(2026, 8, 1)


@pytest.mark.parametrize(
    ("code", "given_charge", "books"),
    [
        ("no_gocardless_customer", charge(customer="10009"), known()),
        ("no_mandate", charge(), known(mandates=())),
        ("mandate_not_usable", charge(), known(mandates=(mandate(status="cancelled"),))),
        ("currency_mismatch", charge(amount=Money(2_000, "GBP")), known()),
        ("currency_not_collectable", charge(amount=Money(2_000, "PLN")), known()),
        ("duplicate_customer", charge(), known(mandates=(mandate(), mandate(2, customer_id="CU2")))),
        ("customer_inactive", charge(), known(payers={"10001": Payer("10001", is_active=False)})),
        ("on_hold", charge(on_hold=True), known()),
        ("charge_ended", charge(active=False), known()),
        ("charge_ended", charge(starts_on=date(2026, 1, 1), ends_on=date(2026, 6, 1)), known()),
        ("charge_ended", charge(ends_on=date(2026, 6, 30)), known()),
        ("interval_not_expressible", charge(interval=18), known()),
        ("nothing_to_charge", charge(amount=euros(0)), known()),
        ("over_limit", charge(amount=euros(6_000)), known()),
    ],
)  # fmt: skip
def test_why_a_charge_is_not_followed(code, given_charge, books):
    assert left(given_charge, books) == code


def test_limits_can_be_raised():
    limits = LimitSettings(by_scheme={"sepa_core": Limits(largest=1_000_000)})
    assert isinstance(answer_to(charge(amount=euros(6_000)), known(), limits=limits), Create)


def test_schemes_that_take_a_reference_once_get_none():
    becs = mandate(scheme="becs")
    answer = answer_to(charge(amount=Money(2_000, "AUD")), known(mandates=(becs,)))
    assert isinstance(answer, Create)
    assert answer.statement_reference == ""


# --- a charge that is followed ---------------------------------------------------------------------------------------


def test_a_subscription_that_is_as_the_charge_says_is_left():
    assert left(charge(), known(follower())) == "followed"


def test_amount_and_text_are_amended():
    answer = answer_to(charge(amount=euros(25), description="Hosting plus"), known(follower()))
    assert isinstance(answer, Change)
    assert (answer.action, answer.amount, answer.name) == (Action.AMEND, euros(25), "Hosting plus")


def test_only_what_differs_is_amended():
    answer = answer_to(charge(description="Hosting plus"), known(follower()))
    assert isinstance(answer, Change)
    assert (answer.amount, answer.name) == (None, "Hosting plus")


def test_after_ten_amendments_another_subscription_takes_its_place():
    worn_out = follower(amendments=MOST_AMENDMENTS)
    assert change(charge(amount=euros(25)), known(worn_out)) == (Action.CANCEL, "amendments_used_up")
    assert change(charge(description="Plus"), known(worn_out)) == (Action.AMEND, "charge_changed")


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("schedule_changed", charge(interval=2)),
        ("schedule_changed", charge(day_of_month=15)),
        ("schedule_changed", charge(customer="10002")),
        ("schedule_changed", charge(count=3)),
        ("schedule_changed", charge(starts_on=date(2026, 8, 1))),
        ("interval_not_expressible", charge(day_of_month=30)),
        ("charge_ended", charge(active=False)),
        ("over_limit", charge(amount=euros(6_000))),
    ],
)
def test_what_no_amendment_can_do_cancels_the_subscription(code, changed):
    assert change(changed, known(follower())) == (Action.CANCEL, code)


def test_a_start_that_moved_on_because_the_erp_has_billed_changes_nothing():
    moved = charge(starts_on=date(2026, 8, 1))
    assert left(moved, known(follower(), billed_through={"RC1": date(2026, 7, 1)})) == "followed"
    assert change(moved, known(follower(), billed_through={"RC1": date(2026, 6, 1)})) == (
        Action.CANCEL, "schedule_changed",
    )  # fmt: skip


def test_an_earlier_start_of_a_running_charge_changes_nothing():
    assert left(charge(starts_on=date(2026, 2, 1)), known(follower())) == "followed"


def test_a_charge_that_the_erp_does_not_show_any_more_is_cancelled():
    (answer,) = compare([], known(follower()), SubscriptionSettings())
    assert isinstance(answer, Change)
    assert (answer.action, answer.code) == (Action.CANCEL, "charge_gone")
    assert compare([], known(follower(state=STATE.CANCELLED)), SubscriptionSettings()) == []


def test_a_charge_on_hold_pauses_and_resumes_its_subscription():
    paused = follower(state=STATE.PAUSED, ours=True)
    assert change(charge(on_hold=True), known(follower())) == (Action.PAUSE, "on_hold")
    assert left(charge(on_hold=True), known(paused)) == "on_hold"
    assert change(charge(), known(paused)) == (Action.RESUME, "resumed")
    # Amended first, so that it never resumes with the old amount.
    assert change(charge(amount=euros(25)), known(paused)) == (Action.AMEND, "charge_changed")


def test_what_a_person_paused_stays_paused():
    assert left(charge(), known(follower(state=STATE.PAUSED))) == "paused_by_a_person"


def test_a_mandate_that_ended_is_left_to_gocardless():
    ended = (mandate(status="cancelled"),)
    assert left(charge(amount=euros(25)), known(follower(), mandates=ended)) == "mandate_not_usable"


# --- what is planned, held or under way ------------------------------------------------------------------------------


def test_a_planned_subscription_waits_and_is_planned_anew_when_it_was_never_sent_and_does_not_fit():
    planned = follower(state=STATE.PLANNED)
    unsent = replace(planned, unsent=True)
    assert left(charge(), known(unsent)) == "planned"
    assert left(charge(), known(replace(unsent, state=STATE.HELD))) == "subscription_held"
    for changed in (charge(amount=euros(25)), charge(on_hold=True), charge(active=False), charge(interval=2)):
        assert isinstance(answer_to(changed, known(unsent)), Drop)
        assert left(changed, known(planned)) == "planned"
    too_late = known(replace(unsent, start_on=date(2026, 6, 5)))
    assert isinstance(answer_to(charge(starts_on=date(2026, 6, 5)), too_late), Drop)
    assert isinstance(answer_to(charge(), known(unsent, mandates=(mandate(status="expired"),))), Drop)


def test_nothing_more_is_asked_while_a_change_is_under_way():
    wanted = answer_to(charge(amount=euros(25)), known(follower()))
    assert isinstance(wanted, Change)
    asked = follower(change="subscription_change:RC1#1/1", change_wish=wanted.wish)
    assert left(charge(amount=euros(25)), known(asked)) == "change_under_way"
    assert left(charge(amount=euros(30)), known(asked)) == "change_under_way"
    assert left(charge(), known(asked)) == "change_under_way"
    unsent = replace(asked, change_unsent=True)
    assert left(charge(amount=euros(25)), known(unsent)) == "change_under_way"
    for other in (charge(amount=euros(30)), charge()):
        dropped = answer_to(other, known(unsent))
        assert isinstance(dropped, Drop)
        assert dropped.change


def test_what_a_person_refused_is_not_asked_again_until_the_wish_is_another():
    wanted = answer_to(charge(amount=euros(25)), known(follower()))
    assert isinstance(wanted, Change)
    refused = known(follower(refused=wanted.wish))
    assert left(charge(amount=euros(25)), refused) == "withdrawn_by_a_person"
    assert change(charge(amount=euros(30)), refused) == (Action.AMEND, "charge_changed")


# --- after the end ---------------------------------------------------------------------------------------------------


def test_another_subscription_starts_after_what_the_last_one_has_charged():
    changed = charge(interval=2)
    replaced = follower(state=STATE.CANCELLED, ours=True, paid_through=date(2026, 7, 1))

    answer = answer_to(changed, known(replaced))

    assert isinstance(answer, Create)
    assert (answer.reference, answer.start_on) == ("RC1#2", date(2026, 9, 1))
    assert left(changed, known(replace(replaced, unread=True))) == "payments_not_read"


def test_a_subscription_that_somebody_cancelled_is_not_made_again_unless_a_person_allows_it():
    cancelled = follower(state=STATE.CANCELLED, cause="subscription_cancelled")
    assert left(charge(), known(cancelled)) == "cancelled_by_a_person"
    assert isinstance(answer_to(charge(), known(cancelled, allowed_after={"RC1": 1})), Create)
    assert left(charge(), known(follower(state=STATE.WITHDRAWN))) == "withdrawn_by_a_person"
    assert isinstance(answer_to(charge(), known(follower(state=STATE.WITHDRAWN, ours=True))), Create)


def test_a_new_mandate_gets_a_new_subscription():
    cancelled = follower(state=STATE.CANCELLED, cause="mandate_cancelled")
    assert left(charge(), known(cancelled)) == "cancelled_by_a_person"
    assert isinstance(answer_to(charge(), known(cancelled, mandates=(mandate(2),))), Create)


def test_a_finished_subscription_is_followed_by_another_only_when_something_is_left():
    bounded = charge(count=2)
    finished = follower(bounded, state=STATE.FINISHED, paid_through=date(2026, 8, 1))
    assert left(bounded, known(finished)) == "charge_ended"
    longer = answer_to(charge(count=3), known(finished))
    assert isinstance(longer, Create)
    assert (longer.start_on, longer.count) == (date(2026, 9, 1), 1)
