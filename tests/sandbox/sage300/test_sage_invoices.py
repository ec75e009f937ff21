"""Invoices, debit and credit notes: defaults, taxes, instalments, posting; refunds of credit; recurring charges."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

INVOICES = "AR/ARInvoiceBatches"
REFUNDS = "AR/ARRefundBatches"
CHARGES = "AR/ARRecurringCharges"


def refund(document: str = "GCCRF1", amount: int = 20, **entry: Any) -> dict[str, Any]:
    made = {
        "DocumentDescription": "REFUND RF1",
        "DocumentDate": "2026-11-20",
        "CustomerNumber": "1200",
        "CashBankAccount": "GCEUR",
        "RefundDetails": [{"DocumentNumber": document, "PaymentType": "Cash", "AmountCustomer": amount}],
    }
    return {"BatchDate": "2026-11-20", "BatchDescription": "GC REFUND 1", "RefundEntries": [made | entry]}


def test_the_customer_brings_terms_and_taxes_unless_they_are_sent_after_it(api: Any) -> None:
    api.company.clerk.edit_customer("1200", TaxGroup="EUVAT")
    entry = api.invoice()
    entry["CustomerNumber"] = entry.pop("CustomerNumber")
    made = api.created(INVOICES, api.invoices(entry, api.invoice("GCI2")))["Invoices"]
    totals = [(each["TaxGroup"], each["DocumentTotalIncludingTax"]) for each in made]
    assert totals == [("EUVAT", Decimal("12.1")), ("NOTAX", Decimal(10))], "the first lost its tax group"
    assert made[0]["DueDate"] == "2026-12-20T00:00:00Z"


@pytest.mark.parametrize(
    ("group", "net", "tax", "total"), [("EUVAT", "10", "2.1", "12.1"), ("EUVATI", "8.26", "1.74", "10")]
)
def test_taxes_go_on_top_or_are_included(api: Any, group: str, net: str, tax: str, total: str) -> None:
    (made,) = api.created(INVOICES, api.invoices(api.invoice(TaxGroup=group)))["Invoices"]
    shown = (made["DocumentTotalBeforeTax"], made["TaxTotal"], made["DocumentTotalIncludingTax"])
    assert shown == (Decimal(net), Decimal(tax), Decimal(total))
    api.posted(INVOICES, 2)
    posting = api.company.books.postings[-1]
    minor = [int(Decimal(each) * 100) for each in (total, net, tax)]
    assert [(line.account, line.minor) for line in posting.lines] == [
        ("1100", minor[0]),
        ("4000", -minor[1]),
        ("2200", -minor[2]),
    ]


def test_documents_without_a_number_are_numbered_by_sage(api: Any) -> None:
    kinds = ("Invoice", "DebitNote", "CreditNote")
    made = api.created(INVOICES, api.invoices(*(api.invoice("", DocumentType=kind) for kind in kinds)))
    assert [each["DocumentNumber"] for each in made["Invoices"]] == ["IN0000001", "DB0000001", "CR0000001"]
    assert [each["EntryNumber"] for each in made["Invoices"]] == [1, 2, 3]
    assert made["BatchTotal"] == Decimal(30)


def test_the_official_sample_with_its_placeholders_is_taken(api: Any) -> None:
    detail = {"BatchNumber": 75, "EntryNumber": 1, "LineNumber": 20, "DistributionCode": "SALES"}
    entry = {
        "BatchNumber": 75,
        "EntryNumber": 1,
        "CustomerNumber": "1200",
        "DocumentType": "4",
        "TransactionType": "InterestCharge",
        "DocumentDate": "2026-11-15",
        "DueDate": "2026-11-15",
        "InvoiceType": "Summary",
        "InvoiceDetails": [detail | {"ExtendedAmountWithTIP": 40}],
        "InvoicePaymentSchedules": [{"BatchNumber": 75, "EntryNumber": 1, "PaymentNumber": 1, "AmountDue": 40}],
    }
    made = api.created(
        INVOICES, {"BatchNumber": 75, "BatchDate": "2026-11-15", "BatchStatus": "Open", "Invoices": [entry]}
    )
    (shown,) = made["Invoices"]
    assert (made["BatchNumber"], shown["DocumentType"], shown["TransactionType"]) == (2, "Interest", "InterestCharge")
    assert shown["InvoiceDetails"][0]["RevenueAccount"] == "4000"
    assert shown["InvoicePaymentSchedules"][0]["DueDate"] == "2026-11-15T00:00:00Z"


def test_a_debit_note_against_clearing_raises_what_the_customer_owes(api: Any) -> None:
    entry = api.invoice("GCDPM000123ABC", "125.00", DocumentType="DebitNote", ApplytoDocument="IN0000123")
    entry["InvoiceDetails"][0]["RevenueAccount"] = "1099"
    api.created(INVOICES, api.invoices(entry))
    api.posted(INVOICES, 2)
    assert api.document("GCDPM000123ABC")["DocumentType"] == "DebitNote"
    assert api.company.books.receivable("1200", "EUR") == 25000
    assert api.company.books.balance("1099") == -12500


def test_a_credit_note_is_a_negative_document_that_a_refund_pays_out(api: Any) -> None:
    entry = api.invoice("GCCRF1", "20.00", DocumentType="CreditNote")
    entry["InvoiceDetails"][0]["RevenueAccount"] = "4090"
    api.created(INVOICES, api.invoices(entry))
    api.posted(INVOICES, 2)
    assert api.document("GCCRF1")["CustomerCurrencyAmountDue"] == Decimal(-20)
    made = api.created(REFUNDS, refund())
    assert (made["TotalOfEntries"], made["RefundEntries"][0]["DocumentNumber"]) == (Decimal(20), "RF000001")
    assert api.posted(REFUNDS, 1)["BatchStatus"] == "Posted"
    assert api.document("GCCRF1")["FullyPaid"] == "Yes"
    (payment,) = api.rows("AR/ARPayments", filter="CustomerNumber eq '1200'")
    assert (payment["PaymentAmount"], payment["BankCode"]) == (Decimal(20), "GCEUR")
    assert api.company.books.receivable("1200", "EUR") == 12500
    assert (api.company.books.balance("1099"), api.company.books.balance("4090")) == (-2000, 2000)
    assert len(api.rows(REFUNDS, filter="BatchDescription eq 'GC REFUND 1'")) == 1


def test_a_refund_pays_only_credit_and_only_once(api: Any) -> None:
    api.problem(api.post(REFUNDS, refund("IN0000123")), 409, "FieldInvalid")
    api.company.add_invoice("1200", "GCCRF1", 2000, DocumentType="CreditNote")
    api.problem(api.post(REFUNDS, refund(amount=21)), 409, "General")
    api.problem(api.post(REFUNDS, refund(CashBankAccount="")), 409, "RecordInvalid")
    api.problem(api.post(REFUNDS, refund(CashBankAccount="GCGBP")), 409, "FieldInvalid")
    for _ in range(2):
        api.created(REFUNDS, refund(CashBankAccount="", CashGLAccount="1020"))
    counted = [each["BatchNumber"] for each in api.rows(REFUNDS)]
    number = counted[-2]
    assert api.posted(REFUNDS, number)["NumberOfErrors"] == 0
    assert api.posted(REFUNDS, number + 1)["NumberOfErrors"] == 1
    assert api.company.books.balance("1020") == -2000


def test_a_number_the_customer_has_already_is_found_at_posting(api: Any) -> None:
    api.created(INVOICES, api.invoices(api.invoice("IN0000123"), api.invoice("GCI2")))
    batch = api.posted(INVOICES, 2)
    assert (batch["BatchStatus"], batch["NumberOfErrors"]) == ("Posted", 1)
    assert batch["Invoices"][0]["ErrorBatch"] == 3
    assert api.company.books.receivable("1200", "EUR") == 12500 + 1000
    assert "already exists" in api.company.posting_errors[0]["message"]


def test_instalments_must_add_up_and_are_shown_only_in_the_batch(api: Any) -> None:
    plan = [{"PaymentNumber": 1, "AmountDue": 4}, {"PaymentNumber": 2, "AmountDue": 5, "DueDate": "2027-01-31"}]
    api.problem(api.post(INVOICES, api.invoices(api.invoice(InvoicePaymentSchedules=plan))), 409, "FieldInvalid")
    plan[1]["AmountDue"] = 6
    made = api.created(INVOICES, api.invoices(api.invoice(InvoicePaymentSchedules=plan)))
    batch = api.posted(INVOICES, made["BatchNumber"])
    document = api.document("GCI1")
    assert (document["NumberOfScheduledPayments"], document["DueDate"]) == (2, "2027-01-31T00:00:00Z")
    (shown,) = api.rows(INVOICES, filter=f"BatchNumber eq {batch['BatchNumber']}", select="Invoices")
    schedule = shown["Invoices"][0]["InvoicePaymentSchedules"]
    assert [each["AmountDue"] for each in schedule] == [Decimal(4), Decimal(6)]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"CustomerNumber": ""}, "FieldInvalid"),
        ({"CustomerNumber": "9"}, "FieldInvalid"),
        ({"InvoiceDetails": []}, "RecordInvalid"),
        ({"InvoiceDetails": [{"ExtendedAmountWithTIP": 1}]}, "RecordInvalid"),
        ({"InvoiceDetails": [{"RevenueAccount": "4010100"}]}, "FieldInvalid"),
        ({"InvoiceDetails": [{"DistributionCode": "NONE"}]}, "FieldInvalid"),
        ({"TaxGroup": "NONE"}, "FieldInvalid"),
        ({"Terms": "NONE"}, "FieldInvalid"),
        ({"CurrencyCode": "GBP"}, "FieldInvalid"),
        ({"ApplytoDocument": "NONE"}, "FieldInvalid"),
        ({"DocumentNumber": "N" * 23}, "FieldInvalid"),
        ({"DocumentType": "Receipt"}, "FieldInvalid"),
        ({"PostingDate": "2020-01-01"}, "FieldInvalid"),
        ({"InvoiceOptionalFields": [{"OptionalField": "GCCUST", "Value": "x"}]}, "FieldInvalid"),
    ],
)
def test_what_the_invoice_screen_refuses_is_refused(api: Any, entry: dict[str, Any], code: str) -> None:
    api.problem(api.post(INVOICES, api.invoices({**api.invoice(), **entry})), 409, code)


def test_an_invoice_in_a_period_locked_for_the_ledger_fails_only_at_posting(api: Any) -> None:
    api.company.lock_period(2026, 11, "GL")
    api.created(INVOICES, api.invoices(api.invoice()))
    assert api.posted(INVOICES, 2)["NumberOfErrors"] == 1
    api.company.unlock_period(2026, 11)
    assert api.posted(INVOICES, 3)["NumberOfErrors"] == 0
    api.company.lock_period(2026, 11, "AR")
    api.problem(api.post(INVOICES, api.invoices(api.invoice("GCI2"))), 409, "FieldInvalid")


def test_the_ledger_gets_a_subledger_batch_at_posting_or_on_request(api: Any) -> None:
    generated = "JournalBatchType eq 'Subledger'"
    (first,) = api.rows("GL/GLJournalBatches", filter=generated)
    assert (first["SourceLedger"], first["Status"]) == ("AR", "Posted")
    api.company.switches.change({"gl_integration": "request"})
    api.company.add_invoice("1200", "IN2", 1000)
    assert len(api.rows("GL/GLJournalBatches", filter=generated)) == 1
    create = {"ProcessInvoiceBatch": "PostInvoicebatches", "InvoiceThroughPostingSequenceNumber": 999999999}
    assert api.post("AR/ARCreateGLBatch('$process')", create).status_code == 204
    assert len(api.rows("GL/GLJournalBatches", filter=generated)) == 2
    (posted,) = api.rows("GL/GLPostedTransactions", filter="AccountNumber eq '1100' and JournalTransactionAmount eq 10")
    assert (posted["SourceLedgerCode"], posted["SourceTypeCode"]) == ("AR", "IN")


def test_recurring_charges_become_invoices_on_their_days(api: Any) -> None:
    body = {
        "RecurringChargeCode": "ONCALL",
        "CustomerNumber": "1200",
        "Description": "On call",
        "EffectiveDate": "2026-10-31",
        "InvoiceDescription": "On call support",
        "Schedule": "MONTHLY",
        "TaxGroup": "EUVAT",
        "RecurringChargeDetails": [{"DistributionCode": "WEB", "ExtendedAmountWithTIP": 100}],
    }
    made = api.created(CHARGES, body)
    assert (made["InvoiceTotalIncludingTax"], made["NextScheduledDate"]) == (Decimal(121), "2026-10-31T00:00:00Z")
    clerk = api.company.clerk
    assert clerk.run_recurring() == ["IN0000001"]
    assert clerk.run_recurring() == [], "the next is due on the last of November"
    assert clerk.run_recurring(date(2026, 12, 5)) == ["IN0000002"]
    charge = api.record(f"{CHARGES}('ONCALL','1200')")
    assert (charge["PostedNumberOfInvoices"], charge["LastInvoiceNumberPosted"]) == (2, "IN0000002")
    assert charge["NextScheduledDate"] == "2026-12-30T00:00:00Z"
    (batch,) = api.rows(INVOICES, filter="BatchType eq 'Recurring' and BatchNumber eq 2")
    assert batch["Invoices"][0]["RecurringChargeCode"] == "ONCALL"
    assert api.company.books.receivable("1200", "EUR") == 12500 + 2 * 12100


def test_charges_that_are_inactive_or_expired_make_no_invoice(api: Any) -> None:
    clerk = api.company.clerk
    clerk.add_recurring_charge("A", "1200", 1000, "WEEKLY", EffectiveDate="2026-11-20", ExpirationDate="2026-11-25")
    clerk.add_recurring_charge(
        "B",
        "1200",
        1000,
        "WEEKLY",
        EffectiveDate="2026-11-20",
        ExpirationType="NumberOfInvoices",
        MaximumNumberOfInvoices=2,
    )
    clerk.add_recurring_charge(
        "C",
        "1200",
        1000,
        "WEEKLY",
        EffectiveDate="2026-11-20",
        ExpirationType="MaximumAmount",
        MaximumTotalInvoiceAmount=10,
    )
    clerk.add_recurring_charge("D", "1200", 1000, "WEEKLY", EffectiveDate="2026-11-20", Status="Inactive")
    assert [len(clerk.run_recurring(day)) for day in (date(2026, 11, 20), date(2026, 11, 27), date(2026, 12, 4))] == [
        3,
        1,
        0,
    ]
    clerk.edit_recurring_charge("D", "1200", Status="Active", amount_minor=2500)
    assert api.record(f"{CHARGES}('D','1200')")["InvoiceTotalIncludingTax"] == Decimal(25)
    clerk.delete_recurring_charge("D", "1200")
    assert api.get(f"{CHARGES}('D','1200')").status_code == 404
    api.problem(api.post(CHARGES, {"RecurringChargeCode": "E", "CustomerNumber": "1200"}), 409, "FieldInvalid")
