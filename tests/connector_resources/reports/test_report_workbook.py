"""The workbook of a report, read back: the page's figures as numbers, texts as texts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from openpyxl import load_workbook

from connector_resources.reports.catalogue import REPORTS
from connector_resources.reports.figures import amount_text
from connector_resources.reports.model import (
    Amount,
    Bar,
    Cell,
    Column,
    Fact,
    Head,
    Kind,
    Mark,
    Ref,
    Report,
    Section,
    Share,
    State,
    Table,
)
from connector_resources.reports.workbook import write_workbook

HOSTILE = (
    '=HYPERLINK("https://evil.example";"pay here")',
    "+1+1",
    "@SUM(A1:A9)",
    "-2+3",
    "\t=1+1",
    "\r=2",
    "https://evil.example",
)
COLUMNS = (
    Column("Customer"), Column("Day", Kind.DATE), Column("Net", Kind.AMOUNT), Column("Fees", Kind.AMOUNT),
    Column("Share", Kind.SHARE), Column("Count", Kind.COUNT), Column("Bar", Kind.BAR), Column("State", Kind.STATE),
)  # fmt: skip


def a_row(customer: str = "Ada", net: str = "123450", fees: str = "45.5", currency: str = "GBP") -> tuple[Cell, ...]:
    return (
        customer, date(2026, 6, 3), Amount(Decimal(net), currency), Amount(Decimal(fees), currency),
        Share(Decimal(1), Decimal(4)), 7, Bar(Decimal(1)), State("held", Mark.BAD),
    )  # fmt: skip


def written(tmp_path: Path, *tables: Table) -> Any:
    head = Head("nordic", "Visma.net ERP", "Europe/Oslo", datetime(2026, 7, 1, 6, tzinfo=UTC))
    facts = (Fact(Amount(Decimal(-3_700), "EUR"), "balance"), Fact(Ref("000001", "https://x"), "document"))
    report = Report(head, "Example", "Why?", "June 2026", facts, (Section("First", tables=tables),))
    write_workbook(report, tmp_path / "report.xlsx")
    return load_workbook(tmp_path / "report.xlsx")


def test_figures_are_numbers_with_their_currency(tmp_path: Path) -> None:
    book = written(tmp_path, Table("Rows", "Rows", COLUMNS, (a_row(), a_row(currency="EUR")), "None."))
    head, first, second = book["Rows"].iter_rows()
    assert [cell.value for cell in head] == ["Customer", "Day", "Net", "Fees", "Currency", "Share", "Count", "State"]
    assert [cell.value for cell in first] == ["Ada", datetime(2026, 6, 3), 1234.5, 0.455, "GBP", 0.25, 7, "held"]  # noqa: DTZ001
    assert [cell.data_type for cell in first] == ["s", "d", "n", "n", "s", "n", "n", "s"]
    assert '"GBP"' in first[2].number_format
    assert (second[4].value, first[5].number_format) == ("EUR", "0.0%")


def test_tables_of_one_sheet_stand_below_each_other_with_what_tells_them_apart(tmp_path: Path) -> None:
    def of(payout: str) -> Table:
        key = (Column("Payout", Kind.CODE), payout)
        return Table("Items", f"Items of {payout}", COLUMNS, (a_row(),), "None.", total=a_row("Sum"), keys=(key,))

    book = written(tmp_path, of("PO1"), of("PO2"))
    rows = [[cell.value for cell in row][:2] for row in book["Items"].iter_rows()]
    assert rows == [["Payout", "Customer"], ["PO1", "Ada"], ["PO2", "Ada"]]


def test_the_sums_of_a_sheet_of_one_table_are_its_last_row(tmp_path: Path) -> None:
    book = written(tmp_path, Table("Rows", "Rows", COLUMNS, (a_row(),), "None.", total=a_row("Sum")))
    last = list(book["Rows"].iter_rows())[-1]
    assert last[0].value == "Sum"
    assert last[0].font.b


def test_tables_that_do_not_fit_one_sheet_are_refused(tmp_path: Path) -> None:
    other = Table("Rows", "Other", COLUMNS[:1], (("Ada",),), "None.")
    with pytest.raises(ValueError, match="different columns"):
        written(tmp_path, Table("Rows", "Rows", COLUMNS, (a_row(),), "None."), other)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_ever_calculated_or_followed(tmp_path: Path, text: str) -> None:
    """Spreadsheets that turn text into formulas when a cell is edited leave quoted text alone."""
    book = written(tmp_path, Table("Rows", "Rows", COLUMNS, (a_row(text),), text))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f" or cell.hyperlink]
    (cell,) = [cell for cell in cells if isinstance(cell.value, str) and cell.value.strip() == text.strip()]
    assert cell.data_type == "s"
    assert bool(cell.quotePrefix) == text.lstrip("\r").startswith(("=", "+", "-", "@", "\t"))


def test_account_numbers_are_taken_out(tmp_path: Path) -> None:
    book = written(tmp_path, Table("Rows", "Rows", COLUMNS, (a_row("Ada DE89370400440532013000"),), "None."))
    assert "0532" not in str(book["Rows"]["A2"].value)


def test_a_sheet_is_ready_for_paper(tmp_path: Path) -> None:
    sheet = written(tmp_path, Table("Rows", "Rows", COLUMNS, (a_row(),), "None."))["Rows"]
    assert (sheet.freeze_panes, sheet.print_title_rows, sheet.auto_filter.ref) == ("A2", "$1:$1", "A1:H2")
    assert sheet.page_setup.paperSize == 9


def test_ten_thousand_rows_are_written(tmp_path: Path) -> None:
    rows = tuple((f"Customer {n}", Amount(Decimal(n), "EUR")) for n in range(10_000))
    columns = (Column("Customer"), Column("Amount", Kind.AMOUNT))
    assert written(tmp_path, Table("Rows", "Rows", columns, rows, "None."))["Rows"].max_row == 10_001


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_page_and_workbook_hold_the_same_figures(story: Any, name: str) -> None:
    """Every amount in a row of the page is a number of the workbook, of the same currency."""
    report = story.write(name)
    page = lxml.html.fromstring(report.files.html.read_bytes())
    cells = page.xpath("//tbody[not(@class)]/tr/td[contains(@class, 'amount')][not(contains(@class, 'void'))]")
    shown = {tuple(cell.text_content().rsplit(" ", 1)) for cell in cells}
    book = load_workbook(report.files.xlsx)
    held = {
        (amount_text(Amount(Decimal(str(cell.value)).scaleb(2), cell.number_format[-4:-1])), cell.number_format[-4:-1])
        for sheet in book for row in sheet.iter_rows() for cell in row
        if cell.data_type == "n" and cell.value is not None and cell.number_format.endswith('"')
    }  # fmt: skip
    assert shown <= held
    assert bool(shown) == (name not in ("mandates", "collections"))
