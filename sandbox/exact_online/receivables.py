"""What customers owe: one item per receivable line booked with a relation, and the three ways the API shows items.

An item keeps its open amount in the debit view (an invoice is positive); Receivables, PaymentTerms and ReceivablesList
each have their own sign (fact sheet, sections 2.5 and 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

OPEN, SELECTED, PROCESSED, MATCHED = 20, 30, 40, 50
RECEIPT, PAYMENT = 20, 22


def add_item(division: Division, line: Row, account: Row, details: dict[str, Any]) -> Row:
    """An item of the posted `line` (a TransactionLines row). `details` may set due date, method and references."""
    mandate = next(
        (each for each in division.tables["DirectDebitMandates"].where("Account", account["ID"]) if each.get("Main")),
        {},
    )
    method = details.pop("PaymentMethod", None) or "B"
    return division.tables["Terms"].add(
        {
            "ID": division.new_id(),
            "HID": division.next_number("term"),
            "LineType": RECEIPT if line["gl_type"] == 20 else PAYMENT,
            "minor": line["minor"],
            "base_minor": line["base_minor"],
            "total_minor": line["minor"],
            "total_base_minor": line["base_minor"],
            "Account": account["ID"],
            "Currency": line["Currency"],
            "RateFC": line["ExchangeRate"],
            "EntryDate": line["Date"],
            "InvoiceDate": line["Date"],
            "DueDate": line["Date"],
            "EntryID": line["EntryID"],
            "EntryNumber": line["EntryNumber"],
            "TransactionEntryID": line["EntryID"],
            "TransactionID": line["ID"],
            "TransactionType": line["Type"],
            "TransactionStatus": line["Status"],
            "TransactionIsReversal": False,
            "GLAccount": line["GLAccount"],
            "GLAccountCode": line["GLAccountCode"],
            "InvoiceNumber": line["InvoiceNumber"],
            "Journal": line["JournalCode"],
            "JournalDescription": division.journal(line["JournalCode"])["Description"],
            "Description": line["Description"],
            "Status": OPEN,
            "IsFullyPaid": False,
            "PaymentMethod": method,
            "Source": 1,
            "Division": division.code,
            "DirectDebitMandate": mandate.get("ID") if method == "I" else None,
            "DirectDebitMandateReference": mandate.get("Reference") if method == "I" else None,
            **details,
        }
    )


def receivable(division: Division, row: Row) -> Row:
    """Receivables and PaymentTerms: what a customer owes is negative, what we owe him positive."""
    sign = division.switches.receivables_sign
    account = division.tables["Accounts"].get(row["Account"]) or {}
    base = division.base_currency
    return {
        **row,
        "AccountCode": account.get("Code"),
        "AccountName": account.get("Name"),
        "AmountFC": _major(sign * row["minor"], row["Currency"]),
        "AmountDC": _major(sign * row["base_minor"], base),
        "AmountDiscountFC": Decimal(0),
        "AmountDiscountDC": Decimal(0),
        "TransactionAmountFC": _major(row["total_minor"], row["Currency"]),
        "TransactionAmountDC": _major(row["total_base_minor"], base),
        "TransactionDueDate": row["DueDate"],
    }


def outstanding(division: Division) -> Iterable[Row]:
    """The rows of ReceivablesList: open items of customers only, in the order of HID."""
    sign = division.switches.receivables_list_sign
    rows = [row for row in division.tables["Terms"].where("IsFullyPaid", False) if row["LineType"] == RECEIPT]
    for row in sorted(rows, key=lambda each: each["HID"]):
        account = division.tables["Accounts"].get(row["Account"]) or {}
        amount = _major(sign * row["minor"], row["Currency"])
        yield {
            "HID": row["HID"],
            "AccountId": row["Account"],
            "AccountCode": account.get("Code"),
            "AccountName": account.get("Name"),
            "Amount": amount,
            "AmountInTransit": amount if row["Status"] in (SELECTED, PROCESSED) else Decimal(0),
            "CurrencyCode": row["Currency"],
            "Description": row["Description"],
            "DueDate": row["DueDate"],
            "InvoiceDate": row["InvoiceDate"],
            "EntryNumber": row["EntryNumber"],
            "InvoiceNumber": row["InvoiceNumber"],
            "JournalCode": row["Journal"],
            "JournalDescription": row["JournalDescription"],
            "YourRef": row.get("YourRef"),
        }


def closed_values(division: Division, moment: datetime) -> dict[str, Any]:
    """What changes on an item when it is settled."""
    return {
        "Status": MATCHED,
        "IsFullyPaid": True,
        "EndDate": moment,
        "EndYear": moment.year,
        "EndPeriod": moment.month,
        "LastPaymentDate": moment,
    }


REOPENED: dict[str, Any] = {
    "Status": OPEN, "IsFullyPaid": False, "EndDate": None, "EndYear": None, "EndPeriod": None, "LastPaymentDate": None,
}  # fmt: skip


def _major(minor: int, currency: str) -> Decimal:
    return Money(minor, currency).major
