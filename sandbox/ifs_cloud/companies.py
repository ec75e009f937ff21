"""Companies and what every one of them starts with: chart, code parts, periods, voucher types, currencies, cash
accounts.

The chart's numbers are those of `ACCOUNTS`; clearing accounts are one per currency, from 1940 on.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import exponent
from sandbox.ifs_cloud.books import Books
from sandbox.ifs_cloud.odata.edm import Row

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

RECEIVABLE = "1510"
CLEARING_FROM = 1940
PARKED = "2990"
EXCHANGE = "3960"
REVENUE = "3010"
LEDGER_ID = "00"
USER_GROUP = "AC"
SERVICE_USER = "GC_SERVICE"

#: account, description, logical account type, ledger account.
ACCOUNTS = (
    (RECEIVABLE, "Accounts receivable", "Assets", True),
    ("1930", "Bank", "Assets", False),
    ("2440", "Accounts payable", "Liabilities", True),
    ("2611", "VAT payable", "Liabilities", False),
    ("2641", "VAT receivable", "Assets", False),
    (PARKED, "Parked payments", "Liabilities", False),
    ("2999", "Suspense", "Liabilities", False),
    (REVENUE, "Sales", "Revenues", False),
    (EXCHANGE, "Exchange differences", "Cost", False),
    ("6570", "Payment service fees", "Cost", False),
    ("6571", "Chargeback fees", "Cost", False),
)
#: voucher type, description, function group.
_VOUCHER_TYPES = (
    ("M", "Manual voucher", "M"), ("Q", "Opening balances", "Q"), ("F", "Customer invoice", "F"),
    ("B", "Payments received", "B"), ("N", "Mixed payment", "N"),
)  # fmt: skip


def add(
    tenant: Tenant,
    code: str,
    currency: str = "EUR",
    *,
    description: str = "",
    currencies: Sequence[str] = (),
    years: Sequence[int] = (2025, 2026, 2027),
) -> Row:
    """A company keeping its books in `currency` that also deals in `currencies`; rates are 1 until `add_rate`.

    Each currency gets a cash account `GC<currency>` on its own clearing account, the bank another one, `BANK`.
    """
    row = tenant.table("CompanyFinance").add(
        {
            "Company": code,
            "Description": description or f"Company {code}",
            "CurrencyCode": currency,
            "ValidFrom": date(min(years), 1, 1),
            "ParallelAccCurrency": None,
            "DefAmountMethod": "NetAmountEntry",
            "UseVouNoPeriod": False,
        }
    )
    tenant.books[code] = Books(tenant.journal)
    _chart(tenant, code)
    known = dict.fromkeys((currency, *currencies))
    _currencies(tenant, code, currency, list(known), date(min(years), 1, 1))
    _cash_accounts(tenant, code, currency, list(known))
    _voucher_types(tenant, code)
    tenant.table("UserGroupMember").add({"Company": code, "UserGroup": USER_GROUP, "Userid": SERVICE_USER})
    for year in years:
        add_year(tenant, code, year)
    for term, description_, blocked in (
        ("0", "Due at once", False),
        ("30", "30 days", False),
        ("DD", "Direct debit", False),
        ("CASH", "Cash", True),
    ):
        tenant.table("PaymentTerm").add(
            {
                "Company": code,
                "PayTermId": term,
                "Description": description_,
                "BlockForDirectDebiting": blocked,
                "VatDistribution": "Even",
            }
        )
    for fee_code, rate in (("0", 0), ("25", 25), ("19", 19)):
        tenant.table("StatutoryFee").add(
            {
                "Company": code, "FeeCode": fee_code, "Description": f"VAT {rate}%", "FeeRate": Decimal(rate),
                "FeeType": "NoTax" if not rate else "Tax", "ValidFrom": date(2000, 1, 1),
                "ValidUntil": date(2099, 12, 31),
                "VatReceived": "Restitution", "VatDisbursed": "Normal", "Deductible": Decimal(100),
            }
        )  # fmt: skip
    return row


def add_account(tenant: Tenant, company: str, account: str, description: str = "", **details: Any) -> Row:
    """An account of the chart; `details` are columns, such as `ReqCodeB="Mandatory"` or `LedgFlag=True`."""
    required = {f"ReqCode{part}": "CanBeUsed" for part in "BCDEFGHIJ"}
    return tenant.table("Account").add(
        {
            "Company": company, "Account": account, "Description": description or f"Account {account}",
            "ValidFrom": date(2000, 1, 1), "ValidUntil": date(2099, 12, 31), "LogicalAccountType": "Assets",
            "LedgFlag": False, "CurrBalance": False, "ReqText": "CanBeUsed", "TaxHandlingValue": "AllowTax",
            "TaxCodeMandatory": False, "StatAccount": False, "BudAccount": False, **required, **details,
        }
    )  # fmt: skip


def add_code_value(tenant: Tenant, company: str, part: str, value: str, description: str = "") -> Row:
    """A value of code part B to J."""
    if part not in "BCDEFGHIJ":
        raise ValueError(f"{part!r} is not a code part from B to J")
    return tenant.table("CodePartValue").add(
        {"Company": company, "CodePart": part, "Value": value, "Description": description or value}
    )


def add_year(tenant: Tenant, company: str, year: int) -> None:
    """An open accounting year: twelve periods, voucher series, and the links of user group AC."""
    tenant.table("AccountingYear").add(
        {
            "Company": company,
            "AccountingYear": year,
            "OpeningBalances": "Open",
            "ClosingBalances": "Open",
            "YearStatus": "Open",
        }
    )
    for month in range(1, 13):
        last = calendar.monthrange(year, month)[1]
        tenant.table("AccountingPeriod").add(
            {
                "Company": company, "AccountingYear": year, "AccountingPeriod": month,
                "Description": f"{year} {month:02}",
                "YearEndPeriod": "Ordinary", "DateFrom": date(year, month, 1), "DateUntil": date(year, month, last),
            }
        )  # fmt: skip
    first = year * 1_000_000 + 1
    for voucher_type, _, _ in _VOUCHER_TYPES:
        tenant.table("VoucherNoSerial").add(
            {
                "Company": company, "VoucherType": voucher_type, "AccountingYear": year,
                "SerieFrom": first, "SerieUntil": first + 999_998, "CurrentNumber": first,
            }
        )  # fmt: skip
    _connect(tenant, company, year, USER_GROUP)


def add_user_group(tenant: Tenant, company: str, user_group: str) -> None:
    """A further group of the service user, connected to every period and voucher type there is."""
    tenant.table("UserGroupMember").add({"Company": company, "UserGroup": user_group, "Userid": SERVICE_USER})
    for row in tenant.table("AccountingYear").where("Company", company):
        _connect(tenant, company, row["AccountingYear"], user_group)


def add_rate(tenant: Tenant, company: str, currency: str, rate: str, valid_from: date, currency_type: str = "1") -> Row:
    """So much of the company's currency for `ConvFactor` units of `currency`, from a date on."""
    factor = tenant.table("CurrencyCode")[(company, currency)]["ConvFactor"]
    key = (company, currency_type, currency, valid_from)
    values = {
        "CurrencyRate": Decimal(rate),
        "DirectCurrencyRate": Decimal(rate),
        "DirectCurrencyRateRound": Decimal(rate),
    }
    present = tenant.table("CurrencyRate").get(*key)
    if present is not None:
        return tenant.table("CurrencyRate").change(present, **values)
    return tenant.table("CurrencyRate").add(
        {
            **dict(zip(("Company", "CurrencyType", "CurrencyCode", "ValidFrom"), key, strict=True)), **values,
            "ConvFactor": factor, "RefCurrencyCode": tenant.currency(company),
        }
    )  # fmt: skip


def clearing_account(tenant: Tenant, company: str, currency: str) -> str:
    """The GL account behind the cash account `GC<currency>`. Raises `KeyError` when there is none."""
    return str(tenant.table("CashAccount")[(company, f"GC{currency}")]["Account"])


def _connect(tenant: Tenant, company: str, year: int, user_group: str) -> None:
    for month in range(1, 13):
        tenant.table("UserGroupPeriod").add(
            {
                "Company": company, "UserGroup": user_group, "LedgerId": LEDGER_ID, "AccountingYear": year,
                "AccountingPeriod": month, "PeriodStatus": "Open",
            }
        )  # fmt: skip
    for voucher_type, _, group in _VOUCHER_TYPES:
        tenant.table("VoucherTypeUserGroup").add(
            {
                "Company": company, "AccountingYear": year, "UserGroup": user_group, "VoucherType": voucher_type,
                "FunctionGroup": group, "DefaultType": voucher_type == "M", "AuthorizeLevel": "EnterAndApprove",
            }
        )  # fmt: skip


def _chart(tenant: Tenant, code: str) -> None:
    for account, description, kind, ledger in ACCOUNTS:
        add_account(tenant, code, account, description, LogicalAccountType=kind, LedgFlag=ledger)
    for part, value in (("B", "100"), ("B", "200"), ("C", "P1")):
        add_code_value(tenant, code, part, value)


def _currencies(tenant: Tenant, code: str, base: str, known: list[str], since: date) -> None:
    tenant.table("CurrencyType").add(
        {
            "Company": code, "CurrencyType": "1", "Description": "Internal rates", "TypeDefault": True,
            "RefCurrencyCode": base, "RateTypeCategory": "Normal",
        }
    )  # fmt: skip
    for currency in known:
        tenant.table("CurrencyCode").add(
            {
                "Company": code, "CurrencyCode": currency, "ConvFactor": 100 if exponent(currency) == 0 else 1,
                "CurrencyRounding": exponent(currency), "DecimalsInRate": 6, "Inverted": False,
                "EmuCurrencyFromDate": None,
            }
        )  # fmt: skip
        factor = tenant.table("CurrencyCode")[(code, currency)]["ConvFactor"]
        add_rate(tenant, code, currency, str(factor), since)


def _cash_accounts(tenant: Tenant, code: str, base: str, known: list[str]) -> None:
    for number, currency in enumerate(known):
        account = str(CLEARING_FROM + number)
        add_account(tenant, code, account, f"GoCardless clearing {currency}")
        _cash_account(tenant, code, f"GC{currency}", currency, account)
    _cash_account(tenant, code, "BANK", base, "1930")


def _cash_account(tenant: Tenant, code: str, name: str, currency: str, account: str) -> None:
    tenant.table("CashAccount").add(
        {
            "Company": code, "ShortName": name, "Description": name, "Currency": currency, "Account": account,
            "BankAccount": f"{code}{name}", "VoucherType": "N", "UserGroup": USER_GROUP,
        }
    )  # fmt: skip


def _voucher_types(tenant: Tenant, code: str) -> None:
    for voucher_type, description, group in _VOUCHER_TYPES:
        tenant.table("VoucherType").add(
            {
                "Company": code, "VoucherType": voucher_type, "Description": description, "AutomaticAllot": True,
                "LedgerId": LEDGER_ID, "UseManual": group == "M", "SimulationVoucher": False, "Balance": True,
                "UseApprovalWorkflow": False, "SeparateUserApproval": False, "FunctionGroup": group,
                "ReferenceMandatory": False,
            }
        )  # fmt: skip
