"""Sales invoices: drafts that owe nothing until they are printed, which numbers and books them (section 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.exact_online import entries, sales_entries
from sandbox.exact_online.calls import Call
from sandbox.exact_online.refusals import Business, bad_reference, mandatory
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

DRAFT, PROCESSED, INVOICE, CREDIT_NOTE = 10, 50, 8020, 8021


def create(division: Division, call: Call, body: Row) -> Row:
    """A draft without number. Raises `Business` for unknown references."""
    journal = entries.journal(division, body["Journal"], 20)
    currency = entries.currency(division, body.get("Currency"), journal)
    customer = division.tables["Accounts"].get(body["OrderedBy"])
    if customer is None:
        raise bad_reference("Ordered by")
    entries.check_customer(customer)
    lines = body.get("SalesInvoiceLines") or []
    if not lines:
        raise mandatory("SalesInvoiceLines")
    for line in lines:
        _check_line(division, line)
    invoice_id = entries.key(division, "SalesInvoices", body.get("InvoiceID"))
    nets = [_store_line(division, invoice_id, line, number) for number, line in enumerate(lines, start=1)]
    total = sum(nets, Decimal(0))
    return division.tables["SalesInvoices"].add(
        {
            **{name: value for name, value in body.items() if name != "SalesInvoiceLines"},
            "InvoiceID": invoice_id,
            "InvoiceTo": body.get("InvoiceTo") or body["OrderedBy"],
            "InvoiceNumber": None,
            "Currency": currency,
            "AmountFC": total,
            "AmountDC": division.in_base(total, division.rate(currency)),
            "Type": body.get("Type") or INVOICE,
            "Status": DRAFT,
            "StatusDescription": "Draft",
            "LineNumber": 0,
            "Division": division.code,
        }
    )


def change(division: Division, call: Call, row: Row, values: Row) -> None:
    _check_draft(row)
    division.tables["SalesInvoices"].change(row["InvoiceID"], **values)


def delete(division: Division, row: Row) -> None:
    _check_draft(row)
    for line in division.tables["SalesInvoiceLines"].where("InvoiceID", row["InvoiceID"]):
        division.tables["SalesInvoiceLines"].remove(line["ID"])
    division.tables["SalesInvoices"].remove(row["InvoiceID"])


def print_invoice(division: Division, call: Call, body: Row) -> Row:
    """Number, process and book the invoice; credit notes turn their signs. Raises `Business` when it was before."""
    row = division.tables["SalesInvoices"].get(body["InvoiceID"])
    if row is None:
        raise bad_reference("Invoice")
    _check_draft(row)
    sign = -1 if row["Type"] == CREDIT_NOTE else 1
    dated = body.get("InvoiceDate") or row.get("InvoiceDate") or division.at_midnight(division.today())
    entry = sales_entries.book(
        division,
        {
            "Journal": row["Journal"],
            "Customer": row["InvoiceTo"],
            "EntryDate": dated,
            "DueDate": row.get("DueDate") or dated,
            "Currency": row["Currency"],
            **{name: row.get(name) for name in ("YourRef", "PaymentReference", "Description", "PaymentCondition")},
            "SalesEntryLines": [
                {
                    "GLAccount": line.get("GLAccount") or division.revenue_gl,
                    "AmountFC": sign * line["AmountFC"],
                    "Description": line.get("Description"),
                    "VATCode": line.get("VATCode"),
                }
                for line in division.tables["SalesInvoiceLines"].where("InvoiceID", row["InvoiceID"])
            ],
        },
        status=PROCESSED,
    )
    division.tables["SalesInvoices"].change(
        row["InvoiceID"],
        InvoiceNumber=entry["EntryNumber"],
        InvoiceDate=dated,
        AmountFC=sign * entry["AmountFC"],
        AmountDC=sign * entry["AmountDC"],
        Status=PROCESSED,
        StatusDescription="Processed",
    )
    return {"InvoiceID": row["InvoiceID"], "InvoiceDate": dated, "DocumentCreationSuccess": "true"}


def _check_draft(row: Row) -> None:
    if row["Status"] == PROCESSED:
        raise Business("Already processed: the invoice cannot be changed.", nl="Reeds verwerkt")


def _check_line(division: Division, line: Row) -> None:
    if line["Item"] not in division.tables["Items"]:
        raise bad_reference("Item")
    if line.get("GLAccount") and line["GLAccount"] not in division.tables["GLAccounts"]:
        raise bad_reference("G/L account")


def _store_line(division: Division, invoice_id: str, line: Row, number: int) -> Decimal:
    price: Decimal = line.get("NetPrice") or line.get("UnitPrice") or Decimal(0)
    amount = line["AmountFC"] if line.get("AmountFC") is not None else price * (line.get("Quantity") or Decimal(1))
    division.tables["SalesInvoiceLines"].add(
        {
            **line,
            "ID": line.get("ID") or division.new_id(),
            "InvoiceID": invoice_id,
            "LineNumber": number,
            "AmountFC": amount,
            "Division": division.code,
        }
    )
    return Decimal(amount)
