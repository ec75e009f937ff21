"""Exchange rates by date, and amounts converted with them (fact sheet 7.9)."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money, NotRepresentable
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import bad_format, no_such_record, record_rule

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


#: voucher amounts have up to 15 digits before the point (section 3).
_LIMIT = Decimal(10) ** 15


def valid_rate(tenant: Tenant, company: str, currency: str, dated: date, currency_type: str = "1") -> Row:
    """The row with the greatest `ValidFrom` up to the date. Raises `Business` when there is none."""
    every = tenant.table("CurrencyRate").where("Company", company)
    valid = [
        row
        for row in every
        if (row["CurrencyCode"], row["CurrencyType"]) == (currency, currency_type) and row["ValidFrom"] <= dated
    ]
    if not valid:
        raise no_such_record("CurrencyRate", f"There is no rate of type {currency_type} for {currency} at {dated}.")
    return max(valid, key=lambda row: row["ValidFrom"])


def to_base(tenant: Tenant, company: str, amount: Money, dated: date, currency_type: str = "1") -> Money:
    """`amount` in the company's currency, rounded half up to its minor unit; the same amount when it is that already."""
    base = tenant.currency(company)
    if amount.currency == base:
        return amount
    row = valid_rate(tenant, company, amount.currency, dated, currency_type)
    factor: Decimal = row["ConvFactor"]
    inverted = tenant.table("CurrencyCode")[(company, amount.currency)]["Inverted"]
    units = amount.major * factor / row["CurrencyRate"] if inverted else amount.major * row["CurrencyRate"] / factor
    unit = Money(1, base).major
    return Money.from_major(units.quantize(unit, rounding=ROUND_HALF_UP), base)


def exact(tenant: Tenant, company: str, amount: Decimal, currency: str, entity: str) -> Money:
    """An amount as sent. Raises `Business` for an unknown currency or more decimals than the company's rounding."""
    if (company, currency) not in tenant.table("CurrencyCode"):
        raise record_rule("CurrencyCode.NOCURR", f"Currency {currency} is not registered in company {company}.")
    if abs(amount) >= _LIMIT:
        raise bad_format(entity, f"The amount {amount} has more than 15 digits.")
    try:
        return Money.from_major(amount, currency)
    except NotRepresentable as problem:
        raise bad_format(entity, f"The amount {amount} has more decimals than {currency} has.") from problem
