"""What events mean and whom they are about; and what a posting and the settings refuse."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from bookkeeping.drafting import draft, open_date, posting_text
from bookkeeping.money import Money
from bookkeeping.occurrences import CATALOGUE, OccurrenceKind, occurrence_of, subject_of
from bookkeeping.postings import AccountRole, Line, PostingKind, Side, Unbalanced
from bookkeeping.settings import activity_day

LINKS = {
    "payment": "PM1", "mandate": "MD1", "refund": "RF1", "payout": "PO1", "creditor": "CR1",
    "subscription": "SB1", "billing_request": "BRQ1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("resource_type", "action", "subject"),
    [
        ("payments", "confirmed", "PM1"), ("payments", "brand_new", "PM1"), ("mandates", "replaced", "MD1"),
        ("refunds", "paid", "RF1"), ("payouts", "paid", "PO1"), ("creditors", "bounced_payout", "PO1"),
        ("subscriptions", "amended", "SB1"), ("billing_requests", "fulfilled", "BRQ1"),
        ("creditors", "updated", ""), ("organisations", "anything", ""),
    ],
)  # fmt: skip
def test_an_event_is_about_one_resource(resource_type, action, subject):
    assert subject_of(resource_type, action, LINKS) == subject


def test_a_bounced_payout_without_link_is_about_the_creditor():
    assert subject_of("creditors", "bounced_payout", {"creditor": "CR1"}) == "CR1"
    assert subject_of("payments", "confirmed", {}) == ""


def test_every_known_action_has_a_meaning_and_unknown_ones_are_named(make):
    assert all(occurrence.meaning for occurrence in CATALOGUE.values())
    assert OccurrenceKind.UNKNOWN not in {occurrence.kind for occurrence in CATALOGUE.values()}
    unknown = occurrence_of(make.event(1, "teleported"))
    assert unknown.kind is OccurrenceKind.UNKNOWN
    assert unknown.meaning == "ignored: unknown payments.teleported"


def test_a_line_needs_a_positive_amount():
    with pytest.raises(ValueError, match="positive"):
        Line(AccountRole.BANK, Side.DEBIT, Money(0, "EUR"))


def test_an_unbalanced_posting_is_never_made(make):
    lines = [Line(AccountRole.BANK, Side.DEBIT, Money(2, "EUR")), Line(AccountRole.FEES, Side.CREDIT, Money(1, "EUR"))]
    with pytest.raises(Unbalanced, match="EV1:payout"):
        draft(make.event(1, "paid"), PostingKind.PAYOUT, "PO1", make.settings(), what="Payout", lines=lines)


@pytest.mark.parametrize("details", [("short",), ("x" * 70,), ("y" * 30, "z" * 30, "w")])
def test_a_text_has_at_most_sixty_characters_the_id_and_its_suffix(details):
    text = posting_text("GoCardless receipt", "PM0123456789ABCD", *details, suffix="of 2024-03-05")
    assert len(text) <= 60
    assert "PM0123456789ABCD" in text
    assert text.endswith("of 2024-03-05")


def test_a_moment_without_time_zone_has_no_activity_day(make):
    with pytest.raises(ValueError, match="no time zone"):
        activity_day(datetime(2024, 3, 4), make.settings())  # noqa: DTZ001


@pytest.mark.parametrize("source", ["metadata:", "amount", ""])
def test_an_unknown_place_for_the_invoice_number_is_refused(make, source):
    with pytest.raises(ValueError, match="invoice_references of acme"):
        make.settings(invoice_references=("reference", source))


def test_the_last_closed_day_is_closed_and_the_next_is_open(make):
    settings = make.settings(closed_through=date(2024, 3, 31), closed_period="next_open_day")
    assert open_date(date(2024, 3, 31), settings)[0] == date(2024, 4, 1)
    assert open_date(date(2024, 4, 1), settings) == (date(2024, 4, 1), {}, "")


def test_nothing_is_dated_before_the_cut_over(make):
    day, facts, suffix = open_date(date(2023, 12, 30), make.settings())
    assert (day, facts, suffix) == (date(2024, 1, 1), {"original_date": "2023-12-30"}, "of 2023-12-30")
