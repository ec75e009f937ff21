"""Receipts, take-backs, refunds and payouts in mode ar_receipts, as the company's own books see them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

CLEARING, CONTROL, BANK, FEES, VAT = "1099", "1100", "1020", "6115", "2150"


def test_a_receipt_settles_its_invoice_and_stays_in_an_open_batch(site: Any, given: SimpleNamespace) -> None:
    site.company.add_invoice("1200", "IN0000123", 12_500)
    paid = given.receipt(invoice="IN0000123")

    report = site.post(paid)

    assert (report.stopped, report.held, site.state(paid)) == ("", [], "posted")
    (batch,) = site.batches("ARReceiptAndAdjustmentBatches")
    assert (batch["BatchStatus"], batch["BankCode"]) == ("Open", "GCEUR")
    (entry,) = site.receipts()
    assert entry["CheckReceiptNumber"] == "PM000123"
    assert entry["EntryReference"] == "GCEV00001 PM000123 RECEIPT"
    assert entry["AppliedReceiptsAdjustments"][0]["DocumentNumber"] == "IN0000123"
    assert site.row(paid).documents[0].document.number == str(batch["BatchNumber"])
    assert site.company.books.balance(CLEARING) == 0


def test_in_mode_ready_a_person_only_has_to_post(site: Any, given: SimpleNamespace) -> None:
    paid = given.receipt()

    report = site.post(paid, post_mode="ready")

    assert (report.stopped, report.held, site.state(paid)) == ("", [], "posted")
    assert [row["BatchStatus"] for row in site.batches("ARReceiptAndAdjustmentBatches")] == ["ReadyToPost"]


def test_in_mode_post_the_books_show_the_receipt(site: Any, given: SimpleNamespace) -> None:
    site.company.add_invoice("1200", "IN0000123", 12_500)

    report = site.post(given.receipt(invoice="IN0000123"), post_mode="post")

    assert (report.stopped, report.held) == ("", [])
    assert site.company.books.balance(CLEARING) == 12_500
    assert site.company.books.receivable("1200", "EUR") == 0


def test_a_batch_is_read_back_before_it_is_made_ready_and_once_it_is_posted(site: Any, given: SimpleNamespace) -> None:
    site.post(given.receipt(), post_mode="post")

    path = "AR/ARReceiptAndAdjustmentBatches"
    calls = [method for method, called in site.sandbox.faults.requests if path in called or "$process" in called]
    first = calls.index("POST")
    assert calls[first:] == ["POST", "GET", "PATCH", "POST", "GET"]


def test_a_batch_that_an_earlier_run_made_ready_is_read_before_it_is_posted(site: Any, given: SimpleNamespace) -> None:
    def dies(planned: Any) -> None:
        if planned.step == "ready_receipt":
            raise InterruptedError("killed before the answer was written down")

    with pytest.raises(InterruptedError):
        site.post(given.receipt(), post_mode="post", after=dies)
    site.receipts()[0]["BankReceiptAmount"] = Decimal(1)

    site.post(post_mode="post")

    assert site.held() == {"PM000123": "read_back_differs"}
    assert [row["BatchStatus"] for row in site.batches("ARReceiptAndAdjustmentBatches")] == ["ReadyToPost"]


def test_what_a_clerk_changes_before_it_is_made_ready_is_found_once_it_is_posted(
    site: Any, given: SimpleNamespace
) -> None:
    def changes_the_amount(planned: Any) -> None:
        if planned.step == "ready_receipt":
            site.receipts()[0]["BankReceiptAmount"] = Decimal(1)

    site.post(given.receipt(), post_mode="post", before=changes_the_amount)

    assert site.held() == {"PM000123": "read_back_differs"}
    assert "its amount is 1, not 125" in site.reasons()


def test_only_our_own_batch_is_posted(site: Any, given: SimpleNamespace) -> None:
    site.company.add_invoice("1300", "IN0000900", 5_000)
    site.company.clerk.receive("1300", "IN0000900", 5_000, bank="MAIN", check="CHEQUE 1", post=False)

    site.post(given.receipt(), post_mode="post")

    statuses = {row["Description"][:7]: row["BatchStatus"] for row in site.batches("ARReceiptAndAdjustmentBatches")}
    assert statuses.pop("GC RCPT") == "Posted"
    assert set(statuses.values()) == {"Open"}


def test_many_receipts_share_batches_of_one_day_and_bank(site: Any, given: SimpleNamespace) -> None:
    other_day = given.receipt("PM900001", event="EV90001", booking_date=date(2026, 3, 3))

    report = site.post(*given.receipts(7), other_day, max_entries_per_batch=5)

    assert (report.settled, report.submissions) == (8, 3)
    sizes = sorted(row["NumberOfEntries"] for row in site.batches("ARReceiptAndAdjustmentBatches"))
    assert sizes == [1, 2, 5]


def test_a_receipt_without_invoice_stays_on_the_customers_account(site: Any, given: SimpleNamespace) -> None:
    site.post(given.receipt(invoice="UNKNOWN"), post_mode="post")

    (entry,) = site.receipts()
    assert entry["AppliedReceiptsAdjustments"] == []
    assert site.company.books.receivable("1200", "EUR") == -12_500


def test_by_setting_it_is_held_instead(site: Any, given: SimpleNamespace) -> None:
    site.post(given.receipt(invoice="UNKNOWN"), unmatched_receipts="hold")

    assert site.held() == {"PM000123": "invoice_unmatched"}
    assert site.receipts() == []


def test_a_receipt_settles_instalments_in_their_order(site: Any, given: SimpleNamespace) -> None:
    parts = [(date(2026, 3, 1), Decimal(50)), (date(2026, 4, 1), Decimal(75))]
    site.company.add_invoice("1200", "IN0000123", 12_500, instalments=parts)

    site.post(given.receipt(minor=6_000, invoice="IN0000123"))

    (entry,) = site.receipts()
    applied = [(line["PaymentNumber"], line["CustomerReceiptAmount"]) for line in entry["AppliedReceiptsAdjustments"]]
    assert applied == [(1, Decimal(50)), (2, Decimal(10))]


def test_what_an_unposted_receipt_has_promised_is_not_promised_again(site: Any, given: SimpleNamespace) -> None:
    site.company.add_invoice("1200", "IN0000123", 12_500)
    site.post(given.receipt(invoice="IN0000123"))

    site.post(given.receipt("PM000124", event="EV00011", invoice="IN0000123"))

    second = next(entry for entry in site.receipts() if entry["CheckReceiptNumber"] == "PM000124")
    assert second["AppliedReceiptsAdjustments"] == []


def test_a_payment_that_settles_directly_is_received_at_the_merchants_bank(site: Any, given: SimpleNamespace) -> None:
    site.post(given.direct_receipt(), post_mode="post")

    assert site.company.books.balance(BANK) == 12_500
    assert site.company.books.balance(CLEARING) == 0


@pytest.mark.parametrize("post_mode", ["open", "post"])
def test_a_payment_taken_back_becomes_a_debit_note(site: Any, given: SimpleNamespace, post_mode: str) -> None:
    site.company.add_invoice("1200", "IN0000123", 12_500)
    paid = given.receipt(invoice="IN0000123")

    site.post(paid, given.reversal(paid), post_mode=post_mode)

    (note,) = site.invoices()
    assert (note["DocumentType"], note["OrderNumber"]) == ("DebitNote", "IN0000123")
    assert note["DocumentNumber"].startswith("GCDPM000123-")
    if post_mode == "post":
        assert site.company.books.balance(CLEARING) == 0
        assert site.company.books.receivable("1200", "EUR") == 12_500


def test_by_setting_it_is_a_task_for_a_person(site: Any, given: SimpleNamespace) -> None:
    paid = given.receipt()

    site.post(paid, given.reversal(paid), late_failure="task")

    assert site.held() == {"PM000123": "late_failure_by_hand"}
    assert site.invoices() == []


def test_a_receipt_that_staff_returned_is_not_taken_back_twice(site: Any, given: SimpleNamespace) -> None:
    paid = given.receipt()
    site.post(paid, post_mode="post")
    site.company.clerk.return_receipt("1200", "PM000123")

    site.post(given.reversal(paid), post_mode="post")

    assert site.held() == {"PM000123": "returned_by_hand"}
    assert site.company.books.receivable("1200", "EUR") == 0


def test_a_chargeback_that_was_withdrawn_is_received_again(site: Any, given: SimpleNamespace) -> None:
    paid = given.receipt()
    back = given.reversal(paid)
    again = given.receipt(event="EV00008", facts={"receipt": "again"})

    report = site.post(paid, back, again, post_mode="post")

    assert report.held == []
    assert sorted(entry["CheckReceiptNumber"][:12] for entry in site.receipts()) == ["PM000123", "PM000123-CBC"]
    assert site.company.books.balance(CLEARING) == 12_500
    assert site.company.books.receivable("1200", "EUR") == -12_500


def test_a_refund_is_a_credit_note_that_is_paid_out(site: Any, given: SimpleNamespace) -> None:
    report = site.post(given.refund(), post_mode="post")

    assert (report.stopped, report.held) == ("", [])
    assert site.company.books.balance("4090") == 4_000
    assert site.company.books.balance(CLEARING) == -4_000
    assert site.company.books.receivable("1200", "EUR") == 0


def test_where_people_post_a_refund_waits_for_its_credit_note(site: Any, given: SimpleNamespace) -> None:
    refunded = given.refund()
    site.post(refunded)
    assert site.held() == {"RF000123": "credit_note_unposted"}
    number = site.batches("ARInvoiceBatches")[0]["BatchNumber"]
    assert f"invoice batch {number}" in site.reasons()

    site.company.clerk.post("ARInvoiceBatches", number)
    site.release()
    report = site.post()

    assert (report.held, site.state(refunded)) == ([], "posted")
    assert len(site.batches("ARRefundBatches")) == 1


def test_a_refund_that_came_back_is_credit_on_the_customers_account(site: Any, given: SimpleNamespace) -> None:
    refunded = given.refund()

    site.post(refunded, given.refund_reversal(refunded), post_mode="post")

    assert site.company.books.balance(CLEARING) == 0
    assert site.company.books.receivable("1200", "EUR") == -4_000


def test_a_payout_clears_what_was_received(site: Any, given: SimpleNamespace) -> None:
    site.post(given.receipt(minor=100_000), given.payout(), post_mode="post")

    books = site.company.books
    assert [books.balance(code) for code in (BANK, FEES, VAT, CLEARING)] == [98_500, 1_250, 250, 0]
    journal = next(row for row in site.journals() if row["Description"].startswith("GC PAYOUT"))
    assert journal["Description"] == "GC PAYOUT PO000123 GCEV00005"
    assert (journal["FiscalYear"], journal["FiscalPeriod"]) == ("2026", "03")


def test_a_payout_that_bounced_and_went_out_again(site: Any, given: SimpleNamespace) -> None:
    paid = given.payout()
    back = given.moved_payout(paid, given.kinds.PAYOUT_REVERSAL, event="EV00006")
    again = given.moved_payout(paid, given.kinds.PAYOUT_REPEAT, event="EV00007")

    report = site.post(paid, back, again, post_mode="post")

    assert report.held == []
    assert site.company.books.balance(BANK) == 98_500
    assert site.company.books.balance("9999") == 0


def test_a_converted_payout_is_booked_at_gocardless_rate(site: Any, given: SimpleNamespace) -> None:
    report = site.post(given.converted_payout(), post_mode="post")

    assert report.held == []
    books = site.company.books
    assert [books.balance(code) for code in (BANK, FEES, "1098", "7100")] == [11_583, 117, -11_700, 0]
    details = site.journals()[0]["JournalDetails"]
    fees = next(line for line in details if line["AccountNumber"] == FEES)
    assert (fees["SourceCurrency"], fees["SourceCurrencyAmount"], fees["CurrencyRate"]) == ("GBP", 1, Decimal("1.17"))


def test_what_rounding_leaves_over_goes_to_exchange_differences(site: Any, given: SimpleNamespace) -> None:
    made = given.converted_payout()
    lines = tuple(
        given.changed(line, amount=type(line.amount)(11_582, "EUR")) if line.amount.currency == "EUR" else line
        for line in made.lines
    )

    site.post(given.changed(made, lines=lines), post_mode="post")

    assert site.company.books.balance("7100") == 1


def test_a_release_that_names_the_parameters_otherwise_leaves_the_batch_to_a_person(
    site: Any, given: SimpleNamespace
) -> None:
    """`process_unknown`: the person posts the batch in Sage 300 and sets `post_mode: ready`; released, nothing is sent."""
    site.break_next(
        "error_before", r"GLPostJournal\('\$template'\)", status=200, body='{"Jahr": "", "Los": ""}', times=9
    )
    payout = given.payout()
    site.post(given.receipt(minor=100_000), payout, post_mode="post")
    assert site.held() == {payout.subject: "process_unknown"}
    there = len(site.batches("GLJournalBatches"))
    (batch,) = [row for row in site.batches("GLJournalBatches") if row["Status"] == "ReadyToPost"]
    assert f"Post batch {batch['BatchNumber']} in Sage 300" in site.reasons()

    site.company.clerk.post("GLJournalBatches", batch["BatchNumber"])
    site.release()
    site.post(post_mode="ready")

    assert (site.held(), site.state(payout)) == ({}, "posted")
    assert len(site.batches("GLJournalBatches")) == there
    assert site.company.books.balance(CLEARING) == 0


def test_a_journal_in_a_foreign_currency_needs_a_rate(site: Any, given: SimpleNamespace) -> None:
    made = given.payout()
    lines = tuple(given.changed(x, amount=type(x.amount)(x.amount.minor, "GBP")) for x in made.lines)
    foreign = given.changed(made, lines=lines)

    site.post(foreign)
    assert site.held() == {"PO000123": "exchange_rate_missing"}
    site.release()
    report = site.post(exchange_rates={"GBP": {"2026-03": "1.2"}}, post_mode="post")

    assert report.held == []
    assert site.company.books.balance("1025") == 118_200


def test_an_invoice_for_a_subscription_payment_is_made_open(site: Any, given: SimpleNamespace) -> None:
    made = given.sales_invoice()
    paid = given.receipt("PM000500", 2_500, invoice="GCIPM000500", event="EV00009", waits_for=made.key)

    report = site.post(made, paid)

    assert report.held == []
    (entry,) = site.invoices()
    assert (entry["DocumentType"], entry["DocumentNumber"]) == ("Invoice", "GCIPM000500")
    assert entry["DueDate"] == date(2026, 3, 5)
    assert [row["BatchStatus"] for row in site.batches("ARInvoiceBatches")] == ["Open"]
    assert len(site.receipts()) == 1


def test_where_batches_are_posted_the_receipt_settles_that_invoice(site: Any, given: SimpleNamespace) -> None:
    made = given.sales_invoice()
    paid = given.receipt("PM000500", 2_500, invoice="GCIPM000500", event="EV00009", waits_for=made.key)

    report = site.post(made, paid, post_mode="post")

    assert report.held == []
    assert site.company.books.receivable("1200", "EUR") == 0
    assert list(site.connector().open_invoices()) == []


@pytest.mark.parametrize("mode", ["ar_receipts", "payout_gl"])
def test_such_an_invoice_is_credited_when_its_payment_is_taken_back(
    site: Any, given: SimpleNamespace, mode: str
) -> None:
    made = given.sales_invoice()

    report = site.post(made, given.invoice_credit(made), post_mode="post", mode=mode)

    assert report.held == []
    kinds = [(entry["DocumentType"], entry["DocumentNumber"]) for entry in site.invoices()]
    assert kinds == [("Invoice", "GCIPM000500"), ("CreditNote", "GCIPM000500C")]
    assert site.company.books.receivable("1200", "EUR") == 0


def test_unlinked_missing_inactive_and_foreign_customers_are_held(site: Any, given: SimpleNamespace) -> None:
    site.company.add_customer("1400", "Gone", Status="Inactive")
    site.company.add_customer("1500", "London", GroupCode="RTLGBP")
    customers = {"PM1": None, "PM2": "7777", "PM3": "1400", "PM4": "1500"}
    made = [given.receipt(subject, customer=number, event=f"EV{subject}") for subject, number in customers.items()]

    site.post(*made, given.receipt())

    assert site.held() == {
        "PM1": "customer_unmapped", "PM2": "customer_missing", "PM3": "customer_inactive", "PM4": "currency_mismatch",
    }  # fmt: skip
    assert [entry["CheckReceiptNumber"] for entry in site.receipts()] == ["PM000123"]


def test_a_locked_period_is_held_or_moved_by_setting(site: Any, given: SimpleNamespace) -> None:
    locked = {"AR": "2026-03-02"}
    paid = given.receipt()

    site.post(paid, locked_through=locked)
    assert site.held() == {"PM000123": "period_closed"}
    site.release()
    site.post(locked_through=locked, closed_period="next_open_day")

    (entry,) = site.receipts()
    assert entry["ReceiptDateAdjustmentDate"] == date(2026, 3, 3)
    assert "OF 2026-03-02" in entry["EntryDescription"]


def test_a_lock_that_only_sage_knows_is_told_by_sage(site: Any, given: SimpleNamespace) -> None:
    site.company.lock_period(2026, 3, "AR")

    site.post(given.receipt())

    assert site.held() == {"PM000123": "period_closed"}
    assert "Accounts Receivable" in site.reasons()
