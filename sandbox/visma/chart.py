"""The standard chart of a small company that collects with GoCardless in euros and pounds.

| account | what |   | cash account | what |
| --- | --- | --- | --- | --- |
| 1500 | receivables, control account | | 1985 / 1986 | GoCardless clearing EUR / GBP |
| 1985, 1986 | clearing EUR, GBP | | 1920 / 1930 | bank EUR / GBP |
| 1920, 1930 | bank EUR, GBP | | | |
| 1990 | FX transit | | | |
| 2700, 2710 | output VAT, input VAT | | | |
| 3000 | revenue | | | |
| 7770 | fees | | | |
| 7798, 7799 | rounding, write-offs | | | |
| 8060, 8160 | exchange gain, loss | | | |
| 2990 | suspense | | | |
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.visma.records import (
    Account,
    Attribute,
    CashAccount,
    CustomerClass,
    EntryType,
    PaymentMethod,
    VatCode,
)

if TYPE_CHECKING:
    from sandbox.visma.company import Company

LEDGER = "1"
RECEIVABLE = "1500"
REVENUE = "3000"
OUTPUT_VAT = "2700"
FEES = "7770"
ROUNDING = "7798"
WRITE_OFFS = "7799"

_ACCOUNTS = (
    Account(RECEIVABLE, "Accounts receivable", "Asset", control_module="AR", manual_entry=False),
    Account("1920", "Bank EUR", "Asset", currency="EUR"),
    Account("1930", "Bank GBP", "Asset", currency="GBP"),
    Account("1985", "GoCardless clearing EUR", "Asset", currency="EUR"),
    Account("1986", "GoCardless clearing GBP", "Asset", currency="GBP"),
    Account("1990", "FX transit", "Asset"),
    Account("2400", "Accounts payable", "Liability", control_module="AP", manual_entry=False),
    Account(OUTPUT_VAT, "Output VAT", "Liability"),
    Account("2710", "Input VAT", "Asset"),
    Account("2990", "Suspense", "Liability"),
    Account(REVENUE, "Sales revenue", "Income"),
    Account("3100", "Sales revenue, exempt", "Income"),
    Account("7700", "Old fees account", "Expense", active=False),
    Account(FEES, "Payment fees", "Expense"),
    Account(ROUNDING, "Rounding", "Expense"),
    Account(WRITE_OFFS, "Small write-offs", "Expense"),
    Account("8060", "Exchange gain", "Income"),
    Account("8160", "Exchange loss", "Expense"),
    Account("9100", "Department costs", "Expense", needs_subaccount=True),
)

_CASH_ACCOUNTS = (
    ("1985", "GoCardless clearing EUR", "EUR"),
    ("1986", "GoCardless clearing GBP", "GBP"),
    ("1920", "Bank EUR", "EUR"),
    ("1930", "Bank GBP", "GBP"),
)

_ATTRIBUTES = (
    Attribute("GCCUST", "GoCardless customer"),
    Attribute("GCMANDATE", "GoCardless mandate"),
    Attribute("GCMSTATUS", "GoCardless mandate status", "Combo"),
)


def install(company: Company) -> None:
    """Put the chart above into the company."""
    for account in _ACCOUNTS:
        company.add_account(dataclasses.replace(account))
    for number, description, currency in _CASH_ACCOUNTS:
        entry_types = {
            "BANKIN": EntryType("BANKIN", "Deposit", "Receipt", "2990"),
            "BANKOUT": EntryType("BANKOUT", "Withdrawal", "Disbursement", "2990"),
            "GCFEE": EntryType("GCFEE", "Payment fee", "Disbursement", FEES),
        }
        company.add_cash_account(CashAccount(number, description, currency, number, entry_types))
    company.payment_methods["GC"] = PaymentMethod("GC", "GoCardless", "DirectDeposit", ["1985", "1986"])
    company.payment_methods["BANK"] = PaymentMethod("BANK", "Bank transfer", "CashOrCheck", ["1920", "1930"])
    company.payment_methods["OLD"] = PaymentMethod("OLD", "Cheque", "CashOrCheck", ["1920"], active=False)
    company.vat_codes["3"] = VatCode("3", "STANDARD", "Output VAT 25 %", 2500, OUTPUT_VAT)
    company.vat_codes["1"] = VatCode("1", "INPUT", "Input VAT 25 %", 2500, "2710")
    company.vat_codes["0"] = VatCode("0", "EXEMPT", "No VAT", 0, OUTPUT_VAT)
    for attribute in _ATTRIBUTES:
        company.attributes[attribute.id] = attribute
    company.customer_classes["1"] = CustomerClass("1", "Domestic", [each.id for each in _ATTRIBUTES], "GC")
    company.customer_classes["2"] = CustomerClass("2", "Without attributes", [])
    company.reason_codes["WRITEOFF"] = WRITE_OFFS
    company.subaccounts.update({"1": True, "2": True, "9": False})
    company.rates.update({"EUR": Decimal(1), "GBP": Decimal("1.1725"), "NOK": Decimal("0.0852")})
    company.receivable_account = RECEIVABLE
    company.revenue_account = REVENUE
    company.output_vat_account = OUTPUT_VAT
    company.rounding_account = ROUNDING
