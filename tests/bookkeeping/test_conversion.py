"""Money collected in one currency and paid out in another: what it was booked at, and what stays the same when it is undone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from bookkeeping.entities import Fx
from bookkeeping.money import Money

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
