"""The reconciliation report of a month with payouts, a refund and held postings, read back from HTML and workbook."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lxml.html
import pytest
from openpyxl import load_workbook

from bookkeeping.money import Money
from connector_resources.reports.content import gather
from connector_resources.reports.reconciliation import major, render_html, write_reconciliation
from connector_resources.reports.workbook import write_workbook
from tests.evenings import DAY, evening_company, evening_world
from tests.installations import visma_installation
from tests.merchant import Merchant

MONTH = date(2026, 6, 1)
EVIL = '=HYPERLINK("https://evil.example";"pay here")'


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Two payouts, one with a refund in it; a payment in transit; a payment of a customer that Visma does not know."""
    home = tmp_path_factory.mktemp("report")
    world = evening_world()
    merchant = Merchant(world)
    with visma_installation(home, world, evening_company(2)) as installation:
        first = merchant.collected(12_345, invoice="INV-1")
        merchant.collected(20_000, customer=2)
        payout = merchant.pay_out()
        refund = merchant.refund(first, 345)
        merchant.collected(50_000, customer=2)
        second = merchant.pay_out()
        merchant.collected(7_700, customer=1)
        merchant.collected(9_900, customer=3)
        installation.run(DAY)
        store, connection = installation.runtime.store, installation.connection
        written = write_reconciliation(store, connection, MONTH, home / "reports", installation.runtime.clock())
        yield SimpleNamespace(
            installation=installation, written=written, payouts=(payout, second), refund=refund, home=home,
            content=gather(store, connection, "Visma.net ERP", MONTH, installation.runtime.clock()),
        )  # fmt: skip


def _rows(path: Path, sheet: str) -> list[dict[str, Any]]:
    head, *rows = load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def _amount(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)


def test_the_headline_counts_payouts_and_held_postings(month: Any) -> None:
    assert (month.written.payouts, month.written.proven, month.written.held) == (2, 2, 2)
    assert month.written.html.name == "reconciliation-nordic-2026-06.html"
    assert not list(month.written.html.parent.glob("*.part"))


def test_the_workbook_has_every_payout_with_exact_amounts(month: Any) -> None:
    rows = {row["Payout"]: row for row in _rows(month.written.xlsx, "Payouts")}

    assert set(rows) == {payout.id for payout in month.payouts}
    for payout in month.payouts:
        row = rows[payout.id]
        assert Decimal(str(row["Amount"])) == _amount(payout.body["amount"])
        assert Decimal(str(row["Fees"])) == _amount(payout.body["deducted_fees"])
        assert (row["Currency"], row["Proven"], row["Findings"]) == ("EUR", "yes", None)
        assert row["Reference"] == payout.body["reference"]
        assert row["Booked as"]
        assert isinstance(row["Arrival"], datetime)


def test_the_items_of_each_payout_sum_to_it_with_its_fees(month: Any) -> None:
    items = _rows(month.written.xlsx, "Items")
    for payout in month.payouts:
        total = sum(Decimal(str(row["Amount"])) for row in items if row["Payout"] == payout.id)
        assert total - _amount(payout.body["deducted_fees"]) == _amount(payout.body["amount"])
    refunds = [row for row in items if row["GoCardless id"] == month.refund.id]
    assert [Decimal(str(row["Amount"])) for row in refunds] == [Decimal("-3.45")]
    assert all(row["Document"] for row in items)


def test_the_postings_sheet_is_the_ledger_of_the_month(month: Any) -> None:
    store = month.installation.runtime.store
    ledger = {row.posting.key: row for row in store.ledger.of_day("nordic", MONTH, date(2026, 6, 30))}
    rows = {row["Posting"]: row for row in _rows(month.written.xlsx, "Postings")}

    assert set(rows) == set(ledger)
    for key, row in rows.items():
        amount = ledger[key].posting.activity_amount
        assert row["State"] == ledger[key].state
        assert (row["Amount"] is None) == (amount is None)
        if amount is not None:
            assert Decimal(str(row["Amount"])) == amount.major


def test_the_summary_adds_up_to_the_postings(month: Any) -> None:
    postings = _rows(month.written.xlsx, "Postings")
    for row in _rows(month.written.xlsx, "Summary"):
        same = [p for p in postings if (p["Kind"], p["State"]) == (row["Kind"], row["State"])]
        assert row["Count"] == len(same)
        if row["Amount"] is not None:
            assert Decimal(str(row["Amount"])) == sum(Decimal(str(p["Amount"])) for p in same)


def test_what_is_held_is_listed_with_its_next_step(month: Any) -> None:
    rows = _rows(month.written.xlsx, "Held")
    assert len(rows) == 2
    (row,) = [row for row in rows if row["Amount"] is not None]
    assert Decimal(str(row["Amount"])) == Decimal("99.00")
    assert row["Reason"]
    assert row["Next step"]
    assert row["Reason"] in _text(month.written.html)


def _text(path: Path) -> str:
    return " ".join(lxml.html.fromstring(path.read_bytes()).text_content().split())


def test_the_page_shows_each_payout_and_the_clearing_balance(month: Any) -> None:
    text = _text(month.written.html)
    for payout in month.payouts:
        assert payout.id in text
        assert str(Money(payout.body["amount"], "EUR")) in text
    assert "2 / 2 payouts proven to the penny" in text
    books = month.installation.erp.company.books
    assert f"at the end of the month {Money(books.balance('1985', 'EUR'), 'EUR')}" in text
    assert books.balance("1985", "EUR") == 7_700


def test_the_totals_of_the_page_lead_to_the_amount_that_arrived(month: Any) -> None:
    """Item fees have fractions of a cent; the last fraction is shown as what it is."""
    for block in month.content.payouts:
        assert sum(units for _, units in block.totals) + block.rounding == block.payout.amount.minor
        assert abs(block.rounding) < 1
    assert any(block.rounding for block in month.content.payouts)
    assert "rounding of fractions" in _text(month.written.html)


def test_the_page_loads_nothing_from_elsewhere(month: Any) -> None:
    page = month.written.html.read_text(encoding="utf-8")
    tree = lxml.html.fromstring(page.encode())
    assert not re.findall(r"https?:|//[a-z]|@import|url\(", page)
    assert tree.xpath("//script | //link | //img | //iframe | //object | //@src | //@href") == []
    assert tree.xpath("//svg")


def test_text_from_outside_is_neither_markup_nor_formula(month: Any, tmp_path: Path) -> None:
    block = month.content.payouts[0]
    payout = replace(block.payout, reference=EVIL)
    item = replace(block.items[0], customer="<script>alert(1)</script>", document="+1+1")
    posting = replace(month.content.postings[0].posting, text="@SUM(A1:A9)")
    hostile = replace(
        month.content,
        payouts=(replace(block, payout=payout, items=(item,), findings=("-2+3 <b>bold</b>",)),),
        postings=(replace(month.content.postings[0], posting=posting),),
        held=(replace(month.content.held[0], held_reason="=1+1"),),
    )

    write_workbook(hostile, tmp_path / "hostile.xlsx")
    cells = [cell for sheet in load_workbook(tmp_path / "hostile.xlsx") for row in sheet.iter_rows() for cell in row]

    values = {cell.value for cell in cells}
    assert {EVIL, "+1+1", "@SUM(A1:A9)", "=1+1", "-2+3 <b>bold</b>"} <= values
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    assert not [cell.coordinate for cell in cells if cell.hyperlink]
    # Spreadsheets that turn text into formulas when a cell is edited leave quoted text alone.
    risky = [c for c in cells if isinstance(c.value, str) and c.value.startswith(("=", "+", "-", "@"))]
    assert risky
    assert all(cell.quotePrefix for cell in risky)
    page = render_html(hostile)
    assert "<script>" not in page
    assert "&lt;b&gt;bold" in page


def test_an_older_report_is_replaced(month: Any) -> None:
    before = month.written.html.read_bytes()
    runtime = month.installation.runtime
    again = write_reconciliation(
        runtime.store, month.installation.connection, MONTH, month.home / "reports", runtime.clock()
    )
    assert again.html == month.written.html
    assert len(again.html.read_bytes()) == len(before)


def test_a_month_without_anything_is_a_report_too(month: Any, tmp_path: Path) -> None:
    runtime = month.installation.runtime
    empty = month.installation.connection.model_copy(update={"name": "quiet"})
    written = write_reconciliation(runtime.store, empty, date(2027, 2, 1), tmp_path, runtime.clock())

    assert (written.payouts, written.proven, written.held) == (0, 0, 0)
    text = _text(written.html)
    for sentence in (
        "No payouts in this month.",
        "Nothing is held.",
        "Nothing has touched the clearing account in this month.",
    ):
        assert sentence in text
    assert {sheet: len(_rows(written.xlsx, sheet)) for sheet in ("Summary", "Payouts", "Items", "Postings", "Held")} == {
        "Summary": 0, "Payouts": 0, "Items": 0, "Postings": 0, "Held": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("units", "currency", "expected"),
    [("123450", "EUR", "1,234.50"), ("1234.5", "EUR", "12.345"), ("-0.5", "GBP", "-0.005"), ("1500", "JPY", "1,500")],
)
def test_minor_units_are_shown_without_losing_a_half(units: str, currency: str, expected: str) -> None:
    assert major(Decimal(units), currency) == expected
