"""Batches that are half there, locked, ready, stuck or broken off; what may still be changed, and what a retry would do."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from sandbox.faults import Fault

RECEIPTS = "AR/ARReceiptAndAdjustmentBatches"
INVOICES = "AR/ARInvoiceBatches"
JOURNALS = "GL/GLJournalBatches"
FIRST = "AR/ARReceiptAndAdjustmentBatches(BatchRecordType='CA',BatchNumber=1)"


@pytest.fixture
def three(api: Any) -> dict[str, Any]:
    """Two good receipts and one that is refused, in this order: good, bad, good."""
    api.company.add_invoice("1200", "IN2", 1000)
    bad = api.receipt(PaymentCode="NONE", CheckReceiptNumber="PM2")
    return dict(api.receipts(api.receipt(), bad, api.receipt("10.00", "IN2", CheckReceiptNumber="PM3")))


@pytest.mark.parametrize(("mode", "left"), [("partial", ["PM000123ABC"]), ("header", []), ("rolled_back", None)])
def test_a_refused_entry_leaves_what_the_switch_says(api: Any, three: Any, mode: str, left: list[str] | None) -> None:
    api.company.switches.change({"failed_insert": mode})
    api.problem(api.post(RECEIPTS, three), 409, "FieldInvalid")
    rows = api.rows(RECEIPTS, filter="Description eq 'GC RCPT 1'")
    found = [[each["CheckReceiptNumber"] for each in row["ReceiptsAdjustments"]] for row in rows]
    assert found == ([] if left is None else [left])
    assert [row["NumberOfEntries"] for row in rows] == [len(each) for each in found]


def test_a_header_that_is_refused_leaves_nothing(api: Any) -> None:
    api.problem(api.post(RECEIPTS, api.receipts(api.receipt(), BankCode="NONE")), 409, "FieldInvalid")
    assert api.rows(RECEIPTS) == []
    api.problem(api.post(RECEIPTS, api.receipts(api.receipt(), Nothing=1)), 400, "InvalidPayload")
    assert api.rows(RECEIPTS) == []


def test_a_partial_batch_is_completed_by_inserting_what_is_missing(api: Any, three: Any) -> None:
    api.post(RECEIPTS, three)
    missing = {**three["ReceiptsAdjustments"][2], "UpdateOperation": "Insert"}
    assert api.patch(FIRST, {"ReceiptsAdjustments": [missing]}).status_code == 204
    batch = api.record(FIRST)
    assert [(each["EntryNumber"], each["CheckReceiptNumber"]) for each in batch["ReceiptsAdjustments"]] == [
        (1, "PM000123ABC"),
        (2, "PM3"),
    ]
    assert (batch["NumberOfEntries"], batch["BatchTotal"]) == (2, 135)


def test_entries_of_an_open_batch_are_changed_and_deleted_by_their_number(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt(), api.receipt("10.00", CheckReceiptNumber="PM2")))
    change = {"EntryNumber": 1, "EntryDescription": "changed", "UpdateOperation": "Update"}
    remove = {"EntryNumber": 2, "UpdateOperation": "Delete"}
    assert api.patch(FIRST, {"ReceiptsAdjustments": [change, remove]}).status_code == 204
    (entry,) = api.record(FIRST)["ReceiptsAdjustments"]
    assert (entry["EntryDescription"], entry["CheckReceiptNumber"]) == ("changed", "PM000123ABC")
    api.problem(api.patch(FIRST, {"ReceiptsAdjustments": [remove]}), 409, "General")


@pytest.mark.parametrize("entries", [0, 1])
def test_a_half_write_is_there_and_answers_with_an_error(api: Any, entries: int) -> None:
    control = {"resource": "ARReceiptAndAdjustmentBatches", "entries": entries}
    assert requests.post(f"{api.host}/_control/half_writes", json=control, timeout=10).status_code == 200
    api.company.switches.change({"failed_insert": "rolled_back"})
    body = api.receipts(api.receipt(), api.receipt("10.00", CheckReceiptNumber="PM2"), BatchStatus="ReadyToPost")
    api.problem(api.post(RECEIPTS, body), 500, "InternalServerError")
    batch = api.record(FIRST)
    assert (batch["NumberOfEntries"], batch["BatchStatus"]) == (entries, "Open")
    assert api.post(RECEIPTS, body).status_code == 201, "it happens once"


def test_a_write_that_was_applied_while_the_connection_dropped_can_be_looked_up(api: Any) -> None:
    api.app.faults.add(Fault("drop_after", method="POST", path="ARReceipt"))
    with pytest.raises(requests.ConnectionError):
        api.post(RECEIPTS, api.receipts(api.receipt()))
    assert len(api.rows(RECEIPTS, filter="Description eq 'GC RCPT 1'")) == 1
    assert api.created(RECEIPTS, api.receipts(api.receipt()))["BatchNumber"] == 2, "identical batches are taken twice"


def test_a_gateway_page_may_hide_a_write_that_took_effect(api: Any) -> None:
    api.app.faults.add(Fault("html_after", method="POST", path="GLJournal", status=502))
    answer = api.post(JOURNALS, api.journal(("1020", "5"), ("6115", "-5")))
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert len(api.rows(JOURNALS, filter="Description eq 'GC PAYOUT PO1'")) == 1


def test_a_batch_that_is_ready_or_posted_is_not_edited(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.ready(RECEIPTS, 1)
    told = api.problem(api.patch(FIRST, {"Description": "x"}), 409, "General")
    assert "set to Ready To Post" in told
    api.company.clerk.reopen("ARReceiptAndAdjustmentBatches", 1)
    assert api.patch(FIRST, {"Description": "x"}).status_code == 204
    api.posted(RECEIPTS, 1)
    assert "Posted" in api.problem(api.patch(FIRST, {"Description": "y"}), 409, "General")


def test_other_states_cannot_be_set_by_a_client(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.problem(api.patch(FIRST, {"BatchStatus": "Posted"}), 409, "General")
    api.problem(api.patch(FIRST, {"BatchStatus": "Deleted"}), 409, "General")
    assert api.record(FIRST)["BatchStatus"] == "Open"


def test_a_batch_somebody_has_open_is_locked_so_many_times(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.company.clerk.open_batch("ARReceiptAndAdjustmentBatches", 1, times=2)
    for _ in range(2):
        assert "locked by another user" in api.problem(api.patch(FIRST, {"Description": "x"}), 409, "General")
    assert api.patch(FIRST, {"Description": "x"}).status_code == 204
    api.company.clerk.open_batch("ARReceiptAndAdjustmentBatches", 1)
    for _ in range(3):
        assert api.patch(FIRST, {"Description": "x"}).status_code == 409
    api.company.clerk.close_batch("ARReceiptAndAdjustmentBatches", 1)
    assert api.patch(FIRST, {"Description": "x"}).status_code == 204


def test_a_printed_deposit_slip_closes_a_batch(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.company.clerk.print_deposit_slip(1)
    assert "deposit slip" in api.problem(api.patch(FIRST, {"Description": "x"}), 409, "General")


def test_batches_must_be_listed_where_the_option_forces_it(api: Any) -> None:
    api.company.switches.change({"force_listing": True})
    api.created(RECEIPTS, api.receipts(api.receipt(), BatchStatus="ReadyToPost"))
    assert "printed" in api.problem(api.process(RECEIPTS, 1), 409, "General")
    api.company.clerk.print_listing("ARReceiptAndAdjustmentBatches", 1)
    assert api.process(RECEIPTS, 1).status_code == 204
    assert api.record(FIRST)["BatchStatus"] == "Posted"


def test_a_posting_that_stopped_is_restarted_by_a_person(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    requests.post(f"{api.host}/_control/stuck_postings", json={"times": 1}, timeout=10)
    assert api.posted(RECEIPTS, 1)["BatchStatus"] == "PostInProgress"
    assert api.process(RECEIPTS, 1).status_code == 204
    assert api.record(FIRST)["BatchStatus"] == "PostInProgress"
    assert api.company.books.receivable("1200", "EUR") == 12500
    api.company.clerk.restart_posting("ARReceiptAndAdjustmentBatches", 1)
    assert api.record(FIRST)["BatchStatus"] == "Posted"


def test_post_all_posts_what_other_people_made_ready(api: Any) -> None:
    for status in ("Open", "ReadyToPost", "ReadyToPost"):
        api.created(INVOICES, api.invoices(api.invoice(""), BatchStatus=status))
    answer = api.post("AR/ARPostInvoices('$process')", {"PostAllBatches": "Postallbatches"})
    assert answer.status_code == 204
    states = [row["BatchStatus"] for row in api.rows(INVOICES, select="BatchStatus")]
    assert states == ["Posted", "Open", "Posted", "Posted"]


def test_a_range_that_runs_backwards_is_refused(api: Any) -> None:
    body = {"PostAllBatches": "Donotpostallbatches", "PostBatchFrom": 2, "PostBatchTo": 1}
    api.problem(api.post("AR/ARPostInvoices('$process')", body), 409, "FieldInvalid")


def test_posting_sequences_rise_for_each_kind_by_itself(api: Any) -> None:
    api.created(RECEIPTS, api.receipts(api.receipt()))
    api.created(INVOICES, api.invoices(api.invoice()))
    receipt, invoice = api.posted(RECEIPTS, 1), api.posted(INVOICES, 2)
    assert (receipt["PostingSequenceNumber"], invoice["PostingSequenceNumber"]) == (1, 2)
    assert api.document("GCI1")["PostingSequenceNumber"] == 2


def test_amounts_finer_than_a_cent_are_refused(api: Any) -> None:
    fine = "10.005"
    bodies = [
        (INVOICES, api.invoices(api.invoice(amount=fine))),
        (RECEIPTS, api.receipts(api.receipt(fine, ""))),
        (RECEIPTS, api.receipts(api.receipt() | {"AppliedReceiptsAdjustments": [
            {"DocumentNumber": "IN0000123", "CustomerReceiptAmount": 10.005}]})),
        (JOURNALS, api.journal()),
    ]  # fmt: skip
    bodies[-1][1]["JournalHeaders"][0]["JournalDetails"] = [{"AccountNumber": "1020", "SourceCurrencyAmount": 10.005}]
    for path, body in bodies:
        assert "2 decimals" in api.problem(api.post(path, body), 409, "FieldInvalid")


def test_an_entry_in_error_may_be_told_by_its_count_alone(api: Any) -> None:
    api.company.switches.change({"posted_error_mark": "count_only"})
    api.created(INVOICES, api.invoices(api.invoice("IN0000123")))
    batch = api.posted(INVOICES, 2)
    assert (batch["NumberOfErrors"], batch["Invoices"][0]["ErrorBatch"]) == (1, 0)


def test_an_amount_of_an_open_invoice_is_changed_by_line(api: Any) -> None:
    api.created(INVOICES, api.invoices(api.invoice()))
    line = {"LineNumber": 20, "ExtendedAmountWithTIP": 12, "UpdateOperation": "Update"}
    change = {"EntryNumber": 1, "UpdateOperation": "Update", "InvoiceDetails": [line]}
    assert api.patch(f"{INVOICES}(2)", {"Invoices": [change]}).status_code == 204
    batch = api.record(f"{INVOICES}(2)")
    assert (batch["BatchTotal"], batch["Invoices"][0]["InvoicePaymentSchedules"][0]["AmountDue"]) == (12, 12)


def test_too_many_requests_at_once_are_turned_away(api: Any) -> None:
    api.company.switches.change({"concurrent_requests": 1})
    codes: list[int] = []

    def ask() -> None:
        address = f"{api.root}/CS/CSCompanyProfile"
        headers = {"Content-Type": "application/json"}
        codes.append(requests.get(address, auth=api.session.auth, headers=headers, timeout=20).status_code)

    with api.company.lock:
        waiting = [threading.Thread(target=ask) for _ in range(2)]
        waiting[0].start()
        deadline = time.monotonic() + 10
        while not api.app.requests_under_way and time.monotonic() < deadline:
            time.sleep(0.001)
        waiting[1].start()
        waiting[1].join(10)
    waiting[0].join(10)
    assert codes == [429, 200]
