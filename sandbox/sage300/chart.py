"""The standard company: accounts, banks, codes, taxes, rates and optional fields, as section 11 wants them set up once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.sage300 import filling

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

#: number as printed, description, type.
ACCOUNTS = (
    ("1020", "Bank", "BalanceSheet"),
    ("1025", "Bank, second currency", "BalanceSheet"),
    ("1099", "GoCardless clearing", "BalanceSheet"),
    ("1098", "GoCardless clearing, second currency", "BalanceSheet"),
    ("1100", "Accounts receivable", "BalanceSheet"),
    ("1105", "Accounts receivable, second currency", "BalanceSheet"),
    ("2100", "Prepayments received", "BalanceSheet"),
    ("2105", "Prepayments received, second currency", "BalanceSheet"),
    ("2150", "Input VAT", "BalanceSheet"),
    ("2200", "VAT payable", "BalanceSheet"),
    ("4000", "Sales", "IncomeStatement"),
    ("4010-100", "Sales, web", "IncomeStatement"),
    ("4090", "Sales returns", "IncomeStatement"),
    ("4900", "Discounts", "IncomeStatement"),
    ("6115", "Payment fees", "IncomeStatement"),
    ("6200", "Write-offs", "IncomeStatement"),
    ("7100", "Exchange gain", "IncomeStatement"),
    ("7110", "Exchange loss", "IncomeStatement"),
    ("9999", "Suspense", "BalanceSheet"),
)
_OPTIONAL = (
    ("GCCUST", "Text", 60),
    ("GCMANDATE", "Text", 60),
    ("GCMDSTATUS", "Text", 30),
    ("GCMDDATE", "Date", 0),
    ("GCSCHEME", "Text", 20),
    ("GCBANKLAST2", "Text", 4),
    ("GCCREDITOR", "Text", 60),
)


def install(company: Company) -> None:
    """Fill an empty company. The second currency is GBP, or EUR where GBP is the functional one."""
    home = company.functional
    second = "EUR" if home == "GBP" else "GBP"
    for number, description, kind in ACCOUNTS:
        filling.add_account(company, number, description, {"AccountType": kind})
    _currencies(company, home, second)
    _receivables(company, home, second)
    _banks(company, home, second)
    _taxes(company)
    for source in ("JE", "GC"):
        filling.add(company, "GLSourceCodes", SourceLedger="GL", SourceType=source, Description=f"GL-{source}")
    for code, kind, length in _OPTIONAL:
        filling.add_optional_field(company, code, kind, length, {})
    for code, interval in (
        ("WEEKLY", "Weekly"),
        ("MONTHLY", "Monthly"),
        ("QUARTERLY", "Quarterly"),
        ("YEARLY", "Yearly"),
    ):
        filling.add(company, "CSSchedules", ScheduleCode=code, Description=code.title(), Interval=interval)
    filling.add(
        company,
        "CSCompanyProfile",
        DatabaseID=company.company_id,
        CompanyName="Sample Company Limited",
        FunctionalCurrency=home,
        NumberOfFiscalPeriods=12,
        Multicurrency="Yes",
    )


def _currencies(company: Company, home: str, second: str) -> None:
    for code, places in (("EUR", "Num2"), ("GBP", "Num2"), ("USD", "Num2"), ("SEK", "Num2"), ("JPY", "Num0")):
        filling.add(company, "CSCurrencyCodes", CurrencyCodeKey=code, Description=code, DecimalPlaces=places)
    filling.add(company, "CSCurrencyRateTypes", RateType="SP", Description="Spot rate")
    second_rate = Decimal("1.15") if second == "GBP" else Decimal("0.87")
    for code, rate in ((second, second_rate), ("USD", Decimal("0.9")), ("SEK", Decimal("0.088"))):
        filling.add_rate(company, code, rate, date(2025, 1, 1))


def _receivables(company: Company, home: str, second: str) -> None:
    for code, days in (("N30", 30), ("N14", 14), ("COD", 0)):
        filling.add(company, "ARTerms", TermsCode=code, Description=f"{days} days", DueNumberOfDays=days)
    filling.add(company, "ARBillingCycles", BillingCycleKey="BILL01", Description="Monthly statements")
    for code, kind in (("GCDD", "Other"), ("CASH", "Cash"), ("CHECK", "Check")):
        filling.add(company, "ARPaymentCodes", PaymentCodeKey=code, Description=code, PaymentType=kind)
    for code, account in (("SALES", "4000"), ("WEB", "4010-100")):
        filling.add(company, "ARDistributionCodes", DistributionCodeKey=code, Description=code, RevenueAccount=account)
    for code, currency, control, prepaid in ((home, home, "1100", "2100"), (second, second, "1105", "2105")):
        filling.add(
            company,
            "ARAccountSets",
            AccountSetKey=code,
            Description=f"Receivables in {currency}",
            ReceivablesControlAccount=control,
            PrepaymentLiabilityAccount=prepaid,
            DiscountsAccount="4900",
            WriteOffsAccount="6200",
            CurrencyCode=currency,
            ExchangeGainAccount="7100",
            ExchangeLossAccount="7110",
        )
    for group, account_set in (("RTL", home), (f"RTL{second}", second)):
        filling.add(
            company,
            "ARCustomerGroups",
            GroupCode=group,
            Description=f"Customers in {account_set}",
            AccountSet=account_set,
            BillingCycle="BILL01",
            Terms="N30",
            RateType="SP",
            TaxGroup="NOTAX",
        )


def _banks(company: Company, home: str, second: str) -> None:
    for code, currency, account in (
        (f"GC{home}", home, "1099"),
        (f"GC{second}", second, "1098"),
        ("MAIN", home, "1020"),
        (f"MAIN{second}", second, "1025"),
    ):
        filling.add(
            company,
            "BKBanks",
            BankCode=code,
            Description=f"{code} account",
            StatementCurrency=currency,
            BankAccount=account,
            WriteOffAccount="6200",
        )
    filling.add(company, "BKBankDistributionCodes", DistributionCode="FEES", Description="Fees", GLAccount="6115")


def _taxes(company: Company) -> None:
    for group, rate, included in (("NOTAX", "0", False), ("EUVAT", "0.21", False), ("EUVATI", "0.21", True)):
        company.taxes[group] = (Decimal(rate), included, "2200")
        filling.add(
            company,
            "TXTaxGroups",
            TaxGroupKey=group,
            TransactionType="Sales",
            Description=group,
            TaxReportingCurrency=company.functional,
            TaxAuthority1=group,
        )
        filling.add(company, "TXTaxAuthorities", TaxAuthorityKey=group, Description=group, TaxLiabilityAccount="2200")
        filling.add(
            company,
            "TXTaxRates",
            TaxAuthority=group,
            TransactionType="Sales",
            BuyerClass=1,
            ItemRate1=Decimal(rate) * 100,
        )
