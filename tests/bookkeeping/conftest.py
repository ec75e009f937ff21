"""Builders of GoCardless resources, and a small bookkeeper that plans, remembers and prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bookkeeping.entities import Event, Mandate, Payment, Payout, PayoutItem, Refund, Tax
from bookkeeping.money import Money
from bookkeeping.postings import Party, Posting, Side, require_balance
from bookkeeping.rules import Decision, Verdict, decide_payment, decide_payout, decide_refund
from bookkeeping.settings import BookSettings

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
RESOURCE_OF = {"PM": ("payments", "payment"), "RF": ("refunds", "refund"), "PO": ("payouts", "payout")}


def settings(**changes: Any) -> BookSettings:
    values: dict[str, Any] = {
        "connection": "acme",
        "time_zone": ZoneInfo("Europe/London"),
        "cut_over": date(2024, 1, 1),
    }
    return BookSettings(**{**values, **changes})


def event(number: int, action: str, subject: str = "PM1", *, day: int | None = None, **changes: Any) -> Event:
    """Event `EV<number>`, by default `number` days after the start: `event(1, "confirmed")`."""
    resource_type, link = RESOURCE_OF[subject[:2]]
    if action == "bounced_payout":
        resource_type = "creditors"
    links = {link: subject, **changes.pop("links", {})}
    moment = START + timedelta(days=number if day is None else day)
    return Event(f"EV{number}", moment, resource_type, action, links, **changes)


def payment(**changes: Any) -> Payment:
    values: dict[str, Any] = {
        "id": "PM1", "created_at": START, "amount": Money(10000, "GBP"), "status": "confirmed",
        "amount_refunded": Money(0, "GBP"), "scheme": "bacs", "reference": "INV-7", "mandate_id": "MD1",
    }  # fmt: skip
    return Payment(**{**values, **changes})


def mandate(**changes: Any) -> Mandate:
    values: dict[str, Any] = {
        "id": "MD1", "created_at": START, "status": "active", "scheme": "bacs", "reference": "ACME-1",
        "funds_settlement": "managed", "customer_id": "CU1",
    }  # fmt: skip
    return Mandate(**{**values, **changes})


def refund(**changes: Any) -> Refund:
    values: dict[str, Any] = {
        "id": "RF1", "created_at": START, "amount": Money(2500, "GBP"), "status": "paid", "payment_id": "PM1",
    }  # fmt: skip
    return Refund(**{**values, **changes})


def payout(**changes: Any) -> Payout:
    values: dict[str, Any] = {
        "id": "PO1", "created_at": START, "amount": Money(12292, "GBP"), "deducted_fees": Money(708, "GBP"),
        "status": "paid", "reference": "ACME-8G7Q8", "arrival_date": date(2024, 3, 7), "creditor_id": "CR1",
    }  # fmt: skip
    return Payout(**{**values, **changes})


def item(kind: str, amount: str, payment: str | None = "PM1", *, tax: str | None = None, **changes: Any) -> PayoutItem:
    """A payout item in GBP; `tax` is the VAT in it at rate GB_VAT_1."""
    currency = changes.pop("currency", "GBP")
    taxes = (Tax(Decimal(tax), currency, changes.pop("rate", "GB_VAT_1")),) if tax else changes.pop("taxes", ())
    return PayoutItem(kind, Decimal(amount), currency, payment, taxes=taxes, **changes)


def example_items() -> list[PayoutItem]:
    """The balanced example of gocardless.md section 11."""
    return [
        item("payment_paid_out", "10000.0", "PM1"),
        item("payment_paid_out", "5000.0", "PM2"),
        item("payment_charged_back", "-2000.0", "PM3"),
        item("gocardless_fee", "-132.0", "PM1", tax="22.0"),
        item("gocardless_fee", "24.0", "PM3", tax="-4.0"),
        item("surcharge_fee", "-600.0", "PM3", tax="100.0"),
    ]


def as_text(postings: Iterable[Posting]) -> str:
    """Postings as an accountant writes them: date, kind, subject, then signed lines (debit plus, credit minus)."""
    paragraphs = []
    for posting in postings:
        require_balance(posting)
        rows = [f"{posting.booking_date} {posting.kind} {posting.subject} {posting.reference}"]
        for line in posting.lines:
            amount = line.amount if line.side is Side.DEBIT else -line.amount
            rows.append(f"  {line.role:<14} {amount.major:>9} {amount.currency}")
        paragraphs.append("\n".join(rows))
    return "\n".join(paragraphs)


def balances(postings: Iterable[Posting]) -> dict[tuple[str, str, str], int]:
    """Net minor units per (role, customer, currency), without the zero ones."""
    sums: dict[tuple[str, str, str], int] = {}
    for posting in postings:
        require_balance(posting)
        for line in posting.lines:
            customer = line.party.gocardless_customer if line.party else None
            key = (str(line.role), customer or "", line.amount.currency)
            sums[key] = sums.get(key, 0) + line.amount.minor * (1 if line.side is Side.DEBIT else -1)
    return {key: units for key, units in sums.items() if units}


class Bookkeeper:
    """Remembers what became known, was decided and planned, as the ledger does; `feed` hands in the next batch."""

    def __init__(self, resource: Any, **how: Any) -> None:
        self.resource = resource
        self.settings = how.pop("settings", settings())
        self.mandate = how.pop("mandate", mandate())
        self.party = how.pop("party", Party("CU1", "10042", "Ada Ltd"))
        self.items = how.pop("items", example_items())
        self.receipts = how.pop("receipts", {})
        self.payment = how.pop("payment", payment())
        self.heard_until = how.pop("heard_until", None)
        assert not how, how
        self.story: list[Event] = []
        self.decided: dict[str, Decision] = {}
        self.booked: list[Posting] = []

    def feed(self, *events: Event) -> Verdict:
        self.story += events
        verdict = self._decide()
        for decision in verdict.decisions:
            earlier = self.decided.get(decision.event_id)
            assert earlier is None or earlier.outcome == "waiting", "a decision was changed"
            self.decided[decision.event_id] = decision
        self.booked += verdict.postings
        keys = [posting.key for posting in self.booked]
        assert len(set(keys)) == len(keys), keys
        references = [posting.reference for posting in self.booked]
        assert len(set(references)) == len(references), references
        again = self._decide()
        assert not again.postings, "the same input was booked twice"
        assert not again.decisions, again.decisions
        return verdict

    def _decide(self) -> Verdict:
        known = (self.story, self.decided, self.booked)
        if isinstance(self.resource, Payment):
            return decide_payment(self.resource, *known, self.mandate, self.party, self.settings)
        if isinstance(self.resource, Refund):
            return decide_refund(self.resource, self.payment, self.mandate, *known, self.party, self.settings)
        return decide_payout(self.resource, self.items, *known, self.receipts, self.settings, self.heard_until)

    def outcome(self, number: int) -> str:
        return str(self.decided[f"EV{number}"].outcome)

    def reason(self, number: int) -> str:
        return self.decided[f"EV{number}"].reason

    @property
    def text(self) -> str:
        return as_text(self.booked)


def feed_all(keeper: Bookkeeper, batches: Sequence[Sequence[Event]]) -> Bookkeeper:
    for batch in batches:
        keeper.feed(*batch)
    return keeper


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """All builders of this file."""
    return SimpleNamespace(
        settings=settings, event=event, payment=payment, mandate=mandate, refund=refund, payout=payout, item=item,
        example_items=example_items, Bookkeeper=Bookkeeper, as_text=as_text, balances=balances, feed_all=feed_all,
        start=START,
    )  # fmt: skip
