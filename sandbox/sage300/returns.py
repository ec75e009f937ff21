"""Receipts the bank returned, as Bank Services reverses them on the desktop; the Web API has no such thing (section 2.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.sage300 import gl_feed, periods, receivables
from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def return_receipt(company: Company, customer: str, check: str, reason: str, day: date) -> None:
    """Reverse a posted receipt by its check number. Raises `KeyError` when there is none that was not returned,
    and `ValueError` when what was left on it has been used since: that would have to be taken back first."""
    for row in company.tables["ARPostedReceipts"]:
        if row["CustomerNumber"] == customer and row["CheckReceiptNumber"] == check and row["DateReturned"] is None:
            _reverse(company, row, reason, day)
            return
    raise KeyError(f"customer {customer} has no receipt {check}")


def _reverse(company: Company, row: Row, reason: str, day: date) -> None:
    customer = row["CustomerNumber"]
    batch = company.tables["ARReceiptAndAdjustmentBatches"]["CA", row["BatchNumber"]]
    entry = next(each for each in batch["ReceiptsAdjustments"] if each["EntryNumber"] == row["EntryNumber"])
    own = company.tables["ARPostedDocuments"][customer, row["DocumentNumber"]]
    applied = sum((line["CustomerReceiptAmount"] for line in entry["AppliedReceiptsAdjustments"]), Decimal(0))
    kept = entry["CustomerReceiptAmount"] - (applied if own["DocumentType"] == "Receipt" else 0)
    if own["_payments"][1] != -kept:
        raise ValueError(f"receipt {row['DocumentNumber']} has been applied to other documents since it was posted")
    for line in entry["AppliedReceiptsAdjustments"]:
        if line["DocumentNumber"]:
            document = company.tables["ARPostedDocuments"][customer, line["DocumentNumber"]]
            settled = line["CustomerReceiptAmount"] + line["CustomerDiscountAmountTaken"]
            receivables.take(company, document, line["PaymentNumber"], -settled, day)
    receivables.take(company, own, 1, own["_payments"][1], day)
    row |= {
        "CheckCleared": "Returned",
        "DateReturned": day,
        "ReasonForReturn": reason,
        "DateLastMaintained": company.today(),
        "CustomerReceiptAmount": Decimal(0),
    }
    posting = next(each for each in company.books.postings if each.number == row["DocumentNumber"])
    year, period = periods.period_of(company, day)
    lines = tuple(replace(line, minor=-line.minor, base_minor=-line.base_minor) for line in posting.lines)
    taken_back = replace(posting, kind="Return", dated=day, period=f"{year}-{period}", lines=lines, applied=())
    company.books.book(taken_back)
    gl_feed.receive(company, "receipt", [taken_back])
