"""Many receipts in few entries: what they cost, what a bad line does to the others, and journals that others book in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.call_budgets import EXACT_ONLINE

#: reading and booking everything for a thousand due invoices.
BUDGET = EXACT_ONLINE.calls(1000)


@pytest.mark.slow
def test_a_thousand_due_invoices_cost_few_calls(site: Any, given: SimpleNamespace) -> None:
    division = site.division
    for number in range(1000):
        code = str(10_000 + number)
        division.add_account(code, f"Customer {code}")
        division.add_invoice(26_710_000 + number, code, 10_000 + number)
    receipts = [
        given.receipt(
            f"PM{n:06d}", 10_000 + n, invoice=str(26_710_000 + n), customer=str(10_000 + n), event=f"EV{n:05d}"
        )
        for n in range(1000)
    ]
    before = site.calls()
    connector = site.connector()
    assert len(list(connector.customers())) == 1002
    assert len(list(connector.open_invoices())) == 1000
    report = site.post(*receipts)
    calls = site.calls() - before
    assert (report.stopped, report.held, report.settled) == ("", [], 1000)
    assert division.books.balance("1230", "EUR") == sum(10_000 + n for n in range(1000))
    assert list(site.connector().open_invoices()) == []
    assert site.entries() == 5
    assert calls <= BUDGET, calls


def test_a_line_that_is_refused_holds_its_own_posting_only(site: Any, given: SimpleNamespace) -> None:
    division = site.division
    for number in range(20):
        division.add_account(str(100 + number), f"Customer {number}")
    items = [given.receipt(f"PM{n:06d}", customer=str(100 + n), event=f"EV{n:05d}") for n in range(20)]
    connector = site.connector()
    connector.prepare(items)
    # Blocked between the reading and the writing: the connector cannot know.
    division.tables["Accounts"].change(division.account("107")["ID"], Blocked=True)
    site.reuse(connector)
    report = site.post(*items)
    assert report.stopped == ""
    assert site.held() == {"PM000007": "customer_inactive"}
    assert division.books.balance("1230", "EUR") == 19 * 12_100
    division.tables["Accounts"].change(division.account("107")["ID"], Blocked=False)
    site.release()
    site.post()
    assert division.books.balance("1230", "EUR") == 20 * 12_100
    assert site.held() == {}


def test_a_refusal_that_is_nobodys_fault_alone_is_not_met_again_and_again(site: Any, given: SimpleNamespace) -> None:
    journal = site.division.journal("23")
    items = [given.receipt(f"PM{n:06d}", event=f"EV{n:05d}") for n in range(20)]
    connector = site.connector()
    connector.prepare(items)
    site.division.tables["Journals"].change(journal["ID"], IsBlocked=True)
    site.reuse(connector)
    site.post(*items)
    assert set(site.held().values()) == {"journal_refused"}
    assert len(site.held()) == 20
    assert sum(1 for method, path in site.sandbox.faults.requests if method == "POST" and "BankEntries" in path) == 1


def test_somebody_elses_entry_in_the_journal_moves_the_opening_balance(site: Any, given: SimpleNamespace) -> None:
    connector = site.connector()
    item = given.receipt()
    connector.prepare([item])
    site.reuse(given.by_hand(site, connector))
    report = site.post(item)
    assert (report.stopped, report.held, site.state(item)) == ("", [], "posted")
    assert site.division.books.balance("1230", "EUR") == 12_100 + 5_000


def test_entries_of_several_periods_follow_each_others_balances(site: Any, given: SimpleNamespace) -> None:
    from datetime import date

    days = [date(2026, 3, 2), date(2026, 2, 27), date(2025, 12, 30), date(2026, 3, 1)]
    items = [given.receipt(f"PM{n:06d}", event=f"EV{n:05d}", booking_date=day) for n, day in enumerate(days)]
    assert site.post(*items).held == []
    late = given.receipt("PM000009", event="EV00009", booking_date=date(2026, 1, 15))
    assert site.post(late).held == []
    assert site.entries() == 4
    assert site.division.books.balance("1230", "EUR") == 5 * 12_100


def test_every_posting_has_an_entry_of_its_own_where_wished(site: Any, given: SimpleNamespace) -> None:
    items = [given.receipt(f"PM{n:06d}", event=f"EV{n:05d}") for n in range(3)]
    site.post(*items, posting_granularity="single")
    assert site.entries() == 3


def test_a_posting_is_never_torn_apart_by_the_limit_of_lines(site: Any, given: SimpleNamespace) -> None:
    items = [given.payout(f"PO{n:06d}", event=f"EV{n:05d}") for n in range(2)]
    receipts = [given.receipt(f"PM{n:06d}", event=f"EX{n:05d}") for n in range(5)]
    site.post(*items, *receipts, lines_per_entry=2)
    assert site.held() == {}
    assert site.entries() == 2 + 3


def test_everything_can_be_booked_in_the_general_journal(site: Any, given: SimpleNamespace) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    back, payout = given.reversal(item), given.payout()
    site.post(item, back, payout, booking_document="general_journal")
    assert site.held() == {}
    assert site.entries() == 0
    assert site.entries("GeneralJournalEntry") == 3
    assert site.division.books.balance("1230", "EUR") == -24_000
    assert site.division.books.receivable("42", "EUR") == 12_100
