"""A report as an XLSX workbook: first a sheet with the headline figures, then one sheet per kind of table.

Amounts are numbers with the exact decimals of the page, each with its currency; texts are texts, whatever they begin with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from connector_resources.reports.figures import moment_text, plain
from connector_resources.reports.model import Amount, Bar, Cell, Column, Kind, Ref, Report, Share, State, Table

#: text that begins like this would be calculated by a spreadsheet that is told to look again.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
CURRENCY = "Currency"
FIRST_SHEET = "Report"
#: what a spreadsheet takes of one cell.
LONGEST_TEXT = 32_767
A4 = 9

_WIDTHS = {
    Kind.TEXT: 28,
    Kind.NOTE: 60,
    Kind.CODE: 22,
    Kind.AMOUNT: 16,
    Kind.DATE: 12,
    Kind.STATE: 18,
    Kind.COUNT: 10,
    Kind.SHARE: 10,
}


def write_workbook(report: Report, path: Path) -> None:
    """Write every sheet. Text is never taken for a formula or a link, not even when somebody edits its cell."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": report.title, "subject": f"{report.head.connection}, {report.period}"})
        writer = _Writer(book)
        writer.front(report)
        sheets: dict[str, list[Table]] = {}
        for section in report.sections:
            for table in section.tables:
                sheets.setdefault(table.sheet, []).append(table)
        for name, tables in sheets.items():
            writer.sheet(name, tables, landscape=report.landscape)


@dataclass(frozen=True, slots=True)
class _Field:
    """One column of a sheet, and how its cell is taken from a row of a table."""

    title: str
    kind: Kind
    of: Callable[[Table, tuple[Cell, ...]], Cell]


class _Writer:
    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._formats: dict[tuple[str, bool], Format] = {}

    def front(self, report: Report) -> None:
        sheet = self._book.add_worksheet(FIRST_SHEET)
        sheet.set_column(0, 0, 52)
        sheet.set_column(1, 1, 40)
        rows: list[tuple[Cell, Cell]] = [
            (report.title, report.period),
            ("Answers", report.question),
            ("Connection", report.head.connection),
            ("ERP", report.head.erp),
            ("Written", moment_text(report.head.written_at)),
            ("Days of", report.head.time_zone),
            (None, None),
            *((_noted(fact.label, fact.note), fact.value) for fact in report.facts),
        ]
        for section in report.sections:
            if section.facts or section.findings:
                rows.append((None, None))
                rows.append((section.title, None))
                rows += [(_noted(fact.label, fact.note), fact.value) for fact in section.facts]
                rows += [("To look at", finding) for finding in section.findings]
        if report.foot:
            rows += [(None, None), (report.foot, None)]
        for number, (label, value) in enumerate(rows):
            self._write(sheet, number, 0, label, bold=number == 0 or value is None)
            self._write(sheet, number, 1, value, bold=number == 0)

    def sheet(self, name: str, tables: Sequence[Table], *, landscape: bool) -> None:
        sheet = self._book.add_worksheet(name)
        fields = _fields(tables)
        for position, field in enumerate(fields):
            sheet.set_column(position, position, _WIDTHS.get(field.kind, 12))
            self._write(sheet, 0, position, field.title, bold=True)
        number = 0
        for table in tables:
            for row in table.rows:
                number += 1
                for position, field in enumerate(fields):
                    self._write(sheet, number, position, field.of(table, row))
        sheet.autofilter(0, 0, number, len(fields) - 1)
        if len(tables) == 1 and tables[0].total and tables[0].rows:
            for position, field in enumerate(fields):
                self._write(sheet, number + 1, position, field.of(tables[0], tables[0].total), bold=True)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_paper(A4)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&R&P / &N")
        if landscape:
            sheet.set_landscape()

    def _write(self, sheet: Worksheet, row: int, column: int, cell: Cell, *, bold: bool = False) -> None:
        match cell:
            case None | "" | Bar():
                return
            case Amount():
                sheet.write_number(row, column, cell.major, self._format(f'#,##0.00## "{cell.currency}"', bold))
            case Share():
                if cell.value is not None:
                    sheet.write_number(row, column, cell.value, self._format("0.0%", bold))
            case int():
                sheet.write_number(row, column, cell, self._format("#,##0", bold))
            case date():
                sheet.write_datetime(row, column, cell, self._format("yyyy-mm-dd", bold))
            case State():
                self._text(sheet, row, column, cell.word, bold)
            case Ref():
                self._text(sheet, row, column, cell.text, bold)
            case str():
                self._text(sheet, row, column, cell, bold)

    def _text(self, sheet: Worksheet, row: int, column: int, text: str, bold: bool) -> None:
        text = plain(text)[:LONGEST_TEXT]
        quoted = text.startswith(FORMULA_STARTS)
        sheet.write_string(row, column, text, self._format("quoted" if quoted else "", bold))

    def _format(self, number: str, bold: bool) -> Format | None:
        if not number and not bold:
            return None
        if (number, bold) not in self._formats:
            properties: dict[str, object] = {"bold": bold}
            if number == "quoted":
                properties["quote_prefix"] = True
            elif number:
                properties["num_format"] = number
            self._formats[number, bold] = self._book.add_format(properties)
        return self._formats[number, bold]


def _fields(tables: Sequence[Table]) -> list[_Field]:
    """Key columns, then the table's own without bars, and the currency of its amounts in a column to filter by."""
    first = tables[0]
    if any(table.columns != first.columns or _titles(table) != _titles(first) for table in tables):
        raise ValueError(f"the tables of sheet {first.sheet!r} have different columns")
    fields = [_key(position, column) for position, (column, _) in enumerate(first.keys)]
    fields += [_own(place, column) for place, column in enumerate(first.columns) if column.kind is not Kind.BAR]
    amounts = [place for place, field in enumerate(fields) if field.kind is Kind.AMOUNT]
    if amounts and CURRENCY not in {field.title for field in fields}:
        fields.insert(amounts[-1] + 1, _Field(CURRENCY, Kind.TEXT, _currency))
    return fields


def _key(position: int, column: Column) -> _Field:
    return _Field(column.title, column.kind, lambda table, row: table.keys[position][1])


def _own(place: int, column: Column) -> _Field:
    return _Field(column.title, column.kind, lambda table, row: row[place])


def _currency(_table: Table, row: tuple[Cell, ...]) -> Cell:
    return next((cell.currency for cell in row if isinstance(cell, Amount)), None)


def _titles(table: Table) -> list[str]:
    return [column.title for column, _ in table.keys]


def _noted(label: str, note: str) -> str:
    return f"{label} ({note})" if note else label
