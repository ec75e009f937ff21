"""Open items of the clearing account: by hand for one payment's life, and for random stories always to the balance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bookkeeping.clearing_ageing import Account, Opening, clearing_account, clearing_units, open_items
from bookkeeping.entities import Payout, PayoutItem
from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side

START = date(2026, 6, 1)
RECEIPT, REVERSAL, REFUND = PostingKind.RECEIPT, PostingKind.RECEIPT_REVERSAL, PostingKind.REFUND


def booked(kind: PostingKind, subject: str, units: int, day: int, currency: str = "EUR", **facts: str) -> Posting:
    """A posting that raises the clearing account by `units`, on the day `day` of June."""
    side = Side.DEBIT if units > 0 else Side.CREDIT
    amount = Money(abs(units), currency)
    lines = (
        (Line(AccountRole.CLEARING, side, amount), Line(AccountRole.RECEIVABLE, side.opposite, amount)) if units else ()
    )
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    return Posting(
        f"{kind}:{subject}:{day}:{units}", "nordic", kind, f"EV{subject}{day}", subject, moment,
        START + timedelta(days=day - 1), f"GC{subject}", "", lines, facts=facts,
    )  # fmt: skip


def paid(payout_id: str, currency: str = "EUR") -> Payout:
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    return Payout(payout_id, moment, Money(0, currency), Money(0, currency), "paid", arrival_date=START)


def item(kind: str, units: int, payment: str, refund: str | None = None, currency: str = "EUR") -> PayoutItem:
    return PayoutItem(kind, Decimal(units), currency, payment_id=payment, refund_id=refund)


def account(
    postings: Iterable[Posting], payouts: dict[str, list[PayoutItem]], opening: Opening | None = None
) -> Account:
    known = [paid(key, items[0].currency if items else "EUR") for key, items in payouts.items()]
    return clearing_account(postings, known, lambda payout: payouts[payout.id], opening or Opening(START))


def shown(made: Account, day: int) -> dict[str, tuple[int, int]]:
    """Open item -> (units, day of June since when)."""
    found = open_items(made, START + timedelta(days=day - 1))
    return {each.subject: (each.amount.minor, each.since.day) for each in found}


def test_a_payment_stands_on_the_account_from_its_receipt_to_its_payout() -> None:
    made = account(
        [booked(RECEIPT, "PM1", 100, 3), booked(PostingKind.PAYOUT, "PO1", -100, 6)],
        {"PO1": [item("payment_paid_out", 100, "PM1"), item("gocardless_fee", -2, "PM1")]},
    )
    assert [shown(made, day) for day in (2, 3, 5, 6)] == [{}, {"PM1": (100, 3)}, {"PM1": (100, 3)}, {}]


def test_a_chargeback_after_the_payout_stands_on_the_other_side_from_its_own_day() -> None:
    made = account(
        [booked(RECEIPT, "PM1", 100, 3), booked(PostingKind.PAYOUT, "PO1", -100, 6), booked(REVERSAL, "PM1", -100, 20)],
        {"PO1": [item("payment_paid_out", 100, "PM1")]},
    )
    assert shown(made, 25) == {"PM1": (-100, 20)}


def test_what_comes_and_goes_on_one_day_did_not_interrupt_the_age() -> None:
    made = account(
        [booked(RECEIPT, "PM1", 100, 3), booked(REVERSAL, "PM1", -100, 8), booked(RECEIPT, "PM1", 100, 8)], {}
    )
    assert shown(made, 9) == {"PM1": (100, 3)}


def test_a_refund_is_an_item_of_its_own_until_a_payout_takes_it() -> None:
    made = account(
        [booked(RECEIPT, "PM1", 100, 3), booked(REFUND, "RF1", -30, 4), booked(PostingKind.PAYOUT, "PO1", -70, 6)],
        {"PO1": [item("payment_paid_out", 100, "PM1"), item("payment_refunded", -30, "PM1", "RF1")]},
    )
    assert shown(made, 5) == {"PM1": (100, 3), "RF1": (-30, 4)}
    assert shown(made, 6) == {}


def test_a_payment_on_suspense_never_stood_on_the_account() -> None:
    journal = booked(PostingKind.PAYOUT, "PO1", -100, 6, suspense_payments="PM9")
    made = account(
        [booked(RECEIPT, "PM1", 100, 3), journal],
        {"PO1": [item("payment_paid_out", 100, "PM1"), item("payment_paid_out", 40, "PM9")]},
    )
    assert shown(made, 7) == {}


def test_what_a_journal_moved_beyond_its_items_stands_under_the_payout() -> None:
    made = account(
        [
            booked(RECEIPT, "PM1", 100, 3),
            booked(PostingKind.PAYOUT, "PO1", -90, 6),
            booked(PostingKind.PAYOUT, "PO2", -5, 7),
        ],
        {"PO1": [item("payment_paid_out", 100, "PM1")]},
    )
    assert shown(made, 8) == {"PO1": (10, 6), "PO2": (-5, 7)}


def test_what_stood_there_at_the_cut_over_is_brought_over() -> None:
    opening = Opening(START, (("PM1", Money(100, "EUR")), ("RF1", Money(-30, "EUR"))), frozenset({"PO0"}))
    made = account(
        [booked(PostingKind.PAYOUT, "PO1", -100, 6)],
        {"PO0": [item("payment_refunded", -30, "PM0", "RF1")], "PO1": [item("payment_paid_out", 100, "PM1")]},
        opening,
    )
    assert shown(made, 5) == {"PM1": (100, 1)}
    assert open_items(made, START)[0].from_opening
    assert shown(made, 6) == {}


@dataclass
class Books:
    """A random story as it is told: what is booked, and the payouts' items."""

    postings: list[Posting] = field(default_factory=list)
    payouts: dict[str, list[PayoutItem]] = field(default_factory=dict)


@st.composite
def stories(draw: st.DrawFn) -> Books:
    """Any order of receipts, reversals, refunds and payouts; journals may be missing, wrong, twice, or without their items."""
    books = Books()
    days, amounts = st.integers(1, 28), st.integers(1, 500)
    subjects = st.sampled_from(["PM1", "PM2", "PM3", "RF1", "RF2"])
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from([RECEIPT, REVERSAL, REFUND, PostingKind.REFUND_REVERSAL, PostingKind.CORRECTION]))
        sign = 1 if kind in (RECEIPT, PostingKind.REFUND_REVERSAL) else -1
        currency = draw(st.sampled_from(["EUR", "GBP"]))
        books.postings.append(booked(kind, draw(subjects), sign * draw(amounts), draw(days), currency))
    for number in range(draw(st.integers(0, 3))):
        payout, currency = f"PO{number}", draw(st.sampled_from(["EUR", "GBP"]))
        items = []
        for _ in range(draw(st.integers(0, 5))):
            kind, units = draw(
                st.sampled_from([("payment_paid_out", 1), ("payment_charged_back", -1), ("gocardless_fee", -1)])
            )
            items.append(
                item(kind, units * draw(amounts), draw(st.sampled_from(["PM1", "PM2", "PM9"])), None, currency)
            )
        books.payouts[payout] = items
        suspense = draw(st.sampled_from(["", "PM9"]))
        moved = [i for i in items if i.type != "gocardless_fee" and not (suspense and i.payment_id == suspense)]
        error = draw(st.sampled_from([0, 0, 0, 1, -7]))
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
            units = -sum(int(i.amount) for i in moved) + error
            books.postings.append(
                booked(PostingKind.PAYOUT, payout, units, draw(days), currency, suspense_payments=suspense)
            )
    return books


@given(stories(), st.integers(0, 32))
def test_the_items_of_any_story_sum_to_the_balance_of_its_postings(books: Books, day: int) -> None:
    """Whatever was booked, and however wrongly: on each day the open items are the balance, none left out or invented."""
    as_of = START + timedelta(days=day - 1)
    balance: dict[str, int] = {}
    for posting in books.postings:
        if posting.booking_date <= as_of:
            for currency, units in clearing_units(posting):
                balance[currency] = balance.get(currency, 0) + units

    found: dict[str, int] = {}
    for each in open_items(account(books.postings, books.payouts), as_of):
        assert each.amount
        assert each.since <= as_of
        found[each.amount.currency] = found.get(each.amount.currency, 0) + each.amount.minor

    assert {c: u for c, u in found.items() if u} == {c: u for c, u in balance.items() if u}
