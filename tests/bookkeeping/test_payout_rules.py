"""Payouts, as an accountant would write them: gocardless.md section 11."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookkeeping.entities import Fx, PayoutItem, Tax
from bookkeeping.money import Money
from bookkeeping.rules import ReceiptState

OPEN = dict.fromkeys(("PM1", "PM2", "PM3"), ReceiptState.OPEN)


def same(actual: str, expected: str) -> None:
    assert actual == dedent(expected).strip()


def deposit(make, payout=None, items=None, receipts=OPEN, **changes):
    payout = payout or make.payout()
    books = make.Bookkeeper(
        payout,
        items=make.example_items() if items is None else items,
        receipts=receipts,
        settings=make.settings(**changes),
    )
    books.feed(make.event(1, "paid", "PO1"))
    return books


def test_the_balanced_example_of_the_fact_sheet(make):
    books = deposit(make)
    same(
        books.text,
        """
        2024-03-07 payout PO1 GCEV1
          bank              122.92 GBP
          fees                0.90 GBP
          surcharges          5.00 GBP
          input_vat           1.18 GBP
          clearing         -150.00 GBP
          clearing           20.00 GBP
        """,
    )
    (posting,) = books.booked
    assert posting.text == "GoCardless payout PO1 ACME-8G7Q8"
    assert [line.tax_rate for line in posting.lines] == [None, "GB_VAT_1", "GB_VAT_1", "GB_VAT_1", None, None]
    assert posting.facts["payout_reference"] == "ACME-8G7Q8"
    assert (posting.facts["fees_minor"], posting.facts["vat_minor"]) == ("708.0", "118.0")


def test_the_order_of_the_items_changes_nothing(make):
    forwards, backwards = deposit(make), deposit(make, items=make.example_items()[::-1])
    assert forwards.booked == backwards.booked


def test_a_payout_without_arrival_date_is_dated_by_its_event(make):
    assert deposit(make, make.payout(arrival_date=None)).booked[0].booking_date == date(2024, 3, 5)


def test_half_pennies_of_fees_are_absorbed_by_the_fee_line(make):
    items = [
        make.item("payment_paid_out", "10000.0"),
        make.item("gocardless_fee", "-40.5", tax="6.8"),
        make.item("gocardless_fee", "-40.0", "PM2", tax="6.7"),
    ]
    payout = make.payout(amount=Money(9920, "GBP"), deducted_fees=Money(80, "GBP"))
    same(
        deposit(make, payout, items).text,
        """
        2024-03-07 payout PO1 GCEV1
          bank               99.20 GBP
          fees                0.66 GBP
          input_vat           0.14 GBP
          clearing         -100.00 GBP
        """,
    )


def test_half_pennies_go_to_the_rounding_account_where_the_fee_must_equal_an_invoice(make):
    items = [make.item("payment_paid_out", "10000.0"), make.item("gocardless_fee", "-80.5")]
    payout = make.payout(amount=Money(9919, "GBP"), deducted_fees=Money(81, "GBP"))
    same(
        deposit(make, payout, items, rounding="rounding_account").text,
        """
        2024-03-07 payout PO1 GCEV1
          bank               99.19 GBP
          fees                0.80 GBP
          rounding            0.01 GBP
          clearing         -100.00 GBP
        """,
    )


def test_every_item_type_has_its_line(make):
    items = [
        make.item("payment_paid_out", "10000.0"),
        make.item("payment_failed", "-1000.0", "PM2"),
        make.item("payment_charged_back", "-900.0", "PM3"),
        make.item("payment_refunded", "-800.0", refund_id="RF1"),
        make.item("refund", "-700.0", None, refund_id="RF2", mandate_id="MD1"),
        make.item("refund_funds_returned", "600.0", None, refund_id="RF3"),
        make.item("gocardless_fee", "-100.0"),
        make.item("surcharge_fee", "-50.0", "PM3"),
        make.item("app_fee", "-25.0"),
    ]
    payout = make.payout(amount=Money(7025, "GBP"), deducted_fees=Money(175, "GBP"))
    same(
        deposit(make, payout, items).text,
        """
        2024-03-07 payout PO1 GCEV1
          bank               70.25 GBP
          fees                1.00 GBP
          partner_fees        0.25 GBP
          surcharges          0.50 GBP
          clearing         -100.00 GBP
          clearing           10.00 GBP
          clearing            9.00 GBP
          clearing            8.00 GBP
          clearing            7.00 GBP
          clearing           -6.00 GBP
        """,
    )


def test_vat_is_kept_apart_per_rate(make):
    items = [
        make.item("payment_paid_out", "10000.0"),
        make.item("gocardless_fee", "-120.0", tax="20.0"),
        make.item("gocardless_fee", "-60.0", tax="10.0", rate="FR_VAT_1"),
        make.item("gocardless_fee", "-10.0"),
    ]
    payout = make.payout(amount=Money(9810, "GBP"), deducted_fees=Money(190, "GBP"))
    lines = deposit(make, payout, items).booked[0].lines
    found = [(str(line.role), line.tax_rate, line.amount.minor) for line in lines[1:-1]]
    assert found == [
        ("fees", None, 10), ("fees", "FR_VAT_1", 50), ("fees", "GB_VAT_1", 100),
        ("input_vat", "FR_VAT_1", 10), ("input_vat", "GB_VAT_1", 20),
    ]  # fmt: skip


@pytest.mark.parametrize("tax", ["4.0", "-4.0"])
def test_the_vat_of_a_refunded_fee_is_given_back_whatever_its_sign(make, tax):
    items = [make.item("payment_paid_out", "10000.0"), make.item("gocardless_fee", "24.0", tax=tax)]
    payout = make.payout(amount=Money(10024, "GBP"), deducted_fees=Money(-24, "GBP"))
    same(
        deposit(make, payout, items).text,
        """
        2024-03-07 payout PO1 GCEV1
          bank              100.24 GBP
          fees               -0.20 GBP
          input_vat          -0.04 GBP
          clearing         -100.00 GBP
        """,
    )


def test_a_merchant_who_is_invoiced_for_fees_receives_the_gross(make):
    payout = make.payout(amount=Money(10000, "GBP"), deducted_fees=Money(0, "GBP"))
    same(
        deposit(make, payout, [make.item("payment_paid_out", "10000.0")]).text,
        """
        2024-03-07 payout PO1 GCEV1
          bank              100.00 GBP
          clearing         -100.00 GBP
        """,
    )


def test_a_negative_payout_is_taken_from_the_bank(make):
    items = [make.item("payment_charged_back", "-2000.0", "PM3"), make.item("surcharge_fee", "-500.0", "PM3")]
    payout = make.payout(amount=Money(-2500, "GBP"), deducted_fees=Money(500, "GBP"))
    same(
        deposit(make, payout, items).text,
        """
        2024-03-07 payout PO1 GCEV1
          bank              -25.00 GBP
          surcharges          5.00 GBP
          clearing           20.00 GBP
        """,
    )


def test_a_payment_that_never_had_a_receipt_goes_to_suspense_by_name(make):
    states = {"PM1": ReceiptState.OPEN, "PM3": ReceiptState.BEFORE_CUT_OVER}
    books = deposit(make, receipts=states)
    same(
        books.text,
        """
        2024-03-07 payout PO1 GCEV1
          bank              122.92 GBP
          fees                0.90 GBP
          surcharges          5.00 GBP
          input_vat           1.18 GBP
          clearing         -100.00 GBP
          suspense          -50.00 GBP
          clearing           20.00 GBP
        """,
    )
    assert books.booked[0].facts["suspense_payments"] == "PM2"
    assert books.booked[0].lines[5].text == "PM2 without receipt (payments paid out)"


def test_a_payout_waits_while_the_confirmation_of_a_payment_may_still_appear(make):
    paid, back = make.event(1, "paid", "PO1"), make.event(2, "bounced_payout", "PO1", day=9)
    states = {"PM1": ReceiptState.OPEN, "PM3": ReceiptState.OPEN}
    books = make.Bookkeeper(make.payout(status="bounced"), receipts=dict(states), heard_until=paid.created_at)
    books.feed(paid, back)
    assert (books.outcome(1), books.outcome(2), books.booked) == ("waiting", "waiting", [])
    assert "PM2, of which no event is known" in books.reason(1)

    books.receipts["PM2"] = ReceiptState.OPEN
    books.feed()
    assert [posting.kind for posting in books.booked] == ["payout", "payout_reversal"]
    assert "suspense" not in books.text


def test_a_payment_of_which_nothing_appeared_in_time_goes_to_suspense(make):
    paid = make.event(1, "paid", "PO1")
    states = {"PM1": ReceiptState.OPEN, "PM3": ReceiptState.OPEN}
    books = make.Bookkeeper(make.payout(), receipts=states, heard_until=paid.created_at)
    books.feed(paid)
    assert books.booked == []

    books.heard_until += timedelta(milliseconds=1)
    books.feed()
    assert books.booked[0].facts["suspense_payments"] == "PM2"


def test_a_payout_whose_payments_are_all_known_does_not_wait(make):
    paid = make.event(1, "paid", "PO1")
    books = make.Bookkeeper(make.payout(), receipts=OPEN, heard_until=paid.created_at)
    books.feed(paid)
    assert books.outcome(1) == "posted"


def test_a_converted_payout_waits_for_its_rate_and_balances_in_each_currency(make):
    items = [make.item("payment_paid_out", "10000.0", currency="EUR"),
             make.item("gocardless_fee", "-200.0", currency="EUR")]  # fmt: skip
    estimated = Fx("GBP", estimated_rate=Decimal("0.85"))
    pending = make.payout(amount=Money(9800, "EUR"), deducted_fees=Money(200, "EUR"), status="pending", fx=estimated)
    books = deposit(make, pending, items)
    assert (books.text, books.outcome(1)) == ("", "nothing_to_post")
    books.feed(make.event(2, "fx_rate_confirmed", "PO1"))
    assert books.outcome(2) == "waiting"
    final = Fx("GBP", rate=Decimal("0.8510"), amount=Money(8340, "GBP"))
    books.resource = make.payout(amount=Money(9800, "EUR"), deducted_fees=Money(200, "EUR"), fx=final)
    books.feed()
    same(
        books.text,
        """
        2024-03-07 payout PO1 GCEV2
          bank               83.40 GBP
          fx_transit        -83.40 GBP
          fx_transit         98.00 EUR
          fees                2.00 EUR
          clearing         -100.00 EUR
        """,
    )
    facts = books.booked[0].facts
    assert (facts["fx_rate"], facts["fx_amount"], facts["fx_currency"]) == ("0.8510", "83.40", "GBP")


def test_a_converted_payout_that_bounces_is_deposited_again_when_it_is_paid_again(make):
    items = [make.item("payment_paid_out", "9800.0", currency="EUR")]
    final = Fx("GBP", rate=Decimal("0.8510"), amount=Money(8340, "GBP"))
    payout = make.payout(amount=Money(9800, "EUR"), deducted_fees=Money(0, "EUR"), fx=final)
    books = deposit(make, payout, items)
    for number, action in enumerate(["fx_rate_confirmed", "bounced_payout", "paid", "fx_rate_confirmed"], start=2):
        books.feed(make.event(number, action, "PO1"))
    assert [str(posting.kind) for posting in books.booked] == ["payout", "payout_reversal", "payout_repeat"]
    assert make.balances(books.booked)["bank", "", "GBP"] == 8340
    assert ("payout_transit", "", "GBP") not in make.balances(books.booked)


def test_a_bounce_takes_back_the_bank_line_only_and_a_second_payment_puts_it_there_again(make):
    books = deposit(make)
    books.resource = make.payout(status="bounced")
    books.feed(make.event(4, "bounced_payout", "PO1"))
    books.resource = make.payout(arrival_date=date(2024, 3, 12))
    books.feed(make.event(6, "paid", "PO1"))
    same(
        make.as_text(books.booked[1:]),
        """
        2024-03-08 payout_reversal PO1 GCEV4
          bank             -122.92 GBP
          payout_transit    122.92 GBP
        2024-03-12 payout_repeat PO1 GCEV6
          bank              122.92 GBP
          payout_transit   -122.92 GBP
        """,
    )
    assert books.booked[1].reverses == "EV1:payout"


def test_a_bounce_waits_until_the_payout_reads_bounced(make):
    books = deposit(make)
    books.feed(make.event(4, "bounced_payout", "PO1"))
    assert books.outcome(4) == "waiting"
    assert "reads paid" in books.reason(4)


def test_a_bounce_waits_with_a_deposit_that_is_not_proven_yet(make):
    books = deposit(make, make.payout(status="bounced"), items=[])
    books.feed(make.event(4, "bounced_payout", "PO1"))
    assert books.outcome(1) == books.outcome(4) == "waiting"
    books.items = make.example_items()
    books.feed()
    assert [str(posting.kind) for posting in books.booked] == ["payout", "payout_reversal"]


def test_a_bounce_of_a_deposit_from_before_the_cut_over_is_booked(make):
    payout = make.payout(status="bounced")
    books = deposit(make, payout, cut_over=date(2024, 3, 6))
    books.feed(make.event(4, "bounced_payout", "PO1"))
    assert books.outcome(1) == "before_cut_over"
    assert [str(posting.kind) for posting in books.booked] == ["payout_reversal"]
    assert books.booked[0].facts["deposit_before_cut_over"] == "true"
    books.feed(make.event(6, "paid", "PO1"))
    assert str(books.booked[1].kind) == "payout_repeat"


def test_a_second_paid_event_is_covered_by_the_open_deposit(make):
    books = deposit(make)
    books.feed(make.event(2, "paid", "PO1"))
    assert books.outcome(2) == "covered"
    assert len(books.booked) == 1


def test_a_payout_that_is_not_proven_waits_with_every_reason(make):
    books = deposit(make, items=make.example_items()[:-1])
    assert (books.text, books.outcome(1)) == ("", "waiting")
    assert "off by 600.0 minor units" in books.reason(1)
    assert "fee items cost 108.0" in books.reason(1)
    books.items = make.example_items()
    books.feed()
    assert len(books.booked) == 1


def test_a_payout_that_still_reads_pending_waits(make):
    books = deposit(make, make.payout(status="pending"))
    assert "still reads pending" in books.reason(1)


@pytest.mark.parametrize("role", ["other_income", "suspense"])
def test_a_partners_payout_is_income(make, role):
    items = [make.item("revenue_share", "250.5"), make.item("app_fee", "100.0"), make.item("gocardless_fee", "-10.0")]
    payout = make.payout(amount=Money(340, "GBP"), deducted_fees=Money(10, "GBP"), payout_type="partner")
    same(
        deposit(make, payout, items, partner_income=role).text,
        f"""
        2024-03-07 payout PO1 GCEV1
          bank                3.40 GBP
          fees                0.10 GBP
          {role:<14}     -3.50 GBP
        """,
    )


def test_vat_in_the_tax_currency_is_shown_once_it_is_final(make):
    tax = Tax(Decimal("22.0"), "EUR", "GB_VAT_1", Decimal("18.7"), "GBP", Decimal("0.85"))
    items = [
        make.item("payment_paid_out", "10000.0", currency="EUR"),
        make.item("gocardless_fee", "-132.0", currency="EUR", taxes=(tax,)),
    ]
    payout = make.payout(amount=Money(9868, "EUR"), deducted_fees=Money(132, "EUR"), tax_currency="GBP")
    assert deposit(make, payout, items).booked[0].facts["vat_destination_minor:GB_VAT_1"] == "18.7"


halves = st.integers(-400, 0).map(lambda n: Decimal(n) / 2)


@st.composite
def provable(draw: st.DrawFn) -> tuple[list[PayoutItem], Money, Money]:
    """Items with half-penny fees and VAT, with an amount and fees rounded up or down as GoCardless may do."""
    items = [
        PayoutItem("payment_paid_out", Decimal(draw(st.integers(1, 50000))), "GBP", f"PM{i}")
        for i in range(draw(st.integers(1, 5)))
    ]
    for item in draw(st.lists(st.sampled_from(items), max_size=2, unique_by=lambda item: item.payment_id)):
        items.append(PayoutItem("payment_charged_back", -item.amount, "GBP", item.payment_id))
    for kind in draw(st.lists(st.sampled_from(["gocardless_fee", "surcharge_fee", "app_fee"]), max_size=8)):
        cost = draw(halves) * draw(st.sampled_from([1, 1, 1, -1]))
        vat = draw(st.sampled_from([Decimal(0), Decimal("0.2"), Decimal("0.5")])) * cost
        taxes = (Tax(vat.quantize(Decimal("0.1")), "GBP", draw(st.sampled_from(["GB_VAT_1", "FR_VAT_1"]))),)
        items.append(PayoutItem(kind, cost, "GBP", "PM0", taxes=taxes if vat else ()))
    fees = -sum((item.amount for item in items if item.type.endswith("_fee")), Decimal(0))
    down = draw(st.sampled_from(["ROUND_HALF_UP", "ROUND_HALF_DOWN", "ROUND_HALF_EVEN"]))
    whole = int(fees.quantize(Decimal(1), rounding=down))
    gross = sum(int(item.amount) for item in items if not item.type.endswith("_fee"))
    return items, Money(gross - whole, "GBP"), Money(whole, "GBP")


@given(provable(), st.sampled_from(["fee", "rounding_account"]), st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_the_lines_of_any_proven_payout_balance_to_the_amount_on_the_bank_statement(make, drawn, rounding, random):
    items, amount, fees = drawn
    random.shuffle(items)
    states = {item.payment_id: ReceiptState.OPEN for item in items}
    books = deposit(make, make.payout(amount=amount, deducted_fees=fees), items, states, rounding=rounding)
    totals = make.balances(books.booked)
    gross = sum(int(item.amount) for item in items if not item.type.endswith("_fee"))
    costs = {"fees", "surcharges", "partner_fees", "input_vat", "rounding"}
    assert books.outcome(1) == "posted", books.reason(1)
    assert totals.get(("bank", "", "GBP"), 0) == amount.minor
    assert totals.get(("clearing", "", "GBP"), 0) == -gross
    assert sum(units for (role, _, _), units in totals.items() if role in costs) == fees.minor
    rounded = totals.get(("rounding", "", "GBP"), 0)
    assert rounded == 0 if rounding == "fee" and any(i.type.endswith("_fee") for i in items) else abs(rounded) <= 8
