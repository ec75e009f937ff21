"""Fees, failures, mandates, collections, one payout and the work list of the story, against figures worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connector_resources.errors import ConfigurationError
from connector_resources.reports.catalogue import REPORTS
from connector_resources.reports.sources import Month


def _major(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)


def test_fees_are_those_of_the_payouts(story: Any, rows_of: Any) -> None:
    written = story.write("fees")
    fees = sum(payout.body["deducted_fees"] for payout in story.payouts)

    rows = rows_of(written.files.xlsx, "Payouts")
    assert [row["Payout"] for row in rows] == [*(payout.id for payout in story.payouts), "Sum"]
    assert Decimal(str(rows[-1]["Fees with VAT"])) == _major(fees)
    assert Decimal(str(rows[-1]["Gross"])) == Decimal("719.00")
    booked = rows_of(written.files.xlsx, "Booked")
    assert {row["Account role"] for row in booked} == {"fees", "surcharges", "Sum"}
    assert Decimal(str(booked[-1]["Amount"])) == _major(fees)
    charged = rows_of(written.files.xlsx, "Charged")
    assert {(row["Type"], row["Tax rate"]) for row in charged[:-1]} == {
        ("gocardless fee", "without VAT"), ("surcharge fee", "without VAT"),
    }  # fmt: skip
    assert abs(Decimal(str(charged[-1]["Gross"])) - _major(fees)) < Decimal("0.02")


def test_failures_are_grouped_by_cause_with_the_next_best_action(story: Any, rows_of: Any) -> None:
    written = story.write("failures")

    causes = {(row["Cause"], row["How"]): row for row in rows_of(written.files.xlsx, "Causes")}
    assert {key: (row["Count"], row["Amount"], row["Next best action"]) for key, row in causes.items()} == {
        ("insufficient funds", "failed"): (1, 70, "Try again"),
        ("insufficient funds", "failed late"): (1, 50, "Try again"),
        ("refund requested", "charged back"): (1, 200, "Contact the customer"),
    }
    payments = [(row["Payment"], row["Next best action"]) for row in rows_of(written.files.xlsx, "Payments")]
    assert payments == [
        (story.charged_back.id, "Contact the customer"), *sorted([(story.failed_late.id, "Try again"),
        (story.failed.id, "Try again")]),
    ]  # fmt: skip


def test_failure_rates_are_per_scheme(story: Any, rows_of: Any, text_of: Any) -> None:
    """By SEPA six payments were answered besides the failed one, by Bacs one."""
    written = story.write("failures")
    bacs, sepa = rows_of(written.files.xlsx, "Schemes")
    assert (bacs["Scheme"], bacs["Answered"], bacs["Failed"], bacs["Failed, rate"]) == ("bacs", 1, 0, 0)
    assert (sepa["Scheme"], sepa["Answered"]) == ("sepa core", 7)
    for how in ("Failed", "Failed late", "Charged back"):
        assert (sepa[how], round(sepa[f"{how}, rate"], 6)) == (1, 0.142857)
    assert "37.5 % of the answered payments brought no money 3 of 8" in text_of(written.files.html)


def test_mandate_changes_name_the_customer_and_the_erp_number(story: Any, rows_of: Any) -> None:
    written = story.write("mandates")
    rows = rows_of(written.files.xlsx, "Changes")
    (lost,) = [row for row in rows if row["Change"] == "Cancelled"]
    assert (lost["Mandate"], lost["Customer"], lost["ERP customer"], lost["Now"]) == (
        story.lost_mandate.id, "Load Customer 3", "10003", "cancelled",
    )  # fmt: skip
    assert lost["Day"].date() == date(2026, 6, 5)
    created = [row for row in rows if row["Change"] == "Created"]
    assert len(created) == len({row["Mandate"] for row in created}) == 5
    assert {row["Change"]: row["Count"] for row in rows_of(written.files.xlsx, "Summary")}["Cancelled"] == 1


def test_the_work_list_says_what_waits_since_when_and_what_to_do(story: Any, rows_of: Any) -> None:
    written = story.write("work-list")
    held = {row["GoCardless id"]: row for row in rows_of(written.files.xlsx, "Held")}
    row = held[story.unknown_payer.id]
    assert (row["What"], row["Amount"], row["Since"].date(), row["Code"]) == (
        "receipt", 99, date(2026, 6, 5), "customer unmapped",
    )  # fmt: skip
    assert row["Next step"].startswith("Run `connector customers link nordic")
    (customer,) = rows_of(written.files.xlsx, "Customers")
    assert customer["Name"] == "Load Customer 4"
    receipts = {row["Payment"]: row["Amount"] for row in rows_of(written.files.xlsx, "Receipts")}
    # The 200.00 named no invoice either, but was charged back: nothing is left to match.
    assert receipts == {story.on_its_way.id: 77, story.pounds.id: 250}


def test_one_payout_lists_every_item_with_its_document(story: Any, rows_of: Any, text_of: Any) -> None:
    payout = story.payouts[1]
    written = story.write_payout(payout)
    items = [row for row in rows_of(written.files.xlsx, "Items") if row["GoCardless id"] != "Sum"]
    moved = {row["GoCardless id"]: (row["Amount"], row["Posting"]) for row in items if "fee" not in row["Type"]}
    assert moved[story.unknown_payer.id] == (99, "held")
    assert moved[story.charged_back.id] == (-200, "posted")
    assert moved[story.refund.id] == (-3.45, "posted")
    entries = [row for row in rows_of(written.files.xlsx, "Entries") if row["Payout"] == payout.id]
    assert sum(Decimal(str(row["Debit"] or 0)) - Decimal(str(row["Credit"] or 0)) for row in entries) == 0
    text = text_of(written.files.html)
    assert payout.body["reference"] in text
    assert "395.55 EUR gross" in text


def test_a_payout_that_was_never_read_is_said_to_be_unknown(story: Any) -> None:
    class Unknown:
        id = "PO0UNKNOWN"

    with pytest.raises(ConfigurationError, match="payout PO0UNKNOWN of nordic is not known"):
        story.write_payout(Unknown())


def test_a_connection_that_collects_nothing_says_so(story: Any, text_of: Any) -> None:
    text = text_of(story.write("collections").files.html)
    assert "This connection collects no invoices" in text
    assert "No subscription was charged in this month." in text


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_report_of_an_empty_month_is_a_page_and_a_workbook(story: Any, name: str, text_of: Any) -> None:
    written = story.write(name, Month(date(2027, 1, 1)))
    assert written.report.title in text_of(written.files.html)
    assert written.files.xlsx.stat().st_size > 0
