"""Posting invoices, debit notes and credit notes: the posted document, and its lines in the books (sections 2.8, 11)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.sage300 import receivables
from sandbox.sage300.books import Line, Posting
from sandbox.sage300.posting import NotPosted, Poster, check_ledger
from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def post(company: Company, batch: Row, entry: Row, sequence: int) -> Posting:
    """Raises `NotPosted` for a number the customer has already, and for what the ledger refuses."""
    customer, number = entry["CustomerNumber"], entry["DocumentNumber"]
    if (customer, number) in company.tables["ARPostedDocuments"]:
        raise NotPosted(f"Document {number} already exists for customer {customer}.")
    check_ledger(company, entry, [each["RevenueAccount"] for each in entry["InvoiceDetails"]], formatted=True)
    sign = -1 if entry["DocumentType"] == "CreditNote" else 1
    plan = {
        each["PaymentNumber"]: (each["DueDate"], sign * each["AmountDue"]) for each in entry["InvoicePaymentSchedules"]
    }
    receivables.add_document(
        company,
        customer,
        number,
        entry["DocumentType"],
        sign * entry["DocumentTotalIncludingTax"],
        plan,
        TransactionType=entry["TransactionType"],
        OrderNumber=entry["OrderNumber"],
        PONumber=entry["PONumber"],
        DueDate=entry["DueDate"],
        BatchDate=batch["BatchDate"],
        BatchNumber=batch["BatchNumber"],
        EntryNumber=entry["EntryNumber"],
        DocumentDescription=entry["InvoiceDescription"],
        DocumentDate=entry["DocumentDate"],
        AsofDate=entry["AsOfDate"],
        Terms=entry["Terms"],
        CurrencyCode=entry["CurrencyCode"],
        ExchangeRate=entry["ExchangeRate"],
        CustomerCurrencyTaxAmount=sign * entry["TaxTotal"],
        FiscalYear=entry["FiscalYear"],
        FiscalPeriod=entry["FiscalPeriod"],
        PostingDate=entry["PostingDate"],
        PostingSequenceNumber=sequence,
        InvoiceType=entry["InvoiceType"],
        BatchType="IN",
        AccountSet=entry["AccountSet"],
    )
    company.invoice_posted(entry)
    return _booked(company, batch, entry, sign)


def _booked(company: Company, batch: Row, entry: Row, sign: int) -> Posting:
    currency, rate = entry["CurrencyCode"], entry["ExchangeRate"]
    control = company.tables["ARAccountSets"][entry["AccountSet"]]["ReceivablesControlAccount"]

    def line(account: str, amount: Decimal, customer: str = "", text: str = "") -> Line:
        major = company.rounded(amount, currency)
        base = Money.from_major(company.in_functional(major, rate), company.functional).minor
        return Line(account.replace("-", ""), Money.from_major(major, currency).minor, base, customer, text)

    credits = [
        line(each["RevenueAccount"], -sign * each["ExtendedAmountWithoutTIP"], text=each["Description"])
        for each in entry["InvoiceDetails"]
    ]
    if entry["TaxTotal"]:
        credits.append(line(company.taxes[entry["TaxGroup"]][2], -sign * entry["TaxTotal"]))
    debit = line(control, sign * entry["DocumentTotalIncludingTax"], entry["CustomerNumber"])
    # The functional amounts of the lines are rounded one by one; the control account takes the difference.
    balanced = Line(debit.account, debit.minor, -sum(each.base_minor for each in credits), debit.customer, debit.text)
    return Posting(
        entry["DocumentType"],
        entry["DocumentNumber"],
        entry["InvoiceDescription"] or entry["DocumentNumber"],
        entry["CustomerNumber"],
        str(batch["BatchNumber"]),
        str(entry["EntryNumber"]),
        entry["PostingDate"],
        f"{entry['FiscalYear']}-{entry['FiscalPeriod']}",
        currency,
        (balanced, *credits),
    )


POSTER = Poster("ARInvoiceBatches", lambda batch: "AR invoices", post, "invoice")
