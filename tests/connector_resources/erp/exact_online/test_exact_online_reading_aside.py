"""Receipts are read back beside the next sends and commits: with no call more, and never believed too early."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.exact_online.traits import TRAITS


class InSmallGroups:
    """A connector of which two entries are claimed at a time, and four receipts fill a call that reads back."""

    traits = replace(TRAITS, claim_group=2, read_back_at_once=4)

    def __init__(self, connector: Any) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)


@pytest.fixture
def receipts(site: Any, given: SimpleNamespace) -> list[Any]:
    """Ten receipts, two to an entry, for a connector in small groups."""
    site.reuse(InSmallGroups(site.connector(lines_per_entry=2)))
    return [given.receipt(f"PM{n:06d}", event=f"EV{n:05d}") for n in range(10)]


def steps(site: Any) -> list[str]:
    """The entries sent and the lines read back, in the order of their arrival."""
    word = {"POST": "send", "GET": "read"}
    wanted = ("POST", "BankEntries"), ("GET", "bulk/Financial/TransactionLines")
    return [
        word[method]
        for method, path in site.sandbox.faults.requests
        if any(m == method and p in path for m, p in wanted)
    ]


def is_settled(site: Any, items: list[Any]) -> bool:
    return site.held() == {} and all(site.state(item) == "posted" for item in items)


def test_each_group_is_read_back_once_and_the_last_one_before_the_run_ends(site: Any, receipts: list[Any]) -> None:
    report = site.post(*receipts)
    assert (report.stopped, report.held, report.settled) == ("", [], 10)
    assert is_settled(site, receipts)
    assert sorted(steps(site)) == ["read"] * 3 + ["send"] * 5
    # A read goes on while the next group is sent, so it may arrive anywhere among that; never before its own.
    assert steps(site)[:2] == ["send", "send"]
    assert "read" in steps(site)[2:5]
    assert steps(site)[-1] == "read"


def test_what_was_read_aside_and_differs_is_held(site: Any, receipts: list[Any]) -> None:
    account = site.division.account("43")

    class Misled(InSmallGroups):
        """Exact books the first entry on another customer, as it does with a GUID that it does not know."""

        def submit(self, submission: Any) -> Any:
            outcome = self._connector.submit(submission)
            if receipts[0].key in submission.posting_keys:
                entry = outcome.document.details["id"]
                for row in site.division.tables["TransactionLines"].where("EntryID", entry):
                    if row["AccountCode"]:
                        row.update(Account=account["ID"], AccountCode=account["Code"])
            return outcome

    site.prepared.clear()
    site.reuse(Misled(site.connector(lines_per_entry=2)))
    site.post(*receipts)
    assert site.held() == dict.fromkeys(("PM000000", "PM000001"), "read_back_differs")
    assert [site.state(item) for item in receipts[2:]] == ["posted"] * 8


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "html"])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_read_back_that_breaks_is_made_up_for(site: Any, receipts: list[Any], kind: str, position: int) -> None:
    """The transport asks several times; a run that never gets its answer leaves the rest to the next one."""
    for _ in range(3 if kind == "html" else 1):
        site.break_next(kind, "bulk/Financial/TransactionLines", method="GET", skip=position)
    site.post(*receipts)
    site.post()
    assert is_settled(site, receipts)
    assert site.entries() == 5
    assert steps(site).count("send") == 5


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("position", range(5))
def test_what_was_read_before_a_look_up_is_read_again(site: Any, receipts: list[Any], kind: str, position: int) -> None:
    site.break_next(kind, "BankEntries", method="POST", skip=position)
    for _ in range(2):
        site.post() if site.held() else site.post(*receipts)
    assert is_settled(site, receipts)
    assert site.entries() == 5
    assert site.division.books.balance("1230", "EUR") == 10 * 12_100


@pytest.mark.parametrize("position", range(4))
def test_receipts_that_were_read_before_a_look_up_are_matched_all_the_same(
    site: Any, given: SimpleNamespace, position: int
) -> None:
    """A look-up lets the connector begin anew, and what it is not told of again it would not match."""
    site.division.switches.auto_match = "off"
    items = []
    for number in range(4):
        site.division.add_invoice(26700050 + number, "42", 1_000 + number)
        items.append(
            given.receipt(f"PM{number:06d}", 1_000 + number, invoice=str(26700050 + number), event=f"EV{number}")
        )
    made = site.connector(lines_per_entry=1, matching_mode="xml_matchsets")
    site.reuse(InSmallGroups(made))
    site.break_next("drop_after", "BankEntries", method="POST", skip=position)
    site.post(*items)
    assert is_settled(site, items)
    assert [[step.step for step in site.row(item).documents] for item in items] == [["entry", "match"]] * 4
    with site.division.lock:
        assert all(row["IsFullyPaid"] for row in site.division.tables["Terms"])
