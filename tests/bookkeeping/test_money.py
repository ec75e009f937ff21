"""Money: exact, one currency at a time, and its parts always sum to the whole."""

from __future__ import annotations

import doctest
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkeeping import money
from bookkeeping.money import CurrencyMismatch, Money, NotRepresentable, allocate, exponent, round_minor, total


def test_the_examples_in_the_documentation_are_true():
    result = doctest.testmod(money)
    assert result.attempted >= 2
    assert result.failed == 0


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("12.34", "EUR", 1234), ("-0.05", "GBP", -5), ("100", "JPY", 100), ("1.234", "KWD", 1234), ("0", "SEK", 0)],
)
def test_major_units_become_minor_units_exactly_and_back(amount, currency, minor):
    value = Money.from_major(Decimal(amount), currency)
    assert value == Money(minor, currency)
    assert value.major == Decimal(amount)
    assert -value.major.as_tuple().exponent == exponent(currency)


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.001", "EUR"), ("0.5", "JPY"), ("NaN", "EUR"), ("Infinity", "EUR")]
)
def test_what_does_not_fit_the_minor_unit_is_refused(amount, currency):
    with pytest.raises(NotRepresentable):
        Money.from_major(Decimal(amount), currency)


@pytest.mark.parametrize("amount", [1.5, 1, "1"])
def test_only_decimals_are_major_amounts(amount):
    with pytest.raises(TypeError):
        Money.from_major(amount, "EUR")


@pytest.mark.parametrize("minor", [1.0, Decimal(1), True, "1"])
def test_only_integers_are_minor_units(minor):
    with pytest.raises(TypeError):
        Money(minor, "EUR")


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "€€€"])
def test_a_currency_is_three_capital_letters(currency):
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_never_meet(operation):
    with pytest.raises(CurrencyMismatch):
        getattr(Money(1, "EUR"), operation)(Money(1, "GBP"))


def test_equal_figures_in_two_currencies_are_not_equal():
    assert Money(1, "EUR") != Money(1, "GBP")


@given(st.integers(), st.integers())
def test_arithmetic_and_order_are_those_of_integers(left, right):
    a, b = Money(left, "EUR"), Money(right, "EUR")
    assert (a + b).minor == left + right
    assert (a - b).minor == left - right
    assert (-a).minor == -left
    assert abs(a).minor == abs(left)
    assert bool(a) == bool(left)
    assert ((a < b), (a <= b), (a > b), (a >= b)) == (left < right, left <= right, left > right, left >= right)
    assert total([a, b], "EUR") == a + b


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_the_parts_of_an_allocation_sum_to_the_whole_and_are_fair(units, weights):
    parts = allocate(Money(units, "EUR"), weights)
    assert total(parts, "EUR") == Money(units, "EUR")
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.minor * sum(weights) - units * weight) < sum(weights)


@pytest.mark.parametrize("weights", [[], [0, 0], [2, -1]])
def test_weights_that_cannot_be_weighed_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        allocate(Money(1, "EUR"), weights)


@pytest.mark.parametrize(("units", "minor"), [("0.5", 0), ("1.5", 2), ("2.5", 2), ("-0.5", 0), ("45.4", 45)])
def test_halves_are_rounded_to_even(units, minor):
    assert round_minor(Decimal(units), "GBP") == Money(minor, "GBP")


def test_an_empty_total_is_zero_of_its_currency():
    assert total([], "SEK") == Money.zero("SEK")
