"""Payouts with VAT and in another currency, stored as GoCardless gives them: the figures of the documentation's examples."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Posting, PostingKind, Side
from connector_resources.reports.fees import TREATMENTS, fee_report
from connector_resources.reports.model import Table
from connector_resources.reports.payout_blocks import payout_blocks
from connector_resources.reports.reconciliation import reconciliation_report
from connector_resources.reports.sources import Month

JUNE = Month(date(2026, 6, 1))
NOW = datetime(2026, 7, 1, 5, tzinfo=UTC)


def item(kind: str, amount: str, payment: str, vat: str = "", to: tuple[str, str, str] | None = None) -> dict[str, Any]:
    """A payout item; `to` is the VAT in the tax currency with its rate."""
    tax: dict[str, Any] = {"amount": vat, "currency": "GBP", "tax_rate_id": "GB_VAT_1"}
    if to is not None:
        tax |= {"currency": "EUR", "destination_amount": to[0], "destination_currency": to[1], "exchange_rate": to[2]}
    return {"type": kind, "amount": amount, "links": {"payment": payment}, "taxes": [tax] if vat else []}


#: how-a-payout-becomes-entries.md: two payments, a chargeback, a fee, a fee given back and a surcharge.
WITH_VAT = [
    item("payment_paid_out", "10000.0", "PM1"), item("payment_paid_out", "5000.0", "PM2"),
    item("payment_charged_back", "-2000.0", "PM3"), item("gocardless_fee", "-132.0", "PM1", "22.0"),
    item("gocardless_fee", "24.0", "PM3", "-4.0"), item("surcharge_fee", "-600.0", "PM3", "100.0"),
]  # fmt: skip
#: 1000.00 EUR collected, 10.00 EUR of fees, paid out as 851.40 GBP at 0.86; booked at an estimate of 0.85.
CONVERTED = [
    item("payment_paid_out", "100000.0", "PM9"),
    item("gocardless_fee", "-1000.0", "PM9", "166.7", ("143.4", "GBP", "0.86")),
]


def payout(key: str, amount: int, fees: int, currency: str, **more: Any) -> dict[str, Any]:
    return {
        "id": key, "created_at": "2026-06-04T08:00:00.000Z", "amount": amount, "deducted_fees": fees,
        "currency": currency, "status": "paid", "arrival_date": "2026-06-05", "reference": f"ACME-{key}", **more,
    }  # fmt: skip


@pytest.fixture
def books(story: Any) -> Any:
    """A connection of its own in the story's store, with the two payouts; the converted one's receipt is planned."""
    there = story.installation
    store, connection = there.runtime.store, there.connection.model_copy(update={"name": "abroad"})
    fx = {"fx_currency": "GBP", "exchange_rate": "0.86", "fx_amount": 85_140}
    bodies = [payout("PO1", 12_292, 708, "GBP"), payout("PO2", 99_000, 1_000, "EUR", fx=fx)]
    store.entities.put("abroad", "payouts", bodies, day_of=lambda moment: moment.date())
    store.entities.put_payout_items("abroad", "PO1", WITH_VAT)
    store.entities.put_payout_items("abroad", "PO2", CONVERTED)
    events = [
        {"id": f"EV{b['id']}", "created_at": "2026-06-05T08:00:00.000Z", "resource_type": "payouts", "action": "paid",
         "links": {"payout": b["id"]}}
        for b in bodies
    ]  # fmt: skip
    store.inbox.drop_polled("abroad", events, day_of=lambda moment: moment.date())
    store.ledger.plan("abroad", [_receipt("PM9", "850.00")])
    return store, connection


def _receipt(subject: str, valued: str) -> Posting:
    amount = Money(100_000, "EUR")
    facts = {"fx_currency": "GBP", "fx_amount": valued, "fx_rate": "0.85", "fx_rate_is": "estimated"}
    return Posting(
        f"EV{subject}:receipt", "abroad", PostingKind.RECEIPT, f"EV{subject}", subject, NOW, date(2026, 6, 2),
        f"GCEV{subject}", "",
        (Line(AccountRole.CLEARING, Side.DEBIT, amount), Line(AccountRole.RECEIVABLE, Side.CREDIT, amount)), facts=facts,
    )  # fmt: skip


def _rows(tables: Sequence[Table], sheet: str) -> list[tuple[Any, ...]]:
    (found,) = [table for table in tables if table.sheet == sheet]
    return list(found.rows)


def test_fees_are_net_of_vat_and_together_what_was_kept(books: Any) -> None:
    store, _ = books
    (block,) = payout_blocks(store, "abroad", ["PO1"])
    assert block.findings == ()
    assert (block.fees, block.vat) == (Money(708, "GBP"), Money(118, "GBP"))
    assert block.summary.gross == 13_000


def test_each_currency_has_its_own_summary_by_tax_rate(books: Any) -> None:
    """VAT 0.22 − 0.04 + 1.00 = 1.18 in pounds; in euros 1.667 of 10.00, which is 1.434 GBP for the tax office."""
    report = fee_report(*books, JUNE, NOW)
    euros, pounds, treatment = report.sections

    charged = _rows(pounds.tables, "Charged")
    assert [(row[0], row[1], row[3].units, row[4].units, row[6].units) for row in charged] == [
        ("gocardless fee", "GB_VAT_1", 90, 18, 108),
        ("surcharge fee", "GB_VAT_1", 500, 100, 600),
    ]
    assert round(charged[0][5].value * 100) == 20
    ((_, _, _, net, vat, _, _, _, in_tax_currency),) = _rows(euros.tables, "Charged")
    assert (str(net.major), str(vat.major), in_tax_currency) == ("8.333", "1.667", "1.434 GBP")
    assert treatment.lead.startswith(TREATMENTS["plain_line"])


def test_fees_that_are_not_booked_yet_are_said_to_wait(books: Any) -> None:
    report = fee_report(*books, JUNE, NOW)
    (booked,) = [table for table in report.sections[1].tables if table.sheet == "Booked"]
    assert booked.rows == ()
    assert booked.note.endswith("Fees of 7.08 GBP wait in payouts that are not booked yet.")


def test_a_converted_payout_shows_what_the_rate_made_of_it(books: Any) -> None:
    """1000.00 EUR were worth 850.00 GBP when they were booked and 860.00 GBP when they were paid out."""
    store, _ = books
    (block,) = payout_blocks(store, "abroad", ["PO2"])
    assert block.received == Money(85_140, "GBP")
    assert block.exchange_difference == Money(1_000, "GBP")
    report = reconciliation_report(*books, JUNE, NOW)
    (table,) = [t for section in report.sections for t in section.tables if t.sheet == "Payouts"]
    shown = {row[0].text: [cell.major if cell else None for cell in row[7:9]] for row in table.rows}
    assert [str(value) for value in shown["PO2"]] == ["851.40", "10.00"]
    assert shown["PO1"] == [None, None]


def test_an_exchange_difference_is_not_guessed(books: Any) -> None:
    store, _ = books
    store.entities.put_payout_items("abroad", "PO2", [*CONVERTED, item("payment_paid_out", "0.0", "PM_EARLIER")])
    (block,) = payout_blocks(store, "abroad", ["PO2"])
    assert block.exchange_difference is None


def test_a_payout_whose_items_were_not_read_is_not_proven(books: Any) -> None:
    store, connection = books
    store.entities.put("abroad", "payouts", [payout("PO3", 100, 0, "GBP")], day_of=lambda moment: moment.date())
    (block,) = payout_blocks(store, "abroad", ["PO3"])
    assert (block.proven, block.state.word, block.fees) == (False, "not proven", Money(0, "GBP"))
    assert "items of this payout were not read" in block.findings[0]
    assert connection.name == "abroad"
