"""Amounts in the company's base currency, which answers name `...InCurrency` (sections 2.5 and 2.6)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import orjson

from bookkeeping.money import Money
from sandbox.visma.calls import Answer, Call
from sandbox.visma.formats import number

if TYPE_CHECKING:
    from sandbox.visma.company import Company


def in_base(company: Company, minor: int, currency: str) -> orjson.Fragment:
    """The amount at the company's rate, with four decimals."""
    rate = company.rates.get(currency, Decimal(1)) / company.rates.get(company.base_currency, Decimal(1))
    base = Money(minor, currency).major * rate
    return number(base.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def rate_of(company: Company, currency: str) -> orjson.Fragment:
    """The exchange rate to the base currency, with eight decimals."""
    rate = company.rates.get(currency, Decimal(1)) / company.rates.get(company.base_currency, Decimal(1))
    return number(rate, 8)


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
