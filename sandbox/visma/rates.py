"""Rates, and amounts in the company's base currency, which answers name `...InCurrency` (sections 2.5 and 2.6).

A document is valued at the rate of its date, line by line, each rounded to the minor unit; what the roundings leave over goes
to the company's rounding account. Gains and losses of applied invoices are not computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import orjson

from bookkeeping.money import Money, exponent
from sandbox.visma.books import Line
from sandbox.visma.calls import Answer, Call
from sandbox.visma.formats import number

if TYPE_CHECKING:
    from sandbox.visma.company import Company

#: rates are kept with so many decimals (section 3).
RATE_STEP = Decimal("0.00000001")


def rate(company: Company, currency: str, dated: date) -> Decimal:
    """Units of the base currency for one unit of `currency` on a day."""
    return company.rate_on(currency, dated) / company.rate_on(company.base_currency, dated)


def base_minor(company: Company, minor: int, currency: str, at: Decimal) -> int:
    """The amount at a rate, in minor units of the base currency."""
    base = Money(minor, currency).major * at
    return int(base.scaleb(exponent(company.base_currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def base_lines(company: Company, lines: Iterable[Line], currency: str, at: Decimal) -> tuple[Line, ...]:
    """Lines of an entry in the base currency, and one for what their roundings leave over."""
    made = [Line(each.account, base_minor(company, each.minor, currency, at), each.customer) for each in lines]
    left = sum(each.minor for each in made)
    return (*made, *((Line(company.rounding_account, -left),) if left else ()))


def in_base(company: Company, minor: int, currency: str, at: Decimal) -> orjson.Fragment:
    """The amount at a rate, with four decimals."""
    return number(Money(base_minor(company, minor, currency, at), company.base_currency).major)


def shown(company: Company, at: Decimal) -> orjson.Fragment:
    """A rate as answers have it, with eight decimals; the other way round where the company divides by rates."""
    return number((1 / at if company.switches.rates_divide else at).quantize(RATE_STEP), 8)


def given(company: Company, exchange_rate: Decimal) -> Decimal:
    """Units of the base currency for one of the other, from the `exchangeRate` that a caller gives."""
    kept = exchange_rate.quantize(RATE_STEP, rounding=ROUND_HALF_UP)
    return 1 / kept if company.switches.rates_divide else kept


def list_currencies(company: Company, call: Call) -> Answer:
    rows: list[dict[str, Any]] = [
        {
            "id": currency,
            "description": currency,
            "active": True,
            "isBaseCurrency": currency == company.base_currency,
            "decimalPrecision": 2,
        }
        for currency in sorted(company.rates)
    ]
    return Answer(payload=[] if call.blind else rows)
