"""Open invoices as Visma shows them, and what our own drafts have promised of them (visma.md sections 2.4 and 9.17). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bookkeeping.money import Money
from connector_resources.erp.contract import OpenInvoice, PostingWork
from connector_resources.erp.invoice_book import Draft, InvoiceBook
from connector_resources.erp.visma.documents import day_of, money
from connector_resources.erp.visma.wire import InvoiceRow

#: key of the document detail that names what a draft applies, in minor units: `000224=12500 000225=310`.
APPLICATIONS = "applications"


def reserve_drafts(book: InvoiceBook, work: Sequence[PostingWork]) -> None:
    """Count the receipts among `work` that were created and not released yet."""
    for item in work:
        steps = {done.step for done in item.done}
        for done in item.done:
            if done.step == "create" and "release" not in steps:
                book.reserve(Draft(done.document.number, read_applications(done.document.details)))


def open_invoice(row: InvoiceRow) -> OpenInvoice | None:
    """An invoice that can be settled, or None: only status Open with a balance counts (section 2.4)."""
    balance = money(row.balance, row.currency_id)
    if row.status != "Open" or balance.minor <= 0:
        return None
    quotes = (row.payment_reference, row.external_reference, row.customer_ref_number)
    return OpenInvoice(
        number=row.reference_number,
        customer=row.customer.number,
        open_amount=balance,
        total_amount=money(row.amount, row.currency_id),
        issued_on=day_of(row.document_date),
        due_on=day_of(row.document_due_date),
        references=tuple(dict.fromkeys(quote for quote in quotes if quote)),
        document_type="invoice",
        on_hold=row.hold,
    )


def write_applications(applied: Iterable[tuple[str, Money]]) -> str:
    """The document detail that `read_applications` reads: numbers and minor units."""
    return " ".join(f"{number}={amount.minor}" for number, amount in applied)


def read_applications(details: Mapping[str, str]) -> dict[str, int]:
    """Minor units per invoice, from a document's details."""
    result: dict[str, int] = {}
    for part in details.get(APPLICATIONS, "").split():
        number, _, minor = part.rpartition("=")
        result[number] = result.get(number, 0) + int(minor)
    return result
