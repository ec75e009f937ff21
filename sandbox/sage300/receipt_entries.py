"""Receipts and adjustments as they are entered into a batch: who paid, what it is applied to, what may be (section 2.6).

Putting the customer or the kind of receipt starts the entry afresh: amounts and applications sent before are gone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.sage300 import batches, customers, periods, receivables
from sandbox.sage300.refusals import FieldInvalid, General, RecordInvalid, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

_PREFIXES = {
    "Receipt": "PY", "Prepayment": "PP", "UnappliedCash": "UC", "MiscellaneousReceipt": "MR", "Adjustment": "AD",
}  # fmt: skip


# -- the batch -----------------------------------------------------------------------------------------------------------


def batch_begin(work: Work, row: Row) -> None:
    batches.begin(work, row)
    row["DepositDate"] = row["BankRateDate"] = row["BatchDate"]
    row["BankExchangeRate"] = Decimal(1)
    row["DefaultBankCurrency"] = work.company.functional


def record_type_put(work: Work, row: Row) -> None:
    if row["BatchRecordType"] not in ("CA", "AD"):
        raise FieldInvalid(f"Batch Record Type '{row['BatchRecordType']}' is invalid.")
    row["BatchNumber"] = batches.next_number(work.company, f"AR {row['BatchRecordType']}")


def bank_put(work: Work, row: Row) -> None:
    """The bank brings its currency and rate, also for entries that are already there."""
    if not row["BankCode"]:
        return
    bank = work.company.tables["BKBanks"].get(row["BankCode"])
    if bank is None:
        raise no_such("Bank Code", row["BankCode"])
    if bank["Status"] != "Active":
        raise FieldInvalid(f"Bank {row['BankCode']} is inactive.")
    row["DefaultBankCurrency"] = bank["StatementCurrency"]
    row["BankExchangeRate"] = work.company.rate(bank["StatementCurrency"])
    for entry in row["ReceiptsAdjustments"]:
        entry["BankCode"], entry["BankCurrencyCode"] = row["BankCode"], row["DefaultBankCurrency"]
        entry["BankExchangeRate"] = row["BankExchangeRate"]


def currency_put(work: Work, row: Row) -> None:
    bank = work.company.tables["BKBanks"].get(row["BankCode"])
    held = {each["CurrencyCode"] for each in bank["BankCurrencies"]} if bank else set()
    if bank and row["DefaultBankCurrency"] not in held | {bank["StatementCurrency"]}:
        raise FieldInvalid(f"Bank {row['BankCode']} does not use currency {row['DefaultBankCurrency']}.")
    row["BankExchangeRate"] = work.company.rate(row["DefaultBankCurrency"])


def before_entries(row: Row) -> None:
    """The header must stand before it is inserted."""
    if not row["BatchRecordType"]:
        raise RecordInvalid("Batch Record Type cannot be blank.")


def batch_finish(work: Work, row: Row) -> None:
    before_entries(row)
    batch_totals(work.company, row)


def batch_totals(company: Company, row: Row) -> None:
    entries = row["ReceiptsAdjustments"]
    row["NumberOfEntries"] = len(entries)
    row["LastEntryNumber"] = entries[-1]["EntryNumber"] if entries else 0
    row["BatchTotal"] = sum((each["BankReceiptAmount"] for each in entries), Decimal(0))
    row["DateLastEdited"] = company.today()
    receivables.count_pending(row)


# -- the entry -----------------------------------------------------------------------------------------------------------


def begin(work: Work, row: Row) -> None:
    batch = work.batch
    before_entries(batch)
    batches.new_entry(work, row)
    row["ReceiptTransactionType"] = "Receipt" if batch["BatchRecordType"] == "CA" else "Adjustment"
    row["ReceiptDateAdjustmentDate"] = row["PostingDate"] = batch["BatchDate"]
    row["BankCode"], row["BankCurrencyCode"] = batch["BankCode"], batch["DefaultBankCurrency"]
    row["BankExchangeRate"] = batch["BankExchangeRate"]
    row["CustomerExchangeRate"] = batch["BankExchangeRate"]
    row["CustomerCurrencyCode"] = row["BankCurrencyCode"]
    posting_date_put(work, row)


def posting_date_put(work: Work, row: Row) -> None:
    row["FiscalYear"], row["FiscalPeriod"] = periods.period_of(work.company, row["PostingDate"])


def customer_put(work: Work, row: Row) -> None:
    _afresh(row)
    if not row["CustomerNumber"]:
        return
    customer = customers.usable(work, row["CustomerNumber"])
    row["AccountSet"], row["CustomerCurrencyCode"] = customer["AccountSet"], customer["CurrencyCode"]
    row["PaymentCode"] = customer["PaymentCode"] or row["PaymentCode"]
    row["CustomerExchangeRate"] = work.company.rate(customer["CurrencyCode"])


def type_put(work: Work, row: Row) -> None:
    _afresh(row)


def _afresh(row: Row) -> None:
    row["BankReceiptAmount"] = row["CustomerReceiptAmount"] = Decimal(0)
    row["AppliedReceiptsAdjustments"], row["MiscellaneousReceipts"] = [], []


def bank_code_put(work: Work, row: Row) -> None:
    if row["BankCode"] != work.batch["BankCode"]:
        raise FieldInvalid(f"Bank Code '{row['BankCode']}' is not the bank of the batch.")


def amount_put(work: Work, row: Row) -> None:
    """What reached the bank, seen in the customer's currency."""
    amount = row["BankReceiptAmount"]
    if row["CustomerCurrencyCode"] != row["BankCurrencyCode"]:
        amount = amount * row["BankExchangeRate"] / row["CustomerExchangeRate"]
    row["CustomerReceiptAmount"] = work.company.rounded(amount, row["CustomerCurrencyCode"])


def finish(work: Work, row: Row) -> None:
    company = work.company
    check = _CHECKS.get(row["ReceiptTransactionType"])
    if check is None:
        raise FieldInvalid(f"Receipt Transaction Type {row['ReceiptTransactionType']} is invalid.")
    if (row["ReceiptTransactionType"] == "Adjustment") != (row["BatchType"] == "AD"):
        raise FieldInvalid(f"{row['ReceiptTransactionType']} does not belong in a batch of type {row['BatchType']}.")
    if row["BatchType"] == "CA" and not work.batch["BankCode"]:
        raise RecordInvalid("Bank Code cannot be blank.")
    company.check_places("Bank Receipt Amount", row["BankReceiptAmount"], row["BankCurrencyCode"])
    if row["BankReceiptAmount"] < 0:
        raise FieldInvalid("The receipt amount cannot be negative.")
    if row["PaymentCode"] and row["PaymentCode"] not in company.tables["ARPaymentCodes"]:
        raise no_such("Payment Code", row["PaymentCode"])
    if not periods.exists(company, row["FiscalYear"], row["FiscalPeriod"]):
        raise FieldInvalid(f"Cannot determine the fiscal period for {row['PostingDate']}.")
    periods.check(work, ("AR", "BK"), row["FiscalYear"], row["FiscalPeriod"], f"Posting date {row['PostingDate']}")
    check(work, row)
    applied = receivables.applied_total(row)
    row["CustomerUnappliedAmount"] = row["CustomerReceiptAmount"] - applied
    row["TotalCustomerAmountApplied"] = applied
    row["FunctionalReceiptAmount"] = company.in_functional(row["BankReceiptAmount"], row["BankExchangeRate"])
    _check_duplicate(work, row)
    if not row["DocumentNumber"] and row["ReceiptTransactionType"] in _PREFIXES:
        prefix = _PREFIXES[row["ReceiptTransactionType"]]
        row["DocumentNumber"] = f"{prefix}{batches.next_number(company, prefix):06d}"
    batches.number_details(row, "AppliedReceiptsAdjustments", "MiscellaneousReceipts")


def _check_receipt(work: Work, row: Row) -> None:
    _need_customer(row)
    if receivables.applied_total(row) > row["CustomerReceiptAmount"]:
        raise General("The amount applied is greater than the receipt amount.")
    _need_documents(row)


def _check_prepayment(work: Work, row: Row) -> None:
    _need_customer(row)
    if any(line["DocumentNumber"] for line in row["AppliedReceiptsAdjustments"]):
        raise FieldInvalid("A prepayment cannot be applied to a posted document.")
    if len(row["AppliedReceiptsAdjustments"]) != 1:
        raise RecordInvalid("A prepayment needs one detail.")


def _check_unapplied(work: Work, row: Row) -> None:
    _need_customer(row)
    if any(line["DocumentNumber"] for line in row["AppliedReceiptsAdjustments"]):
        raise FieldInvalid("Unapplied cash cannot be applied to a document.")


def _check_apply(work: Work, row: Row) -> None:
    """Apply Document moves no money: its source is a posted document with something left."""
    _need_customer(row)
    source = work.company.tables["ARPostedDocuments"].get(row["CustomerNumber"], row["DocumentNumber"])
    if source is None or source["CustomerCurrencyAmountDue"] > 0:
        raise no_such("Document Number", row["DocumentNumber"])
    total = receivables.applied_total(row)
    _need_documents(row)
    if total <= 0:
        raise RecordInvalid("Apply Document needs a document to apply to.")
    if total > -source["CustomerCurrencyAmountDue"]:
        raise General("The amount applied is greater than the balance of the source document.")
    if row["BankReceiptAmount"]:
        raise FieldInvalid("Apply Document has no receipt amount.")


def _check_miscellaneous(work: Work, row: Row) -> None:
    lines = row["MiscellaneousReceipts"]
    if row["CustomerNumber"] or not lines:
        raise RecordInvalid("A miscellaneous receipt has no customer and needs a distribution.")
    for line in lines:
        work.company.check_places("Distribution Amount", line["DistributionAmount"], row["BankCurrencyCode"])
        if work.company.account(line["AccountNumber"], formatted=True) is None:
            raise no_such("G/L Account", line["AccountNumber"])
    total = sum((line["DistributionAmount"] for line in lines), Decimal(0))
    if total != row["BankReceiptAmount"]:
        raise General("The distributions do not add up to the receipt amount.")


def _check_adjustment(work: Work, row: Row) -> None:
    _need_customer(row)
    _need_documents(row)
    if not row["AppliedReceiptsAdjustments"]:
        raise RecordInvalid("An adjustment needs a document.")


_CHECKS = {
    "Receipt": _check_receipt,
    "Prepayment": _check_prepayment,
    "UnappliedCash": _check_unapplied,
    "ApplyDocument": _check_apply,
    "MiscellaneousReceipt": _check_miscellaneous,
    "Adjustment": _check_adjustment,
}


def _need_customer(row: Row) -> None:
    if not row["CustomerNumber"]:
        raise RecordInvalid("Customer Number cannot be blank.")


def _need_documents(row: Row) -> None:
    for line in row["AppliedReceiptsAdjustments"]:
        if not line["DocumentNumber"]:
            raise RecordInvalid("Document Number cannot be blank.")


def _check_duplicate(work: Work, row: Row) -> None:
    mode, number = work.company.switches.duplicate_checks, row["CheckReceiptNumber"]
    if mode == "none" or not number or row["ReceiptTransactionType"] == "ApplyDocument":
        return
    if any(each is not row for each in receivables.receipts_numbered(work, row["CustomerNumber"], number)):
        text = f"Check/Receipt number {number} already exists for customer {row['CustomerNumber']}."
        if mode == "error":
            raise FieldInvalid(text)
        work.warn(text)


# -- the applied line ----------------------------------------------------------------------------------------------------


def line_begin(work: Work, row: Row) -> None:
    entry = work.entry
    row["BatchType"], row["CustomerNumber"] = entry["BatchType"], entry["CustomerNumber"]
    row["ReceiptTransactionType"] = entry["ReceiptTransactionType"]
    row["PaymentNumber"] = 1


def line_document_put(work: Work, row: Row) -> None:
    """The document tells what it still owes."""
    found = work.company.tables["ARPostedDocuments"].get(row["CustomerNumber"], row["DocumentNumber"])
    if found is not None:
        row["DocumentAmountDue"] = found["CustomerCurrencyAmountDue"]
        pending = receivables.pending(work.company, row["CustomerNumber"], row["DocumentNumber"])
        row["PendingReceiptAmount"] = pending
        row["DocumentNetBalance"] = found["CustomerCurrencyAmountDue"] - pending


def line_finish(work: Work, row: Row) -> None:
    if not row["DocumentNumber"]:
        return
    found = work.company.tables["ARPostedDocuments"].get(row["CustomerNumber"], row["DocumentNumber"])
    if found is None:
        raise no_such("Document Number", row["DocumentNumber"])
    work.company.check_places("Customer Receipt Amount", row["CustomerReceiptAmount"], found["CurrencyCode"])
    work.company.check_places("Discount Taken", row["CustomerDiscountAmountTaken"], found["CurrencyCode"])
    if row["PaymentNumber"] not in found["_payments"]:
        raise no_such("Payment Number", row["PaymentNumber"])
    if row["TransactionType"] == "ReceiptPosted" and not row["CustomerReceiptAmount"] and row["BatchType"] == "CA":
        # One client in production sends only the transaction type and the amount due (section 2.6).
        row["CustomerReceiptAmount"] = row["DocumentAmountDue"]
    over = abs(row["CustomerReceiptAmount"]) > abs(row["DocumentNetBalance"])
    if work.company.switches.over_application == "entry" and over:
        raise General(f"The amount applied to document {row['DocumentNumber']} is greater than its balance.")
    for each in row["AdjustmentGLDistributions"]:
        work.company.check_places("Distribution Amount", each["DistributionAmount"], found["CurrencyCode"])
        if work.company.account(each["DistributionGLAccount"], formatted=True) is None:
            raise no_such("Distribution G/L Account", each["DistributionGLAccount"])
    row["CustomerAdjustmentTotal"] = sum(
        (each["DistributionAmount"] for each in row["AdjustmentGLDistributions"]), Decimal(0)
    )


_KEEPS = frozenset(
    {
        "AccountSet",
        "BankCode",
        "BankExchangeRate",
        "BatchType",
        "CustomerExchangeRate",
        "FiscalPeriod",
        "FiscalYear",
        "PostingDate",
        "ReceiptDateAdjustmentDate",
    }
)
RULES = {
    "ReceiptAndAdjustmentBatch": Rules(
        batch_begin,
        {
            "BatchRecordType": record_type_put,
            "BankCode": bank_put,
            "DefaultBankCurrency": currency_put,
            "BatchStatus": batches.status_put,
        },
        batch_finish,
        frozenset({"BatchDate", "DepositDate", "BankRateDate", "DefaultBankCurrency", "BankExchangeRate"}),
    ),
    "ReceiptsAdjustment": Rules(
        begin,
        {
            "CustomerNumber": customer_put,
            "ReceiptTransactionType": type_put,
            "PostingDate": posting_date_put,
            "BankReceiptAmount": amount_put,
            "BankCode": bank_code_put,
        },
        finish,
        _KEEPS,
    ),
    "AppliedReceiptsAdjustment": Rules(
        line_begin, {"DocumentNumber": line_document_put}, line_finish, frozenset({"BatchType", "CustomerNumber"})
    ),
}
