"""Refunds, as an accountant would write them: gocardless.md section 11."""

from __future__ import annotations

from datetime import date
from textwrap import dedent

import pytest

REFUND = """
2024-03-05 refund RF1 GCEV1
  sales_returns      25.00 GBP
  receivable        -25.00 GBP
  receivable         25.00 GBP
  clearing          -25.00 GBP
"""
RETURNED = """2024-03-06 refund_reversal RF1 GCEV2
  clearing           25.00 GBP
  receivable        -25.00 GBP
"""


def same(actual: str, expected: str) -> None:
    assert actual == dedent(expected).strip()


def test_a_paid_refund_is_a_credit_memo_and_an_outgoing_payment(make):
    books = make.Bookkeeper(make.refund())
    books.feed(make.event(0, "created", "RF1"), make.event(1, "paid", "RF1"))
    same(books.text, REFUND)
    (posting,) = books.booked
    assert posting.invoices == ("INV-7",)
    assert posting.facts["payment"] == "PM1"
    assert {line.party.erp_customer for line in posting.lines if line.party} == {"10042"}


@pytest.mark.parametrize("action", ["failed", "bounced", "funds_returned"])
def test_a_refund_that_comes_back_leaves_the_credit_memo_open(make, action):
    books = make.Bookkeeper(make.refund())
    books.feed(make.event(1, "paid", "RF1"))
    books.feed(make.event(2, action, "RF1"))
    same(books.text, REFUND + RETURNED)
    assert books.booked[1].reverses == "EV1:refund"


def test_a_refund_that_failed_and_whose_funds_returned_comes_back_once(make):
    books = make.Bookkeeper(make.refund())
    books.feed(make.event(1, "paid", "RF1"), make.event(2, "failed", "RF1"), make.event(3, "funds_returned", "RF1"))
    same(books.text, REFUND + RETURNED)
    assert books.outcome(3) == "nothing_to_post"


def test_settling_a_refund_books_nothing(make):
    books = make.Bookkeeper(make.refund())
    books.feed(make.event(1, "paid", "RF1"), make.event(2, "refund_settled", "RF1"))
    same(books.text, REFUND)


def test_a_refund_that_came_back_before_it_was_known_to_be_paid_waits(make):
    books = make.Bookkeeper(make.refund())
    books.feed(make.event(2, "failed", "RF1"))
    assert (books.text, books.outcome(2)) == ("", "waiting")
    books.feed(make.event(1, "paid", "RF1"))
    same(books.text, REFUND + RETURNED)


def test_a_refund_paid_a_second_time_waits_for_a_person(make):
    books = make.Bookkeeper(make.refund())
    books.feed(make.event(1, "paid", "RF1"), make.event(2, "failed", "RF1"), make.event(3, "paid", "RF1"))
    same(books.text, REFUND + RETURNED)
    assert "paid again" in books.reason(3)


def test_a_refund_from_before_the_cut_over_can_still_come_back(make):
    books = make.Bookkeeper(make.refund(), settings=make.settings(cut_over=date(2024, 3, 6)))
    books.feed(make.event(1, "paid", "RF1"), make.event(2, "failed", "RF1"))
    same(books.text, RETURNED)
    assert books.booked[0].facts["refund_before_cut_over"] == "true"


def test_a_refund_against_a_mandate_needs_no_payment(make):
    books = make.Bookkeeper(make.refund(payment_id=None, mandate_id="MD1"), payment=None)
    books.feed(make.event(1, "paid", "RF1"))
    same(books.text, REFUND)
    assert books.booked[0].invoices == ()


def test_the_money_of_a_refund_comes_from_the_clearing_account_even_after_direct_settlement(make):
    books = make.Bookkeeper(make.refund(), mandate=make.mandate(funds_settlement="direct"))
    books.feed(make.event(1, "paid", "RF1"))
    same(books.text, REFUND)
