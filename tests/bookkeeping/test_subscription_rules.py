"""Subscriptions and their changes as postings: deterministic, without lines, and readable again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bookkeeping.charge_schedule import recurrence_of
from bookkeeping.entities import Mandate
from bookkeeping.money import Money
from bookkeeping.postings import ERP_KINDS, GOCARDLESS_KINDS, SALES_KINDS, Party, PostingKind
from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge
from bookkeeping.subscribing import Action, Change, Create, Follower, SubscriptionState, schedule_of
from bookkeeping.subscription_rules import (
    ChangeOrder,
    change_of,
    order_of,
    plan_subscription,
    plan_subscription_change,
)

AT = datetime(2026, 6, 3, 7, 0, tzinfo=UTC)
CHARGE = RecurringCharge(
    "RC1", "10001", Money(2_000, "EUR"), IntervalUnit.YEARLY, 1, date(2026, 7, 1), day_of_month=1, month=7, count=3
)


def created(number: int = 1) -> Create:
    mandate = Mandate("MD1", AT, "active", "sepa_core", customer_id="CU1")
    return Create(
        CHARGE, number, mandate, "Rent", recurrence_of(CHARGE), schedule_of(CHARGE), date(2026, 7, 1), 3, "RC1"
    )


def follower() -> Follower:
    return Follower(
        "RC1#1", "RC1", 1, SubscriptionState.ACTIVE, "MD1", CHARGE.amount, "Rent", schedule_of(CHARGE), date(2026, 7, 1)
    )


def test_a_subscription_is_one_posting_per_reference_that_says_the_whole_order(make):
    posting = plan_subscription(created(), make.settings(), AT)

    assert (posting.key, posting.reference, posting.subject) == ("subscription:RC1#1", "RC1#1", "MD1")
    assert (posting.lines, posting.party) == ((), Party("CU1", "10001"))
    order = order_of(posting)
    assert (order.charge, order.mandate, order.amount, order.name) == ("RC1", "MD1", Money(2_000, "EUR"), "Rent")
    assert (order.interval_unit, order.interval, order.day_of_month, order.month) == ("yearly", 1, 1, "july")
    assert (order.start_on, order.count, order.payment_reference) == (date(2026, 7, 1), 3, "RC1")
    assert plan_subscription(created(), make.settings(), AT) == posting
    assert plan_subscription(created(2), make.settings(), AT).key == "subscription:RC1#2"


def test_a_change_says_what_to_ask_and_why(make):
    amend = Change(follower(), Action.AMEND, "charge_changed", "It costs more.", Money(2_500, "EUR"), "Rent plus")
    posting = plan_subscription_change(amend, 2, "SB1", make.settings(), AT, None)

    assert (posting.key, posting.subject) == ("subscription_change:RC1#1/2", "SB1")
    assert change_of(posting) == ChangeOrder(Action.AMEND, "SB1", Money(2_500, "EUR"), "Rent plus")
    assert (posting.facts["why"], posting.facts["wish"]) == ("It costs more.", amend.wish)
    cancel = plan_subscription_change(
        Change(follower(), Action.CANCEL, "charge_gone", "Gone."), 3, "SB1", make.settings(), AT, None
    )
    assert change_of(cancel) == ChangeOrder(Action.CANCEL, "SB1")


def test_a_posting_that_says_nothing_whole_is_refused(make):
    posting = plan_subscription(created(), make.settings(), AT)
    for missing in ("mandate", "amount_minor", "start_on", "interval"):
        broken = {name: value for name, value in posting.facts.items() if name != missing}
        with pytest.raises(KeyError):
            order_of(replace(posting, facts=broken))


def test_each_kind_belongs_to_one_system():
    assert {PostingKind.SUBSCRIPTION, PostingKind.SUBSCRIPTION_CHANGE} <= GOCARDLESS_KINDS
    assert PostingKind.SALES_INVOICE in SALES_KINDS
    assert not ERP_KINDS & (GOCARDLESS_KINDS | SALES_KINDS)
