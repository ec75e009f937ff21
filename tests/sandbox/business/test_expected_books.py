"""The expected books agree with themselves: two ways to each figure, and hand-checked examples."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal

import pytest

from sandbox.business.expectations import ExpectedBooks, expected_books
from sandbox.business.plan import plan_month
from sandbox.business.play import Month, new_world, play


def month_of(profile: str, seed: int = 7) -> Month:
    plan = plan_month(seed, profile=profile)
    return play(plan, new_world(plan))[0]


@pytest.fixture(scope="module", params=["nordic", "german"])
def month(request: pytest.FixtureRequest) -> Month:
    return month_of(request.param)


@pytest.fixture(scope="module")
def books(month: Month) -> ExpectedBooks:
    return expected_books(month)


@pytest.mark.parametrize("seed", [1, 5, 9])
@pytest.mark.parametrize("profile", ["nordic", "german"])
def test_what_gocardless_holds_is_what_came_in_less_what_went_out(profile: str, seed: int) -> None:
    stated = expected_books(month_of(profile, seed))
    for currency, expected in stated.currencies.items():
        received = sum(p.amount_minor for p in stated.payments if p.effective and p.currency == currency)
        returned = sum(
            r.amount_minor for r in stated.refunds if r.paid_out and not r.returned and r.currency == currency
        )
        settled = sum(
            p.gross_minor for p in stated.payouts if p.status in ("paid", "bounced") and p.currency == currency
        )
        assert expected.clearing_minor == received - returned - settled


def test_the_whole_set_of_books_balances_per_currency(books: ExpectedBooks) -> None:
    for currency, expected in books.currencies.items():
        deposits = sum(p.amount_minor for p in books.payouts if p.currency == currency and p.status == "paid")
        receivable = sum(moved.get(currency, 0) for moved in books.receivables.values())
        debits = (
            expected.clearing_minor + expected.fees_net_minor + sum(expected.input_vat_minor.values())
            + expected.sales_returns_minor + expected.payout_transit_minor + deposits
        )  # fmt: skip
        assert debits + receivable == 0


def test_money_is_still_held_at_the_end_of_the_month(books: ExpectedBooks) -> None:
    assert books.currencies["EUR"].clearing_minor > 0
    statuses = {payment.status for payment in books.payments}
    assert {"confirmed", "submitted", "paid_out", "failed", "charged_back", "cancelled"} <= statuses


def test_deducted_fees_are_net_fees_and_vat(month: Month, books: ExpectedBooks) -> None:
    for payout in books.payouts:
        record = month.world.payouts.get(payout.id)
        assert record is not None
        assert payout.fees_net_minor + sum(payout.vat_minor.values()) == record.body["deducted_fees"]
        for rate, exact in payout.vat_exact.items():
            assert abs(Decimal(exact) - payout.vat_minor[rate]) <= Decimal("0.5")


def test_the_bank_receives_what_the_paid_payouts_say(books: ExpectedBooks) -> None:
    sums: dict[str, int] = defaultdict(int)
    for payout in books.payouts:
        assert payout.bank_minor is not None
        sums[payout.bank_currency] += payout.bank_minor
    assert books.bank == dict(sums)
    assert set(books.bank) == ({"EUR"} if books.profile == "german" else {"EUR", "GBP"})


def test_converted_payouts_follow_their_rate(books: ExpectedBooks) -> None:
    converted = [payout for payout in books.payouts if payout.exchange_rate is not None]
    assert bool(converted) == (books.profile == "german")
    for payout in converted:
        exact = payout.amount_minor * Decimal(str(payout.exchange_rate))
        assert abs(exact - Decimal(str(payout.bank_minor))) <= Decimal("0.5")


def test_a_refund_that_came_back_stays_in_the_customers_favour(books: ExpectedBooks) -> None:
    (came_back,) = [refund for refund in books.refunds if refund.paid_out and refund.returned]
    received = sum(p.amount_minor for p in books.payments if p.effective and p.customer == came_back.customer)
    assert books.receivables[came_back.customer]["EUR"] == -received - came_back.amount_minor


def test_one_refund_is_not_paid_yet(books: ExpectedBooks) -> None:
    assert sum(not refund.paid_out for refund in books.refunds) == 1
    paid = sum(refund.amount_minor for refund in books.refunds if refund.paid_out)
    assert sum(expected.sales_returns_minor for expected in books.currencies.values()) == paid


def test_invoices_are_closed_left_open_or_partly_paid(month: Month, books: ExpectedBooks) -> None:
    by_kind = {payment.kind: payment for payment in books.payments}
    assert books.invoice_open[str(by_kind["overpayment"].invoice)] == 0
    assert books.invoice_open[str(by_kind["part_payment"].invoice)] == 12_340
    failed = next(p for p in books.payments if p.status == "failed" and p.traceable)
    amount = next(i.amount_minor for i in month.plan.invoices if i.number == failed.invoice)
    assert books.invoice_open[str(failed.invoice)] == amount
    assert by_kind["dashboard"].id in books.unmatched_payments


def test_the_json_form_keeps_every_figure(books: ExpectedBooks) -> None:
    data = json.loads(books.to_json())
    assert data["bank"] == dict(books.bank)
    assert len(data["payments"]) == len(books.payments)
    assert data["currencies"]["EUR"]["clearing_minor"] == books.currencies["EUR"].clearing_minor
    assert books.to_json() == expected_json_again(books)


def expected_json_again(books: ExpectedBooks) -> str:
    return json.dumps(json.loads(books.to_json()), sort_keys=True, indent=2, ensure_ascii=False)
