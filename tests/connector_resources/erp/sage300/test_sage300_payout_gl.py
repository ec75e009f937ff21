"""Mode payout_gl: payments end without a document, and the journal of their payout carries a line for each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.errors import ConfigurationError

BANK, FEES, VAT, CONTROL = "1020", "6115", "2150", "1100"


def lines_of(site: Any) -> list[tuple[str, str, str, int]]:
    """(account, reference, text, minor units) of the payout's journal."""
    (journal,) = [row for row in site.journals() if row["Description"].startswith("GC PAYOUT ")]
    return [
        (line["AccountNumber"], line["Reference"], line["Description"], int(line["Amount"] * 100))
        for line in journal["JournalDetails"]
    ]


def paid_out(site: Any, given: SimpleNamespace) -> list[Any]:
    """Two payments, one of them with its invoice, and the payout of 1,000.00 that holds them."""
    site.keep_items(
        "PO000123",
        given.item("payment_paid_out", 60_000, "PM000001"),
        given.item("gocardless_fee", -1_500, "PM000001"),
        given.item("payment_paid_out", 40_000, "PM000002"),
    )
    first = given.receipt("PM000001", 60_000, event="EV10001", invoice="IN0000123")
    return [first, given.receipt("PM000002", 40_000, event="EV10002", customer="1300"), given.payout()]


def test_every_payment_is_a_line_on_the_control_account(payout_site: Any, given: SimpleNamespace) -> None:
    first, second, payout = paid_out(payout_site, given)

    report = payout_site.post(first, second, payout, post_mode="post")

    assert (report.stopped, report.held, report.settled) == ("", [], 3)
    assert lines_of(payout_site) == [
        (BANK, "PO000123 GCEV00005", "PO000123", 98_500),
        (FEES, "PO000123 GCEV00005", "PO000123 FEES", 1_250),
        (VAT, "PO000123 GCEV00005", "PO000123 VAT", 250),
        (CONTROL, "PM000001", "AR 1200 IN0000123", -60_000),
        (CONTROL, "PM000002", "AR 1300 NO INVOICE", -40_000),
    ]
    assert payout_site.company.books.balance(CONTROL) == -100_000
    assert payout_site.receipts() == []


def test_a_receipt_is_settled_once_and_says_where_it_is_booked(payout_site: Any, given: SimpleNamespace) -> None:
    paid = given.receipt()

    payout_site.post(paid)
    report = payout_site.post()

    row = payout_site.row(paid)
    assert (row.state, row.documents, report.settled) == ("posted", (), 0)
    assert "payout" in row.nothing_to_book
    assert "PM000123" in row.nothing_to_book
    assert payout_site.journals() == []


def test_failures_chargebacks_and_refunds_are_debited_to_the_control_account(
    payout_site: Any, given: SimpleNamespace
) -> None:
    payout_site.keep_items(
        "PO000123",
        given.item("payment_paid_out", 120_000, "PM000001"),
        given.item("payment_charged_back", -15_000, "PM000002"),
        given.item("payment_refunded", -5_000, "PM000003", "RF000123"),
    )
    paid = given.receipt("PM000002", 15_000, event="EV10002", invoice="IN0000200")

    report = payout_site.post(paid, given.reversal(paid), given.refund(), given.payout())

    assert report.held == []
    assert [line[1:] for line in lines_of(payout_site)[3:]] == [
        ("PM000001", "AR NOT LINKED NO INVOICE", -120_000),
        ("PM000002", "AR 1200 IN0000200 CHARGEBACK", 15_000),
        ("RF000123", "AR 1200 NO INVOICE REFUND", 5_000),
    ]
    assert payout_site.invoices() == []


def test_by_setting_refunds_go_to_sales_returns(payout_site: Any, given: SimpleNamespace) -> None:
    payout_site.keep_items(
        "PO000123",
        given.item("payment_paid_out", 105_000, "PM000001"),
        given.item("payment_refunded", -5_000, "PM000003", "RF000123"),
    )

    payout_site.post(given.payout(), refund_offset="sales_returns", post_mode="post")

    assert payout_site.company.books.balance("4090") == 5_000


def test_payments_nobody_knows_stay_on_suspense(payout_site: Any, given: SimpleNamespace) -> None:
    made = given.payout()
    clearing = made.lines[-1]
    lines = (
        *made.lines[:-1],
        given.changed(clearing, amount=type(clearing.amount)(70_000, "EUR")),
        given.changed(
            clearing, role=given.roles.SUSPENSE, amount=type(clearing.amount)(30_000, "EUR"), text="PM9 unknown"
        ),
    )
    payout_site.keep_items(
        "PO000123",
        given.item("payment_paid_out", 70_000, "PM000001"),
        given.item("payment_paid_out", 30_000, "PM000009"),
    )

    report = payout_site.post(
        given.changed(made, lines=lines, facts={"suspense_payments": "PM000009"}), post_mode="post"
    )

    assert report.held == []
    assert payout_site.company.books.balance("9999") == -30_000
    assert payout_site.company.books.balance(CONTROL) == -70_000


def test_items_that_do_not_add_up_hold_the_payout(payout_site: Any, given: SimpleNamespace) -> None:
    payout_site.keep_items("PO000123", given.item("payment_paid_out", 99_999, "PM000001"))

    payout_site.post(given.payout())

    assert payout_site.held() == {"PO000123": "payout_items_differ"}
    assert payout_site.journals() == []


def test_items_that_were_never_read_hold_the_payout(payout_site: Any, given: SimpleNamespace) -> None:
    payout_site.post(given.payout())

    assert payout_site.held() == {"PO000123": "payout_items_unknown"}


def test_a_control_account_without_the_general_ledger_holds_the_payout(
    payout_site: Any, given: SimpleNamespace
) -> None:
    payout_site.company.clerk.restrict_account(CONTROL, ("AR",))

    payout_site.post(*paid_out(payout_site, given))

    assert payout_site.held() == {"PO000123": "account_refused"}
    assert "control account" in payout_site.reasons()


def test_a_payment_that_settles_directly_is_a_journal_of_its_own(payout_site: Any, given: SimpleNamespace) -> None:
    report = payout_site.post(given.direct_receipt(), post_mode="post")

    assert report.held == []
    assert payout_site.company.books.balance(BANK) == 12_500
    assert payout_site.company.books.balance(CONTROL) == -12_500


def test_an_invoice_for_a_subscription_payment_is_made_here_too(payout_site: Any, given: SimpleNamespace) -> None:
    payout_site.post(given.sales_invoice())

    assert [entry["DocumentNumber"] for entry in payout_site.invoices()] == ["GCIPM000500"]


def test_a_converted_payout_carries_its_payments_in_both_currencies(payout_site: Any, given: SimpleNamespace) -> None:
    payout_site.keep_items("PO000GBP", {**given.item("payment_paid_out", 10_000, "PM000001"), "currency": "GBP"})

    report = payout_site.post(given.converted_payout(), post_mode="post")

    assert report.held == []
    assert payout_site.company.books.balance(CONTROL) == -11_700


def test_an_invoice_that_was_paid_is_held_back_until_staff_has_matched_it(
    payout_site: Any, given: SimpleNamespace
) -> None:
    for number in ("IN0000123", "IN0000124"):
        payout_site.company.add_invoice("1200", number, 12_500)
    paid, lost = given.receipt(invoice="in 0000123"), given.receipt("PM2", invoice="IN0000124", event="EV10002")

    payout_site.post(paid, lost, given.reversal(lost))

    held_back = {item.number: item.on_hold for item in payout_site.connector().open_invoices()}
    assert held_back == {"IN0000123": True, "IN0000124": False}


def test_the_mode_cannot_be_changed_after_something_was_booked(payout_site: Any, given: SimpleNamespace) -> None:
    payout_site.post(given.receipt())

    with pytest.raises(ConfigurationError, match="mode payout_gl"):
        payout_site.post(given.receipt("PM2", event="EV2"), mode="ar_receipts")

    assert payout_site.receipts() == []
