"""Why the clearing account of the story is not zero: each open item by what it waits for, to the exact balance."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from connector_resources.reports.clearing import Place, clearing_report, place_items, read_account, total_of


def _placed(story: Any, as_of: date, *, later: timedelta = timedelta()) -> dict[str, tuple[Place, int]]:
    there = story.installation
    account = read_account(there.runtime.store, there.connection)
    items = place_items(there.runtime.store, there.connection, account, as_of, there.runtime.clock() + later)
    return {each.item.subject: (each.place, each.item.amount.minor) for each in items}


def test_every_open_item_has_its_reason(story: Any) -> None:
    assert _placed(story, date(2026, 6, 5)) == {
        story.on_its_way.id: (Place.WAITS, 7_700),
        story.unknown_payer.id: (Place.RECEIPT_MISSING, -9_900),
        story.refund_on_its_way.id: (Place.REFUNDED, -1_500),
        story.pounds.id: (Place.WAITS, 25_000),
    }


def test_on_an_earlier_day_the_same_items_are_seen_as_they_stood_then(story: Any) -> None:
    """On 3 June 50.00 had been collected and 3.45 refunded; the payout and the late failure came two days later."""
    assert _placed(story, date(2026, 6, 3)) == {
        story.failed_late.id: (Place.CLEARED_LATER, 5_000),
        story.refund.id: (Place.CLEARED_LATER, -345),
    }


def test_a_payment_that_is_not_paid_out_for_long_is_late(story: Any) -> None:
    placed = _placed(story, date(2026, 6, 16), later=timedelta(days=11))
    assert placed[story.on_its_way.id][0] is Place.LATE
    assert placed[story.refund_on_its_way.id][0] is Place.REFUNDED


def test_the_items_sum_to_the_balance_of_the_ledger(story: Any) -> None:
    there = story.installation
    account = read_account(there.runtime.store, there.connection)
    items = place_items(there.runtime.store, there.connection, account, date(2026, 6, 5), there.runtime.clock())
    for currency, number in (("EUR", "1985"), ("GBP", "1986")):
        own = [each for each in items if each.item.amount.currency == currency]
        assert total_of(own, currency).minor == there.erp.company.books.balance(number, currency)


def test_the_report_shows_the_ages_and_what_is_not_booked(story: Any, rows_of: Any, text_of: Any) -> None:
    written = story.write("clearing")
    ageing = {(row["Waits for"], row["Currency"]): row for row in rows_of(written.files.xlsx, "Ageing")}
    assert ageing["Collected, on its way", "EUR"]["0–3 days"] == 77
    assert ageing["Paid out, receipt not booked", "EUR"]["Sum"] == -99
    assert ageing["Refunded, in transit", "EUR"]["Sum"] == -15
    items = rows_of(written.files.xlsx, "Open items")
    assert sum(row["Amount"] for row in items if row["Currency"] == "EUR") == pytest.approx(-37)
    (missing,) = rows_of(written.files.xlsx, "Not booked yet")
    assert (missing["GoCardless id"], missing["Changes the balance by"], missing["State"]) == (
        story.unknown_payer.id, 99, "held",
    )  # fmt: skip
    text = text_of(written.files.html)
    assert "62.00 EUR GoCardless holds, before fees" in text
    assert "explained to the penny" in text
    assert "at the end of 2026-06-05" in text


def test_a_month_that_is_over_is_reported_as_of_its_last_day(story: Any) -> None:
    there = story.installation
    later = there.runtime.clock() + timedelta(days=40)
    report = clearing_report(there.runtime.store, there.connection, date(2026, 6, 30), later)
    assert report.period == "at the end of 2026-06-30"
    assert not [fact for section in report.sections for fact in section.facts if "GoCardless holds" in fact.label]


def test_a_connection_without_bookings_has_nothing_to_explain(story: Any, text_of: Any, tmp_path: Any) -> None:
    there = story.installation
    quiet = there.connection.model_copy(update={"name": "quiet"})
    report = clearing_report(there.runtime.store, quiet, date(2026, 6, 5), there.runtime.clock())
    assert report.sections == ()
    assert report.facts[0].label == "open items"
