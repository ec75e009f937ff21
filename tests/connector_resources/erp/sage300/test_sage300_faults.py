"""Lost answers, half-created batches, clerks and locks: exactly one document, or a held item that says what to look at."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

RECEIPTS, INVOICES, REFUNDS, JOURNALS = (
    "ARReceiptAndAdjustmentBatches", "ARInvoiceBatches", "ARRefundBatches", "GLJournalBatches",
)  # fmt: skip
AFTER = ("drop_after", "error_after", "html_after", "truncate")
NOT_ALLOWED = '{"error":{"code":"InvalidRequest","message":{"lang":"en-US","value":"You cannot edit this batch."}}}'
BEFORE = ("drop_before", "error_before", "html", "rate_limit")


def everything(given: SimpleNamespace) -> list[Any]:
    """One of each: a receipt that is taken back, a refund that comes back, a payout, an invoice."""
    paid, refunded = given.receipt("PM000001", 100_000, event="EV10001"), given.refund()
    kept = given.receipt("PM000002", 100_000, event="EV10002")
    return [
        paid, kept, given.reversal(paid), refunded, given.refund_reversal(refunded), given.payout(),
        given.sales_invoice(),
    ]  # fmt: skip


def documents(site: Any) -> Counter[str]:
    """Every document by its own name; one that stands twice is counted twice."""
    found: Counter[str] = Counter(entry["CheckReceiptNumber"] for entry in site.receipts())
    found.update(entry["DocumentNumber"] for entry in site.invoices())
    found.update(entry["DocumentNumber"] for row in site.batches(REFUNDS) for entry in row["RefundEntries"])
    found.update(row["Description"] for row in site.journals() if row["Description"].startswith("GC "))
    return found


def on_screen(site: Any, times: int) -> Any:
    """A clerk opens the batch as soon as it is there, and closes it after so many refusals."""

    def opens(planned: Any) -> None:
        if planned.step == "receipt":
            site.company.clerk.open_batch(RECEIPTS, site.batches(RECEIPTS)[0]["BatchNumber"], times=times)

    return opens


def run_to_the_end(site: Any, **changes: Any) -> None:
    for _ in range(6):
        if not site.post(**changes).stopped:
            return


@pytest.mark.parametrize("kind", AFTER + BEFORE)
def test_a_fault_at_every_write_leaves_every_document_once(site: Any, given: SimpleNamespace, kind: str) -> None:
    for path in (RECEIPTS, INVOICES, REFUNDS, JOURNALS, "process"):
        site.break_next(kind, path)

    site.post(*everything(given), post_mode="post")
    run_to_the_end(site, post_mode="post")

    assert site.sandbox.faults.queued == []
    assert site.held() == {}
    assert set(documents(site).values()) == {1}
    assert len(documents(site)) == 8
    assert site.company.books.balance("1099") == 0


@pytest.mark.parametrize("kind", AFTER + BEFORE)
def test_a_fault_when_a_batch_is_made_ready(site: Any, given: SimpleNamespace, kind: str) -> None:
    site.break_next(kind, RECEIPTS, method="PATCH")

    site.post(given.receipt(), post_mode="ready")
    run_to_the_end(site, post_mode="ready")

    assert site.held() == {}
    assert [row["BatchStatus"] for row in site.batches(RECEIPTS)] == ["ReadyToPost"]


def test_a_half_created_batch_is_held_with_its_number(site: Any, given: SimpleNamespace) -> None:
    site.half_write(RECEIPTS, 2)

    site.post(*given.receipts(5))

    assert set(site.held().values()) == {"cannot_tell"}
    (batch,) = site.batches(RECEIPTS)
    assert batch["NumberOfEntries"] == 2
    assert f"Batch {batch['BatchNumber']} (Open)" in site.reasons()
    assert "3 of its 5 entries are missing" in site.reasons()


def test_after_the_half_batch_was_deleted_the_release_makes_one_whole_one(site: Any, given: SimpleNamespace) -> None:
    site.half_write(RECEIPTS, 2)
    site.post(*given.receipts(5))
    site.company.clerk.delete_batch(RECEIPTS, site.batches(RECEIPTS)[0]["BatchNumber"])

    site.release()
    report = site.post()

    assert report.held == []
    assert documents(site) == Counter({f"PM{n:06d}": 1 for n in range(1, 6)})


def test_released_with_the_half_batch_still_there_nothing_is_sent(site: Any, given: SimpleNamespace) -> None:
    site.half_write(RECEIPTS, 2)
    site.post(*given.receipts(5))

    site.release()
    site.post()

    assert set(site.held().values()) <= {"cannot_tell", "batch_exists"}
    assert len(site.receipts()) == 2


def test_a_dropped_connection_after_a_half_write_is_held_too(site: Any, given: SimpleNamespace) -> None:
    site.half_write(RECEIPTS, 1)
    site.break_next("drop_after", RECEIPTS, method="POST")

    site.post(*given.receipts(3))

    assert set(site.held().values()) == {"cannot_tell"}
    assert len(site.receipts()) == 1


def test_what_a_refused_batch_left_and_nobody_may_empty_is_held_with_its_number(
    site: Any, given: SimpleNamespace
) -> None:
    """`batch_incomplete`: a person deletes the batch, mends the cause and releases; each receipt is there once."""
    site.company.switches.change({"failed_insert": "partial"})
    site.company.add_customer("1400", "Turns inactive")
    made = [*given.receipts(3), given.receipt("PM000666", event="EV66600", customer="1400")]
    site.break_next("error_before", RECEIPTS, method="PATCH", status=400, body=NOT_ALLOWED)

    site.post(*made, before=lambda planned: site.company.clerk.edit_customer("1400", Status="Inactive"))

    assert set(site.held().values()) == {"batch_incomplete"}
    (left,) = site.batches(RECEIPTS)
    assert f"Delete batch {left['BatchNumber']}" in site.reasons()
    site.company.clerk.delete_batch(RECEIPTS, left["BatchNumber"])
    site.company.clerk.edit_customer("1400", Status="Active")
    site.release()
    run_to_the_end(site)
    assert site.held() == {}
    assert set(documents(site).values()) == {1}
    assert len(documents(site)) == 4


@pytest.mark.parametrize("left", ["partial", "header", "rolled_back"])
def test_one_refused_entry_holds_only_its_own_posting(site: Any, given: SimpleNamespace, left: str) -> None:
    site.company.switches.change({"failed_insert": left})
    site.company.add_customer("1400", "Turns inactive")
    made = [*given.receipts(9), given.receipt("PM000666", event="EV66600", customer="1400")]

    site.post(*made, before=lambda planned: site.company.clerk.edit_customer("1400", Status="Inactive"))
    run_to_the_end(site)

    assert site.held() == {"PM000666": "customer_inactive"}
    assert documents(site) == Counter({f"PM{n:06d}": 1 for n in range(1, 10)})


def test_what_a_refused_batch_left_is_not_forgotten_when_the_sign_on_is_refused_meanwhile(
    site: Any, given: SimpleNamespace
) -> None:
    """The run stops there and then, and a receipt that comes meanwhile does not join those of the batch."""
    site.company.switches.change({"failed_insert": "partial"})
    site.company.add_customer("1400", "Turns inactive")
    made = [*given.receipts(3), given.receipt("PM000666", event="EV66600", customer="1400")]

    def turns(planned: Any) -> None:
        site.company.clerk.edit_customer("1400", Status="Inactive")
        site.break_next("error_before", RECEIPTS, method="GET", status=401)

    report = site.post(*made, before=turns)
    assert "refuses the user or the password" in report.stopped
    (left,) = site.batches(RECEIPTS)
    site.store.vault.write(given.CONNECTION, "sage300_password", given.PASSWORD)
    newer = given.receipt("PM000777", event="EV77700")
    site.post(newer)

    assert (site.state(newer), set(site.held().values())) == ("posted", {"cannot_tell"})
    assert f"Batch {left['BatchNumber']}" in site.reasons()
    site.company.clerk.delete_batch(RECEIPTS, left["BatchNumber"])
    site.company.clerk.edit_customer("1400", Status="Active")
    site.release()
    run_to_the_end(site)
    assert site.held() == {}
    assert set(documents(site).values()) == {1}
    assert len(documents(site)) == 5


def test_a_clerk_who_posts_our_batch_before_we_look_is_met(site: Any, given: SimpleNamespace) -> None:
    """The write was applied, the answer lost, and the batch posted by the time we look for it."""
    site.company.add_invoice("1200", "IN0000123", 12_500)
    site.break_next("drop_after", RECEIPTS, method="POST")

    def clerk_posts() -> None:
        for row in site.batches(RECEIPTS):
            if row["BatchStatus"] == "Open":
                site.company.clerk.post(RECEIPTS, row["BatchNumber"])

    site.meanwhile = clerk_posts
    paid = given.receipt(invoice="IN0000123")
    report = site.post(paid)

    assert (report.adopted, report.held, site.state(paid)) == (1, [], "posted")
    assert site.company.books.balance("1099") == 12_500


def test_a_batch_that_was_posted_and_deleted_is_not_booked_again(site: Any, given: SimpleNamespace) -> None:
    site.break_next("drop_after", RECEIPTS, method="POST")

    def clerk_clears() -> None:
        for row in list(site.batches(RECEIPTS)):
            site.company.clerk.post(RECEIPTS, row["BatchNumber"])
            site.company.tables[RECEIPTS].remove("CA", row["BatchNumber"])

    site.meanwhile = clerk_clears
    site.post(given.receipt())

    assert site.held() == {"PM000123": "cannot_tell"}
    assert "PM000123" in site.reasons()
    assert site.company.books.balance("1099") == 12_500


def test_two_batches_with_our_text_are_for_a_person(site: Any, given: SimpleNamespace) -> None:
    site.break_next("drop_after", RECEIPTS, method="POST")

    def clerk_copies() -> None:
        if len(site.batches(RECEIPTS)) == 1:
            site.company.clerk.copy_batch(RECEIPTS, site.batches(RECEIPTS)[0]["BatchNumber"])

    site.meanwhile = clerk_copies
    site.post(given.receipt())

    assert site.held() == {"PM000123": "cannot_tell"}
    assert "several batches" in site.reasons()


@pytest.mark.parametrize("mark", ["error_batch", "count_only"])
def test_entries_that_fail_posting_are_held_and_the_others_are_done(
    site: Any, given: SimpleNamespace, mark: str
) -> None:
    """Over-application is found when the batch is posted; the call succeeds all the same."""
    site.company.switches.change({"posted_error_mark": mark})
    site.company.add_invoice("1200", "IN0000123", 12_500)
    good = given.receipt("PM000002", event="EV10002", customer="1300")
    bad = given.receipt("PM000001", event="EV10001", invoice="IN0000123")
    came = []

    def clerk_receives(planned: Any) -> None:
        if not came:
            came.append(planned)
            site.company.clerk.receive("1200", "IN0000123", 12_500, check="CHEQUE 1")

    site.post(bad, good, before=clerk_receives, post_mode="post")

    assert site.held() == {"PM000001": "read_back_differs"}
    assert "posted with errors" in site.reasons()
    assert site.state(good) == "posted"


@pytest.mark.parametrize("mark", ["error_batch", "count_only"])
def test_an_entry_in_error_is_adopted_once_a_person_has_posted_it_from_the_batch_of_errors(
    site: Any, given: SimpleNamespace, mark: str
) -> None:
    site.company.switches.change({"posted_error_mark": mark})
    paid = given.receipt()

    site.post(paid, after=lambda _: site.company.lock_period(2026, 3), post_mode="post")
    assert site.held() == {"PM000123": "read_back_differs"}
    site.release()
    site.post(post_mode="post")
    assert site.held() == {"PM000123": "read_back_differs"}

    site.company.unlock_period(2026, 3)
    site.company.clerk.post_all("ARReceiptAndAdjustmentBatches")
    site.release()
    site.post(post_mode="post")

    assert site.state(paid) == "posted"
    assert site.company.books.receivables()["EUR"]["1200"] == -12_500


def test_a_batch_that_somebody_has_open_is_tried_again(site: Any, given: SimpleNamespace) -> None:
    report = site.post(given.receipt(), after=on_screen(site, times=2), post_mode="ready")

    assert report.held == []
    assert [nap for nap in site.naps if nap in (5.0, 15.0, 45.0)] == [5.0, 15.0]


def test_one_that_stays_open_is_held(site: Any, given: SimpleNamespace) -> None:
    site.post(given.receipt(), after=on_screen(site, times=-1), post_mode="ready")

    assert site.held() == {"PM000123": "locked_by_user"}


def test_a_posting_run_that_goes_on_is_waited_for_and_then_reported(site: Any, given: SimpleNamespace) -> None:
    site.company.stuck_postings = 1
    site.break_next("drop_after", "process")

    first = site.post(given.receipt(), post_mode="post")
    assert "still posting" in first.stopped
    site.company.clock.advance(timedelta(hours=2))
    site.post(post_mode="post")

    assert site.held() == {"PM000123": "cannot_tell"}
    assert "Restart the posting" in site.reasons()


def test_a_clerk_who_changes_an_amount_is_noticed_before_anything_is_posted(site: Any, given: SimpleNamespace) -> None:
    def change(planned: Any) -> None:
        site.receipts()[0]["BankReceiptAmount"] += 1

    site.post(*given.receipts(3), after=change, post_mode="post")

    assert set(site.held().values()) == {"read_back_differs"}
    assert len(site.held()) == 3
    assert site.company.books.balance("1099") == 0


def test_tax_that_shifts_a_debit_note_is_noticed(site: Any, given: SimpleNamespace) -> None:
    paid = given.receipt()

    site.post(paid, given.reversal(paid), no_tax_group="EUVAT")

    assert site.held() == {"PM000123": "read_back_differs"}
    assert "amount" in site.reasons()


def test_a_server_whose_zone_shifts_dates_is_noticed(site: Any, given: SimpleNamespace) -> None:
    site.company.switches.change({"zone_shifts_dates": True})

    report = site.post(given.receipt())

    assert report.held == []
    assert site.receipts()[0]["ReceiptDateAdjustmentDate"] == given.DAY
