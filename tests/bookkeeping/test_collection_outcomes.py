"""How a collection stands by its payment's status and story: when in doubt, it keeps its invoice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkeeping.collection_outcomes import outcome_of
from bookkeeping.eligibility import LIVE, NotEligible, Receivable
from bookkeeping.entities import Event, Payment
from bookkeeping.mandate_setup_rules import SetupOrder, SetupPolicy, plan_mandate_setup, wanted_setups
from bookkeeping.money import Money
from bookkeeping.settings import BookSettings

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def payment(status: str) -> Payment:
    return Payment("PM1", NOON, Money(100, "EUR"), status, Money(0, "EUR"))


def event(action: str, number: int = 1, **fields) -> Event:
    return Event(f"EV{number}", NOON + timedelta(hours=number), "payments", action, **fields)


@pytest.mark.parametrize(
    ("status", "story", "expected"),
    [
        ("pending_customer_approval", [], "in_flight"),
        ("pending_submission", [], "in_flight"),
        ("submitted", [event("failed", will_attempt_retry=False)], "in_flight"),
        ("confirmed", [], "collected"),
        ("paid_out", [event("failed", will_attempt_retry=False)], "collected"),
        ("failed", [], "in_flight"),
        ("failed", [event("failed", will_attempt_retry=True)], "in_flight"),
        ("failed", [event("failed", will_attempt_retry=False)], "failed"),
        ("failed", [event("failed")], "failed"),
        ("failed", [event("failed"), event("resubmission_requested", 2)], "in_flight"),
        ("failed", [event("resubmission_requested", 2), event("failed", 3), event("failed", 1)], "failed"),
        ("charged_back", [], "charged_back"),
        ("cancelled", [], "cancelled"),
        ("customer_approval_denied", [], "cancelled"),
        ("a_status_of_the_future", [event("failed")], "in_flight"),
    ],
)
def test_what_became_of_a_payment(status, story, expected):
    assert outcome_of(payment(status), story).state == expected


def test_the_event_that_ended_it_tells_why_and_when():
    story = [event("failed", 1, cause="refer_to_payer"), event("failed", 5, cause="insufficient_funds")]

    outcome = outcome_of(payment("failed"), story)

    assert (outcome.cause, outcome.ended_at) == ("insufficient_funds", NOON + timedelta(hours=5))


ACTIONS = ("failed", "confirmed", "submitted", "cancelled", "resubmission_requested", "charged_back", "new_action")
STORIES = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from([True, False, None])), max_size=6)


@given(st.text(max_size=30), STORIES)
def test_an_unknown_status_never_frees_an_invoice(status, actions):
    known = {"failed", "cancelled", "customer_approval_denied", "charged_back"}
    story = [event(action, n, will_attempt_retry=retry) for n, (action, retry) in enumerate(actions)]

    assert status in known or outcome_of(payment(status), story).state in LIVE


@given(STORIES, st.randoms())
def test_the_order_in_which_events_became_known_does_not_matter(actions, chance):
    story = [event(action, n, will_attempt_retry=retry) for n, (action, retry) in enumerate(actions)]
    shuffled = chance.sample(story, len(story))

    assert outcome_of(payment("failed"), shuffled) == outcome_of(payment("failed"), story)


# --- set-ups of mandates ---------------------------------------------------------------------------------------------


def refusal(code: str, customer: str = "10001", currency: str = "EUR") -> NotEligible:
    return NotEligible(Receivable("R1", customer, Money(100, currency), None), code, "why")


def test_a_payer_is_asked_once_per_currency_for_what_a_mandate_would_cure():
    refused = [
        refusal("no_mandate"),
        refusal("no_mandate"),
        refusal("currency_mismatch", currency="GBP"),
        refusal("over_limit", "10002"),
        refusal("needs_new_mandate", "10003"),
    ]

    assert wanted_setups(refused, {}) == [("10001", "EUR", 1), ("10001", "GBP", 1), ("10003", "EUR", 1)]


@pytest.mark.parametrize(
    ("times", "waits", "expected"), [(1, True, []), (1, False, [2]), (2, False, [3]), (3, False, [])]
)
def test_a_payer_is_asked_again_three_times_at_most(times, waits, expected):
    asked = {("10001", "EUR"): (times, waits)}

    assert [number for _, _, number in wanted_setups([refusal("no_mandate")], asked)] == expected


def test_a_set_up_carries_what_the_page_shows():
    settings = BookSettings("acme", ZoneInfo("Europe/London"), date(2024, 1, 1))
    order = SetupOrder("10001/EUR#1", "10001", "EUR", prefilled={"email": "a@b.example"})

    posting = plan_mandate_setup(order, SetupPolicy("notify", creditor="CR1"), settings, NOON)

    assert (posting.key, posting.reference, posting.lines) == ("mandate_setup:10001/EUR#1", "10001/EUR#1", ())
    assert posting.facts == {
        "currency": "EUR", "erp_customer": "10001", "notify": "true", "creditor": "CR1",
        "prefilled_email": "a@b.example",
    }  # fmt: skip
