"""Postings become entries in Exact Online, judged by the division's own books."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, PostingKind, Side


def test_a_receipt_settles_the_invoice_it_names(site: Any, given: SimpleNamespace) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    report = site.post(item)
    assert (report.stopped, report.held, site.state(item)) == ("", [], "posted")
    assert site.division.books.balance("1230", "EUR") == 12_100
    assert site.division.books.receivable("42", "EUR") == 0
    assert [each.number for each in site.connector().open_invoices()] == []
    assert "unmatched_receipts" not in site.row(item).documents[-1].document.details


def test_what_settles_nothing_is_asked_for_receipts_that_name_an_invoice_only(
    site: Any, given: SimpleNamespace
) -> None:
    def asked() -> int:
        return sum(1 for _, path in site.sandbox.faults.requests if path.endswith("Cashflow/Receivables"))

    site.post(given.receipt("PM000001", event="EV00101"))
    open_items = asked()
    site.division.add_invoice(26700042, "42", 12_100)
    site.post(given.receipt("PM000002", invoice="26700042", event="EV00102"))
    assert (open_items, asked()) == (1, 3)


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


def test_a_payment_that_settles_directly_goes_to_the_transit_account(site: Any, given: SimpleNamespace) -> None:
    item = given.receipt()
    lines = (Line(AccountRole.BANK, Side.DEBIT, Money(12_100, "EUR")), item.lines[1])
    site.post(given.changed(item, lines=lines))
    books = site.division.books
    assert [books.balance(x, "EUR") for x in ("1230", "2000")] == [0, 12_100]
    assert books.receivable("42", "EUR") == -12_100


def test_fees_with_a_vat_code_are_split_by_exact_and_read_back(site: Any, given: SimpleNamespace) -> None:
    item = given.payout()
    site.post(item, fee_vat_mode="vat_code", vat_codes={"NL_VAT_1": "4"})
    assert site.held() == {}
    books = site.division.books
    assert [books.balance(x, "EUR") for x in ("1230", "2000", "4500", "1510")] == [-24_000, 23_680, 264, 56]


@pytest.mark.parametrize("mode", ["on_account", "suspense"])
def test_a_receipt_that_fits_no_invoice_is_taken_back_from_where_it_went(
    site: Any, given: SimpleNamespace, mode: str
) -> None:
    item = given.receipt()
    site.post(item, unmatched_receipts=mode)
    books = site.division.books
    expected = {"on_account": (0, -12_100), "suspense": (-12_100, 0)}[mode]
    assert (books.balance("2990", "EUR"), books.receivable("42", "EUR")) == expected
    site.post(given.reversal(item), unmatched_receipts="on_account")
    assert site.held() == {}
    assert (books.balance("2990", "EUR"), books.receivable("42", "EUR"), books.balance("1230", "EUR")) == (0, 0, 0)


def test_a_refund_can_be_its_payment_alone(site: Any, given: SimpleNamespace) -> None:
    site.post(given.refund(), refund_mode="payment_only")
    books = site.division.books
    assert (books.balance("8000", "EUR"), books.balance("1230", "EUR")) == (0, -4_000)
    assert books.receivable("42", "EUR") == 4_000


def test_a_customers_own_receivables_account_is_used(site: Any, given: SimpleNamespace) -> None:
    own = site.division.add_gl_account("1301", "Receivables of shops", 20)
    site.division.tables["Accounts"].change(site.division.account("42")["ID"], GLAR=own["ID"])
    site.post(given.receipt())
    assert site.held() == {}
    assert site.division.books.balance("1301", "EUR") == -12_100


def test_doubles_with_noise_in_their_last_digits_are_read_as_they_are_meant(site: Any, given: SimpleNamespace) -> None:
    site.division.switches.double_noise = True
    site.division.add_invoice(26700042, "42", 12_100)
    first, second = given.receipt(invoice="26700042"), given.receipt("PM000124", 3_333, event="EV00002")
    site.post(first)
    site.post(second)
    assert site.held() == {}
    assert [x.open_amount.minor for x in site.connector().open_invoices()] == [-3_333]


def test_a_refund_goes_on_in_another_process_after_its_credit_note(site: Any, given: SimpleNamespace) -> None:
    item = given.refund()
    site.break_next("drop_before", "financialtransaction/BankEntries", method="GET", skip=1, times=99)
    report = site.post(item)
    assert report.stopped
    assert [step.step for step in site.row(item).documents] == ["credit_note"]
    site.sandbox.faults.clear()
    site.post()
    assert (site.held(), site.state(item)) == ({}, "posted")
    assert site.division.books.balance("1230", "EUR") == -4_000
    assert site.entries("SalesEntry") == 1
