"""Postings become entries in Exact Online, judged by the division's own books."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bookkeeping.postings import PostingKind


def test_a_receipt_settles_the_invoice_it_names(site: Any, given: SimpleNamespace) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    report = site.post(item)
    assert (report.stopped, report.held, site.state(item)) == ("", [], "posted")
    assert site.division.books.balance("1230", "EUR") == 12_100
    assert site.division.books.receivable("42", "EUR") == 0
    assert [each.number for each in site.connector().open_invoices()] == []
    assert "unmatched_receipts" not in site.row(item).documents[-1].document.details


def test_a_payment_taken_back_opens_the_invoice_again_under_its_number(site: Any, given: SimpleNamespace) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    back = given.reversal(item)
    site.post(item, back)
    assert site.state(back) == "posted"
    assert site.division.books.balance("1230", "EUR") == 0
    assert [(x.number, x.open_amount.minor) for x in site.connector().open_invoices()] == [("26700042", 12_100)]
    again = given.receipt("PM000123", invoice="26700042", event="EV00009")
    site.post(again)
    assert list(site.connector().open_invoices()) == []
    assert site.division.books.receivable("42", "EUR") == 0


def test_a_refund_becomes_a_credit_note_and_its_payment(site: Any, given: SimpleNamespace) -> None:
    item = given.refund()
    site.post(item)
    assert site.state(item) == "posted"
    assert site.division.books.balance("8000", "EUR") == 4_000
    assert site.division.books.balance("1230", "EUR") == -4_000
    assert list(site.connector().open_invoices()) == []
    back = given.refund_reversal(item)
    site.post(back)
    assert site.state(back) == "posted"
    assert site.division.books.balance("1230", "EUR") == 0
    assert [x.open_amount.minor for x in site.connector().open_invoices()] == [-4_000]


def test_a_payout_moves_the_clearing_account_to_the_transit_account_with_fees_and_vat(
    site: Any, given: SimpleNamespace
) -> None:
    item = given.payout()
    site.post(item)
    assert site.state(item) == "posted"
    books = site.division.books
    assert [books.balance(x, "EUR") for x in ("1230", "2000", "4500", "1510")] == [-24_000, 23_680, 264, 56]


def test_a_payout_that_bounced_and_was_repeated_stands_where_it_stood(site: Any, given: SimpleNamespace) -> None:
    item = given.payout()
    back = given.moved_payout(item, PostingKind.PAYOUT_REVERSAL, event="EV00011")
    again = given.moved_payout(item, PostingKind.PAYOUT_REPEAT, event="EV00012")
    site.post(item, back, again)
    assert [site.state(each) for each in (item, back, again)] == ["posted"] * 3
    books = site.division.books
    assert [books.balance(x, "EUR") for x in ("1230", "2000", "2990")] == [-24_000, 23_680, 0]


def test_a_converted_payout_books_one_entry_per_currency_at_gocardless_rate(site: Any, given: SimpleNamespace) -> None:
    item = given.converted_payout()
    report = site.post(item)
    assert (report.held, site.state(item)) == ([], "posted")
    books = site.division.books
    assert books.balance("1231", "GBP") == -10_000
    assert books.balance("4500", "GBP") == 100
    assert books.balance("2000", "EUR") == 11_583
    assert books.base_balance("9500") == 0


def test_a_payment_that_settles_directly_goes_to_the_transit_account(site: Any, given: SimpleNamespace) -> None:
    from bookkeeping.money import Money
    from bookkeeping.postings import AccountRole, Line, Side

    item = given.receipt()
    lines = (Line(AccountRole.BANK, Side.DEBIT, Money(12_100, "EUR")), item.lines[1])
    site.post(given.changed(item, lines=lines))
    books = site.division.books
    assert [books.balance(x, "EUR") for x in ("1230", "2000")] == [0, 12_100]
    assert books.receivable("42", "EUR") == -12_100
