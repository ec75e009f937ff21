"""Converted payouts: every currency ends at zero on the clearing account, and the difference on an account of its own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, PostingKind, Side
from connector_resources.erp.contract import Mismatch, PostingWork, VerifyRequest

CLEARING, TRANSIT, DIFFERENCE, UNDERWAY, FEES = "1231", "2010", "9500", "2000", "4500"


@pytest.fixture
def pounds(site: Any, given: SimpleNamespace) -> Any:
    """100.00 GBP of two payments, booked at 1.15; GoCardless converts at 1.17."""
    site.division.add_rate("GBP", Decimal("1.15"), starts=date(2026, 2, 1))
    first = given.receipt("PM000001", 6_000, event="EV00001", currency="GBP")
    second = given.receipt("PM000002", 4_000, event="EV00002", currency="GBP", customer="43")
    site.payout = given.converted_payout()
    site.receipts = (first, second)
    return site


def base(site: Any, *accounts: str) -> list[int]:
    """What the division's books say of these accounts in euro cents, over all currencies."""
    return [site.division.books.base_balance(each) for each in accounts]


def assert_exact(site: Any) -> None:
    """115.00 EUR stood at clearing, 115.83 came, 1.17 were the fees: the rest is the gain."""
    assert (site.held(), site.state(site.payout)) == ({}, "posted")
    assert site.division.books.balance(CLEARING, "GBP") == 0
    assert base(site, CLEARING, TRANSIT) == [0, 0]
    assert base(site, UNDERWAY, FEES, DIFFERENCE) == [11_583, 117, -200]


@pytest.mark.parametrize("document", ["bank_entry", "general_journal"])
def test_the_difference_leaves_clearing_and_transit_at_zero(pounds: Any, document: str) -> None:
    pounds.paid_out(pounds.payout, *pounds.receipts)
    pounds.post(*pounds.receipts, booking_document=document)
    pounds.post(pounds.payout, booking_document=document)
    assert_exact(pounds)
    steps = [step.step for step in pounds.row(pounds.payout).documents]
    assert steps == ["entry_gbp", "entry_eur", "exchange_difference"]


def test_receipts_and_payout_of_one_run_come_to_the_same(pounds: Any) -> None:
    pounds.paid_out(pounds.payout, *pounds.receipts)
    pounds.post(*pounds.receipts, pounds.payout)
    assert_exact(pounds)


def test_a_payout_at_the_rate_of_the_receipts_needs_no_third_entry(pounds: Any) -> None:
    pounds.division.add_rate("GBP", Decimal("1.17"), starts=date(2026, 2, 2))
    pounds.paid_out(pounds.payout, *pounds.receipts)
    pounds.post(*pounds.receipts, pounds.payout)
    assert pounds.state(pounds.payout) == "posted"
    assert base(pounds, CLEARING, TRANSIT, DIFFERENCE) == [0, 0, 0]
    assert len(pounds.row(pounds.payout).documents) == 2


def test_without_a_rate_of_gocardless_the_transit_account_is_cleared_as_well(pounds: Any, given: Any) -> None:
    pounds.payout = given.changed(pounds.payout, facts={})
    pounds.paid_out(pounds.payout, *pounds.receipts)
    pounds.post(*pounds.receipts, pounds.payout)
    assert base(pounds, CLEARING, TRANSIT) == [0, 0]
    assert base(pounds, UNDERWAY, FEES, DIFFERENCE) == [11_583, 115, -198]


def test_a_payment_that_failed_late_is_taken_at_what_its_reversal_was_booked_at(pounds: Any, given: Any) -> None:
    first, _ = pounds.receipts
    third = given.receipt("PM000003", 6_000, event="EV00003", currency="GBP")
    pounds.post(*pounds.receipts, third)
    pounds.division.add_rate("GBP", Decimal("1.19"), starts=date(2026, 2, 2))
    back = given.reversal(first, event="EV00004")
    pounds.post(back)
    pounds.paid_out(pounds.payout, *pounds.receipts, third, back)
    pounds.post(pounds.payout)
    assert (pounds.held(), pounds.state(pounds.payout)) == ({}, "posted")
    assert pounds.division.books.balance(CLEARING, "GBP") == 0
    assert base(pounds, CLEARING, TRANSIT) == [0, 0]


def test_what_the_payments_were_booked_at_is_not_known(pounds: Any) -> None:
    """A payment of before the cut-over: its receipt is not in the ledger."""
    pounds.paid_out(pounds.payout, *pounds.receipts)
    pounds.post(pounds.receipts[0], pounds.payout)
    assert pounds.held() == {"PO000GBP": "fx_difference_unknown"}
    assert [step.step for step in pounds.row(pounds.payout).documents] == ["entry_gbp", "entry_eur"]

    pounds.release()
    pounds.post(fx_difference="leave_open")

    assert (pounds.held(), pounds.state(pounds.payout)) == ({}, "posted")
    assert base(pounds, TRANSIT, DIFFERENCE) == [0, 0]
    assert pounds.entries() == 3


def test_without_an_account_for_differences_the_payout_waits_after_its_entries(pounds: Any, given: Any) -> None:
    pounds.paid_out(pounds.payout, *pounds.receipts)
    accounts = {name: code for name, code in given.section()["accounts"].items() if name != "fx_difference"}
    pounds.post(*pounds.receipts, pounds.payout, accounts=accounts)
    assert pounds.held() == {"PO000GBP": "account_unmapped"}
    pounds.release()
    pounds.post()
    assert_exact(pounds)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("text", ["payout fees", "payout bank", "exchange difference"])
def test_an_unanswered_entry_is_made_once(pounds: Any, kind: str, text: str) -> None:
    pounds.paid_out(pounds.payout, *pounds.receipts)
    path = "BankEntries|GeneralJournalEntries"
    pounds.break_next(kind, path, containing=text)
    pounds.post(*pounds.receipts, pounds.payout)
    pounds.post()
    assert pounds.sandbox.faults.queued == []
    assert_exact(pounds)


def test_the_other_entries_follow_in_another_process(pounds: Any) -> None:
    pounds.paid_out(pounds.payout, *pounds.receipts)
    pounds.break_next("drop_before", "BankEntries", skip=2, times=1)
    pounds.break_next("drop_before", "TransactionLines", method="GET", skip=1, times=99)
    pounds.post(*pounds.receipts, pounds.payout)
    pounds.sandbox.faults.clear()
    pounds.post()
    assert_exact(pounds)


def test_a_difference_that_was_changed_by_hand_is_noticed(pounds: Any) -> None:
    pounds.paid_out(pounds.payout, *pounds.receipts)
    pounds.post(*pounds.receipts, pounds.payout)
    lines = pounds.division.tables["TransactionLines"]
    (row,) = [each for each in lines if each["GLAccountCode"] == CLEARING and "/FX" in each["Description"]]
    assert row["AmountDC"] == Decimal("2.00")

    lines.change(row["ID"], AmountDC=Decimal("1.50"))
    done = pounds.row(pounds.payout).documents[-1]
    work = PostingWork(pounds.payout, (done,))
    (answer,) = pounds.connector().verify([VerifyRequest(work, done.step, done.document)])

    assert isinstance(answer, Mismatch)
    assert "leaves -0.50 EUR on clearing" in answer.reason


def test_money_converted_out_of_the_divisions_currency(site: Any, given: SimpleNamespace) -> None:
    """Collected in euros, paid out in pounds at 0.86: clearing holds euros only, transit ends at zero."""
    site.division.add_rate("GBP", Decimal("1.15"), starts=date(2026, 2, 1))
    receipt = given.receipt("PM000001", 10_000, event="EV00001")
    made = given.posting(PostingKind.PAYOUT, "PO000EUR", event="EV00006")
    lines = (
        Line(AccountRole.BANK, Side.DEBIT, Money(8_600, "GBP"), "PO000EUR"),
        Line(AccountRole.FX_TRANSIT, Side.CREDIT, Money(8_600, "GBP"), "PO000EUR"),
        Line(AccountRole.FX_TRANSIT, Side.DEBIT, Money(10_000, "EUR"), "PO000EUR"),
        Line(AccountRole.CLEARING, Side.CREDIT, Money(10_000, "EUR"), "PO000EUR"),
    )
    item = given.changed(made, lines=lines, party=None, facts={"fx_currency": "GBP", "fx_rate": "0.86"})
    site.paid_out(item, receipt)
    site.post(receipt, item)
    assert (site.held(), site.state(item)) == ({}, "posted")
    assert base(site, "1230", TRANSIT) == [0, 0]
    assert base(site, UNDERWAY)[0] + base(site, DIFFERENCE)[0] == 10_000


def test_the_transit_account_of_conversions_is_an_account_of_its_own(given: SimpleNamespace) -> None:
    accounts = {**given.section()["accounts"], "fx_transit": "2000"}
    with pytest.raises(ValueError, match="fx_transit 2000 must be an account"):
        given.settings(accounts=accounts)
