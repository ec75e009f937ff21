"""The accounts a company may post to, which of them carry tax, and what the tax keys do. Sheet: datev.md 11.1.

Only the accounts of the sheet are in the two charts; a company adds its own. All numbers here have four digits and grow
zeros at the end with the company's account length (datev.md 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sandbox.datev.datacentre import Company


class TaxKind(Enum):
    INPUT = "input"
    OUTPUT = "output"
    REVERSE_CHARGE = "reverse_charge"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax treatment; `rate` in percent."""

    kind: TaxKind
    rate: int = 0


NO_TAX = Tax(TaxKind.NONE)
INPUT_19, INPUT_7 = Tax(TaxKind.INPUT, 19), Tax(TaxKind.INPUT, 7)
OUTPUT_19, OUTPUT_7 = Tax(TaxKind.OUTPUT, 19), Tax(TaxKind.OUTPUT, 7)
REVERSE_19 = Tax(TaxKind.REVERSE_CHARGE, 19)

#: BU key -> what it does to the account that carries tax. 40 switches an automatic account off.
TAX_KEYS = {
    "9": INPUT_19,
    "8": INPUT_7,
    "3": OUTPUT_19,
    "2": OUTPUT_7,
    "94": REVERSE_19,
    "506": REVERSE_19,
    "511": REVERSE_19,
    "40": NO_TAX,
}


@dataclass(frozen=True, slots=True)
class Chart:
    """One of DATEV's charts of accounts, as far as the sheet names it."""

    number: str
    accounts: frozenset[str]
    #: fed by the personal accounts, never posted to
    collective: frozenset[str]
    automatic: dict[str, Tax]
    #: (tax kind, rate) -> the account of the tax; reverse charge has the input side here and the liability below
    tax_accounts: dict[Tax, str]
    reverse_charge_liability: str
    #: first digits of income and expense accounts: one of them carries the tax of a row
    result_classes: str


def _numbers(text: str) -> frozenset[str]:
    return frozenset(text.split())


SKR03 = Chart(
    "03",
    _numbers(
        "1200 1201 1360 1571 1576 1577 1590 1700 1771 1776 1787 2150 2400 2660 2661 3123 3125 4970 8300 8336 8400"
    ),
    frozenset({"1400", "1600"}),
    {"8400": OUTPUT_19, "8300": OUTPUT_7, "8336": NO_TAX, "3123": REVERSE_19, "3125": REVERSE_19},
    {INPUT_19: "1576", INPUT_7: "1571", OUTPUT_19: "1776", OUTPUT_7: "1771", REVERSE_19: "1577"},
    "1787",
    "2348",
)
SKR04 = Chart(
    "04",
    _numbers("1370 1401 1406 1407 1460 1800 1801 3500 3801 3806 3837 4300 4336 4400 4840 5923 5925 6855 6880 6930"),
    frozenset({"1200", "3300"}),
    {"4400": OUTPUT_19, "4300": OUTPUT_7, "4336": NO_TAX, "5923": REVERSE_19, "5925": REVERSE_19},
    {INPUT_19: "1406", INPUT_7: "1401", OUTPUT_19: "3806", OUTPUT_7: "3801", REVERSE_19: "1407"},
    "3837",
    "4567",
)
CHARTS = {chart.number: chart for chart in (SKR03, SKR04)}


class CompanyAccounts:
    """The accounts of one company: its chart at its account length, its own accounts, its debtors and creditors."""

    def __init__(self, company: Company) -> None:
        self.chart = CHARTS[company.chart]
        self.length = company.account_length
        self.own = set(company.accounts)
        self.personal: dict[str, str] = dict(company.personal_accounts)

    def normal(self, written: str) -> str:
        """The account as the books know it: a leading zero of a G/L account may be written or not."""
        return written.lstrip("0") if len(written) <= self.length else written

    def is_personal(self, account: str) -> bool:
        return len(account) == self.length + 1

    def fault(self, written: str) -> str:
        """Why an account of a row cannot be posted to, or nothing."""
        if len(written) > self.length + 1:
            return f"account {written} has more than {self.length + 1} digits"
        if self.is_personal(written):
            return self._personal_fault(written)
        account = self.normal(written)
        if account in self.own:
            return ""
        base = self.base(account)
        if base in self.chart.collective:
            return f"account {written} is a collective account, fed by the personal accounts"
        if base not in self.chart.accounts:
            return f"account {written} is not in SKR{self.chart.number} of this company"
        return ""

    def base(self, account: str) -> str:
        """The chart's four digits behind a G/L account, or nothing: 13600 is 1360 where accounts have five digits."""
        zeros = "0" * (self.length - 4)
        return account.removesuffix(zeros) if len(account) == self.length and account.endswith(zeros) else ""

    def padded(self, base: str) -> str:
        return base + "0" * (self.length - 4)

    def automatic_tax(self, account: str) -> Tax | None:
        """The tax an automatic account brings along; None for any other account."""
        return None if self.is_personal(account) else self.chart.automatic.get(self.base(account))

    def carries_tax(self, account: str) -> bool:
        return (
            not self.is_personal(account) and account[:1] in self.chart.result_classes and len(account) == self.length
        )

    def _personal_fault(self, written: str) -> str:
        if written.startswith("0"):
            return f"account {written} is no debtor or creditor"
        kind = "debtor" if written[0] < "7" else "creditor"
        return "" if written in self.personal else f"{kind} {written} does not exist"
