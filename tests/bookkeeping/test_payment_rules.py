"""Payments, as an accountant would write them: gocardless.md section 11, one row after the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from textwrap import dedent

import pytest

from bookkeeping.entities import Fx
from bookkeeping.money import Money
from bookkeeping.postings import Party
from bookkeeping.rules import ReceiptState, receipt_state


def same(actual: str, expected: str) -> None:
    assert actual == dedent(expected).strip()


RECEIPT = """
    2024-03-05 receipt PM1 GCEV1
      clearing          100.00 GBP
      receivable       -100.00 GBP
"""
REVERSAL = """
    2024-03-06 receipt_reversal PM1 GCEV2
      receivable        100.00 GBP
      clearing         -100.00 GBP
"""


def test_a_confirmed_payment_is_a_receipt_of_the_customer(make):
    books = make.Bookkeeper(make.payment())
    (receipt,) = books.feed(make.event(1, "confirmed")).postings
    same(books.text, RECEIPT)
    assert receipt.key == "EV1:receipt"
    assert receipt.party == receipt.lines[1].party == Party("CU1", "10042", "Ada Ltd")
    assert receipt.facts["payment"] == "PM1"
    assert receipt.facts["mandate_reference"] == "ACME-1"
    assert receipt.text == "GoCardless receipt PM1 bacs INV-7"


@pytest.mark.parametrize("action", ["created", "submitted", "resubmission_requested", "customer_approval_granted"])
def test_a_payment_on_its_way_books_nothing(make, action):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, action))
    assert books.text == ""
    assert books.outcome(1) == "nothing_to_post"


def test_paying_out_books_nothing_when_the_receipt_was_booked_on_confirmation(make):
    books = make.Bookkeeper(make.payment(payout_id="PO1"))
    books.feed(make.event(1, "confirmed"), make.event(2, "paid_out"))
    same(books.text, RECEIPT)
    assert books.outcome(2) == "nothing_to_post"


def test_with_the_paid_out_trigger_the_receipt_is_booked_when_the_money_leaves(make):
    books = make.Bookkeeper(make.payment(), settings=make.settings(receipt_trigger="paid_out"))
    books.feed(make.event(1, "confirmed"))
    assert books.text == ""
    books.feed(make.event(2, "paid_out", links={"payout": "PO9"}))
    same(books.text, RECEIPT.replace("-05 ", "-06 ").replace("EV1", "EV2"))
    assert books.booked[0].facts["payout"] == "PO9"


@pytest.mark.parametrize("action", ["failed", "cancelled", "customer_approval_denied"])
def test_a_payment_that_never_had_a_receipt_fails_without_a_booking(make, action):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, action))
    assert books.text == ""
    assert books.outcome(1) == "nothing_to_post"
    assert "no receipt is open" in books.reason(1)


@pytest.mark.parametrize("action", ["failed", "charged_back", "cancelled"])
def test_a_payment_that_goes_back_after_its_receipt_reopens_the_invoice(make, action):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "confirmed"))
    (reversal,) = books.feed(make.event(2, action, cause="refer_to_payer", reason_code="ARUDD-0")).postings
    same(books.text, RECEIPT + REVERSAL.lstrip("\n"))
    assert reversal.reverses == "EV1:receipt"
    assert reversal.facts["cause"] == "refer_to_payer"
    assert reversal.facts["reason_code"] == "ARUDD-0"
    assert reversal.invoices == ("INV-7",)


@pytest.mark.parametrize("action", ["late_failure_settled", "chargeback_settled", "surcharge_fee_debited"])
def test_settling_is_the_business_of_the_payout(make, action):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "confirmed"))
    books.feed(make.event(2, action))
    same(books.text, RECEIPT)
    assert "payout item" in books.reason(2)


@pytest.mark.parametrize("trigger", ["confirmed", "paid_out"])
def test_a_withdrawn_chargeback_books_the_receipt_again(make, trigger):
    books = make.Bookkeeper(make.payment(), settings=make.settings(receipt_trigger=trigger))
    story = [make.event(i, a) for i, a in enumerate(["confirmed", "paid_out", "charged_back", "chargeback_cancelled"])]
    make.feed_all(books, [[event] for event in story])
    assert [posting.kind for posting in books.booked] == ["receipt", "receipt_reversal", "receipt"]
    assert books.booked[2].event_id == "EV3"
    assert books.booked[2].text.startswith("GoCardless receipt again PM1")
    books.feed(make.event(9, "paid_out"))
    assert len(books.booked) == 3


def test_with_the_paid_out_trigger_a_chargeback_withdrawn_before_the_payout_waits_for_the_payout(make):
    books = make.Bookkeeper(make.payment(), settings=make.settings(receipt_trigger="paid_out"))
    books.feed(*[make.event(i, a) for i, a in enumerate(["confirmed", "charged_back", "chargeback_cancelled"])])
    assert books.text == ""
    books.feed(make.event(5, "paid_out"))
    assert [posting.event_id for posting in books.booked] == ["EV5"]


def test_a_retry_that_succeeds_is_a_second_receipt(make):
    books = make.Bookkeeper(make.payment())
    for number, action in enumerate(["confirmed", "failed", "resubmission_requested", "confirmed"], start=1):
        books.feed(make.event(number, action))
    second = RECEIPT.replace("-05 ", "-08 ").replace("EV1", "EV4").lstrip("\n")
    same(books.text, RECEIPT + REVERSAL.lstrip("\n") + second)


def test_a_payment_that_settles_directly_goes_straight_to_the_bank(make):
    direct = make.mandate(funds_settlement="direct")
    books = make.Bookkeeper(make.payment(), mandate=direct, settings=make.settings(receipt_trigger="paid_out"))
    books.feed(make.event(1, "confirmed"))
    books.feed(make.event(2, "charged_back"))
    same(books.text, (RECEIPT + REVERSAL.lstrip("\n")).replace("clearing", "bank    "))


def test_nothing_is_booked_before_the_mandate_says_where_the_money_goes(make):
    books = make.Bookkeeper(make.payment(), mandate=None)
    books.feed(make.event(1, "confirmed"))
    assert (books.text, books.outcome(1)) == ("", "waiting")
    assert "MD1" in books.reason(1)
    books.mandate = make.mandate()
    books.feed()
    same(books.text, RECEIPT)


@pytest.mark.parametrize(("then", "number"), [("10042", "10042"), (None, "10099")])
def test_a_reversal_goes_to_the_customer_the_receipt_was_booked_on_or_to_the_one_mapped_since(make, then, number):
    books = make.Bookkeeper(make.payment(), party=Party("CU1", then))
    books.feed(make.event(1, "confirmed"))
    books.party = Party("CU1", "10099")
    books.feed(make.event(2, "failed"))
    reversal = books.booked[1]
    assert reversal.party.erp_customer == reversal.lines[0].party.erp_customer == number
    assert reversal.lines[1].party is None


def test_the_receipt_state_tells_a_payout_what_the_books_know(make):
    def state(*actions, **how):
        books = make.Bookkeeper(make.payment(), **how)
        for number, action in enumerate(actions):
            books.feed(make.event(number, action))
        return receipt_state(books.resource, books.story, books.decided, books.booked)

    assert state("submitted", "failed") is ReceiptState.NONE
    assert state("confirmed") is ReceiptState.OPEN
    assert state("confirmed", "failed") is ReceiptState.REVERSED
    assert state("confirmed", mandate=None) is ReceiptState.DUE
    assert state("confirmed", settings=make.settings(receipt_trigger="paid_out")) is ReceiptState.DUE


def test_a_payment_without_mandate_or_customer_is_booked_for_an_unknown_party(make):
    books = make.Bookkeeper(make.payment(mandate_id=None), mandate=None, party=None)
    books.feed(make.event(1, "confirmed"))
    same(books.text, RECEIPT)
    assert books.booked[0].party == Party(None)


def test_a_confirmation_and_its_failure_that_arrive_together_book_nothing_and_say_so(make):
    books = make.Bookkeeper(make.payment(status="failed"))
    books.feed(make.event(2, "failed"), make.event(1, "confirmed"))
    assert books.text == ""
    assert books.outcome(1) == books.outcome(2) == "transient_pair"
    assert "EV1" in books.reason(2)
    assert "cancel out" in books.reason(2)
    assert receipt_state(books.resource, books.story, books.decided, books.booked) is ReceiptState.TRANSIENT


@pytest.mark.parametrize("why", ["setting", "paid out between", "linked to a payout"])
def test_such_a_pair_is_booked_when_it_is_asked_for_or_a_payout_moved_the_clearing_account(make, why):
    payment = make.payment(payout_id="PO1" if why == "linked to a payout" else None)
    books = make.Bookkeeper(payment, settings=make.settings(post_transient_pairs=why == "setting"))
    between = [make.event(8, "paid_out", day=1)] if why == "paid out between" else []
    books.feed(make.event(1, "confirmed"), *between, make.event(2, "failed"))
    same(books.text, RECEIPT + REVERSAL.lstrip("\n"))


def test_of_a_failed_and_a_successful_attempt_that_arrive_together_only_the_success_is_booked(make):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "confirmed"), make.event(2, "failed"), make.event(3, "confirmed"))
    assert [posting.key for posting in books.booked] == ["EV3:receipt"]


def test_a_second_confirmation_is_covered_by_the_open_receipt(make):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "confirmed"))
    books.feed(make.event(2, "confirmed"))
    same(books.text, RECEIPT)
    assert books.outcome(2) == "covered"


def test_a_failure_that_arrives_between_two_handled_confirmations_leaves_one_receipt_open(make):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "confirmed"))
    books.feed(make.event(3, "confirmed"))
    books.feed(make.event(2, "failed"))
    same(books.text, RECEIPT)
    assert books.outcome(2) == "superseded"


def test_a_chargeback_waits_for_the_confirmation_it_takes_back(make):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(2, "charged_back"))
    assert (books.text, books.outcome(2)) == ("", "waiting")
    books.feed(make.event(1, "confirmed"))
    assert books.outcome(1) == books.outcome(2) == "transient_pair"


def test_a_failure_after_a_payout_waits_for_the_confirmation(make):
    books = make.Bookkeeper(make.payment(status="failed", payout_id="PO1"))
    books.feed(make.event(2, "failed"))
    assert books.outcome(2) == "waiting"
    assert "GET /events?payment=PM1" in books.reason(2)
    books.feed(make.event(1, "confirmed"))
    same(books.text, RECEIPT + REVERSAL.lstrip("\n"))


def test_a_first_attempt_that_failed_does_not_wait_when_a_later_one_was_paid_out(make):
    books = make.Bookkeeper(make.payment(payout_id="PO1"))
    books.feed(make.event(1, "failed"), make.event(2, "confirmed"), make.event(3, "paid_out"))
    assert books.outcome(1) == "nothing_to_post"
    assert [posting.key for posting in books.booked] == ["EV2:receipt"]


def test_what_happened_before_the_cut_over_is_shown_but_never_booked(make):
    books = make.Bookkeeper(make.payment(), settings=make.settings(cut_over=date(2024, 3, 6)))
    books.feed(make.event(1, "confirmed"))
    assert (books.text, books.outcome(1)) == ("", "before_cut_over")
    assert receipt_state(books.resource, books.story, books.decided, []) is ReceiptState.BEFORE_CUT_OVER


def test_a_receipt_from_before_the_cut_over_is_taken_back_after_it(make):
    books = make.Bookkeeper(make.payment(), settings=make.settings(cut_over=date(2024, 3, 6)))
    books.feed(make.event(1, "confirmed"), make.event(2, "charged_back"))
    same(books.text, REVERSAL)
    assert books.booked[0].reverses is None
    assert books.booked[0].facts["receipt_before_cut_over"] == "true"
    books.feed(make.event(3, "chargeback_cancelled"))
    assert make.balances(books.booked) == {}


def test_after_the_cut_over_each_reversal_names_the_receipt_it_takes_back(make):
    books = make.Bookkeeper(make.payment(), settings=make.settings(cut_over=date(2024, 3, 6)))
    story = ["confirmed", "charged_back", "chargeback_cancelled", "charged_back"]
    make.feed_all(books, [[make.event(number, action)] for number, action in enumerate(story, start=1)])
    assert [posting.reverses for posting in books.booked] == [None, None, "EV3:receipt"]
    assert "receipt_before_cut_over" not in books.booked[2].facts


def test_moving_the_cut_over_changes_nothing_that_was_decided(make):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "confirmed"))
    books.settings = make.settings(cut_over=date(2024, 3, 6))
    books.feed(make.event(2, "failed"))
    assert [posting.reverses for posting in books.booked] == [None, "EV1:receipt"]
    assert make.balances(books.booked) == {}


def test_the_activity_day_is_that_of_the_connections_time_zone(make):
    late = replace(make.event(1, "confirmed"), created_at=make.start.replace(month=7, day=1, hour=23, minute=30))
    books = make.Bookkeeper(make.payment())
    books.feed(late)
    assert books.booked[0].booking_date == date(2024, 7, 2)


def test_changing_the_receipt_trigger_neither_books_twice_nor_takes_back(make):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "confirmed"))
    books.settings = make.settings(receipt_trigger="paid_out")
    books.feed(make.event(2, "paid_out"))
    same(books.text, RECEIPT)
    assert books.outcome(2) == "covered"
    books.feed(make.event(3, "charged_back"))
    assert make.balances(books.booked) == {}


def test_an_unknown_action_is_recorded_and_ignored(make):
    books = make.Bookkeeper(make.payment())
    books.feed(make.event(1, "teleported"))
    assert books.outcome(1) == "ignored"
    assert books.reason(1) == "ignored: unknown payments.teleported"


def test_a_closed_period_moves_the_date_and_keeps_the_original(make):
    closed = make.settings(closed_through=date(2024, 3, 31), closed_period="next_open_day")
    books = make.Bookkeeper(make.payment(), settings=closed)
    books.feed(make.event(1, "confirmed"))
    (posting,) = books.booked
    assert posting.booking_date == date(2024, 4, 1)
    assert posting.facts["original_date"] == "2024-03-05"
    assert posting.text.endswith("of 2024-03-05")
    assert len(posting.text) <= 60


def test_a_closed_period_that_is_to_be_held_is_marked(make):
    books = make.Bookkeeper(make.payment(), settings=make.settings(closed_through=date(2024, 3, 31)))
    books.feed(make.event(1, "confirmed"))
    assert books.booked[0].booking_date == date(2024, 3, 5)
    assert books.booked[0].facts["period_closed"] == "2024-03-31"


def test_a_fact_found_by_the_sweep_is_booked_under_its_own_id_and_covers_the_event(make):
    swept = replace(make.event(1, "confirmed"), id="sweep:PM1:confirmed:1")
    books = make.Bookkeeper(make.payment())
    books.feed(swept)
    assert books.booked[0].key == "sweep:PM1:confirmed:1:receipt"
    books.feed(make.event(1, "confirmed"))
    assert len(books.booked) == 1


def test_the_invoice_is_looked_for_where_the_settings_say_best_first(make):
    payment = make.payment(metadata={"invoice": " 2024 - 17\n"}, reference="INV-7", description="INV-7")
    books = make.Bookkeeper(payment)
    books.feed(make.event(1, "confirmed"))
    assert books.booked[0].invoices == ("2024 - 17", "INV-7")


def test_a_long_reference_is_left_out_of_the_text_rather_than_cut(make):
    books = make.Bookkeeper(make.payment(id="PM0123456789ABCD", reference="X" * 40))
    books.feed(replace(make.event(1, "confirmed"), links={"payment": "PM0123456789ABCD"}))
    assert books.booked[0].text == "GoCardless receipt PM0123456789ABCD bacs"


def test_a_converted_payment_carries_its_estimated_rate(make):
    payment = make.payment(amount=Money(10000, "EUR"), fx=Fx("GBP", estimated_rate=Decimal("0.8512")))
    books = make.Bookkeeper(payment)
    books.feed(make.event(1, "confirmed"))
    facts = books.booked[0].facts
    assert (facts["fx_currency"], facts["fx_rate"], facts["fx_rate_is"]) == ("GBP", "0.8512", "estimated")
