"""The reconciliation report as XLSX: summary, payouts, items, postings, held. Amounts are exact decimals of two places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook

from bookkeeping.money import exponent
from connector_resources.collections.overview import Overview
from connector_resources.reports.content import ReportContent

#: text that begins like this would be calculated by a spreadsheet that is told to look again.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | Decimal | date | None


def write_workbook(content: ReportContent, path: Path) -> None:
    """Write every sheet. Text is never taken for a formula, not even when somebody edits its cell."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        _sheet(book, "Summary", ["Kind", "State", "Count", "Amount", "Currency"], _summary(content))
        _sheet(
            book,
            "Payouts",
            [
                "Payout",
                "Arrival",
                "Reference",
                "Amount",
                "Currency",
                "Fees",
                "VAT in fees",
                "Proven",
                "Booked as",
                "Findings",
            ],
            _payouts(content),
        )
        _sheet(
            book,
            "Items",
            ["Payout", "Type", "GoCardless id", "Amount", "Currency", "Document", "Customer"],
            _items(content),
        )
        _sheet(
            book,
            "Postings",
            ["Posting", "Kind", "GoCardless id", "Date", "Amount", "Currency", "State", "ERP document", "Text"],
            _postings(content),
        )
        _sheet(book, "Held", ["Posting", "GoCardless id", "Amount", "Currency", "Reason", "Next step"], _held(content))
        if content.collections is not None:
            columns = ["Collection", "Customer", "Invoices", "Amount", "Currency", "Charge date", "State", "Payment"]
            _sheet(book, "Collections", columns, _collections(content.collections))
            columns = ["Invoice", "Customer", "Open", "Currency", "Due", "Why", "Next step"]
            _sheet(book, "Not collected", columns, _not_collected(content.collections))


def _summary(content: ReportContent) -> Iterable[Sequence[Cell]]:
    for kind, state, count, amount in content.counts:
        yield kind, state, count, amount.major if amount else None, amount.currency if amount else ""


def _payouts(content: ReportContent) -> Iterable[Sequence[Cell]]:
    for block in content.payouts:
        payout, currency = block.payout, block.payout.amount.currency
        documents = ", ".join(step.document.number for row in block.bookings for step in row.documents[:1])
        yield (
            payout.id,
            payout.arrival_date,
            payout.reference,
            payout.amount.major,
            currency,
            payout.deducted_fees.major,
            _major(block.vat, currency),
            "yes" if block.proven else "no",
            documents,
            " ".join(block.findings),
        )


def _items(content: ReportContent) -> Iterable[Sequence[Cell]]:
    for block in content.payouts:
        for item in block.items:
            yield (
                block.payout.id,
                item.what,
                item.subject,
                _major(item.amount, item.currency),
                item.currency,
                item.document,
                item.customer,
            )


def _postings(content: ReportContent) -> Iterable[Sequence[Cell]]:
    for row in content.postings:
        posting, amount = row.posting, row.posting.activity_amount
        yield (
            posting.key,
            str(posting.kind),
            posting.subject,
            posting.booking_date,
            amount.major if amount else None,
            amount.currency if amount else "",
            row.state,
            ", ".join(step.document.number for step in row.documents[:1]),
            posting.text,
        )


def _collections(shown: Overview) -> Iterable[Sequence[Cell]]:
    for line in shown.collections:
        amount = line.amount
        yield (
            line.reference,
            line.customer,
            line.invoices,
            amount.major,
            amount.currency,
            line.charge_date,
            line.state,
            line.payment,
        )


def _not_collected(shown: Overview) -> Iterable[Sequence[Cell]]:
    for line in shown.why_not:
        amount = line.open_amount
        yield (
            line.invoice,
            line.customer,
            amount.major,
            amount.currency,
            line.due_on,
            line.reason,
            line.next_step,
        )


def _held(content: ReportContent) -> Iterable[Sequence[Cell]]:
    for row in content.held:
        amount = row.posting.activity_amount
        yield (
            row.posting.key,
            row.posting.subject,
            amount.major if amount else None,
            amount.currency if amount else "",
            row.held_reason,
            row.held_next_step,
        )


def _sheet(book: Workbook, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    sheet = book.add_worksheet(name)
    head = book.add_format({"bold": True, "bottom": 1})
    money = book.add_format({"num_format": "#,##0.00##"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(columns) - 1, 18)
    for column, title in enumerate(columns):
        sheet.write_string(0, column, title, head)
    quoted = book.add_format({"quote_prefix": True})
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            _write(sheet, number, column, cell, _Formats(money, day, quoted))


@dataclass(frozen=True, slots=True)
class _Formats:
    money: Format
    day: Format
    quoted: Format


def _write(sheet: xlsxwriter.worksheet.Worksheet, row: int, column: int, cell: Cell, formats: _Formats) -> None:
    if cell is None or cell == "":
        return
    if isinstance(cell, Decimal):
        sheet.write_number(row, column, cell, formats.money)
    elif isinstance(cell, date):
        sheet.write_datetime(row, column, cell, formats.day)
    elif isinstance(cell, int):
        sheet.write_number(row, column, cell)
    elif cell.startswith(FORMULA_STARTS):
        sheet.write_string(row, column, cell, formats.quoted)
    else:
        sheet.write_string(row, column, cell)


def _major(units: Decimal, currency: str) -> Decimal:
    return units.scaleb(-exponent(currency))
