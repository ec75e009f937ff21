"""What the stand-in keeps in the base currency of the company: its own rates by day, or the one a journal was given."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

POUNDS = {"currency": "GBP", "cashAccount": "1986"}


@pytest.fixture
def pounds(api: Any) -> Any:
    """1.15 EUR are a pound in March, and 1.19 from the tenth on."""
    api.company.add_rate("GBP", Decimal("1.15"), starts=date(2026, 3, 1))
    api.company.add_rate("GBP", Decimal("1.19"), starts=date(2026, 3, 10))
    return api


def book(api: Any, *lines: tuple[str, str, str], **changes: Any) -> str:
    number = str(api.number_of(api.post("/v2/journaltransaction", api.journal(*lines, **changes))))
    answer = api.post(f"/v2/journaltransaction/{number}/action/release", {}).json()
    assert answer["actionResult"] == "Done", answer
    return number


def test_a_receipt_is_valued_at_the_rate_of_its_day(pounds: Any) -> None:
    """2 March; the invoice of 5 January was booked at the rate of the beginning, 1.1725."""
    pounds.received("80.00", pounds.line("000300", "80.00"), **POUNDS)
    books = pounds.company.books
    assert (books.balance("1986", "GBP"), books.base_balance("1986")) == (8000, 9200)
    (row,) = pounds.rows("/v1/customerPayment")
    assert (row["paymentAmount"], row["paymentAmountInCurrency"]) == (Decimal(80), Decimal(92))


def test_a_void_is_valued_as_what_it_takes_back(pounds: Any) -> None:
    pounds.company.switches.change({"void_date": "today"})
    number = pounds.received("80.00", **POUNDS)
    pounds.post(f"/v1/customerPayment/{number}/action/void", {"type": "Payment"})
    pounds.release(number, "VoidPayment")
    assert pounds.company.books.base_balance("1986") == 0
    (row,) = pounds.rows("/v1/customerPayment", paymentType="VoidPayment")
    assert (row["applicationDate"][:10], row["paymentAmountInCurrency"]) == ("2026-03-10", Decimal(-92))


def test_a_rate_that_is_entered_later_changes_nothing_that_stands(pounds: Any) -> None:
    number = pounds.received("80.00", **POUNDS)
    pounds.company.add_rate("GBP", Decimal("1.21"), starts=date(2026, 3, 2))
    assert pounds.get(f"/v1/customerPayment/{number}").json()["paymentAmountInCurrency"] == 92
    assert pounds.company.books.base_balance("1986") == 9200


def test_a_draft_that_gets_another_date_gets_its_rate(pounds: Any) -> None:
    number = pounds.create_payment("80.00", **POUNDS)
    pounds.put(f"/v1/customerPayment/{number}", pounds.wrap(applicationDate="2026-03-10T00:00:00"))
    (row,) = pounds.rows("/v1/customerPayment")
    assert row["paymentAmountInCurrency"] == Decimal("95.20")


def test_a_journal_is_valued_at_the_rate_of_its_day_or_at_the_one_given(pounds: Any) -> None:
    lines = (("1930", "100.00", ""), ("1986", "", "100.00"))
    by_day = book(pounds, *lines, currencyId="GBP")
    given = book(pounds, *lines, currencyId="GBP", exchangeRate=1.16999)
    rows = [pounds.get(f"/v2/journaltransaction/{number}").json() for number in (by_day, given)]
    assert [row["exchangeRate"] for row in rows] == [1.15, 1.16999]
    shown = [row["journalTransactionLines"][0]["debitAmountInCurrency"] for row in rows]
    assert shown == [115, 117]
    assert pounds.company.books.base_balance("1986") == -23200


def test_where_rates_divide_the_given_one_is_divided_by(pounds: Any) -> None:
    pounds.company.switches.change({"rates_divide": True})
    number = book(pounds, ("1930", "100.00", ""), ("1986", "", "100.00"), currencyId="GBP", exchangeRate=0.8)
    row = pounds.get(f"/v2/journaltransaction/{number}").json()
    assert (row["exchangeRate"], row["debitTotalInCurrency"]) == (0.8, 125)


def test_a_journal_in_the_base_currency_has_no_rate_of_its_own(pounds: Any) -> None:
    book(pounds, ("1920", "100.00", ""), ("2990", "", "100.00"), exchangeRate=2)
    assert pounds.company.books.base_balance("1920") == 10000


def test_a_rate_must_be_greater_than_nothing(pounds: Any) -> None:
    body = pounds.journal(("1930", "1", ""), ("1986", "", "1"), currencyId="GBP", exchangeRate=0)
    assert "greater than 0" in pounds.message(pounds.post("/v2/journaltransaction", body))


def test_what_rounding_leaves_over_is_on_the_rounding_account(pounds: Any) -> None:
    """0.33, 0.33 and 0.34 at 1.15 are 0.38, 0.38 and 0.39; the pound is 1.15."""
    lines = (("7770", "0.33", ""), ("2710", "0.33", ""), ("2990", "0.34", ""), ("1986", "", "1.00"))
    before = pounds.company.books.base_balances()
    book(pounds, *lines, currencyId="GBP")
    after = pounds.company.books.base_balances()
    moved = {account: after[account] - before.get(account, 0) for account in ("7770", "2710", "2990", "1986")}
    assert moved == {"7770": 38, "2710": 38, "2990": 39, "1986": -115}
    book(pounds, ("7770", "0.01", ""), ("2710", "0.49", ""), ("1986", "", "0.50"), currencyId="GBP")
    # 0.0115, 0.5635 and 0.575 become 0.01, 0.56 and 0.58.
    assert pounds.company.books.base_balance("7798") == 1


def test_the_control_interface_shows_the_balances_in_the_base_currency(pounds: Any) -> None:
    pounds.received("80.00", **POUNDS)
    answer = pounds.session.get(f"{pounds.base}/_control/books", timeout=10).json()
    assert answer["base_balances"]["1986"] == 9200
