"""The clearing account explained: what the books show against what GoCardless still holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bookkeeping.expected_clearing import Holdings, prove_clearing
from bookkeeping.money import Money
from bookkeeping.rules import ReceiptState


class Month:
    """Payments, refunds and one payout of a month, booked by the rules."""

    def __init__(self, make, **settings):
        self.make, self.settings = make, make.settings(**settings)
        self.keepers, self.payouts, self.items = [], [], {}
        self.mandates = {"MD1": make.mandate(), "MDdirect": make.mandate(id="MDdirect", funds_settlement="direct")}

    def payment(self, name, status, *actions, minor=10000, mandate="MD1"):
        resource = self.make.payment(id=name, status=status, amount=Money(minor, "GBP"), mandate_id=mandate)
        return self._story(resource, actions, mandate=self.mandates[mandate])

    def refund(self, name, status, *actions, minor=2500):
        return self._story(self.make.refund(id=name, status=status, amount=Money(minor, "GBP")), actions)

    def payout(self, amount, items, receipts=None, *, book=True, **changes):
        known = receipts or {item.payment_id: ReceiptState.OPEN for item in items}
        fees = Money(0, "GBP")
        resource = self.make.payout(amount=Money(amount, "GBP"), deducted_fees=fees, **changes)
        self.payouts.append(resource)
        self.items["PO1"] = items
        return self._story(resource, ["paid"] if book else [], items=items, receipts=known)

    def _story(self, resource, actions, **how):
        keeper = self.make.Bookkeeper(resource, settings=self.settings, **how)
        for number, action in enumerate(actions, start=1):
            event = self.make.event(number, action, resource.id, day=number)
            keeper.feed(replace(event, id=f"{resource.id}-{number}"))
        self.keepers.append(keeper)
        return keeper

    def proof(self, before=frozenset()):
        of_kind = lambda start: [k.resource for k in self.keepers if k.resource.id.startswith(start)]  # noqa: E731
        items = lambda payout: self.items.get(payout.id, ())  # noqa: E731
        holdings = Holdings(of_kind("PM"), of_kind("RF"), self.payouts, items, self.mandates, before)
        postings = [posting for keeper in self.keepers for posting in keeper.booked]
        (proof,) = prove_clearing(postings, holdings, self.make.start + timedelta(days=10), self.settings)
        assert proof.difference == sum((e.difference for e in proof.differences), Money(0, "GBP"))
        return proof


def test_confirmed_money_is_in_transit_until_it_is_paid_out(make):
    month = Month(make)
    month.payment("PM1", "confirmed", "confirmed")
    month.payment("PM2", "paid_out", "confirmed", "paid_out", minor=5000)
    month.payout(5000, [make.item("payment_paid_out", "5000.0", "PM2")])
    proof = month.proof()
    assert (proof.booked, proof.held, proof.differences) == (Money(10000, "GBP"), Money(10000, "GBP"), ())
    (entry,) = proof.in_transit
    assert (entry.subject, entry.since, entry.age_days) == ("PM1", date(2024, 3, 4), 10)
    assert entry.explanation == "confirmed: collected, not paid out yet"


def test_a_chargeback_and_a_refund_are_owed_until_a_payout_takes_them(make):
    month = Month(make)
    month.payment("PM1", "charged_back", "confirmed", "paid_out", "charged_back")
    month.refund("RF1", "paid", "paid")
    month.payout(10000, [make.item("payment_paid_out", "10000.0")])
    proof = month.proof()
    assert (proof.booked.minor, proof.held.minor, proof.differences) == (-12500, -12500, ())
    assert {entry.subject: entry.held.minor for entry in proof.in_transit} == {"PM1": -10000, "RF1": -2500}
    assert "to be taken from a coming payout" in proof.in_transit[0].explanation


def test_everything_settled_is_zero_with_nothing_to_explain(make):
    month = Month(make)
    month.payment("PM1", "charged_back", "confirmed", "charged_back")
    month.payment("PM2", "paid_out", "confirmed", "paid_out")
    month.refund("RF1", "paid", "paid")
    month.refund("RF2", "bounced", "paid", "failed")
    month.payout(
        7500,
        [
            make.item("payment_paid_out", "10000.0", "PM1"), make.item("payment_charged_back", "-10000.0", "PM1"),
            make.item("payment_paid_out", "10000.0", "PM2"),
            make.item("payment_refunded", "-2500.0", "PM2", refund_id="RF1"),
            make.item("payment_refunded", "-2500.0", "PM2", refund_id="RF2"),
            make.item("refund_funds_returned", "2500.0", None, refund_id="RF2"),
        ],
    )  # fmt: skip
    proof = month.proof()
    assert (proof.booked.minor, proof.held.minor, proof.in_transit, proof.differences) == (0, 0, (), ())


@pytest.mark.parametrize(
    ("status", "actions", "explanation"),
    [
        ("confirmed", [], "confirmed at GoCardless; its booking is missing"),
        ("failed", ["confirmed"], "failed at GoCardless; the books still show 100.00 GBP, its reversal is missing"),
    ],
)
def test_a_missing_booking_is_named_by_payment(make, status, actions, explanation):
    month = Month(make)
    month.payment("PM1", status, *actions)
    (entry,) = month.proof().differences
    assert (entry.subject, entry.explanation) == ("PM1", explanation)


def test_a_payout_that_is_not_booked_explains_each_of_its_payments(make):
    month = Month(make)
    month.payment("PM1", "paid_out", "confirmed", "paid_out")
    month.payout(10000, [make.item("payment_paid_out", "10000.0")], book=False)
    (entry,) = month.proof().differences
    assert entry.difference == Money(10000, "GBP")
    assert entry.explanation == "payout PO1 (ACME-8G7Q8) is not booked yet"


def test_a_payment_booked_to_suspense_explains_itself_once_its_receipt_arrives(make):
    month = Month(make)
    month.payment("PM1", "paid_out", "confirmed", "paid_out")
    month.payout(10000, [make.item("payment_paid_out", "10000.0")], {"PM1": ReceiptState.NONE})
    (entry,) = month.proof().differences
    assert "booked it to suspense" in entry.explanation


def test_a_moved_payment_that_was_never_read_is_named(make):
    month = Month(make)
    month.payout(10000, [make.item("payment_paid_out", "10000.0", "PM9")])
    proof = month.proof()
    assert proof.difference == Money(0, "GBP")
    assert proof.in_transit[0].explanation.startswith("not read")


def test_direct_settlement_never_touches_the_clearing_account(make):
    month = Month(make)
    month.payment("PM1", "confirmed", "confirmed", mandate="MDdirect")
    month.payment("PM2", "confirmed", "confirmed")
    assert {entry.subject for entry in month.proof().in_transit} == {"PM2"}


def test_with_the_paid_out_trigger_confirmed_money_is_not_expected_yet(make):
    month = Month(make, receipt_trigger="paid_out")
    month.payment("PM1", "confirmed", "confirmed")
    month.payment("PM2", "paid_out", "confirmed", "paid_out")
    assert {entry.subject for entry in month.proof().in_transit} == {"PM2"}


def test_the_opening_balance_holds_what_lies_before_the_cut_over(make):
    month = Month(make, cut_over=date(2024, 3, 6))
    month.payment("PM1", "confirmed", "confirmed")
    month.refund("RF1", "paid", "paid")
    proof = month.proof(before={"PM1", "RF1"})
    assert (proof.booked.minor, proof.held.minor, proof.differences) == (7500, 7500, ())


def test_the_sum_of_many_life_cycles_is_explained_to_the_penny(make):
    month = Month(make)
    states = {
        "PM1": ("confirmed", ["confirmed"]),
        "PM2": ("failed", ["failed"]),
        "PM3": ("failed", ["confirmed", "failed"]),
        "PM4": ("confirmed", ["confirmed", "failed", "resubmission_requested", "confirmed"]),
        "PM5": ("confirmed", ["confirmed", "charged_back", "chargeback_cancelled"]),
    }
    for minor, (name, (status, actions)) in enumerate(states.items(), start=101):
        month.payment(name, status, *actions, minor=minor)
    proof = month.proof()
    assert (proof.booked.minor, proof.differences) == (101 + 104 + 105, ())
