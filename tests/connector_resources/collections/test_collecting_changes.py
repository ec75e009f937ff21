"""What happens after a collection was ordered: paid otherwise, failed, tried again, charged back, cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector_resources.collections.ordering import allow_again
from connector_resources.errors import StoreError
from sandbox.gocardless.payment_states import Reason
from sandbox.visma.clerk import Clerk


@pytest.fixture
def ordered(desk):
    """One invoice whose payment GoCardless has and has not sent yet."""
    desk.site.merchant.mandate(1)
    desk.invoice("900001")
    desk.run()
    return desk


def submitted(desk, reference: str = "900001#1"):
    payment = desk.payment(reference)
    with desk.world.lock:
        desk.world.payment_states.submit(payment)
    desk.site.merchant.tick()
    return payment


def fail(desk, reference: str = "900001#1", *, cause: str = "insufficient_funds", again: bool = False) -> None:
    payment = desk.payment(reference)
    with desk.world.lock:
        if payment.status == "pending_submission":
            desk.world.payment_states.submit(payment)
        desk.world.payment_states.fail(payment, Reason(cause, None, "no"), will_attempt_retry=again)
    desk.site.merchant.tick()


def test_an_invoice_paid_otherwise_has_its_payment_cancelled(ordered):
    Clerk(ordered.site.company).pay_invoice("900001", 10_000)

    report = ordered.run()

    assert [stop.code for stop in report.stopped] == ["paid_otherwise"]
    assert ordered.payment("900001#1").status == "cancelled"
    assert ordered.run().held == []
    assert ordered.states() == {"900001#1": "cancelled"}
    assert ordered.site.unfinished() == {}


def test_an_invoice_paid_in_part_is_collected_anew_for_the_rest(ordered):
    Clerk(ordered.site.company).pay_invoice("900001", 4_000)

    ordered.run()
    ordered.run()

    assert ordered.payment("900001#1").status == "cancelled"
    assert ordered.payment("900001#2").body["amount"] == 6_000
    assert ordered.taken() == {"900001": 6_000}


def test_what_the_banks_have_cannot_be_stopped_and_is_reported(ordered):
    payment = submitted(ordered)
    Clerk(ordered.site.company).pay_invoice("900001", 10_000)

    report = ordered.run()

    assert [(stop.standing.reference, stop.code) for stop in report.too_late] == [("900001#1", "paid_otherwise")]
    assert payment.status == "submitted"


def test_a_cancellation_that_comes_too_late_is_held(ordered):
    Clerk(ordered.site.company).pay_invoice("900001", 10_000)
    ordered.site.run_new()
    ordered.read()
    submitted(ordered)

    report = ordered.collect()

    assert [hold.code for hold in report.held] == ["cancellation_failed"]
    ordered.site.merchant.collect(ordered.payment("900001#1"))
    ordered.run()
    assert ordered.states() == {"900001#1": "collected"}


def test_a_failed_payment_is_tried_again_after_the_days_of_the_policy(ordered):
    fail(ordered)
    assert ordered.reasons(ordered.run()) == {"900001": "waits_to_retry"}

    ordered.days_later(5)
    ordered.run()

    assert ordered.payment("900001#2").body["amount"] == 10_000
    assert ordered.states() == {"900001#1": "failed", "900001#2": "in_flight"}


def test_a_payment_that_gocardless_tries_again_by_itself_is_left_to_it(ordered):
    fail(ordered, again=True)
    ordered.days_later(6)

    assert ordered.reasons(ordered.run()) == {"900001": "in_flight"}
    assert len(ordered.payments()) == 1


def test_a_late_failure_reopens_the_invoice_and_the_policy_decides(ordered):
    ordered.site.merchant.collect(ordered.payment("900001#1"))
    ordered.run()
    assert ordered.site.company.documents["Invoice", "900001"].balance_minor == 0

    fail(ordered, cause="refer_to_payer")
    assert ordered.reasons(ordered.run()) == {"900001": "waits_to_retry"}
    ordered.days_later(5)
    ordered.run()

    assert ordered.taken() == {"900001": 10_000}


def test_a_chargeback_is_not_collected_again_until_a_person_says_so(ordered):
    payment = ordered.payment("900001#1")
    ordered.site.merchant.collect(payment)
    ordered.run()
    ordered.site.merchant.charge_back(payment)
    ordered.days_later(30)
    assert ordered.reasons(ordered.run()) == {"900001": "charged_back"}

    allow_again(ordered.store, ordered.site.name, "900001", by="Ada", note="agreed by phone")
    ordered.run()

    assert ordered.states() == {"900001#1": "charged_back", "900001#2": "in_flight"}
    (entry,) = ordered.store.trail.about(ordered.site.name, ["900001"])
    assert entry.payload == {"after": 1, "by": "Ada", "note": "agreed by phone"}


def test_no_further_attempt_can_be_allowed_while_one_is_under_way(ordered):
    with pytest.raises(StoreError, match="no collection that ended"):
        allow_again(ordered.store, ordered.site.name, "900001", by="Ada", note="")


def test_a_payment_cancelled_by_a_person_is_left_to_that_person(ordered):
    ordered.cancel_at_gocardless(ordered.payment("900001#1"))

    assert ordered.reasons(ordered.run()) == {"900001": "cancelled_by_a_person"}


def test_a_failed_payment_retried_by_hand_and_our_own_attempt_do_not_both_go_on(ordered):
    fail(ordered)
    ordered.days_later(6)
    ordered.run()
    second = ordered.payment("900001#2")
    ordered.site.merchant.retry(ordered.payment("900001#1"))

    ordered.run()
    ordered.run()

    assert second.status == "cancelled"
    assert ordered.taken() == {"900001": 10_000}


def test_a_payment_that_came_back_to_life_unseen_is_seen_before_another_is_made(ordered):
    """The event of the retry is late; the payment itself is asked before it would be collected a second time."""
    fail(ordered)
    ordered.run()
    ordered.days_later(6)
    ordered.site.run_new()
    ordered.site.merchant.retry(ordered.payment("900001#1"))
    ordered.read()

    report = ordered.collect()

    assert ordered.reasons(report) == {"900001": "in_flight"}
    assert len(ordered.payments()) == 1


def test_a_chargeback_that_is_withdrawn_counts_as_collected_again(ordered):
    payment = ordered.payment("900001#1")
    ordered.site.merchant.collect(payment)
    ordered.run()
    ordered.site.merchant.charge_back(payment)
    ordered.run()
    ordered.site.merchant.cancel_chargeback(payment)
    ordered.site.merchant.tick(timedelta(days=1))

    ordered.run()

    assert ordered.states() == {"900001#1": "collected"}
    assert ordered.site.company.documents["Invoice", "900001"].balance_minor == 0
