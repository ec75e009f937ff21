"""GoCardless's fees under the three VAT treatments a tax adviser may choose (datev.md 11.2). Pure arithmetic.

Which treatment is right is a setting, never guessed from the amounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from bookkeeping.money import Money, allocate
from bookkeeping.postings import AccountRole, Line, Side
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.refusal import CannotBook

FEE_ROLES = frozenset({AccountRole.FEES, AccountRole.SURCHARGES, AccountRole.PARTNER_FEES})


@dataclass(frozen=True, slots=True)
class FeeAmount:
    """One row's worth of a fee or of its VAT. `amount` is signed: a cost is positive, a refunded fee negative.

    account  None: the account of the role
    """

    role: AccountRole
    amount: Money
    account: int | None = None
    tax_key: str = ""
    service_fact: str = ""
    service_rate: str = ""


def fee_amounts(lines: Sequence[Line], settings: DatevSettings) -> list[FeeAmount]:
    """The rows for the fee and VAT lines of a payout; zero amounts are left out.

    Raises `CannotBook` (`fee_vat_charged`) when GoCardless charged VAT on fees that are set to reverse charge.
    """
    fees = _fees_by_role_and_rate(lines)
    taxes = [(line.tax_rate or "", signed(line)) for line in lines if line.role is AccountRole.INPUT_VAT]
    match settings.fee_vat_mode:
        case "none":
            amounts = _gross(fees, taxes)
        case "reverse_charge_eu":
            amounts = _reverse_charge(fees, taxes, settings)
        case "domestic_vat":
            amounts = _domestic(fees, taxes, settings)
    return [amount for amount in amounts if amount.amount]


def signed(line: Line) -> Money:
    """The line's amount as a debit: credits are negative."""
    return line.amount if line.side is Side.DEBIT else -line.amount


_Fees = list[tuple[AccountRole, str, Money]]
_Taxes = Sequence[tuple[str, Money]]


def _fees_by_role_and_rate(lines: Sequence[Line]) -> _Fees:
    """One entry per role, tax rate and side: a refunded fee stays visible beside a charged one."""
    sums: dict[tuple[AccountRole, str, Side], Money] = {}
    for line in lines:
        if line.role in FEE_ROLES:
            key = (line.role, line.tax_rate or "", line.side)
            sums[key] = sums[key] + signed(line) if key in sums else signed(line)
    return [(role, rate, amount) for (role, rate, _), amount in sums.items()]


def _shares(fees: _Fees, rate: str, tax: Money) -> list[tuple[int, Money]]:
    """Which fees a VAT amount belongs to, in cents that sum to it; empty when there is no fee at all."""
    mine = [i for i, (_, rates, _) in enumerate(fees) if rate in rates.split("+")] or list(range(len(fees)))
    if not mine:
        return []
    same_sign = [i for i in mine if (fees[i][2].minor < 0) == (tax.minor < 0)]
    if same_sign != mine:
        return [(max(mine, key=lambda i: abs(fees[i][2].minor)), tax)]
    return list(zip(mine, allocate(tax, [abs(fees[i][2].minor) for i in mine]), strict=True))


def _gross(fees: _Fees, taxes: _Taxes) -> list[FeeAmount]:
    """No deduction: VAT that was charged is part of the cost."""
    totals = [amount for _, _, amount in fees]
    alone: list[FeeAmount] = []
    for rate, tax in taxes:
        shares = _shares(fees, rate, tax)
        if not shares:
            alone.append(FeeAmount(AccountRole.FEES, tax))
        for i, share in shares:
            totals[i] = totals[i] + share
    merged: dict[tuple[AccountRole, bool], Money] = {}
    for (role, _, _), total in zip(fees, totals, strict=True):
        key = (role, total.minor < 0)
        merged[key] = merged[key] + total if key in merged else total
    return [*(FeeAmount(role, total) for (role, _), total in merged.items()), *alone]


def _reverse_charge(fees: _Fees, taxes: _Taxes, settings: DatevSettings) -> list[FeeAmount]:
    """The net fee on the automatic account, or on its own account with the key; DATEV makes the tax lines."""
    if any(tax for _, tax in taxes):
        raise CannotBook(
            "fee_vat_charged",
            "GoCardless charged VAT on its fees, and erp.fee_vat_mode is reverse_charge_eu, where it must not.",
            "Ask the tax adviser which fee_vat_mode applies, change it, then `connector release` the payout.",
        )
    key = settings.reverse_charge_key
    if not key and settings.reverse_charge is None:
        raise CannotBook(
            "account_unmapped",
            "Reverse-charge fees need an automatic account or a BU key, and the settings name neither.",
            "Set erp.reverse_charge_account or erp.reverse_charge_key, then `connector release` the payout.",
        )
    account = None if key else settings.reverse_charge
    return [
        FeeAmount(role, amount, account, key, settings.fee_service_fact, settings.fee_service_rate)
        for role, amount in _by_role(fees)
    ]


def _by_role(fees: _Fees) -> list[tuple[AccountRole, Money]]:
    merged: dict[tuple[AccountRole, bool], Money] = {}
    for role, _, amount in fees:
        key = (role, amount.minor < 0)
        merged[key] = merged[key] + amount if key in merged else amount
    return [(role, amount) for (role, _), amount in merged.items()]


def _domestic(fees: _Fees, taxes: _Taxes, settings: DatevSettings) -> list[FeeAmount]:
    """Gross with the key where DATEV's own split gives exactly the VAT that was charged, else fee and VAT apart."""
    vat: dict[int, Money] = {}
    apart: list[FeeAmount] = []
    for rate, tax in taxes:
        shares = _shares(fees, rate, tax)
        whole = len(shares) > 0 and all(
            fees[i][1] in ("", rate) and i not in vat and _splits(fees[i][2], share, settings) for i, share in shares
        )
        if whole:
            vat |= dict(shares)
        else:
            apart.append(FeeAmount(AccountRole.INPUT_VAT, tax))
    rows = [
        FeeAmount(role, amount + vat[i], None, settings.domestic_vat_key) if i in vat else FeeAmount(role, amount)
        for i, (role, _, amount) in enumerate(fees)
    ]
    return [*rows, *apart]


def _splits(net: Money, tax: Money, settings: DatevSettings) -> bool:
    percent = settings.domestic_vat_percent
    gross = Decimal(net.minor + tax.minor)
    return (gross * percent / (100 + percent)).quantize(Decimal(1), ROUND_HALF_UP) == tax.minor
