"""Posting receipts: errors into a new batch, instalments, currencies, discounts, returns, and a thousand at once."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

RECEIPTS = "AR/ARReceiptAndAdjustmentBatches"
POSTED = "AR/ARPostedReceipts"


def test_an_entry_that_cannot_be_posted_goes_to_a_new_batch(api: Any) -> None:
    api.company.add_invoice("1200", "IN2", 1000)
    good, bad = api.receipt(), api.receipt("10.00", "IN2", CheckReceiptNumber="PM2")
    api.created(RECEIPTS, api.receipts(good, bad))
    api.company.clerk.receive("1200", "IN2", 1000)
    batch = api.posted(RECEIPTS, 1)
    assert (batch["BatchStatus"], batch["NumberOfErrors"]) == ("Posted", 1)
    marks = [(each["ErrorBatch"], each["ErrorEntry"]) for each in batch["ReceiptsAdjustments"]]
    assert marks == [(0, 0), (3, 1)]
    moved = api.record(api.key(RECEIPTS, 3))
    assert (moved["BatchStatus"], moved["NumberOfEntries"], moved["Description"]) == ("Open", 1, batch["Description"])
    assert moved["ReceiptsAdjustments"][0]["CheckReceiptNumber"] == "PM2"
    assert api.company.books.receivable("1200", "EUR") == 0
    assert api.rows(POSTED, filter="CheckReceiptNumber eq 'PM2'") == []


def test_over_application_can_be_refused_at_once(api: Any) -> None:
    api.company.switches.change({"over_application": "entry"})
    api.created(RECEIPTS, api.receipts(api.receipt()))
    assert "balance" in api.problem(api.post(RECEIPTS, api.receipts(api.receipt())), 409, "General")


def test_the_applied_line_shows_what_is_due_and_what_is_pending(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt("25.00")))
    line = api.created(RECEIPTS, api.receipts(api.receipt("100.00")))["ReceiptsAdjustments"][0]
    shown = line["AppliedReceiptsAdjustments"][0]
    assert (shown["DocumentAmountDue"], shown["PendingReceiptAmount"], shown["DocumentNetBalance"]) == (125, 25, 100)


def test_one_instalment_is_paid_by_its_number(api: Any) -> None:
    plan = [(date(2026, 12, 1), Decimal(40)), (date(2027, 1, 1), Decimal(60))]
    api.company.add_invoice("1200", "IN3", 10000, instalments=plan)
    entry = api.receipt("60.00", "IN3")
    entry["AppliedReceiptsAdjustments"][0]["PaymentNumber"] = 2
    api.created(RECEIPTS, api.receipts(entry, api.receipt("60.00", "IN3", CheckReceiptNumber="PM2")))
    batch = api.posted(RECEIPTS, 1)
    assert batch["NumberOfErrors"] == 1, "payment 1 is only 40"
    assert api.document("IN3")["CustomerCurrencyAmountDue"] == Decimal(40)


def test_a_rate_that_moved_between_invoice_and_receipt_is_exchange_gain(api: Any) -> None:
    company = api.company
    company.add_customer("UK1", "Brit", GroupCode="RTLGBP")
    company.add_invoice("UK1", "IN9", 10000)
    company.clerk.set_rate("GBP", "1.20")
    entry = api.receipt("100.00", "IN9", CustomerNumber="UK1")
    api.created(RECEIPTS, api.receipts(entry, BankCode="GCGBP"))
    api.posted(RECEIPTS, 1)
    assert company.books.receivable("UK1", "GBP") == 0
    balances = {account: company.books.balance(account) for account in ("1098", "1105", "7100")}
    assert balances == {"1098": 12000, "1105": 0, "7100": -500}


def test_a_bank_of_another_currency_converts_the_receipt(api: Any) -> None:
    company = api.company
    company.add_customer("UK1", "Brit", GroupCode="RTLGBP")
    made = api.created(RECEIPTS, api.receipts(api.receipt("115.00", "", CustomerNumber="UK1")))
    entry = made["ReceiptsAdjustments"][0]
    assert (entry["BankReceiptAmount"], entry["CustomerReceiptAmount"]) == (Decimal(115), Decimal(100))


def test_a_discount_taken_settles_with_the_money(api: Any) -> None:
    entry = api.receipt("120.00")
    entry["AppliedReceiptsAdjustments"][0]["CustomerDiscountAmountTaken"] = 5
    api.created(RECEIPTS, api.receipts(entry))
    assert api.posted(RECEIPTS, 1)["NumberOfErrors"] == 0
    assert api.document("IN0000123")["FullyPaid"] == "Yes"
    lines = api.company.books.postings[-1].lines
    assert [(line.account, line.minor) for line in lines] == [("1099", 12000), ("4900", 500), ("1100", -12500)]


def test_a_full_body_with_blank_codes_null_dates_and_zero_rates_is_taken(api: Any) -> None:
    entry = api.receipt() | {
        "AccountSet": "",
        "BankCode": "",
        "BankExchangeRate": 0,
        "FiscalYear": "",
        "BankRateType": "",
    }
    header = {
        "BatchNumber": 0,
        "BankRateDate": None,
        "BankExchangeRate": 0.0,
        "DepositComment": "",
        "DefaultBankCurrency": "",
    }
    made = api.created(RECEIPTS, api.receipts(entry, **header))
    assert made["ReceiptsAdjustments"][0]["AccountSet"] == "EUR"
    assert api.posted(RECEIPTS, 1)["NumberOfErrors"] == 0


def test_a_returned_receipt_reopens_what_it_paid(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.posted(RECEIPTS, 1)
    api.company.clerk.return_receipt("1200", "PM000123ABC", "No funds")
    assert api.document("IN0000123")["FullyPaid"] == "No"
    (receipt,) = api.rows(POSTED, filter="CheckReceiptNumber eq 'PM000123ABC'")
    assert (receipt["CheckCleared"], receipt["ReasonForReturn"], receipt["DateReturned"]) == (
        ("Returned", "No funds", "2026-11-20T00:00:00Z")
    )
    assert api.company.books.receivable("1200", "EUR") == 12500
    assert api.company.books.balance("1099") == 0


def test_a_receipt_whose_rest_was_used_since_cannot_be_returned(api: Any) -> None:
    api.company.clerk.receive("1200", "", 12500, check="PM1")
    api.company.clerk.apply("1200", "PY000001", "IN0000123", 5000)
    with pytest.raises(ValueError, match="applied to other documents"):
        api.company.clerk.return_receipt("1200", "PM1")
    assert api.company.books.receivable("1200", "EUR") == 0


def test_a_thousand_receipts_in_batches_of_fifty_take_a_second_or_so(api: Any) -> None:
    api.created("AR/ARInvoiceBatches", api.invoices(*(api.invoice(f"B{number:05d}") for number in range(1000))))
    api.company.clerk.post("ARInvoiceBatches", 2)
    started = time.monotonic()
    for first in range(0, 1000, 50):
        entries = [
            api.receipt("10.00", f"B{number:05d}", CheckReceiptNumber=f"PM{number:08d}")
            for number in range(first, first + 50)
        ]
        number = api.created(RECEIPTS, api.receipts(*entries, BatchStatus="ReadyToPost"))["BatchNumber"]
        assert api.process(RECEIPTS, number).status_code == 204
    assert time.monotonic() - started < 10
    assert api.company.books.receivable("1200", "EUR") == 12500
    assert len(api.company.tables["ARPostedReceipts"]) == 1000
