"""Postings through the protocol to the stand-in: what IFS's own books say afterwards."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest


def test_a_receipt_settles_its_invoice_and_fills_the_cash_account(site: Any, given: SimpleNamespace) -> None:
    invoice = site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid = given.receipt(invoice="10:CI-10001")
    report = site.post(paid)
    assert (report.stopped, site.reasons()) == ("", "")
    assert site.state(paid) == "posted"
    assert site.owed("10", invoice["InvoiceNo"]).minor == 0
    assert site.balance("10", "1940", "EUR") == 12_100


def test_a_payment_taken_back_opens_its_invoice_again(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid = given.receipt(invoice="10:CI-10001")
    site.post(paid)
    back = given.reversal(paid, facts={"cause": "refer_to_payer"})
    site.post(back)
    assert (site.state(back), site.reasons()) == ("posted", "")
    assert site.owed("10", "10001").minor == 12_100
    assert site.balance("10", "1940", "EUR") == 0


def test_a_receipt_without_an_invoice_is_paid_on_account_and_its_take_back_clears_it(
    site: Any, given: SimpleNamespace
) -> None:
    paid = given.receipt(minor=5_000)
    site.post(paid, given.reversal(paid))
    assert site.states() == {"posted": 2}, site.reasons()
    assert site.balance("10", "1940", "EUR") == 0
    assert site.tenant.books["10"].receivable("C1", "EUR") == 0


def test_one_payment_settles_two_invoices_and_leaves_the_rest_on_account(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 10_000, invoice_no="10001")
    site.tenant.add_invoice("10", "C1", 2_500, invoice_no="10002")
    shares = (given.share("10:CI-10001", 10_000), given.share("10:CI-10002", 1_500))
    paid = given.receipt(minor=12_000, allocations=shares, invoices=("10:CI-10001", "10:CI-10002"))
    site.post(paid)
    assert site.states() == {"posted": 1}, site.reasons()
    assert (site.owed("10", "10001").minor, site.owed("10", "10002").minor) == (0, 1_000)
    assert site.tenant.books["10"].receivable("C1", "EUR") == 500
    site.post(given.reversal(paid))
    assert (site.owed("10", "10001").minor, site.owed("10", "10002").minor) == (10_000, 2_500), site.reasons()


def test_a_payout_becomes_a_voucher_with_fees_and_vat(site: Any, given: SimpleNamespace) -> None:
    paid_out = given.payout()
    site.post(paid_out)
    assert site.state(paid_out) == "posted", site.reasons()
    book = {account: site.balance("10", account, "EUR") for account in ("1930", "6570", "2641", "1940")}
    assert book == {"1930": 23_680, "6570": 264, "2641": 56, "1940": -24_000}


def test_vat_on_fees_stands_on_the_fee_row_with_a_tax_code(site: Any, given: SimpleNamespace) -> None:
    paid_out = given.payout(fees=224, vat=56, net=23_720)
    site.post(paid_out, fee_vat_mode="tax_code", tax_codes={"SE_VAT_1": "25"})
    assert site.state(paid_out) == "posted", site.reasons()
    assert site.balance("10", "2641", "EUR") == 56
    assert site.balance("10", "6570", "EUR") == 224


def test_a_converted_payout_is_one_voucher_with_its_exchange_difference(site: Any, given: SimpleNamespace) -> None:
    """100.00 GBP at IFS's 1.16 are 116.00 EUR; the bank got 115.83 and the fee is 1.16: 0.99 is a gain."""
    paid_out = given.converted_payout()
    site.post(paid_out)
    assert site.state(paid_out) == "posted", site.reasons()
    assert site.balance("10", "1930", "EUR") == 11_583
    assert site.balance("10", "1941", "GBP") == -10_000
    assert site.balance("10", "6570", "GBP") == 100
    assert site.balance("10", "3960", "EUR") == -99
    assert len([each for each in site.vouchers("10") if each["function_group"] == "M"]) == 1


def test_a_refund_repays_the_customer_and_comes_back(site: Any, given: SimpleNamespace) -> None:
    repaid = given.refund()
    site.post(repaid)
    assert site.balance("10", "1940", "EUR") == -4_000, site.reasons()
    returned = given.refund_reversal(repaid)
    site.post(returned)
    assert site.states() == {"posted": 2}, site.reasons()
    assert site.balance("10", "1940", "EUR") == 0


def test_without_settlement_receipts_are_vouchers_on_suspense(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    paid, other = given.receipt(invoice="10:CI-10001"), given.receipt("PM2", 900, event="EV00009")
    site.post(paid, other, settlement="suspense")
    assert site.states() == {"posted": 2}, site.reasons()
    assert site.balance("10", "1940", "EUR") == 13_000
    assert site.balance("10", "2999", "EUR") == -13_000
    assert site.owed("10", "10001").minor == 12_100
    assert len([each for each in site.vouchers("10") if each["function_group"] == "M"]) == 1


def test_what_a_refused_payment_left_behind_is_not_taken_back_with_it(site: Any, given: SimpleNamespace) -> None:
    """The first payment was entered and cancelled, because its period was closed when it was to be approved."""
    paid, other = given.receipt(), given.receipt("PM000777", event="EV00777")
    closing = given.with_meddling(site, "MixedPayment_Approve", lambda: site.tenant.clerk.close_period("10", 2026, 3))
    site.reuse(closing)
    site.post(paid, other)
    assert set(site.held().values()) == {"period_closed"}
    site.tenant.clerk.open_period("10", 2026, 3)
    site.release()
    site.post()
    assert [row["Objstate"] for row in site.tenant.table("MixedPayment")] == ["Cancelled", "Approved"]

    taken_back = given.reversal(paid)
    site.post(taken_back)

    assert (site.held(), site.state(taken_back)) == ({}, "posted")


def test_a_payment_file_settles_invoices_and_its_take_back_opens_them(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    site.tenant.add_invoice("20", "C1", 99_900, invoice_no="20001")
    paid = given.receipt(invoice="10:CI-10001")
    other = given.receipt(
        "PM2", 99_900, invoice="20:CI-20001", event="EV00009", currency="SEK", customer="20:C1", creditor="CR20"
    )
    report = site.post(paid, other, settlement="camt_file")
    assert (report.stopped, site.states(), site.reasons()) == ("", {"posted": 2}, "")
    assert (site.owed("10", "10001").minor, site.owed("20", "20001").minor) == (0, 0)
    site.post(given.reversal(paid, facts={"cause": "refer_to_payer"}), settlement="camt_file")
    assert site.states() == {"posted": 3}, site.reasons()
    assert site.owed("10", "10001").minor == 12_100
    assert site.balance("10", "1940", "EUR") == 0


def test_money_of_an_unknown_creditor_or_customer_is_held(site: Any, given: SimpleNamespace) -> None:
    site.post(
        given.receipt("PM1", creditor="CR99"),
        given.receipt("PM2", event="EV2", customer=None),
        given.receipt("PM3", event="EV3", customer="10:NOBODY"),
        given.receipt("PM4", event="EV4", currency="SEK"),
        given.receipt("PM5", 1_000, event="EV5"),
    )
    assert site.held() == {
        "PM1": "creditor_unmapped",
        "PM2": "customer_unmapped",
        "PM3": "customer_missing",
        "PM4": "currency_unmapped",
    }
    assert site.states() == {"held": 4, "posted": 1}
    assert site.balance("10", "1940", "EUR") == 1_000


def test_a_closed_period_holds_or_moves_into_the_next_open_one(site: Any, given: SimpleNamespace) -> None:
    site.tenant.clerk.close_period("10", 2026, 3)
    paid_out = given.payout()
    site.post(paid_out)
    assert site.held() == {"PO000123": "period_closed"}
    site.release()
    site.post(closed_period="next_open_period")
    assert site.state(paid_out) == "posted", site.reasons()
    assert {str(each["date"]) for each in site.vouchers("10")} == {"2026-04-01"}


def test_a_customer_of_one_company_may_pay_the_other(site: Any, given: SimpleNamespace) -> None:
    """The link names company 10, the money went to the creditor of company 20: the customer is the same in both."""
    site.tenant.add_invoice("20", "C1", 50_000, invoice_no="20001")
    paid = given.receipt(minor=50_000, invoice="20:CI-20001", currency="SEK", creditor="CR20")
    site.post(paid)
    assert site.states() == {"posted": 1}, site.reasons()
    assert site.owed("20", "20001").minor == 0


@pytest.mark.parametrize("settlement", ["mixed_payment", "camt_file"])
def test_a_refund_pays_out_the_credit_note_it_is_for_and_its_return_opens_it(
    site: Any, given: SimpleNamespace, settlement: str
) -> None:
    site.tenant.add_invoice("10", "C1", -4_000, invoice_no="90001")
    site.tenant.add_invoice("10", "C1", -1_000, invoice_no="90002")
    repaid = given.refund()
    site.post(repaid, settlement=settlement)
    assert site.states() == {"posted": 1}, site.reasons()
    assert (site.owed("10", "90001").minor, site.owed("10", "90002").minor) == (0, -1_000)
    site.post(given.refund_reversal(repaid), settlement=settlement)
    assert site.states() == {"posted": 2}, site.reasons()
    assert site.tenant.books["10"].receivable("C1", "EUR") == -5_000
    assert site.balance("10", "1940", "EUR") == 0
