"""The worked example of a payout is what the rules really make of it, to the penny."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from bookkeeping.entities import Event, Fx, Payout, PayoutItem, Tax
from bookkeeping.money import Money
from bookkeeping.payment_rules import ReceiptState
from bookkeeping.payout_rules import decide_payout
from bookkeeping.postings import Posting, Side
from bookkeeping.settings import BookSettings

PAGE = Path(__file__).parents[2] / "docs" / "how-a-payout-becomes-entries.md"
ANNOUNCED = datetime(2026, 6, 4, 8, tzinfo=UTC)
PAID = Event("EV1", ANNOUNCED, "payouts", "paid", {"payout": "PO000123"})
RATE = Event("EV1", ANNOUNCED, "payouts", "fx_rate_confirmed", {"payout": "PO000123"})
BOUNCED = Event("EV2", ANNOUNCED + timedelta(days=2), "creditors", "bounced_payout", {"payout": "PO000123"})
AGAIN = Event("EV3", ANNOUNCED + timedelta(days=4), "payouts", "paid", {"payout": "PO000123"})

WITH_EVERYTHING = (
    ("payment_paid_out", "10000.0", "PM1", ""),
    ("payment_paid_out", "5000.0", "PM2", ""),
    ("payment_charged_back", "-2000.0", "PM3", ""),
    ("gocardless_fee", "-132.0", "PM1", "22.0"),
    ("gocardless_fee", "24.0", "PM3", "-4.0"),
    ("surcharge_fee", "-600.0", "PM3", "100.0"),
)
HALF_PENNIES = (
    ("payment_paid_out", "10000.0", "PM1", ""),
    ("payment_paid_out", "5000.0", "PM2", ""),
    ("gocardless_fee", "-45.5", "PM1", ""),
    ("gocardless_fee", "-30.0", "PM2", ""),
)
EUROS = (("payment_paid_out", "100000.0", "PM1", ""), ("gocardless_fee", "-1000.0", "PM1", ""))

Rounding = Literal["fee", "rounding_account"]


def postings(
    rows: tuple[tuple[str, str, str, str], ...],
    amount: Money,
    fees: int,
    events: tuple[Event, ...] = (PAID,),
    rounding: Rounding = "fee",
    fx: Fx | None = None,
    arrival: date = date(2026, 6, 5),
) -> tuple[Posting, ...]:
    settings = BookSettings("example", ZoneInfo("Europe/London"), date(2026, 6, 1), rounding=rounding)
    payout = Payout(
        "PO000123", ANNOUNCED, amount, Money(fees, amount.currency), "paid",
        reference="ACME-8G7Q8", arrival_date=arrival, fx=fx,
    )  # fmt: skip
    items = [
        PayoutItem(
            kind, Decimal(units), amount.currency, payment_id=payment,
            taxes=(Tax(Decimal(tax), amount.currency, "GB_VAT_1"),) if tax else (),
        )
        for kind, units, payment, tax in rows
    ]  # fmt: skip
    receipts = {payment: ReceiptState.OPEN for _, _, payment, _ in rows}
    return decide_payout(payout, items, events, {}, (), receipts, settings).postings


def as_text(posting: Posting) -> str:
    """The posting as the page shows it."""
    lines = [f"{posting.booking_date} {posting.text}"]
    for line in posting.lines:
        side = "Dr" if line.side is Side.DEBIT else "Cr"
        lines.append(f"  {side} {line.role:15} {line.amount.major:>10} {line.amount.currency}")
    return "\n".join(["```text", *lines, "```"])


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: postings(WITH_EVERYTHING, Money(12292, "GBP"), 708), id="everything"),
        pytest.param(lambda: postings(HALF_PENNIES, Money(14925, "GBP"), 75), id="half pennies on the fee"),
        pytest.param(
            lambda: postings(HALF_PENNIES, Money(14925, "GBP"), 75, rounding="rounding_account"),
            id="half pennies on an account",
        ),
        pytest.param(
            lambda: postings(
                EUROS, Money(99000, "EUR"), 1000, (RATE,),
                fx=Fx("GBP", Decimal("0.85"), Decimal("0.86"), Money(85140, "GBP")),
            ),
            id="another currency",
        ),
        pytest.param(
            lambda: postings(
                WITH_EVERYTHING, Money(12292, "GBP"), 708, (PAID, BOUNCED, AGAIN), arrival=date(2026, 6, 10)
            )[1:],
            id="bounced and repeated",
        ),
    ],
)  # fmt: skip
def test_the_page_shows_what_the_rules_make(made: Callable[[], tuple[Posting, ...]]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = [as_text(posting) for posting in made()]
    assert shown
    for text in shown:
        assert text in page


def test_a_payout_that_is_a_penny_off_makes_no_posting_at_all() -> None:
    assert postings(WITH_EVERYTHING, Money(12293, "GBP"), 708) == ()
    assert postings(WITH_EVERYTHING, Money(12292, "GBP"), 709) == ()


def test_the_items_table_of_the_page_is_the_example() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for kind, units, _, tax in WITH_EVERYTHING:
        assert any(f"`{kind}`" in line and f"| {units} |" in line and tax in line for line in page.splitlines())
