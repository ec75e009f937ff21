"""The month's reconciliation of the story: balances, proof lines, differences, items, read back from page and workbook."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bookkeeping.clearing_ageing import Opening, clearing_account
from connector_resources.reports.reconciliation import gather, statements, write_reconciliation
from connector_resources.reports.sources import Month

JUNE = Month(date(2026, 6, 1))


@pytest.fixture(scope="module")
def month(story: Any) -> Any:
    runtime = story.installation.runtime
    return write_reconciliation(
        runtime.store, story.installation.connection, JUNE.first_day, story.home / "month", runtime.clock()
    )


def test_the_headline_counts_payouts_and_held_postings(month: Any) -> None:
    assert (month.payouts, month.proven, month.held) == (2, 2, 2)
    assert month.html.name == "reconciliation-nordic-2026-06.html"
    assert not list(month.html.parent.glob("*.part"))


def test_the_statement_leads_from_the_opening_to_the_closing_balance(month: Any, rows_of: Any) -> None:
    """123.45 + 200 + 50 + 500 + 77 are booked; 50 and 200 come back; 3.45 and 15 are refunded; payouts clear 719."""
    euros, pounds = rows_of(month.xlsx, "Clearing")
    assert euros == {
        "Currency": "EUR", "Opening balance": 0, "Receipts": 950.45, "Late failures and chargebacks": -250,
        "Refunds": -18.45, "Refunds returned": None, "Payouts": -719, "Corrections": None, "Closing balance": -37,
    }  # fmt: skip
    assert (pounds["Receipts"], pounds["Closing balance"]) == (250, 250)


def test_the_closing_balance_is_that_of_the_ledger(story: Any, month: Any, text_of: Any) -> None:
    books = story.installation.erp.company.books
    assert (books.balance("1985", "EUR"), books.balance("1986", "GBP")) == (-3_700, 25_000)
    assert "-37.00 EUR clearing balance at the end" in text_of(month.html)


def test_each_payout_is_a_proof_line_whose_parts_make_the_bank_line(story: Any, month: Any, rows_of: Any) -> None:
    rows = {row["Payout"]: row for row in rows_of(month.xlsx, "Payouts")}

    assert [Decimal(str(rows[payout.id]["Gross"])) for payout in story.payouts] == [
        Decimal("323.45"),
        Decimal("395.55"),
    ]
    for payout in story.payouts:
        row = rows[payout.id]
        gross, fees, vat, net = (Decimal(str(row[name])) for name in ("Gross", "Fees", "VAT on fees", "Net"))
        assert gross - fees - vat == net == Decimal(payout.body["amount"]).scaleb(-2)
        assert row["Reference on the bank statement"] == payout.body["reference"]
        assert row["Bank date"].date().isoformat() == payout.body["arrival_date"]
        assert (row["Currency"], row["State"]) == ("EUR", "proven and booked")
        assert row["ERP document"]


def test_the_difference_is_the_item_whose_receipt_is_held(story: Any, month: Any, rows_of: Any) -> None:
    (row,) = rows_of(month.xlsx, "Differences")
    assert (row["Payout"], row["Item"], row["Amount"]) == (story.payouts[1].id, story.unknown_payer.id, 99)
    assert "is not linked to a customer" in row["Why"]
    assert "connector customers link nordic" in row["Next step"]


def test_the_items_of_each_payout_sum_to_it(story: Any, month: Any, rows_of: Any) -> None:
    """Fractions of fees are exact in the items; the last fraction is shown as rounding in the composition."""
    items, composed = rows_of(month.xlsx, "Items"), rows_of(month.xlsx, "Composition")
    for payout in story.payouts:
        amount = Decimal(payout.body["amount"]).scaleb(-2)
        total = sum(Decimal(str(row["Amount"])) for row in items if row["Payout"] == payout.id)
        assert abs(total - amount) < Decimal("0.01")
        assert sum(Decimal(str(row["Amount"])) for row in composed if row["Payout"] == payout.id) == amount
    own = [row for row in items if row["GoCardless id"] == story.refund.id]
    assert [(row["Type"], row["Amount"], row["Posting"]) for row in own] == [("payment refunded", -3.45, "posted")]
    assert all(row["ERP document"] for row in items if row["Posting"] == "posted")


def test_the_postings_sheet_is_the_ledger_of_the_month(story: Any, month: Any, rows_of: Any) -> None:
    store = story.installation.runtime.store
    ledger = {row.posting.key: row for row in store.ledger.of_day("nordic", JUNE.first_day, JUNE.last_day)}
    rows = {row["Posting"]: row for row in rows_of(month.xlsx, "Postings")}

    assert set(rows) == set(ledger)
    for key, row in rows.items():
        amount = ledger[key].posting.activity_amount
        assert row["State"] == ledger[key].state
        assert row["Amount"] is None if amount is None else Decimal(str(row["Amount"])) == amount.major


def test_the_summary_adds_up_to_the_postings(month: Any, rows_of: Any) -> None:
    postings = rows_of(month.xlsx, "Postings")
    summary = rows_of(month.xlsx, "Summary")
    assert sum(row["Count"] for row in summary) == len(postings)
    for row in summary:
        same = [
            p
            for p in postings
            if (p["Kind"], p["State"], p["Currency"]) == (row["Kind"], row["State"], row["Currency"])
        ]
        assert row["Count"] == len(same)
        if row["Amount"] is not None:
            assert Decimal(str(row["Amount"])) == sum(Decimal(str(p["Amount"])) for p in same)


def test_the_balance_of_each_day_is_plotted_up_to_today(story: Any) -> None:
    runtime = story.installation.runtime
    content = gather(runtime.store, story.installation.connection, JUNE, runtime.clock())
    (euros, _) = content.statements
    assert [point.day.day for point in euros.days] == [1, 2, 3, 4, 5]
    assert [point.minor for point in euros.days] == [0, 0, 4_655, 4_655, -3_700]


def test_an_older_report_is_replaced(story: Any, month: Any) -> None:
    before = month.html.read_bytes()
    runtime = story.installation.runtime
    again = write_reconciliation(
        runtime.store, story.installation.connection, JUNE.first_day, month.html.parent, runtime.clock()
    )
    assert again.html == month.html
    assert again.html.read_bytes() == before


def test_a_month_without_anything_is_a_report_too(story: Any, tmp_path: Any, rows_of: Any, text_of: Any) -> None:
    runtime = story.installation.runtime
    quiet = story.installation.connection.model_copy(update={"name": "quiet"})
    written = write_reconciliation(runtime.store, quiet, date(2027, 2, 1), tmp_path, runtime.clock())

    assert (written.payouts, written.proven, written.held) == (0, 0, 0)
    text = text_of(written.html)
    for sentence in ("No payouts in this month.", "Nothing is held.", "Nothing has touched the clearing account."):
        assert sentence in text
    sheets = ("Clearing", "Payouts", "Differences", "Held", "Summary", "Postings")
    assert [len(rows_of(written.xlsx, sheet)) for sheet in sheets] == [0] * 6


def test_a_later_month_opens_with_what_the_earlier_one_closed_with(story: Any) -> None:
    runtime = story.installation.runtime
    july = gather(runtime.store, story.installation.connection, JUNE.next, runtime.clock())
    assert [(s.currency, s.opening, s.closing) for s in july.statements] == [
        ("EUR", -3_700, -3_700),
        ("GBP", 25_000, 25_000),
    ]
    assert july.payouts == ()


def test_nothing_ever_booked_has_no_statement() -> None:
    empty = clearing_account((), (), lambda _: (), Opening(date(2026, 6, 1)))
    assert list(statements(empty, JUNE, JUNE.last_day)) == []
