"""Posted documents and what they still owe, instalment by instalment; what unposted batches will take from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company
    from sandbox.sage300.writing import Work

_UNPOSTED = ("Open", "ReadyToPost", "PostInProgress")


def applied_total(entry: Row) -> Decimal:
    """What the lines of a receipt entry take, in the customer's currency."""
    return sum((line["CustomerReceiptAmount"] for line in entry["AppliedReceiptsAdjustments"]), Decimal(0))


def pending(company: Company, customer: str, document: str) -> Decimal:
    """What receipts in unposted batches will take from a document."""
    key = (customer, document)
    return sum(
        (
            batch["_pending"].get(key, Decimal(0))
            for batch in company.tables["ARReceiptAndAdjustmentBatches"]
            if batch["BatchStatus"] in _UNPOSTED and "_pending" in batch
        ),
        Decimal(0),
    )


def count_pending(batch: Row) -> None:
    """Keep, with a batch, what it will take from which document."""
    takes: dict[tuple[str, str], Decimal] = {}
    for entry in batch["ReceiptsAdjustments"]:
        for line in entry["AppliedReceiptsAdjustments"]:
            if line["DocumentNumber"]:
                key = (entry["CustomerNumber"], line["DocumentNumber"])
                takes[key] = takes.get(key, Decimal(0)) + line["CustomerReceiptAmount"]
    batch["_pending"] = takes


def receipts_numbered(work: Work, customer: str, number: str) -> Iterator[Row]:
    """Entries of a customer with this check or receipt number, in any batch and in the one under way."""
    present = (work.batch["BatchRecordType"], work.batch["BatchNumber"])
    for kept in work.company.tables["ARReceiptAndAdjustmentBatches"]:
        batch = work.batch if (kept["BatchRecordType"], kept["BatchNumber"]) == present else kept
        for entry in batch["ReceiptsAdjustments"]:
            if entry["CustomerNumber"] == customer and entry["CheckReceiptNumber"] == number:
                yield entry


def add_document(
    company: Company,
    customer: str,
    number: str,
    kind: str,
    amount: Decimal,
    payments: dict[int, tuple[date, Decimal]],
    **values: Any,
) -> Row:
    """A posted document. `amount` is negative for what the customer is owed; `payments` are due dates and amounts."""
    owner = company.tables["ARCustomers"][customer]
    rate = values.pop("ExchangeRate", Decimal(1))
    row = company.tables["ARPostedDocuments"].kind.blank() | {
        "CustomerNumber": customer,
        "DocumentNumber": number,
        "DocumentType": kind,
        "GroupCode": owner["GroupCode"],
        "NationalAccountNumber": owner["NationalAccount"],
        "ExchangeRate": rate,
        "CustomerCurrencyInvoiceAmount": amount,
        "FunctionalCurrencyInvoiceAmount": company.in_functional(amount, rate),
        "NumberOfScheduledPayments": len(payments),
        "SourceApplication": "AR",
        "_payments": {count: due for count, (_, due) in payments.items()},
        **values,
    }
    _settle(company, row, values.get("PostingDate") or company.today())
    return company.tables["ARPostedDocuments"].add(row)


def take(company: Company, row: Row, payment: int, amount: Decimal, day: date) -> None:
    """Reduce one instalment of a document by `amount` (in the document's own sign)."""
    row["_payments"][payment] -= amount
    row["LastAppliedPaymentSequenceNumber"] += 1
    _settle(company, row, day)


def _settle(company: Company, row: Row, day: date) -> None:
    """What is left on a document, and the balance its customer's record shows."""
    due = sum(row["_payments"].values(), Decimal(0))
    functional = company.in_functional(due, row["ExchangeRate"])
    still_open = any(row["_payments"].values())
    owner = company.tables["ARCustomers"][row["CustomerNumber"]]
    owner["BalanceDueInCustomerCurrency"] += due - row["CustomerCurrencyAmountDue"]
    owner["BalanceDueInFunctionalCurrency"] += functional - row["FunctionalCurrencyAmountDue"]
    owner["NumberOfOpenDocuments"] += int(still_open) - int(row.get("_open", False))
    owner["DateOfLastActivity"] = row["LastActivityDate"] = company.today()
    row |= {
        "CustomerCurrencyAmountDue": due,
        "FunctionalCurrencyAmountDue": functional,
        "FullyPaid": "No" if still_open else "Yes",
        "DatePaid": None if still_open else day,
        "_open": still_open,
    }
