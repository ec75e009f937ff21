"""The next best action of a payment that brought no money: by cause, and by what became of it since."""

from __future__ import annotations

import pytest

from bookkeeping.eligibility import MANDATE_CAUSES, RETRYABLE_CAUSES
from bookkeeping.failure_advice import Advice, Ending, advice, advice_for_cause


@pytest.mark.parametrize("cause", sorted(RETRYABLE_CAUSES))
def test_what_may_pay_later_is_tried_again(cause: str) -> None:
    assert advice(Ending("failed", cause), "failed") is Advice.RETRY


@pytest.mark.parametrize("cause", sorted(MANDATE_CAUSES))
@pytest.mark.parametrize("action", ["failed", "charged_back", "cancelled"])
def test_a_dead_mandate_needs_a_new_one_whatever_happened(action: str, cause: str) -> None:
    assert advice(Ending(action, cause), action) is Advice.NEW_MANDATE


@pytest.mark.parametrize(
    "cause", ["authorisation_disputed", "refund_requested", "payment_stopped", "other", "brand_new_cause"]
)
def test_an_objection_or_no_reason_is_for_the_customer_to_explain(cause: str) -> None:
    assert advice(Ending("failed", cause), "failed") is Advice.CONTACT


def test_a_chargeback_is_never_tried_again_without_asking() -> None:
    assert advice_for_cause(Ending("charged_back", "insufficient_funds")) is Advice.CONTACT


@pytest.mark.parametrize(
    ("status", "expected"), [("paid_out", Advice.NOTHING), ("confirmed", Advice.NOTHING), ("submitted", Advice.WAIT)]
)
def test_what_became_of_the_payment_outweighs_its_cause(status: str, expected: Advice) -> None:
    assert advice(Ending("failed", "insufficient_funds"), status) is expected


def test_gocardless_is_left_to_try_again_by_itself() -> None:
    assert advice(Ending("failed", "insufficient_funds", will_attempt_retry=True), "failed") is Advice.WAIT
