"""Corrections: whatever becomes known before and after them, the books hold the payment once, on the right customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookkeeping.correction_rules import correct_receipt, obstacle
from bookkeeping.postings import AccountRole, Posting, PostingKind, Side

STORIES = st.sampled_from(
    [
        ["confirmed"],
        ["confirmed", "paid_out"],
        ["confirmed", "failed"],
        ["confirmed", "charged_back"],
        ["confirmed", "charged_back", "chargeback_cancelled"],
        ["confirmed", "failed", "resubmission_requested", "confirmed"],
        ["confirmed", "paid_out", "charged_back", "chargeback_cancelled", "charged_back"],
    ]
)


def standing(booked: Iterable[Posting]) -> list[Posting]:
    booked = list(booked)
    taken_back = {posting.reverses for posting in booked}
    return [p for p in booked if p.kind is PostingKind.RECEIPT and p.key not in taken_back]


def by_customer(booked: Iterable[Posting], customers: dict[str, str]) -> dict[str, int]:
    """Net on each ERP customer, as a ledger books it: each receipt on its own, each reversal on that of its receipt."""
    sums: Counter[str] = Counter()
    for posting in booked:
        for line in posting.lines:
            if line.role is AccountRole.RECEIVABLE:
                minor = line.amount.minor if line.side is Side.DEBIT else -line.amount.minor
                sums[customers[posting.reverses or posting.key]] += minor
    return {customer: minor for customer, minor in sums.items() if minor}


@given(STORIES, st.lists(st.integers(0, 6), max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_corrections_between_any_events_leave_the_payment_booked_once(make, story, moments, chance):
    """Events come in any order, and a person corrects whatever receipt stands at any of the moments."""
    events = [make.event(number, action, day=number) for number, action in enumerate(story)]
    chance.shuffle(events)
    keeper, plain = make.Bookkeeper(make.payment()), make.Bookkeeper(make.payment())
    customers: dict[str, str] = {}
    linked = 0
    for position in range(len(events) + 1):
        for _ in range(moments.count(position)):
            for receipt in standing(keeper.booked):
                at = make.start + timedelta(days=20 + position)
                linked += 1
                made = correct_receipt(receipt, customers[receipt.key], keeper.booked, at, make.settings())
                assert made.reversal.party.erp_customer == customers[receipt.key]
                keeper.booked.extend((made.reversal, made.booked))
                customers[made.booked.key] = f"1000{linked}"
        if position < len(events):
            keeper.feed(events[position])
            plain.feed(events[position])
        for posting in standing(keeper.booked):
            customers.setdefault(posting.key, f"1000{linked}")

    assert make.balances(keeper.booked) == make.balances(plain.booked)
    assert len(standing(keeper.booked)) == len(standing(plain.booked))
    right = {customers[posting.key]: -10000 for posting in standing(keeper.booked)}
    assert by_customer([p for p in keeper.booked if (p.reverses or p.key) in customers], customers) == right
    for name in ("key", "reference"):
        values = [getattr(posting, name) for posting in keeper.booked]
        assert len(set(values)) == len(values), f"every posting has a {name} of its own"
    reversed_once = [posting.reverses for posting in keeper.booked if posting.reverses]
    assert len(set(reversed_once)) == len(reversed_once)


def receipt(make) -> Posting:
    keeper = make.Bookkeeper(make.payment())
    keeper.feed(make.event(1, "confirmed"))
    return keeper.booked[0]


def test_a_correction_reads_like_a_ledger(make):
    first = receipt(make)
    made = correct_receipt(first, "10001", [first], make.start + timedelta(days=9), make.settings())

    assert (made.reversal.key, made.booked.key) == (
        f"{first.event_id}-R1:receipt_reversal",
        f"{first.event_id}-C1:receipt",
    )
    assert (made.reversal.reverses, made.booked.waits_for) == (first.key, made.reversal.key)
    assert (made.reversal.party.erp_customer, made.booked.party.erp_customer) == ("10001", None)
    assert make.balances([first, made.reversal]) == {}
    assert make.balances([made.booked]) == make.balances([first])
    assert made.reversal.booking_date == made.booked.booking_date > first.booking_date
    again = correct_receipt(first, "10001", [first], make.start + timedelta(days=9), make.settings())
    assert again == made, "the same question has the same answer"


def test_a_correction_in_a_closed_period_is_dated_like_any_other_posting(make):
    first = receipt(make)
    at = make.start + timedelta(days=9)
    closed = make.settings(closed_through=at.date(), closed_period="next_open_day")
    made = correct_receipt(first, "10001", [first], at, closed)
    assert made.booked.booking_date == at.date() + timedelta(days=1)
    assert f"of {at.date().isoformat()}" in made.reversal.text


def test_only_a_receipt_that_stands_is_corrected(make):
    first = receipt(make)
    made = correct_receipt(first, "10001", [first], make.start, make.settings())
    assert "taken back already" in obstacle(first, [first, made.reversal])
    assert "only receipts" in obstacle(made.reversal, [first, made.reversal])
    with pytest.raises(ValueError, match="taken back already"):
        correct_receipt(first, "10001", [first, made.reversal], make.start, make.settings())
