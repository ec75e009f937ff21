"""Sales entries: the booking of an invoice, or of a credit memo when its lines are negative (fact sheet, section 2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.exact_online import entries, periods, posting
from sandbox.exact_online.calls import Call
from sandbox.exact_online.posting import Draft, DraftLine
from sandbox.exact_online.refusals import Business, bad_reference
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


@dataclass(frozen=True, slots=True)
class _Part:
    """One line's net and VAT in minor units, with the accounts they go to."""

    line: Row
    ledger: Row
    net: int
    vat: int
    vat_ledger: Row | None


def create(division: Division, call: Call, body: Row) -> Row:
    return book(division, body, status=20)


def book(division: Division, body: Row, *, status: int) -> Row:
    """Check, store and book one entry; a printed invoice and a seeded one are booked as processed. Raises `Business`."""
    journal = entries.journal(division, body["Journal"], 20)
    currency = entries.currency(division, body.get("Currency"), journal)
    customer = division.tables["Accounts"].get(body["Customer"])
    if customer is None:
        raise bad_reference("Customer")
    entries.check_customer(customer)
    lines = entries.lines(division, body, "SalesEntryLines")
    dated = entries.day(body.get("EntryDate"), division.today())
    period = periods.chosen(division, body.get("ReportingYear"), body.get("ReportingPeriod"), dated)
    periods.check_open(division, journal["Code"], period)
    entry_id = entries.key(division, "SalesEntries", body.get("EntryID"))
    parts = [_part(division, journal, line, currency) for line in lines]
    due = body.get("DueDate") or division.at_midnight(dated)
    item = {**_item(division, body, customer), "DueDate": due}
    total = sum(part.net + part.vat for part in parts)
    number = entries.number(division, journal["Code"], period, body.get("EntryNumber") or body.get("InvoiceNumber"))
    rate = body.get("Rate") or division.rate(currency)
    kind = posting.SALES if total >= 0 else posting.CREDIT_NOTE
    amount = Money(total, currency).major
    row = division.tables["SalesEntries"].add(
        {
            **entries.stamp(division, journal, period),
            **{name: value for name, value in body.items() if name != "SalesEntryLines"},
            "EntryID": entry_id,
            "EntryNumber": number,
            "InvoiceNumber": number,
            "EntryDate": division.at_midnight(dated),
            "DueDate": due,
            "Currency": currency,
            "Rate": rate,
            "ReportingYear": period.year,
            "ReportingPeriod": period.number,
            "CustomerName": customer["Name"],
            "AmountFC": amount,
            "AmountDC": division.in_base(amount, rate),
            "VATAmountFC": Money(sum(part.vat for part in parts), currency).major,
            "Type": kind,
            "TypeDescription": "Sales entry" if kind == posting.SALES else "Sales credit note",
            "Status": status,
            "StatusDescription": entries.STATUS_TEXTS[status],
        }
    )
    for position, part in enumerate(parts, start=1):
        _store_line(division, row, part, position)
    draft = Draft("SalesEntry", entry_id, journal["Code"], number, period, currency, rate, kind, [], status)
    draft.lines = _draft_lines(division, body, customer, parts, total, number, dated)
    draft.item = item
    posting.post(division, draft)
    return row


def change(division: Division, call: Call, row: Row, values: Row) -> None:
    """Only references, texts and the due date, and only while open."""
    if row["Status"] != 20:
        raise Business("Already processed: the entry cannot be changed.", nl="Reeds verwerkt")
    division.tables["SalesEntries"].change(row["EntryID"], **values)
    taken = {name: values[name] for name in ("DueDate", "YourRef", "PaymentReference") if name in values}
    for item in division.tables["Terms"].where("TransactionEntryID", row["EntryID"]) if taken else ():
        division.tables["Terms"].change(item["ID"], **taken)


def delete(division: Division, row: Row) -> None:
    """Only while open and unpaid."""
    if any(each["IsFullyPaid"] for each in division.tables["Terms"].where("TransactionEntryID", row["EntryID"])):
        raise Business("Not allowed: the entry is matched.", nl="Niet toegestaan: de boeking is afgeletterd.")
    entries.delete(division, "SalesEntries", "SalesEntryLines", row)


def _part(division: Division, journal: Row, line: Row, currency: str) -> _Part:
    """Line amounts are without VAT; a code of type I, or none, adds nothing on top."""
    ledger = entries.gl_account(division, line, journal)
    vat = entries.vat_code(division, line, ledger)
    net = entries.minor_units(line["AmountFC"], currency)
    vat_minor = 0
    if vat is not None and line.get("VATAmountFC") is not None:
        vat_minor = entries.minor_units(line["VATAmountFC"], currency)
    elif vat is not None and vat["Type"] == "E":
        vat_minor = int((net * vat["Percentage"]).to_integral_value())
    line["VATCode"] = vat["Code"] if vat else None
    line["VATPercentage"] = vat["Percentage"] if vat else Decimal(0)
    vat_ledger = division.tables["GLAccounts"][vat["GLToPay"]] if vat is not None and vat_minor else None
    return _Part(line, ledger, net, vat_minor, vat_ledger)


def _draft_lines(
    division: Division, body: Row, customer: Row, parts: list[_Part], total: int, number: int, dated: date
) -> list[DraftLine]:
    receivable = division.tables["GLAccounts"][customer.get("GLAR") or division.receivable_gl]
    text = body.get("Description") or f"Invoice {number}"
    lines = [DraftLine(0, receivable, total, dated, customer, text, number)]
    for position, part in enumerate(parts, start=1):
        lines.append(DraftLine(position, part.ledger, -part.net, dated, customer, part.line.get("Description") or text))
        if part.vat_ledger is not None:
            lines.append(DraftLine(position, part.vat_ledger, -part.vat, dated, customer, text))
    return lines


def _item(division: Division, body: Row, customer: Row) -> dict[str, Any]:
    code = body.get("PaymentCondition") or customer.get("PaymentConditionSales")
    condition = next((row for row in division.tables["PaymentConditions"] if row["Code"] == code), None)
    if code and condition is None:
        raise bad_reference("Payment condition")
    return {
        "YourRef": body.get("YourRef"),
        "PaymentReference": body.get("PaymentReference"),
        "PaymentCondition": code,
        "PaymentMethod": condition["PaymentMethod"] if condition else None,
        "OrderNumber": body.get("OrderNumber"),
    }


def _store_line(division: Division, header: Row, part: _Part, position: int) -> None:
    amount = Money(part.net, header["Currency"]).major
    division.tables["SalesEntryLines"].add(
        {
            **part.line,
            "ID": part.line.get("ID") or division.new_id(),
            "EntryID": header["EntryID"],
            "LineNumber": position,
            "AmountFC": amount,
            "AmountDC": division.in_base(amount, header["Rate"]),
            "VATAmountFC": Money(part.vat, header["Currency"]).major,
            "GLAccountCode": part.ledger["Code"],
            "GLAccountDescription": part.ledger["Description"],
            "Division": division.code,
        }
    )
