"""Money collected in one currency and paid out in another: what it was booked at, and what stays the same when it is undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from bookkeeping.conversion import clearing_value
from bookkeeping.entities import Fx
from bookkeeping.money import Money
from bookkeeping.postings import PostingKind

ESTIMATED = Fx("EUR", estimated_rate=Decimal("1.1638"))


def test_a_receipt_is_valued_at_the_estimated_rate_rounded_half_up(make):
    books = make.Bookkeeper(make.payment(amount=Money(12345, "GBP"), fx=ESTIMATED))
    books.feed(make.event(1, "confirmed"))
    (receipt,) = books.booked
    assert receipt.facts["fx_amount"] == "143.67"  # 123.45 × 1.1638 = 143.67111
    assert receipt.facts["fx_rate_is"] == "estimated"


def test_a_late_failure_keeps_the_value_of_the_receipt_it_takes_back(make):
    books = make.Bookkeeper(make.payment(fx=ESTIMATED))
    books.feed(make.event(1, "confirmed"))
    books.resource = make.payment(status="failed", fx=Fx("EUR", rate=Decimal("1.2"), amount=Money(12000, "EUR")))
    books.feed(make.event(2, "failed"))
    receipt, reversal = books.booked
    assert reversal.facts["fx_amount"] == receipt.facts["fx_amount"] == "116.38"


def test_a_refund_without_a_rate_of_its_own_is_valued_at_its_payments_rate(make):
    books = make.Bookkeeper(make.refund(fx=Fx("EUR")), payment=make.payment(fx=ESTIMATED))
    books.feed(make.event(1, "paid", "RF1"))
    (refund,) = books.booked
    assert refund.facts["fx_amount"] == "29.10"  # 25.00 × 1.1638 = 29.095


def test_a_repeated_payout_leaves_the_first_deposit_on_its_own_day(make):
    books = make.Bookkeeper(make.payout(arrival_date=date(2024, 3, 20)))
    books.feed(
        make.event(1, "paid", "PO1"),
        make.event(2, "bounced_payout", "PO1"),
        make.event(3, "paid", "PO1"),
    )
    deposit, _, repeated = books.booked
    assert deposit.booking_date < repeated.booking_date == date(2024, 3, 20)


def booked(make, kind: PostingKind, subject: str, value: str, minor: int = 10000):
    """A posting over `minor` pence that stands at `value` euros."""
    books = make.Bookkeeper(make.payment(id=subject, amount=Money(minor, "GBP"), fx=ESTIMATED))
    books.feed(make.event(1, "confirmed", subject))
    return replace(books.booked[0], kind=kind, facts={"fx_currency": "EUR", "fx_amount": value})


def test_a_payouts_items_stand_at_the_sum_of_what_they_were_booked_at(make):
    items = [
        make.item("payment_paid_out", "10000.0", "PM1"),
        make.item("payment_failed", "-10000.0", "PM2"),
        make.item("gocardless_fee", "-132.0", "PM1"),
    ]
    postings = {
        "PM1": [booked(make, PostingKind.RECEIPT, "PM1", "116.38")],
        "PM2": [booked(make, PostingKind.RECEIPT_REVERSAL, "PM2", "115.00")],
    }
    assert clearing_value(items, postings, (), "EUR") == Money(138, "EUR")


@pytest.mark.parametrize(
    ("postings", "why"),
    [
        ({}, "never booked"),
        ({"PM1": "no rate"}, "booked without a rate"),
        ({"PM1": "other amount"}, "booked over another amount"),
    ],
)
def test_the_value_is_unknown_while_one_item_is(make, postings, why):
    receipt = booked(make, PostingKind.RECEIPT, "PM1", "116.38", 9999 if "other amount" in postings.values() else 10000)
    if "no rate" in postings.values():
        receipt = replace(receipt, facts={"fx_currency": "EUR"})
    items = [make.item("payment_paid_out", "10000.0", "PM1")]
    assert clearing_value(items, {key: [receipt] for key in postings}, (), "EUR") is None, why


def test_items_in_suspense_were_never_on_the_clearing_account(make):
    items = [make.item("payment_paid_out", "10000.0", "PM1")]
    assert clearing_value(items, {}, ("PM1",), "EUR") == Money(0, "EUR")
