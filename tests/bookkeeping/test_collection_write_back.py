"""What a receivable is told of the payment that collects it: only how it stands now, and only while it brings money."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookkeeping.collecting import Part
from bookkeeping.collection_write_back import plan_invoice_status, replaced_statuses, shows_payment
from bookkeeping.eligibility import AttemptState
from bookkeeping.money import Money
from bookkeeping.postings import Posting
from bookkeeping.settings import BookSettings

BOOKS = BookSettings("polder", ZoneInfo("Europe/Amsterdam"), date(2026, 1, 1))
AMOUNT = Money(10_000, "EUR")
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def status(state: AttemptState, *, revision: int = 1, payment: str = "PM1", item: str = "900001") -> Posting:
    return plan_invoice_status(
        Part(item, item, 1, AMOUNT, AMOUNT), BOOKS, NOON + timedelta(minutes=revision), customer="42", state=state,
        payment=payment, cause="", collection=f"{item}#{payment[-1]}", revision=revision,
    )  # fmt: skip


@pytest.mark.parametrize("state", list(AttemptState))
def test_a_payment_is_named_until_it_has_failed_for_this_attempt(state: AttemptState) -> None:
    ended = {AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.CHARGED_BACK}
    assert shows_payment(status(state)) is (state not in ended)


def test_only_the_newest_status_of_a_payment_and_invoice_counts() -> None:
    first = status(AttemptState.IN_FLIGHT)
    last = status(AttemptState.FAILED, revision=2)
    assert replaced_statuses([last, first]) == {first.key: last.key}


def test_another_payment_or_invoice_is_told_apart() -> None:
    told = [
        status(AttemptState.FAILED),
        status(AttemptState.IN_FLIGHT, revision=2, payment="PM2"),
        status(AttemptState.IN_FLIGHT, revision=3, item="900002"),
    ]
    assert replaced_statuses(told) == {}


def test_statuses_of_one_moment_follow_their_revision() -> None:
    told = [status(AttemptState.IN_FLIGHT, revision=10), status(AttemptState.FAILED, revision=11)]
    same = [Posting(**{**_fields(each), "occurred_at": NOON}) for each in told]
    assert replaced_statuses(same) == {told[0].key: told[1].key}


def _fields(posting: Posting) -> dict[str, object]:
    return {name: getattr(posting, name) for name in Posting.__slots__}
