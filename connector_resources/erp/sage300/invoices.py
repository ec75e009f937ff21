"""What customers owe, from posted documents less what unposted receipts have promised (sections 2.5 and 11). Pure.

A receipt lowers the amount due only when its batch is posted, which may take days: until then every open apply line, ours or a
clerk's, is subtracted here. A debit note of ours that took a receipt back reopens the invoice it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bookkeeping.money import Money
from connector_resources.erp.contract import OpenInvoice
from connector_resources.erp.sage300.documents import money
from connector_resources.erp.sage300.odata import day_of
from connector_resources.erp.sage300.references import DEBIT_NOTE
from connector_resources.erp.sage300.wire import Customer, PostedDocument, ReceiptBatch

#: what the company owes the customer, whatever sign Sage shows it with.
CREDITS = frozenset({"CreditNote", "UnappliedCash", "Prepayment", "Receipt"})
TYPES = {"Invoice": "invoice", "DebitNote": "debit_note", "Interest": "interest"}


@dataclass(frozen=True, slots=True)
class Claim:
    """An open document with what an apply line needs to settle it. `paid` counts what unposted receipts promise."""

    invoice: OpenInvoice
    document: str
    payments: int
    paid: Money
    batch: int
    entry: int


def claims(
    rows: Sequence[PostedDocument],
    unposted: Iterable[ReceiptBatch],
    customers: Mapping[str, Customer],
    charges: Mapping[tuple[int, int], str],
) -> list[Claim]:
    """One claim per document that is still open, oldest due date first. A document number of several customers gets theirs.

    Documents of customers on hold or inactive are on hold, where those customers are known. `charges` tells which recurring
    charge made a document, by the batch and entry it came from.
    """
    promised = _promised(unposted)
    shared = {number for number, count in Counter(row.document_number for row in rows).items() if count > 1}
    found = [claim for row in rows if (claim := _claim(row, promised, shared, customers, charges)) is not None]
    return sorted(found, key=lambda each: (each.invoice.due_on is None, each.invoice.due_on, each.invoice.number))


def _promised(unposted: Iterable[ReceiptBatch]) -> dict[tuple[str, str], Decimal]:
    """(customer, document) -> what apply lines of unposted receipts settle of it."""
    found: dict[tuple[str, str], Decimal] = {}
    for batch in unposted:
        for entry in batch.receipts_adjustments:
            for line in entry.applied_receipts_adjustments:
                owner = line.customer_number or entry.customer_number
                key = (owner, line.document_number)
                found[key] = found.get(key, Decimal(0)) + line.customer_receipt_amount
    return found


def _claim(
    row: PostedDocument,
    promised: Mapping[tuple[str, str], Decimal],
    shared: set[str],
    customers: Mapping[str, Customer],
    charges: Mapping[tuple[int, int], str],
) -> Claim | None:
    currency = row.currency_code
    due = abs(money(row.customer_currency_amount_due, currency))
    whole = abs(money(row.customer_currency_invoice_amount, currency))
    due -= money(promised.get((row.customer_number, row.document_number), Decimal(0)), currency)
    if due.minor <= 0:
        return None
    is_credit = row.document_type in CREDITS
    number = row.document_number
    reopens = row.order_number if number.startswith(DEBIT_NOTE) and row.document_type == "DebitNote" else ""
    kind = "invoice" if reopens else TYPES.get(row.document_type, row.document_type.lower())
    owner = customers.get(row.customer_number)
    quotes = (row.order_number, row.po_number, charges.get((row.batch_number, row.entry_number), ""))
    invoice = OpenInvoice(
        number=f"{number}/{row.customer_number}" if number in shared else number,
        customer=row.customer_number,
        open_amount=-due if is_credit else due,
        total_amount=-max(whole, due) if is_credit else max(whole, due),
        issued_on=day_of(row.document_date),
        due_on=day_of(row.due_date),
        references=tuple(dict.fromkeys(quote for quote in quotes if quote and quote != number)),
        document_type="credit" if is_credit else kind,
        on_hold=owner is not None and (owner.status == "Inactive" or owner.on_hold == "Yes"),
        reopens=reopens,
    )
    return Claim(invoice, number, row.number_of_scheduled_payments, whole - due, row.batch_number, row.entry_number)
