"""Receipt batches: entry, application, prepayments, unapplied cash, applying later, adjustments, and posting them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

RECEIPTS = "AR/ARReceiptAndAdjustmentBatches"
POSTED = "AR/ARPostedReceipts"


def lines(api: Any) -> list[tuple[str, str, int]]:
    """The last posting: its kind, then account and minor units of each line."""
    last = api.company.books.postings[-1]
    return [(last.kind, line.account, line.minor) for line in last.lines]


def test_the_answer_holds_the_numbers_sage_gave(api: Any) -> None:
    body = api.receipts(api.receipt(), BatchNumber=77)
    body["ReceiptsAdjustments"][0] |= {"EntryNumber": 9, "BatchNumber": 77}
    made = api.created(RECEIPTS, body)
    entry = made["ReceiptsAdjustments"][0]
    assert (made["BatchNumber"], made["BatchStatus"], made["NumberOfEntries"]) == (1, "Open", 1)
    assert (made["BatchTotal"], made["BatchType"]) == (Decimal(125), "External")
    assert (entry["EntryNumber"], entry["DocumentNumber"], entry["FiscalPeriod"]) == (1, "PY000001", "11")
    assert entry["AppliedReceiptsAdjustments"][0]["LineNumber"] == 20


def test_receipts_and_adjustments_count_their_batches_apart(api: Any) -> None:
    numbers = [api.created(RECEIPTS, api.receipts(api.receipt()))["BatchNumber"] for _ in range(2)]
    adjusted = api.created(RECEIPTS, {"BatchRecordType": "AD", "BatchDate": "2026-11-20", "Description": "x"})
    assert (numbers, adjusted["BatchNumber"]) == ([1, 2], 1)


def test_an_open_batch_changes_no_balance_and_posting_does(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    assert api.process(RECEIPTS, 1).status_code == 204
    assert api.record(api.key(RECEIPTS, 1))["BatchStatus"] == "Open", "an open batch is passed over without a word"
    assert api.document("IN0000123")["CustomerCurrencyAmountDue"] == Decimal(125)
    batch = api.posted(RECEIPTS, 1)
    assert (batch["BatchStatus"], batch["NumberOfErrors"], batch["PostingSequenceNumber"]) == ("Posted", 0, 1)
    paid = api.document("IN0000123")
    assert (paid["CustomerCurrencyAmountDue"], paid["FullyPaid"], paid["DatePaid"]) == (
        (Decimal(0), "Yes", "2026-11-20T00:00:00Z")
    )
    assert lines(api) == [("Receipt", "1099", 12500), ("Receipt", "1100", -12500)]
    assert api.company.books.receivable("1200", "EUR") == 0


def test_a_posted_receipt_is_found_by_its_number_with_its_document(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.posted(RECEIPTS, 1)
    (receipt,) = api.rows(POSTED, filter="CheckReceiptNumber eq 'PM000123ABC' and BankCode eq 'GCEUR'")
    assert (receipt["BatchNumber"], receipt["EntryNumber"], receipt["BankReceiptAmount"]) == (1, 1, Decimal(125))
    assert receipt["DocumentNumber"] == "PY000001"
    (document,) = api.rows("AR/ARPostedDocuments", filter="CheckReceiptNumber eq 'PM000123ABC'")
    assert (document["DocumentType"], document["FullyPaid"]) == ("Receipt", "Yes")


def test_an_unposted_batch_is_found_by_its_description(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt(), Description="GC RCPT 7F3A"))
    query = "BatchRecordType eq 'CA' and Description eq 'GC RCPT 7F3A'"
    (found,) = api.rows(RECEIPTS, filter=query)
    assert found["ReceiptsAdjustments"][0]["CheckReceiptNumber"] == "PM000123ABC"


def test_ready_to_post_may_be_sent_with_the_batch_or_not(api: Any) -> None:
    ready = api.receipts(api.receipt(), BatchStatus="ReadyToPost")
    assert api.created(RECEIPTS, ready)["BatchStatus"] == "ReadyToPost"
    api.company.switches.change({"ready_on_insert": False})
    assert api.created(RECEIPTS, ready)["BatchStatus"] == "Open"


def test_what_is_not_applied_stays_on_the_receipt_and_can_be_applied_later(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt(amount="150.00", document="")))
    api.posted(RECEIPTS, 1)
    assert api.document("PY000001")["CustomerCurrencyAmountDue"] == Decimal(-150)
    later = {
        "ReceiptTransactionType": "ApplyDocument",
        "CustomerNumber": "1200",
        "DocumentType": "Receipt",
        "DocumentNumber": "PY000001",
        "AppliedReceiptsAdjustments": [{"DocumentNumber": "IN0000123", "CustomerReceiptAmount": 125}],
    }
    api.created(RECEIPTS, api.receipts(later))
    postings = len(api.company.books.postings)
    api.posted(RECEIPTS, 2)
    assert api.document("PY000001")["CustomerCurrencyAmountDue"] == Decimal(-25)
    assert api.document("IN0000123")["FullyPaid"] == "Yes"
    assert api.company.books.receivable("1200", "EUR") == -2500
    applied = api.company.books.postings[postings]
    assert (applied.kind, applied.lines, applied.applied) == ("ApplyDocument", (), (("IN0000123", 12500),))


def test_apply_document_cannot_take_more_than_its_source_has(api: Any) -> None:
    api.company.clerk.receive("1200", "", 5000)
    body = {
        "ReceiptTransactionType": "ApplyDocument",
        "CustomerNumber": "1200",
        "DocumentNumber": "PY000001",
        "AppliedReceiptsAdjustments": [{"DocumentNumber": "IN0000123", "CustomerReceiptAmount": 60}],
    }
    api.problem(api.post(RECEIPTS, api.receipts(body)), 409, "General")
    body["AppliedReceiptsAdjustments"][0] |= {"DocumentNumber": "", "CustomerReceiptAmount": 10}
    api.problem(api.post(RECEIPTS, api.receipts(body)), 409, "RecordInvalid")
    body["DocumentNumber"] = "IN0000123"
    api.problem(api.post(RECEIPTS, api.receipts(body)), 409, "FieldInvalid")


def test_a_prepayment_is_a_liability_until_it_is_applied(api: Any) -> None:
    entry = api.receipt(document="", ReceiptTransactionType="Prepayment")
    entry["AppliedReceiptsAdjustments"] = [{"PaymentNumber": 1, "CustomerReceiptAmount": 125}]
    api.created(RECEIPTS, api.receipts(entry))
    api.posted(RECEIPTS, 1)
    assert lines(api) == [("Prepayment", "1099", 12500), ("Prepayment", "2100", -12500)]
    api.company.clerk.apply("1200", "PP000001", "IN0000123", 12500)
    assert lines(api) == [("ApplyDocument", "2100", 12500), ("ApplyDocument", "1100", -12500)]
    assert api.company.books.balance("2100") == 0
    assert api.document("IN0000123")["FullyPaid"] == "Yes"


def test_unapplied_cash_is_a_document_of_its_own(api: Any) -> None:
    entry = {"ReceiptTransactionType": "UnappliedCash", "CustomerNumber": "1200", "BankReceiptAmount": 10}
    api.created(RECEIPTS, api.receipts(entry))
    api.posted(RECEIPTS, 1)
    (document,) = api.rows("AR/ARPostedDocuments", filter="DocumentType eq 'UnappliedCash'")
    assert document["CustomerCurrencyAmountDue"] == Decimal(-10)


def test_a_miscellaneous_receipt_has_no_customer(api: Any) -> None:
    entry = {
        "ReceiptTransactionType": "MiscellaneousReceipt",
        "CustomerNumber": "",
        "Payer": "GoCardless",
        "CheckReceiptNumber": "PO1",
        "BankReceiptAmount": 10,
        "MiscellaneousReceipts": [{"AccountNumber": "4010-100", "DistributionAmount": 10, "GLReference": "PO1"}],
    }
    api.created(RECEIPTS, api.receipts(entry))
    api.posted(RECEIPTS, 1)
    assert lines(api) == [("MiscellaneousReceipt", "1099", 1000), ("MiscellaneousReceipt", "4010100", -1000)]
    entry["MiscellaneousReceipts"][0]["AccountNumber"] = "4010100"
    api.problem(api.post(RECEIPTS, api.receipts(entry)), 409, "FieldInvalid")


def test_a_receipt_may_move_a_credit_to_an_invoice_without_cash(api: Any) -> None:
    api.company.clerk.receive("1200", "", 12500)
    entry = api.receipt(amount="0.00", document="")
    entry["AppliedReceiptsAdjustments"] = [
        {"DocumentNumber": "IN0000123", "CustomerReceiptAmount": 125},
        {"DocumentNumber": "PY000001", "CustomerReceiptAmount": -125},
    ]
    api.created(RECEIPTS, api.receipts(entry))
    assert api.posted(RECEIPTS, 2)["NumberOfErrors"] == 0
    assert api.document("IN0000123")["FullyPaid"] == api.document("PY000001")["FullyPaid"] == "Yes"


def test_an_adjustment_writes_a_document_down(api: Any) -> None:
    distribution = {"DistributionAmount": -5, "DistributionGLAccount": "6200", "TransactionType": 81}
    body = {
        "BatchRecordType": "AD",
        "BatchDate": "2026-11-20",
        "Description": "write-off",
        "ReceiptsAdjustments": [
            {
                "BatchType": "AD",
                "CustomerNumber": "1200",
                "ReceiptDateAdjustmentDate": "2026-11-20",
                "AppliedReceiptsAdjustments": [
                    {"DocumentNumber": "IN0000123", "AdjustmentGLDistributions": [distribution]}
                ],
            }
        ],
    }
    api.created(RECEIPTS, body)
    assert api.posted(RECEIPTS, 1, "AD")["BatchStatus"] == "Posted"
    assert api.document("IN0000123")["CustomerCurrencyAmountDue"] == Decimal(120)
    assert api.company.books.balance("6200") == 500


def test_the_customer_put_after_the_amount_starts_the_entry_afresh(api: Any) -> None:
    entry = api.receipt(document="")
    entry["CustomerNumber"] = entry.pop("CustomerNumber")
    assert api.created(RECEIPTS, api.receipts(entry))["BatchTotal"] == 0
    entry = api.receipt()
    entry["CustomerNumber"] = entry.pop("CustomerNumber")
    api.problem(api.post(RECEIPTS, api.receipts(entry)), 409, "FieldInvalid")


def test_the_bank_put_after_the_currency_brings_its_own(api: Any) -> None:
    header = {"BatchRecordType": "CA", "DefaultBankCurrency": "GBP", "BankCode": "GCEUR"}
    assert api.created(RECEIPTS, header)["DefaultBankCurrency"] == "EUR"
    header = {"BatchRecordType": "CA", "BankCode": "GCEUR", "DefaultBankCurrency": "GBP"}
    api.problem(api.post(RECEIPTS, header), 409, "FieldInvalid")


@pytest.mark.parametrize(
    ("batch", "entry", "code"),
    [
        ({"BatchRecordType": "XX"}, {}, "FieldInvalid"),
        ({"BatchRecordType": ""}, {}, "FieldInvalid"),
        ({"BankCode": "NONE"}, {}, "FieldInvalid"),
        ({"BankCode": ""}, {}, "RecordInvalid"),
        ({}, {"CustomerNumber": "9"}, "FieldInvalid"),
        ({}, {"PaymentCode": "NONE"}, "FieldInvalid"),
        ({}, {"PostingDate": "2031-01-01"}, "FieldInvalid"),
        ({}, {"CheckReceiptNumber": "P" * 25}, "FieldInvalid"),
        ({}, {"BankCode": "MAIN"}, "FieldInvalid"),
        ({}, {"BankReceiptAmount": -1}, "FieldInvalid"),
        ({}, {"BankReceiptAmount": 1}, "General"),
        ({}, {"AppliedReceiptsAdjustments": [{"DocumentNumber": "NONE"}]}, "FieldInvalid"),
        ({}, {"AppliedReceiptsAdjustments": [{"DocumentNumber": "IN0000123", "PaymentNumber": 2}]}, "FieldInvalid"),
        ({}, {"AppliedReceiptsAdjustments": [{"CustomerReceiptAmount": 1}]}, "RecordInvalid"),
    ],
)
def test_what_the_receipt_screen_refuses_is_refused(api: Any, batch: Any, entry: Any, code: str) -> None:
    api.problem(api.post(RECEIPTS, api.receipts(api.receipt() | entry, **batch)), 409, code)


def test_receipts_without_their_record_type_are_refused(api: Any) -> None:
    body = api.receipts(api.receipt())
    del body["BatchRecordType"]
    assert "Batch Record Type" in api.problem(api.post(RECEIPTS, body), 409, "RecordInvalid")
    assert len(api.company.tables["ARReceiptAndAdjustmentBatches"]) == 0


def test_inactive_customers_are_refused_and_those_on_hold_warn(api: Any) -> None:
    api.company.clerk.hold_customer("1200")
    (warning,) = api.created(RECEIPTS, api.receipts(api.receipt()))["Warnings"]
    assert warning["Message"] == "Customer 1200 is on hold."
    api.company.clerk.edit_customer("1200", Status="Inactive")
    api.problem(api.post(RECEIPTS, api.receipts(api.receipt())), 409, "FieldInvalid")
    api.company.switches.change({"inactive_customer": "warning"})
    assert len(api.created(RECEIPTS, api.receipts(api.receipt()))["Warnings"]) == 2


@pytest.mark.parametrize(("mode", "status", "warnings"), [("none", 201, 0), ("warning", 201, 1), ("error", 409, 0)])
def test_customers_on_hold_are_treated_as_the_switch_says(api: Any, mode: str, status: int, warnings: int) -> None:
    api.company.switches.change({"customer_on_hold": mode})
    api.company.clerk.hold_customer("1200")
    answer = api.post(RECEIPTS, api.receipts(api.receipt()))
    assert (answer.status_code, len(answer.json().get("Warnings", ()))) == (status, warnings)
    if status == 201:
        assert "Warnings" not in api.record(api.key(RECEIPTS, 1)), "they are told once"


@pytest.mark.parametrize(("mode", "status", "warnings"), [("none", 201, 0), ("warning", 201, 1), ("error", 409, 0)])
def test_duplicate_check_numbers_are_an_option_of_the_company(api: Any, mode: str, status: int, warnings: int) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.company.switches.change({"duplicate_checks": mode})
    answer = api.post(RECEIPTS, api.receipts(api.receipt()))
    assert answer.status_code == status
    assert len(answer.json().get("Warnings", ())) == warnings


@pytest.mark.parametrize("module", ["AR", "BK"])
def test_receipts_are_refused_in_a_period_locked_for_receivables_or_the_bank(api: Any, module: str) -> None:
    api.company.lock_period(2026, 10, module)
    entry = api.receipt(PostingDate="2026-10-31")
    told = api.problem(api.post(RECEIPTS, api.receipts(entry)), 409, "FieldInvalid")
    assert "period 10 of year 2026, which is locked for" in told
    api.company.switches.change({"locked_period": "warning"})
    assert "locked" in api.created(RECEIPTS, api.receipts(entry))["Warnings"][0]["Message"]
    api.company.switches.change({"locked_period": "none"})
    assert "Warnings" not in api.created(RECEIPTS, api.receipts(entry))
