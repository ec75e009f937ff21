"""What Exact does without a word, entries that differ from what was sent, and doubts that only a person can settle."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.contract import Found, OpenSubmission, PostingWork
from connector_resources.errors import Uncertain
from sandbox.exact_online import bank_entries


def unanswered(site: Any, item: Any) -> None:
    """The entry was made, its answer was lost, and so were the look-ups of that run."""
    site.break_next("drop_after", "BankEntries")
    site.break_next("drop_before", "TransactionLines", method="GET", times=99)
    report = site.post(item)
    assert report.stopped
    assert site.state(item) == "claimed"
    site.sandbox.faults.clear()


def test_a_customer_that_is_dropped_without_a_word_is_seen(site: Any, given: SimpleNamespace) -> None:
    item = given.receipt()
    connector = site.connector()
    connector.prepare([item])
    site.division._foreign.add(site.division.account("42")["ID"])
    site.reuse(connector)
    site.post(item)
    assert site.held() == {"PM000123": "read_back_differs"}
    reason = site.row(item).held_reason
    assert "customer 42 shows nothing" in reason
    assert "account 1300 shows -121.00 EUR" in reason


def test_an_account_that_is_dropped_without_a_word_is_seen(site: Any, given: SimpleNamespace) -> None:
    item = given.payout()
    connector = site.connector()
    connector.prepare([item])
    site.division._foreign.add(site.division.gl_account("2000")["ID"])
    site.reuse(connector)
    site.post(item)
    assert site.held() == {"PO000123": "read_back_differs"}
    assert "account 2000 shows nothing, not 236.80 EUR" in site.row(item).held_reason


def test_descriptions_that_come_back_shorter_do_no_harm(site: Any, given: SimpleNamespace) -> None:
    site.division.switches.description_limit = 20
    items = [given.receipt(f"PM{n}", event=f"EV{n}") for n in range(3)]
    site.post(*items)
    assert site.held() == {}
    assert site.entries() == 1


@pytest.mark.parametrize("honoured", ["honoured", "ignored"])
def test_an_unanswered_entry_is_adopted_by_our_id_or_by_our_marker(
    site: Any, given: SimpleNamespace, honoured: str
) -> None:
    site.division.switches.client_entry_id = honoured
    item = given.receipt()
    unanswered(site, item)
    report = site.post()
    assert (report.adopted, report.held, site.state(item)) == (1, [], "posted")
    assert site.entries() == 1


def test_two_entries_with_our_marker_are_for_a_person(site: Any, given: SimpleNamespace) -> None:
    site.division.switches.client_entry_id = "ignored"
    item = given.receipt()
    unanswered(site, item)
    by_hand(site, "GCEV00001 PM000123 receipt", 12_100)
    site.post()
    assert site.held() == {"PM000123": "cannot_tell"}
    assert "several entries with the marker GCEV00001" in site.row(item).held_next_step


def test_an_entry_with_our_marker_that_differs_is_for_a_person(site: Any, given: SimpleNamespace) -> None:
    item = given.receipt()
    site.break_next("drop_before", "BankEntries")
    site.break_next("drop_before", "TransactionLines", method="GET", times=99)
    site.post(item)
    site.sandbox.faults.clear()
    by_hand(site, "GCEV00001 PM000123 receipt", 9_999)
    site.post()
    assert site.held() == {"PM000123": "cannot_tell"}
    assert "differ" in site.row(item).held_next_step


def test_a_marker_that_only_begins_like_ours_is_somebody_elses(site: Any, given: SimpleNamespace) -> None:
    item = given.receipt()
    site.break_next("drop_before", "BankEntries")
    site.break_next("drop_before", "TransactionLines", method="GET", times=99)
    site.post(item)
    site.sandbox.faults.clear()
    by_hand(site, "GCEV000012 PM000999 receipt", 12_100)
    site.post()
    assert (site.held(), site.state(item), site.entries()) == ({}, "posted", 2)


def test_an_entry_that_somebody_deletes_before_it_is_read_back_is_held(site: Any, given: SimpleNamespace) -> None:
    item = given.receipt()
    site.break_next("drop_before", "TransactionLines", method="GET", times=99)
    site.post(item)
    site.sandbox.faults.clear()
    (entry,) = site.division.tables["BankEntries"]
    with site.division.lock:
        bank_entries.delete(site.division, entry)
    site.post()
    assert site.held() == {"PM000123": "read_back_differs"}


def test_receipts_that_exact_does_not_match_are_reported_and_not_collected_again(
    site: Any, given: SimpleNamespace
) -> None:
    site.division.switches.auto_match = "off"
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    site.post(item)
    assert site.row(item).documents[-1].document.details["unmatched_receipts"] == "1"
    assert list(site.connector().open_invoices()) == []
    site.post(given.reversal(item))
    assert [x.open_amount.minor for x in site.connector().open_invoices()] == [12_100]


def test_a_duplicate_that_exact_names_is_looked_up_and_not_taken_for_a_refusal(
    site: Any, given: SimpleNamespace
) -> None:
    item = given.receipt()
    connector = site.connector(bank_balances="omit")
    connector.prepare([item])
    (planned,) = connector.plan([PostingWork(item)], given.NOW)
    made = connector.submit(planned)
    with pytest.raises(Uncertain, match="exists already"):
        connector.submit(planned)
    (finding,) = connector.find([OpenSubmission(planned, given.NOW)])
    assert isinstance(finding, Found)
    assert finding.document.number == made.document.number
    assert site.entries() == 1


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize(
    ("broken", "code"),
    [("customer", "customer_inactive"), ("journal", "journal_refused"), ("period", "period_closed"),
     ("account", "account_refused")],
)  # fmt: skip
def test_refusals_have_a_code_in_either_language(
    site: Any, given: SimpleNamespace, language: str, broken: str, code: str
) -> None:
    division = site.division
    division.switches.language = language
    item = given.payout() if broken == "account" else given.receipt()
    connector = site.connector()
    connector.prepare([item])
    if broken == "customer":
        division.tables["Accounts"].change(division.account("42")["ID"], Status="P")
    elif broken == "journal":
        division.tables["Journals"].change(division.journal("23")["ID"], Type=90)
    elif broken == "period":
        division.close_period(2026, 3)
    else:
        division.tables["GLAccounts"].change(division.gl_account("4500")["ID"], IsBlocked=True)
    site.reuse(connector)
    site.post(item)
    assert set(site.held().values()) == {code}
    assert "Exact Online says" in site.row(item).held_reason


def test_a_write_that_is_not_allowed_stops_the_run_and_holds_nothing(site: Any, given: SimpleNamespace) -> None:
    item = given.refund()
    site.sandbox.faults.add(site.fault("error_before", method="POST", path="SalesEntries", status=403))
    report = site.post(item)
    assert "App Center" in report.stopped
    assert site.held() == {}
    site.post()
    assert site.state(item) == "posted"


def by_hand(site: Any, text: str, minor: int) -> None:
    """A person books a receipt of customer 42 in our journal."""
    from bookkeeping.money import Money

    division = site.division
    line = {
        "GLAccount": division.gl_account("1300")["ID"], "Account": division.account("42")["ID"],
        "AmountFC": Money(minor, "EUR").major, "Description": text,
    }  # fmt: skip
    site.create_by_hand({"JournalCode": "23", "BankEntryLines": [line]})


@pytest.mark.parametrize("answered", [True, False], ids=["read-back", "look-up"])
def test_a_look_at_what_was_written_that_is_not_allowed_stops_the_run_and_loses_nothing(
    site: Any, given: SimpleNamespace, answered: bool
) -> None:
    item = given.receipt()
    if not answered:
        site.break_next("drop_after", "BankEntries")
    site.sandbox.faults.add(site.fault("error_before", method="GET", path="TransactionLines", status=403, times=9))
    report = site.post(item)
    assert "refused a read" in report.stopped
    assert "connector ping polder" in report.stopped
    assert (site.held(), site.state(item), site.entries()) == ({}, "claimed", 1)
    site.sandbox.faults.clear()
    site.post()
    assert (site.state(item), site.entries()) == ("posted", 1)
