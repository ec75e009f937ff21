"""Receipts that Exact has not matched are settled by match sets or by offset, judged by what is open in the division."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.exact_online.match_sets import MatchLine, MatchSet, document, refusals

XML = {"matching_mode": "xml_matchsets"}


@pytest.fixture
def alone(site: Any) -> Iterator[Any]:
    """A division that matches nothing by itself."""
    site.division.switches.auto_match = "off"
    return site


def uploads(site: Any) -> int:
    return sum(path.startswith("/docs/XMLUpload") for _, path in site.sandbox.faults.requests)


def open_rows(site: Any) -> list[tuple[str, int]]:
    """What nothing has settled: (journal, amount in the debit view)."""
    with site.division.lock:
        rows = [row for row in site.division.tables["Terms"] if not row["IsFullyPaid"]]
        return sorted((row["Journal"], row["minor"]) for row in rows)


def last(site: Any, item: Any) -> Any:
    return site.row(item).documents[-1].document


def test_a_receipt_that_exact_left_open_is_settled_with_its_invoice(alone: Any, given: SimpleNamespace) -> None:
    alone.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    report = alone.post(item, **XML)
    assert (report.held, report.stopped, alone.state(item)) == ([], "", "posted")
    assert open_rows(alone) == []
    assert [step.step for step in alone.row(item).documents] == ["entry", "match"]
    assert dict(last(alone, item).details) == {"id": "EV00001:receipt/match"}


def test_what_exact_matches_by_itself_is_not_uploaded(site: Any, given: SimpleNamespace) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    site.post(item, **XML)
    assert (open_rows(site), uploads(site)) == ([], 0)
    assert [step.step for step in site.row(item).documents] == ["entry"]


def test_the_default_reports_what_stayed_open_and_uploads_nothing(alone: Any, given: SimpleNamespace) -> None:
    alone.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    alone.post(item)
    assert (alone.state(item), uploads(alone)) == ("posted", 0)
    assert last(alone, item).details["unmatched_receipts"] == "1"


def test_receipts_of_one_entry_share_a_file(alone: Any, given: SimpleNamespace) -> None:
    items = []
    for number in range(5):
        alone.division.add_invoice(26700050 + number, "42", 1_000 + number)
        items.append(
            given.receipt(f"PM00005{number}", 1_000 + number, invoice=str(26700050 + number), event=f"EV0005{number}")
        )
    alone.post(*items, **XML)
    assert (open_rows(alone), uploads(alone)) == ([], 1)
    assert {alone.state(item) for item in items} == {"posted"}


def test_a_partial_payment_leaves_the_rest_of_the_invoice_open(alone: Any, given: SimpleNamespace) -> None:
    alone.division.add_invoice(26700042, "42", 12_100)
    alone.post(given.receipt(minor=5_000, invoice="26700042"), **XML)
    assert open_rows(alone) == [("70", 7_100)]
    alone.post(given.receipt("PM000124", 7_100, invoice="26700042", event="EV00002"), **XML)
    assert open_rows(alone) == []


def test_an_invoice_opened_again_is_settled_with_the_item_that_opened_it(alone: Any, given: SimpleNamespace) -> None:
    alone.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    alone.post(item, **XML)
    alone.post(given.reversal(item), **XML)
    assert open_rows(alone) == [("23", 12_100)]
    alone.post(given.receipt("PM000123", invoice="26700042", event="EV00009"), **XML)
    assert open_rows(alone) == []


def test_a_refund_is_settled_with_its_credit_note(alone: Any, given: SimpleNamespace) -> None:
    item = given.refund()
    alone.post(item, **XML)
    assert (alone.state(item), open_rows(alone)) == ("posted", [])
    assert [step.step for step in alone.row(item).documents] == ["credit_note", "entry", "match"]


def test_two_equal_receipts_of_a_customer_in_one_entry_are_left_to_a_person(alone: Any, given: SimpleNamespace) -> None:
    """Exact names a line by its amount, and refuses what is not unique."""
    items = []
    for number in range(2):
        alone.division.add_invoice(26700050 + number, "42", 1_000)
        items.append(given.receipt(f"PM00005{number}", 1_000, invoice=str(26700050 + number), event=f"EV0005{number}"))
    report = alone.post(*items, **XML)
    assert (report.held, uploads(alone)) == ([], 0)
    assert {alone.state(item) for item in items} == {"posted"}
    assert last(alone, items[0]).details["unmatched_receipts"] == "2"


def test_equal_receipts_with_entries_of_their_own_are_told_apart(alone: Any, given: SimpleNamespace) -> None:
    items = []
    for number in range(2):
        alone.division.add_invoice(26700050 + number, "42", 1_000)
        items.append(given.receipt(f"PM00005{number}", 1_000, invoice=str(26700050 + number), event=f"EV0005{number}"))
    alone.post(*items, posting_granularity="single", **XML)
    assert open_rows(alone) == []


def test_a_set_that_exact_refuses_holds_nothing(alone: Any, given: SimpleNamespace) -> None:
    """The invoice lies in a closed period."""
    alone.division.add_invoice(26700042, "42", 12_100)
    alone.division.close_period(2026, 1, ["70"])
    item = given.receipt(invoice="26700042")
    report = alone.post(item, **XML)
    assert (report.held, alone.state(item)) == ([], "posted")
    details = last(alone, item).details
    assert details["refused"].startswith("1: Betalingstermijn: GLAccount=1300")
    assert details["unmatched_receipts"] == "1"
    alone.post(**XML)
    assert uploads(alone) == 1


def test_an_empty_answer_is_success(alone: Any, given: SimpleNamespace) -> None:
    alone.division.switches.match_sets_silent = True
    alone.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    alone.post(item, **XML)
    assert (open_rows(alone), "refused" in last(alone, item).details) == ([], False)


@pytest.mark.parametrize("answer", ["gone", "page", "not allowed"])
def test_without_the_interface_receipts_are_booked_all_the_same(
    alone: Any, given: SimpleNamespace, answer: str
) -> None:
    alone.division.switches.match_sets_discontinued = answer == "gone"
    if answer != "gone":
        status = 200 if answer == "page" else 403
        kind = "html" if answer == "page" else "error_before"
        alone.break_next(kind, "XMLUpload", times=9, status=status)
    for number in range(3):
        alone.division.add_invoice(26700050 + number, "42", 1_000)
        item = given.receipt(f"PM00005{number}", 1_000, invoice=str(26700050 + number), event=f"EV0005{number}")
        report = alone.post(item, **XML)
        assert (report.held, report.stopped, alone.state(item)) == ([], "", "posted")
    assert uploads(alone) == 1, "Exact blocks an app for repeated refusals"
    (line,) = [each for each in alone.connector(**XML).ping().lines if each.what == "match sets"]
    assert (line.ok, line.detail) == (False, "Exact refused them at 2026-03-02 10:00 UTC")
    assert not any(each.what == "match sets" for each in alone.connector().ping().lines)


def test_the_interface_is_tried_again_a_day_later(alone: Any, given: SimpleNamespace) -> None:
    alone.break_next("error_before", "XMLUpload", status=403)
    alone.division.add_invoice(26700042, "42", 12_100)
    alone.division.add_invoice(26700043, "42", 5_000)
    alone.post(given.receipt(invoice="26700042"), **XML)
    alone.division.clock.advance(given.days(2))
    alone.post(given.receipt("PM000124", 5_000, invoice="26700043", event="EV00002"), **XML)
    assert uploads(alone) == 2
    assert open_rows(alone) == [("23", -12_100), ("70", 12_100)]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error_before", "error_after", "truncate"])
def test_an_unanswered_upload_is_looked_up(alone: Any, given: SimpleNamespace, kind: str) -> None:
    alone.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    alone.break_next(kind, "XMLUpload", **({"status": 503} if "error" in kind else {}))
    alone.post(item, **XML)
    alone.post(**XML)
    assert (alone.held(), alone.state(item), open_rows(alone)) == ({}, "posted", [])
    assert alone.entries() == 1
    assert uploads(alone) == (2 if kind in ("drop_before", "error_before") else 1)


@pytest.mark.parametrize("switch", [True, False])
def test_a_general_journal_names_the_line_that_it_settles(alone: Any, given: SimpleNamespace, switch: bool) -> None:
    alone.division.switches.journal_offset_matches = switch
    alone.division.add_invoice(26700042, "42", 12_100)
    item = given.receipt(invoice="26700042")
    alone.post(item, matching_mode="gj_offset", booking_document="general_journal")
    assert (alone.state(item), alone.held()) == ("posted", {})
    assert open_rows(alone) == ([] if switch else [("70", 12_100), ("90", -12_100)])
    assert last(alone, item).details.get("unmatched_receipts") == (None if switch else "1")


def test_an_offset_needs_general_journals(given: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="gj_offset needs booking_document general_journal"):
        given.settings(matching_mode="gj_offset")


def test_the_file_is_this_text() -> None:
    lines = (
        MatchLine(2026, 11, "70", 26700042, Decimal("121.00")),
        MatchLine(2026, 11, "23", 26230007, Decimal("-121.00")),
    )
    assert document([MatchSet("1300", "42", lines)]).decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<eExact xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="eExact-XML.xsd">'
        '<MatchSets><MatchSet><GLAccount code="1300"/><Account code="                42"/><MatchLines>'
        '<MatchLine finyear="2026" finperiod="11" journal="70" entry="26700042" amountdc="121.00"/>'
        '<MatchLine finyear="2026" finperiod="11" journal="23" entry="26230007" amountdc="-121.00"/>'
        "</MatchLines></MatchSet></MatchSets></eExact>"
    )


def test_only_errors_are_refusals() -> None:
    said = "".join(
        f'<Message type="{kind}"><Topic code="MatchSets"/><Date/><Description>{kind} said</Description></Message>'
        for kind in range(4)
    )
    assert refusals(f"<eExact><Messages>{said}</Messages></eExact>".encode()) == ["0 said", "3 said"]
    assert refusals(b"<eExact><Messages/></eExact>") == []
    for strange in (b"", b"<html><body>log in</body></html>", b'{"error": 1}'):
        with pytest.raises(ValueError, match="the answer is"):
            refusals(strange)
