"""Posting refunds: the credit is used up, and money leaves the bank's account (sections 2.11, 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.sage300 import receivables
from sandbox.sage300.books import Line, Posting
from sandbox.sage300.posting import NotPosted, Poster, check_ledger
from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def post(company: Company, batch: Row, entry: Row, sequence: int) -> Posting:
    """Raises `NotPosted` when a credit has less left than is paid out, or the ledger refuses."""
    customer, number = entry["CustomerNumber"], entry["DocumentNumber"]
    check_ledger(company, entry, [entry["CashGLAccount"]], formatted=True)
    documents = company.tables["ARPostedDocuments"]
    if (customer, number) in documents:
        raise NotPosted(f"Document {number} already exists for customer {customer}.")
    for each in entry["RefundDetails"]:
        left = -documents[customer, each["DocumentNumber"]]["_payments"][each["PaymentNumber"]]
        if each["AmountCustomer"] > left:
            raise NotPosted(f"Document {each['DocumentNumber']} has only {left} left.")
    for each in entry["RefundDetails"]:
        document = documents[customer, each["DocumentNumber"]]
        receivables.take(company, document, each["PaymentNumber"], -each["AmountCustomer"], entry["PostingDate"])
    receivables.add_document(
        company,
        customer,
        number,
        "Refund",
        entry["RefundAmountCustomer"],
        {1: (entry["DocumentDate"], 0 * entry["RefundAmountCustomer"])},
        TransactionType="RefundPosted",
        BatchDate=batch["BatchDate"],
        BatchNumber=batch["BatchNumber"],
        EntryNumber=entry["EntryNumber"],
        DocumentDescription=entry["DocumentDescription"],
        DocumentDate=entry["DocumentDate"],
        CurrencyCode=entry["CustomerCurrency"],
        ExchangeRate=entry["ExchangeRate"],
        FiscalYear=entry["FiscalYear"],
        FiscalPeriod=entry["FiscalPeriod"],
        PostingDate=entry["PostingDate"],
        BankCode=entry["CashBankAccount"],
        PostingSequenceNumber=sequence,
        BatchType="RF",
    )
    _payment(company, batch, entry, sequence)
    return _booked(company, batch, entry)


def _payment(company: Company, batch: Row, entry: Row, sequence: int) -> None:
    table = company.tables["ARPayments"]
    table.add(
        table.kind.blank()
        | {
            "CustomerNumber": entry["CustomerNumber"],
            "DocumentNumber": entry["DocumentNumber"],
            "SequenceNumber": 1,
            "DocumentDate": entry["DocumentDate"],
            "FiscalYear": entry["FiscalYear"],
            "FiscalPeriod": entry["FiscalPeriod"],
            "BankCode": entry["CashBankAccount"],
            "GLAccountTobeCredited": entry["CashGLAccount"],
            "PaymentCurrency": entry["CashPaymentCurrency"],
            "ExchangeRate": entry["CashExchangeRate"],
            "PaymentAmount": entry["CashAmountPayment"],
            "CustomerAmount": entry["CashAmountCustomer"],
            "FunctionalAmount": entry["RefundAmountFunctional"],
            "PostingSequenceNumber": sequence,
            "BatchNumber": batch["BatchNumber"],
            "EntryNumber": entry["EntryNumber"],
            "DocumentType": "Refund",
            "PostingDate": entry["PostingDate"],
        }
    )


def _booked(company: Company, batch: Row, entry: Row) -> Posting:
    currency, customer = entry["CustomerCurrency"], entry["CustomerNumber"]
    account_set = company.tables["ARAccountSets"][company.tables["ARCustomers"][customer]["AccountSet"]]
    debits = []
    for each in entry["RefundDetails"]:
        prepaid = each["DocumentType"] == "Prepayment"
        account = account_set["PrepaymentLiabilityAccount" if prepaid else "ReceivablesControlAccount"]
        minor = Money.from_major(each["AmountCustomer"], currency).minor
        base = Money.from_major(each["AmountFunctional"], company.functional).minor
        debits.append(Line(account.replace("-", ""), minor, base, customer))
    paid = Money.from_major(entry["RefundAmountCustomer"], currency).minor
    paid_base = sum(line.base_minor for line in debits)
    return Posting(
        "Refund",
        entry["DocumentNumber"],
        entry["DocumentDescription"] or entry["DocumentNumber"],
        customer,
        str(batch["BatchNumber"]),
        str(entry["EntryNumber"]),
        entry["PostingDate"],
        f"{entry['FiscalYear']}-{entry['FiscalPeriod']}",
        currency,
        (
            *debits,
            Line(entry["CashGLAccount"].replace("-", ""), -paid, -paid_base, text=entry["DocumentDescription"]),
        ),
        tuple(
            (each["DocumentNumber"], -Money.from_major(each["AmountCustomer"], currency).minor)
            for each in entry["RefundDetails"]
        ),
    )


POSTER = Poster("ARRefundBatches", lambda batch: "AR refunds", post, "refund")
