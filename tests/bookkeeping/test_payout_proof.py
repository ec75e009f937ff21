"""The payout proof: proven payouts, every way to spoil one, and that no spoilt amount slips through."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookkeeping.entities import Fx, Tax
from bookkeeping.money import Money
from bookkeeping.payout_proof import prove, summarise, tolerance


def codes(payout, items):
    return [finding.code for finding in prove(payout, items)]


def test_the_example_of_the_fact_sheet_is_proven(make):
    assert prove(make.payout(), make.example_items()) == []


def test_the_summary_gives_gross_fees_vat_and_net(make):
    summary = summarise("GBP", make.example_items())
    assert (summary.gross, summary.fees, summary.net) == (Decimal(13000), Decimal(708), Decimal(12292))
    assert summary.vat == {"GB_VAT_1": Decimal(118)}
    assert summary.by_type["payment_paid_out"] == 15000
    assert summary.count_by_type["gocardless_fee"] == 2


@pytest.mark.parametrize(
    ("amount", "fees", "proven"),
    [(9919, 81, True), (9920, 80, True), (9918, 82, False), (9921, 79, False), (9920, 81, True)],
)
def test_one_half_penny_may_be_rounded_either_way_but_no_further(make, amount, fees, proven):
    items = [make.item("payment_paid_out", "10000.0"), make.item("gocardless_fee", "-80.5")]
    payout = make.payout(amount=Money(amount, "GBP"), deducted_fees=Money(fees, "GBP"))
    assert (prove(payout, items) == []) is proven


@pytest.mark.parametrize(("amount", "proven"), [(9918, True), (9919, True), (9920, True), (9917, False), (9921, False)])
def test_two_half_pennies_rounded_one_by_one_explain_one_unit(make, amount, proven):
    fees = [make.item("gocardless_fee", "-40.5"), make.item("gocardless_fee", "-40.5", "PM2")]
    payout = make.payout(amount=Money(amount, "GBP"), deducted_fees=Money(10000 - amount, "GBP"))
    assert (prove(payout, [make.item("payment_paid_out", "10000.0"), *fees]) == []) is proven


def test_a_hundred_half_pennies_do_not_explain_two_units(make):
    fees = [make.item("gocardless_fee", "-0.5") for _ in range(100)]
    payout = make.payout(amount=Money(9948, "GBP"), deducted_fees=Money(52, "GBP"))
    assert codes(payout, [make.item("payment_paid_out", "10000.0"), *fees]) == ["amount_mismatch", "fee_mismatch"]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"currency": "EUR"}, "item_currency"),
        ({"type": "mystery"}, "unknown_item_type"),
        ({"payment_id": None}, "missing_link"),
        ({"amount": Decimal("-10000.0")}, "item_sign"),
        ({"amount": Decimal("10000.5")}, "fractional_amount"),
    ],
)
def test_a_spoilt_item_is_named(make, spoil, code):
    items = make.example_items()
    items[0] = replace(items[0], **spoil)
    findings = prove(make.payout(), items)
    assert code in [finding.code for finding in findings if finding.item_index == 0]
    assert "Item 1 of payout PO1" in next(finding.message for finding in findings if finding.code == code)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        ("payment_paid_out", "-1.0"), ("payment_failed", "1.0"), ("payment_charged_back", "1.0"),
        ("payment_refunded", "1.0"), ("refund", "1.0"), ("refund_funds_returned", "-1.0"),
    ],
)  # fmt: skip
def test_the_sign_of_every_item_type_is_checked(make, kind, amount):
    item = make.item(kind, amount, refund_id="RF1", mandate_id="MD1")
    payout = make.payout(amount=Money(int(Decimal(amount)), "GBP"), deducted_fees=Money(0, "GBP"))
    assert codes(payout, [item]) == ["item_sign"]


@pytest.mark.parametrize(
    ("kind", "amount", "missing"),
    [
        ("payment_refunded", "-1.0", ["payment", "refund"]),
        ("refund", "-1.0", ["refund", "mandate"]),
        ("refund_funds_returned", "1.0", ["refund"]),
        ("surcharge_fee", "-1.0", ["payment"]),
    ],
)
def test_each_link_an_item_must_have_is_asked_for(make, kind, amount, missing):
    found = [finding.message for finding in prove(make.payout(), [make.item(kind, amount, None)])]
    assert [message.split("names no ")[1].rstrip(".") for message in found if "names no" in message] == missing


def test_all_reasons_are_given_not_the_first(make):
    items = [replace(make.example_items()[0], payment_id=None, currency="EUR"), make.item("mystery", "1.0")]
    assert set(codes(make.payout(), items)) == {
        "item_currency", "missing_link", "unknown_item_type", "amount_mismatch", "fee_mismatch",
    }  # fmt: skip


def test_a_payment_is_credited_twice_only_if_it_was_taken_back_between(make):
    twice = [make.item("payment_paid_out", "100.0"), make.item("payment_paid_out", "100.0")]
    payout = make.payout(amount=Money(200, "GBP"), deducted_fees=Money(0, "GBP"))
    assert codes(payout, twice) == ["duplicate_item"]
    back = make.item("payment_failed", "-100.0")
    assert codes(replace(payout, amount=Money(100, "GBP")), [*twice, back]) == []


def test_a_refund_moves_once(make):
    items = [make.item("payment_refunded", "-100.0", refund_id="RF1")] * 2
    payout = make.payout(amount=Money(-200, "GBP"), deducted_fees=Money(0, "GBP"))
    assert codes(payout, items) == ["duplicate_item"]


@pytest.mark.parametrize(
    ("fx", "expected"),
    [
        (Fx("EUR", rate=Decimal("1.1"), amount=Money(13521, "EUR")), []),
        (Fx("EUR", rate=Decimal("1.1")), ["fx_amount_missing"]),
        (Fx("EUR", rate=Decimal("1.1"), amount=Money(13521, "USD")), ["fx_currency"]),
        (Fx("EUR", estimated_rate=Decimal("1.1")), []),
        (Fx("GBP", rate=Decimal("1")), []),
    ],
)
def test_a_final_rate_comes_with_its_amount(make, fx, expected):
    assert codes(make.payout(fx=fx), make.example_items()) == expected


@pytest.mark.parametrize(
    ("tax", "expected"),
    [
        (Tax(Decimal("22.0"), "GBP", "R", Decimal("22.0"), "GBP"), []),
        (Tax(Decimal("22.0"), "GBP", "R", Decimal("21.0"), "GBP"), ["tax_destination"]),
        (Tax(Decimal("22.0"), "GBP", "R", None, "EUR"), []),
        (Tax(Decimal("22.0"), "GBP", "R", Decimal("25.3"), "EUR", Decimal("1.15")), []),
        (Tax(Decimal("22.0"), "GBP", "R", Decimal("25.3"), "EUR"), ["tax_destination"]),
        (Tax(Decimal("22.0"), "GBP", "R", Decimal("35.3"), "EUR", Decimal("1.15")), ["tax_destination"]),
        (Tax(Decimal("22.0"), "EUR", "R"), ["tax_currency"]),
        (Tax(Decimal("133.0"), "GBP", "R"), ["tax_exceeds_item"]),
    ],
)
def test_the_tax_of_an_item_and_its_destination_are_checked(make, tax, expected):
    items = make.example_items()
    items[3] = replace(items[3], taxes=(tax,))
    assert codes(make.payout(), items) == expected


def test_the_tax_goes_to_the_tax_currency_of_the_payout(make):
    items = make.example_items()
    items[3] = replace(items[3], taxes=(Tax(Decimal("22.0"), "GBP", "R", None, "EUR"),))
    assert codes(make.payout(tax_currency="GBP"), items) == ["tax_destination"]


@given(st.integers(0, 5), st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(7)]), st.sampled_from([1, -1]))
@settings(max_examples=60, deadline=None)
def test_any_amount_moved_beyond_the_tolerance_is_caught_with_its_figure(make, index, beyond, sign):
    items = make.example_items()
    shift = (Decimal(1) + beyond) * sign
    items[index] = replace(items[index], amount=items[index].amount + shift)
    findings = prove(make.payout(), items)
    mismatch = next(finding for finding in findings if finding.code == "amount_mismatch")
    assert f"off by {shift.normalize():f}" in mismatch.message.replace(".0 ", " ")
    if items[index].type.endswith("_fee"):
        assert "fee_mismatch" in [finding.code for finding in findings]


@given(st.integers(-3, 3).filter(bool))
def test_a_payout_amount_or_fee_that_is_off_by_a_whole_unit_is_caught(make, units):
    payout = make.payout()
    items = make.example_items()
    assert codes(replace(payout, amount=payout.amount + Money(units, "GBP")), items) == ["amount_mismatch"]
    (finding,) = prove(replace(payout, deducted_fees=payout.deducted_fees + Money(units, "GBP")), items)
    assert (finding.code, finding.amount) == ("fee_mismatch", Money(-units, "GBP"))


def test_the_tolerance_is_what_rounding_can_explain(make):
    assert tolerance(make.example_items()) == 0
    assert tolerance([make.item("gocardless_fee", "-0.5")]) == Decimal("0.5")
    assert tolerance([make.item("gocardless_fee", "-0.5")] * 9) == 1
