"""A collection is planned once per reference, and says all that is to be asked of GoCardless."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bookkeeping.collection_rules import CollectionOrder, order_of, plan_collection, plan_collection_cancel
from bookkeeping.money import Money
from bookkeeping.postings import ERP_KINDS, GOCARDLESS_KINDS, PostingKind, require_balance

FULL = CollectionOrder("INV-7#1", "MD1", Money(12_345, "EUR"), date(2024, 4, 2), "Invoice INV-7", "INV7", True)
BARE = CollectionOrder("INV-8#2", "MD2", Money(1, "GBP"))


@pytest.mark.parametrize("order", [FULL, BARE])
def test_a_posting_carries_its_order_whole_and_books_nothing(make, order):
    posting = plan_collection(order, make.settings(), make.start, invoices=("INV-7",))
    assert order_of(posting) == order
    assert (posting.kind, posting.lines, posting.reference) == (PostingKind.COLLECTION, (), order.reference)
    assert len(posting.text) <= 60
    require_balance(posting)


def test_the_same_reference_is_the_same_posting_and_another_one_is_not(make):
    keys = {
        plan_collection(each, make.settings(), make.start).key for each in (FULL, replace(FULL, amount=BARE.amount))
    }
    assert keys == {"collection:INV-7#1"}
    assert plan_collection(BARE, make.settings(), make.start).key == "collection:INV-8#2"


def test_a_cancellation_takes_its_collection_back(make):
    posting = plan_collection(FULL, make.settings(), make.start)
    cancel = plan_collection_cancel(posting, make.settings(), make.start, "paid otherwise")
    assert (cancel.kind, cancel.reverses, cancel.lines) == (PostingKind.COLLECTION_CANCEL, posting.key, ())
    assert cancel.key == "collection_cancel:INV-7#1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": Money(0, "EUR")},
        {"amount": Money(-1, "EUR")},
        {"reference": ""},
        {"reference": "x" * 501},
        {"mandate": ""},
    ],
)
def test_an_order_that_cannot_be_sent_is_refused_at_once(wrong):
    with pytest.raises(ValueError, match="collection"):
        replace(FULL, **wrong)


def test_no_kind_is_written_to_an_erp_and_to_gocardless():
    assert {PostingKind.COLLECTION, PostingKind.COLLECTION_CANCEL, PostingKind.GOCARDLESS_CUSTOMER} <= GOCARDLESS_KINDS
    assert {PostingKind.RECEIPT, PostingKind.PAYOUT, PostingKind.CUSTOMER} <= ERP_KINDS
    assert not ERP_KINDS & GOCARDLESS_KINDS
