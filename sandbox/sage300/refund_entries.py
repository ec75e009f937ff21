"""Refunds as they are entered into a batch: which credit is paid out, and from where (section 2.11)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.sage300 import batches, customers, periods
from sandbox.sage300.refusals import FieldInvalid, General, RecordInvalid, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

#: what may be paid out.
REFUNDABLE = ("CreditNote", "Prepayment", "UnappliedCash", "Receipt")


def batch_begin(work: Work, row: Row) -> None:
    batches.begin(work, row)
    row["DateCreated"] = row["BatchDate"]
    row["BatchNumber"] = batches.next_number(work.company, "AR refunds")


def batch_finish(work: Work, row: Row) -> None:
    batch_totals(work.company, row)


def batch_totals(company: Company, row: Row) -> None:
    row["NumberOfEntries"] = len(row["RefundEntries"])
    row["LastEntryNumber"] = row["RefundEntries"][-1]["EntryNumber"] if row["RefundEntries"] else 0
    row["TotalOfEntries"] = sum((each["RefundAmountFunctional"] for each in row["RefundEntries"]), Decimal(0))
    row["DateLastEdited"] = company.today()


def begin(work: Work, row: Row) -> None:
    batches.new_entry(work, row)
    row["DocumentDate"] = row["PostingDate"] = work.batch["BatchDate"]
    row["ExchangeRate"] = row["CashExchangeRate"] = Decimal(1)
    posting_date_put(work, row)


def posting_date_put(work: Work, row: Row) -> None:
    row["FiscalYear"], row["FiscalPeriod"] = periods.period_of(work.company, row["PostingDate"])


def customer_put(work: Work, row: Row) -> None:
    customer = customers.usable(work, row["CustomerNumber"])
    row["CustomerCurrency"] = row["CashPaymentCurrency"] = customer["CurrencyCode"]
    row["ExchangeRate"] = work.company.rate(customer["CurrencyCode"])
    row["RemitToName"] = customer["CustomerName"]
    row["RefundDetails"] = []


def cash_bank_put(work: Work, row: Row) -> None:
    if not row["CashBankAccount"]:
        return
    bank = work.company.tables["BKBanks"].get(row["CashBankAccount"])
    if bank is None:
        raise no_such("Cash Bank Account", row["CashBankAccount"])
    row["CashPaymentCurrency"] = bank["StatementCurrency"]
    row["CashExchangeRate"] = work.company.rate(bank["StatementCurrency"])
    row["CashGLAccount"] = bank["BankAccount"]


def detail_finish(work: Work, row: Row) -> None:
    entry, company = work.entry, work.company
    found = company.tables["ARPostedDocuments"].get(entry["CustomerNumber"], row["DocumentNumber"])
    if found is None or found["DocumentType"] not in REFUNDABLE:
        raise no_such("Document Number", row["DocumentNumber"])
    row["CustomerNumber"], row["DocumentType"] = entry["CustomerNumber"], found["DocumentType"]
    row["PaymentNumber"] = row["PaymentNumber"] or 1
    row["CurrentBalance"] = row["NetBalance"] = -found["CustomerCurrencyAmountDue"]
    row["AmountCustomer"] = row["AmountCustomer"] or row["AmountPayment"]
    row["AmountPayment"] = row["AmountPayment"] or row["AmountCustomer"]
    company.check_places("Amount", row["AmountCustomer"], found["CurrencyCode"])
    if row["AmountCustomer"] <= 0:
        raise FieldInvalid("The refund amount is invalid.")
    if row["AmountCustomer"] > row["CurrentBalance"]:
        raise General(f"The refund is greater than the balance of document {row['DocumentNumber']}.")
    row["AmountFunctional"] = company.in_functional(row["AmountCustomer"], entry["ExchangeRate"])


def finish(work: Work, row: Row) -> None:
    company = work.company
    if not row["CustomerNumber"]:
        raise RecordInvalid("Customer Number cannot be blank.")
    if not row["RefundDetails"]:
        raise RecordInvalid("A refund needs at least one document.")
    if not row["CashBankAccount"] and company.account(row["CashGLAccount"], formatted=True) is None:
        raise RecordInvalid("A cash refund needs a bank or a G/L account.")
    if row["CashPaymentCurrency"] != row["CustomerCurrency"]:
        raise FieldInvalid(
            f"The bank pays in {row['CashPaymentCurrency']}, the customer uses {row['CustomerCurrency']}."
        )
    if not periods.exists(company, row["FiscalYear"], row["FiscalPeriod"]):
        raise FieldInvalid(f"Cannot determine the fiscal period for {row['PostingDate']}.")
    periods.check(work, ("AR", "BK"), row["FiscalYear"], row["FiscalPeriod"], f"Posting date {row['PostingDate']}")
    total = sum((each["AmountCustomer"] for each in row["RefundDetails"]), Decimal(0))
    row["CashAmountCustomer"] = row["CashAmountPayment"] = row["RefundAmountCustomer"] = total
    row["RefundAmountFunctional"] = company.in_functional(total, row["ExchangeRate"])
    if not row["DocumentNumber"]:
        row["DocumentNumber"] = f"RF{batches.next_number(company, 'RF'):06d}"
    batches.number_details(row, "RefundDetails")


_KEEPS = frozenset(
    {
        "CashExchangeRate",
        "CashGLAccount",
        "CashPaymentCurrency",
        "DocumentDate",
        "ExchangeRate",
        "FiscalPeriod",
        "FiscalYear",
        "PostingDate",
        "RemitToName",
    }
)
RULES = {
    "RefundBatch": Rules(batch_begin, {"BatchStatus": batches.status_put}, batch_finish, frozenset({"BatchDate"})),
    "RefundEntrie": Rules(
        begin,
        {"CustomerNumber": customer_put, "PostingDate": posting_date_put, "CashBankAccount": cash_bank_put},
        finish,
        _KEEPS,
    ),
    "RefundDetail": Rules(finish=detail_finish),
}
