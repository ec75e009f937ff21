"""Payments of subscriptions that nobody billed: one invoice per payment, before its receipt, and what a failure does to it."""

from __future__ import annotations

from datetime import date

import pytest

from bookkeeping.postings import Posting, PostingKind, require_balance
from bookkeeping.sales_invoice_rules import SalesInvoicePolicy, posting_key_of, with_sales_invoice

POLICY = SalesInvoicePolicy(write="all", document_type="INV", tax_code="VAT20", text="Membership")


class Books:
    """A bookkeeper whose payment is billed by a policy."""

    def __init__(self, make, policy: SalesInvoicePolicy = POLICY, **settings: object) -> None:
        self.payment = make.payment(subscription_id="SB1", reference=None, charge_date=date(2024, 3, 6))
        self.policy = policy
        self.inner = make.Bookkeeper(self.payment, settings=make.settings(**settings))
        self.all: list[Posting] = []

    def feed(self, *events) -> list[Posting]:
        verdict = with_sales_invoice(self.inner.feed(*events), self.payment, self.all, self.policy)
        for posting in verdict.postings:
            require_balance(posting)
        self.all += verdict.postings
        return list(verdict.postings)

    def text(self) -> list[str]:
        return [f"{posting.kind} {posting.reference}" for posting in self.all]


def test_the_receipt_waits_for_the_invoice_it_settles(make):
    invoice, receipt = Books(make).feed(make.event(1, "confirmed"))

    assert (invoice.kind, invoice.key, invoice.reference) == (PostingKind.SALES_INVOICE, "sales_invoice:PM1", "GCIPM1")
    assert [(line.role, line.side, line.amount.minor) for line in invoice.lines] == [
        ("receivable", "debit", 10_000),
        ("revenue", "credit", 10_000),
    ]
    assert invoice.party == receipt.party
    facts = {
        "payment": "PM1",
        "subscription": "SB1",
        "due_on": "2024-03-06",
        "document_type": "INV",
        "tax_code": "VAT20",
    }
    assert invoice.facts == {**facts, "line_text": "Membership"}
    assert receipt.kind is PostingKind.RECEIPT
    assert (receipt.waits_for, receipt.invoices) == (invoice.key, ("GCIPM1",))


@pytest.mark.parametrize(
    ("write", "follows", "bills"),
    [("none", False, False), ("foreign", False, True), ("foreign", True, False), ("all", True, True)],
)
def test_the_policy_says_whose_payments_are_billed(make, write, follows, bills):
    policy = SalesInvoicePolicy(write=write)
    assert policy.bills(make.payment(subscription_id="SB1"), follows_charge=follows) is bills
    assert not policy.bills(make.payment(), follows_charge=follows)
    named = make.payment(subscription_id="SB1", metadata={"invoice": "900001"})
    assert not policy.bills(named, follows_charge=follows)


def test_a_payment_that_goes_back_leaves_its_invoice_open_and_is_not_billed_again(make):
    books = Books(make)
    books.feed(make.event(1, "confirmed"))
    books.feed(make.event(2, "charged_back"))
    (again,) = books.feed(make.event(3, "chargeback_cancelled"))

    assert books.text() == ["sales_invoice GCIPM1", "receipt GCEV1", "receipt_reversal GCEV2", "receipt GCEV3"]
    assert (again.waits_for, again.invoices) == ("sales_invoice:PM1", ("GCIPM1",))


def test_where_the_connection_credits_the_invoice_goes_back_too_and_another_is_written_when_the_money_returns(make):
    books = Books(make, SalesInvoicePolicy(write="all", after_failure="credit"))
    (invoice, _) = books.feed(make.event(1, "confirmed"))
    (_, credit) = books.feed(make.event(2, "charged_back"))
    (second, receipt) = books.feed(make.event(3, "chargeback_cancelled"))

    assert (credit.kind, credit.reverses, credit.reference) == (PostingKind.CORRECTION, invoice.key, "GCIPM1C")
    assert [(line.role, line.side) for line in credit.lines] == [("revenue", "debit"), ("receivable", "credit")]
    assert (second.key, second.reference, receipt.waits_for) == ("sales_invoice:PM1:2", "GCIPM1-2", second.key)


def test_an_invoice_of_ours_is_known_by_what_the_erp_calls_it():
    assert posting_key_of("GCIPM1") == "sales_invoice:PM1"
    assert posting_key_of("GCIPM1-2") == "sales_invoice:PM1:2"
    assert [posting_key_of(name) for name in ("900001", "XGCIPM1", "GCDPM1", "")] == [None] * 4


def test_a_payment_that_failed_before_it_was_booked_gets_no_invoice(make):
    books = Books(make)
    assert books.feed(make.event(1, "confirmed"), make.event(2, "failed")) == []


def test_the_invoice_moves_out_of_a_closed_period_with_its_receipt(make):
    books = Books(make, closed_through=date(2024, 3, 31), closed_period="next_open_day")
    (invoice, receipt) = books.feed(make.event(1, "confirmed"))
    assert invoice.booking_date == receipt.booking_date == date(2024, 4, 1)
    assert invoice.facts["original_date"] == "2024-03-05"
    held = Books(make, closed_through=date(2024, 3, 31)).feed(make.event(1, "confirmed"))
    assert ["period_closed" in posting.facts for posting in held] == [True, True]
