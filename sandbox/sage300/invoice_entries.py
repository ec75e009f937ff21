"""Invoices, debit and credit notes as they are entered into a batch: defaults, taxes, totals, schedules (section 2.8)."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from sandbox.sage300 import batches, customers, periods
from sandbox.sage300.refusals import FieldInvalid, RecordInvalid, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

_PREFIXES = {"Invoice": "IN", "DebitNote": "DB", "CreditNote": "CR", "Interest": "IT"}
_TRANSACTIONS = {
    ("Invoice", "Summary"): "InvoiceSummaryIssued",
    ("Invoice", "Item"): "InvoiceItemIssued",
    ("DebitNote", "Summary"): "DebitNoteSummaryIssued",
    ("DebitNote", "Item"): "DebitNoteItemIssued",
    ("CreditNote", "Summary"): "CreditNoteSummaryIssued",
    ("CreditNote", "Item"): "CreditNoteItemIssued",
}


def begin(work: Work, row: Row) -> None:
    batches.new_entry(work, row)
    row["InvoiceType"] = work.batch["DefaultInvoiceType"]
    row["SourceApplication"] = "AR"
    for name in ("DocumentDate", "AsOfDate", "PostingDate"):
        row[name] = work.batch["BatchDate"]
    row["ExchangeRate"] = Decimal(1)
    posting_date_put(work, row)


def customer_put(work: Work, row: Row) -> None:
    """The customer's terms, taxes and currency replace what was sent before."""
    customer = customers.usable(work, row["CustomerNumber"])
    for name in ("Terms", "TaxGroup", "CurrencyCode", "RateType", "AccountSet"):
        row[name] = customer[name]
    row["ExchangeRate"] = work.company.rate(customer["CurrencyCode"])
    row["RateDate"] = row["DocumentDate"]
    terms_put(work, row)


def document_date_put(work: Work, row: Row) -> None:
    row["AsOfDate"] = row["RateDate"] = row["DocumentDate"]
    terms_put(work, row)


def posting_date_put(work: Work, row: Row) -> None:
    row["FiscalYear"], row["FiscalPeriod"] = periods.period_of(work.company, row["PostingDate"])


def terms_put(work: Work, row: Row) -> None:
    if not row["Terms"]:
        return
    terms = work.company.tables["ARTerms"].get(row["Terms"])
    if terms is None:
        raise no_such("Terms Code", row["Terms"])
    row["DueDate"] = row["DocumentDate"] + timedelta(days=terms["DueNumberOfDays"])


def distribution_put(work: Work, row: Row) -> None:
    if not row["DistributionCode"]:
        return
    found = work.company.tables["ARDistributionCodes"].get(row["DistributionCode"])
    if found is None:
        raise no_such("Distribution Code", row["DistributionCode"])
    row["RevenueAccount"] = found["RevenueAccount"]


def detail_finish(work: Work, row: Row) -> None:
    if not row["DistributionCode"] and not row["ItemNumber"] and not row["RevenueAccount"]:
        raise RecordInvalid("A detail needs a distribution code, an item or a revenue account.")
    if row["ExtendedAmountWithTIP"] < 0 and work.entry["DocumentType"] == "CreditNote":
        raise FieldInvalid("The extended amount of a credit note cannot be negative.")
    account = work.company.account(row["RevenueAccount"], formatted=True)
    if account is None:
        raise no_such("Revenue Account", row["RevenueAccount"])


def finish(work: Work, row: Row) -> None:
    """Everything is in: check what is required, then compute taxes, totals and the schedule."""
    if not row["CustomerNumber"]:
        raise RecordInvalid("Customer Number cannot be blank.")
    if not row["InvoiceDetails"]:
        raise RecordInvalid("A document needs at least one detail.")
    _check(work, row)
    if row["DocumentType"] != "Interest":
        row["TransactionType"] = _TRANSACTIONS[row["DocumentType"], row["InvoiceType"]]
    totals(work.company, row)
    _schedule(row)
    if not row["DocumentNumber"]:
        prefix = _PREFIXES[row["DocumentType"]]
        row["DocumentNumber"] = f"{prefix}{batches.next_number(work.company, prefix):07d}"
    batches.number_details(row, "InvoiceDetails", "InvoicePaymentSchedules", "InvoiceOptionalFields")


def _check(work: Work, row: Row) -> None:
    company = work.company
    if row["DocumentType"] not in _PREFIXES:
        raise FieldInvalid(f"Document Type {row['DocumentType']} cannot be entered.")
    if (row["TaxGroup"], "Sales") not in company.tables["TXTaxGroups"]:
        raise no_such("Tax Group", row["TaxGroup"])
    if row["CurrencyCode"] != company.tables["ARCustomers"][row["CustomerNumber"]]["CurrencyCode"]:
        raise FieldInvalid(f"Currency {row['CurrencyCode']} is not the currency of customer {row['CustomerNumber']}.")
    if not periods.exists(company, row["FiscalYear"], row["FiscalPeriod"]):
        raise FieldInvalid(f"Cannot determine the fiscal period for {row['PostingDate']}.")
    periods.check(work, ("AR",), row["FiscalYear"], row["FiscalPeriod"], f"Posting date {row['PostingDate']}")
    for each in row["InvoiceDetails"]:
        company.check_places("Extended Amount", each["ExtendedAmountWithTIP"], row["CurrencyCode"])
    for each in row["InvoicePaymentSchedules"]:
        company.check_places("Amount Due", each["AmountDue"], row["CurrencyCode"])
    if row["ApplytoDocument"]:
        key = (row["CustomerNumber"], row["ApplytoDocument"])
        if key not in company.tables["ARPostedDocuments"]:
            raise no_such("Apply-to Document", row["ApplytoDocument"])


def totals(company: Company, row: Row) -> None:
    rate, included, _ = company.taxes[row["TaxGroup"]]
    tax_total = net_total = Decimal(0)
    for each in row["InvoiceDetails"]:
        amount = each["ExtendedAmountWithTIP"]
        net = company.rounded(amount / (1 + rate), row["CurrencyCode"]) if included else amount
        tax = amount - net if included else company.rounded(amount * rate, row["CurrencyCode"])
        each["ExtendedAmountWithoutTIP"], each["TaxTotal"] = net, tax
        net_total, tax_total = net_total + net, tax_total + tax
    row["TaxTotal"], row["DocumentTotalBeforeTax"] = tax_total, net_total
    row["DocumentTotalIncludingTax"] = row["AmountDue"] = net_total + tax_total
    row["FunctionalAmountDue"] = company.in_functional(row["AmountDue"], row["ExchangeRate"])
    row["NumberOfDetails"] = len(row["InvoiceDetails"])


def _schedule(row: Row) -> None:
    """Without amounts the one payment is due in full; amounts of instalments must add up to the document."""
    total, plan = row["DocumentTotalIncludingTax"], row["InvoicePaymentSchedules"]
    if not plan:
        plan.append({**_BLANK_SCHEDULE, "PaymentNumber": 1, "DueDate": row["DueDate"]})
    if len(plan) == 1:
        plan[0]["AmountDue"] = total
    for each in plan:
        each["DueDate"] = each["DueDate"] or row["DueDate"]
        if each["PaymentNumber"] < 1:
            raise FieldInvalid("Payment Number is invalid.")
        each["FunctionalAmountDue"] = (each["AmountDue"] * row["ExchangeRate"]).quantize(Decimal("0.01"), ROUND_HALF_UP)
    scheduled = sum((each["AmountDue"] for each in plan), Decimal(0))
    if scheduled != total:
        raise FieldInvalid(f"The scheduled payments of {scheduled} are not the document's total of {total}.")
    row["NumberOfScheduledPayments"], row["TotalPaymentAmountScheduled"] = len(plan), scheduled
    row["DueDate"] = max(each["DueDate"] for each in plan)


_BLANK_SCHEDULE: Row = {
    "BatchNumber": 0, "EntryNumber": 0, "DueDate": None, "AmountDue": Decimal(0), "DiscountDate": None,
    "DiscountAmount": Decimal(0), "FunctionalAmountDue": Decimal(0),
}  # fmt: skip


def batch_begin(work: Work, row: Row) -> None:
    batches.begin(work, row)
    row["BatchNumber"] = batches.next_number(work.company, "AR invoices")


def batch_finish(work: Work, row: Row) -> None:
    batch_totals(work.company, row)


def batch_totals(company: Company, row: Row) -> None:
    row["NumberOfEntries"] = len(row["Invoices"])
    row["LastEntryNumber"] = row["Invoices"][-1]["EntryNumber"] if row["Invoices"] else 0
    row["BatchTotal"] = sum((each["DocumentTotalIncludingTax"] for each in row["Invoices"]), Decimal(0))
    row["DateLastEdited"] = company.today()


_KEEPS = frozenset(
    {
        "AccountSet",
        "AsOfDate",
        "CurrencyCode",
        "DocumentDate",
        "DueDate",
        "ExchangeRate",
        "FiscalPeriod",
        "FiscalYear",
        "PostingDate",
        "RateDate",
        "TaxGroup",
        "Terms",
    }
)
RULES = {
    "InvoiceBatch": Rules(batch_begin, {"BatchStatus": batches.status_put}, batch_finish, frozenset({"BatchDate"})),
    "Invoice": Rules(
        begin,
        {
            "CustomerNumber": customer_put,
            "DocumentDate": document_date_put,
            "PostingDate": posting_date_put,
            "Terms": terms_put,
        },
        finish,
        _KEEPS,
    ),
    "InvoiceDetail": Rules(puts={"DistributionCode": distribution_put}, finish=detail_finish),
}
