"""Every posting about money says to which creditor it went: an ERP with several companies books by it."""

from __future__ import annotations

import pytest


def facts_of(books):
    return [posting.facts.get("creditor") for posting in books.booked]


def test_a_receipt_and_its_reversal_name_the_payments_creditor(make):
    books = make.Bookkeeper(make.payment(creditor_id="CR1"), mandate=make.mandate(creditor_id="CR2"))
    books.feed(make.event(1, "confirmed"))
    books.feed(make.event(2, "charged_back"))
    assert facts_of(books) == ["CR1", "CR1"]


def test_a_payment_without_one_names_its_mandates(make):
    books = make.Bookkeeper(make.payment(), mandate=make.mandate(creditor_id="CR2"))
    books.feed(make.event(1, "confirmed"))
    assert facts_of(books) == ["CR2"]


@pytest.mark.parametrize(("of_payment", "expected"), [("CR1", "CR1"), (None, "CR2")])
def test_a_refund_and_its_return_name_that_of_the_payment_else_of_the_mandate(make, of_payment, expected):
    books = make.Bookkeeper(
        make.refund(), payment=make.payment(creditor_id=of_payment), mandate=make.mandate(creditor_id="CR2")
    )
    books.feed(make.event(1, "paid", "RF1"))
    books.feed(make.event(2, "bounced", "RF1"))
    assert facts_of(books) == [expected, expected]
