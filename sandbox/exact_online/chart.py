"""The standard chart of a small Dutch company that collects with GoCardless in euros and pounds.

| account | what | | journal | what |
| --- | --- | --- | --- | --- |
| 1100, 1110 | bank EUR, GBP | | 20, 21 | bank EUR, GBP (type 12) |
| 1230, 1231 | GoCardless EUR, GBP | | 23, 24 | GoCardless EUR, GBP (type 12) |
| 1300 | receivables | | 60 | purchases (type 22) |
| 1500, 1510 | VAT to pay, to claim | | 70 | sales (type 20) |
| 1600 | payables | | 90 | general (type 90), without VAT |
| 2000, 2010 | payouts, conversions in transit | | 91 | general with VAT |
| 2990 | suspense | | 10 | cash (type 10) |
| 4500 | fees | | | |
| 4510 | bank charges, default VAT code 4 | | | |
| 7000 | purchases | | | |
| 8000 | revenue | | | |
| 9500, 9510 | exchange, payment differences | | | |
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

_ACCOUNTS = (
    ("1000", "Cash", 10), ("1100", "Bank EUR", 12), ("1110", "Bank GBP", 12),
    ("1230", "GoCardless EUR", 12), ("1231", "GoCardless GBP", 12), ("1300", "Receivables", 20),
    ("1500", "VAT to pay", 24), ("1510", "VAT to claim", 24), ("1600", "Payables", 22),
    ("2000", "Payouts in transit", 90), ("2010", "Conversions in transit", 90), ("2990", "Suspense", 90),
    ("4500", "Payment fees", 120), ("4510", "Bank charges", 120), ("7000", "Purchases", 111), ("8000", "Revenue", 110),
    ("9500", "Exchange differences", 120), ("9510", "Payment differences", 120),
)  # fmt: skip
_JOURNALS = (
    ("10", "Cash", 10, "1000", "EUR"), ("20", "Bank EUR", 12, "1100", "EUR"), ("21", "Bank GBP", 12, "1110", "GBP"),
    ("23", "GoCardless EUR", 12, "1230", "EUR"), ("24", "GoCardless GBP", 12, "1231", "GBP"),
    ("60", "Purchases", 22, "", "EUR"), ("70", "Sales", 20, "", "EUR"), ("90", "General", 90, "", "EUR"),
    ("91", "General with VAT", 90, "", "EUR"),
)  # fmt: skip
#: code (padded to three), description, percentage, type, transaction type.
_VAT_CODES = (
    ("0", "No VAT", "0", "N", "B"), ("1", "VAT reversed", "0", "B", "B"), ("2", "Output 21 %", "0.21", "E", "S"),
    ("4", "Input 21 % included", "0.21", "I", "P"),
)  # fmt: skip
_CONDITIONS = (("14", "14 days", "B", 14), ("30", "30 days", "B", 30), ("IN", "Collection", "I", 14))


def install(division: Division) -> None:
    """Put the chart above into the division."""
    for code, description, kind in _ACCOUNTS:
        division.add_gl_account(code, description, kind)
    for code, description, kind, gl_code, currency in _JOURNALS:
        division.add_journal(code, description, kind, gl_code, Currency=currency, AllowVAT=code == "91")
    for code, description, percentage, vat_type, side in _VAT_CODES:
        division.tables["VATCodes"].add(
            {
                "ID": division.new_id(),
                "Code": code.ljust(3),
                "Description": description,
                "Percentage": Decimal(percentage),
                "Type": vat_type,
                "VATTransactionType": side,
                "GLToPay": division.gl_account("1500")["ID"],
                "GLToClaim": division.gl_account("1510")["ID"],
                "IsBlocked": False,
                "Division": division.code,
            }
        )
    charges = division.gl_account("4510")
    division.tables["GLAccounts"].change(charges["ID"], VATCode="4  ")
    for code, description, method, days in _CONDITIONS:
        division.tables["PaymentConditions"].add(
            {
                "ID": division.new_id(),
                "Code": code,
                "Description": description,
                "PaymentMethod": method,
                "PaymentDays": days,
                "Division": division.code,
            }
        )
    division.tables["Items"].add(
        {"ID": division.new_id(), "Code": "SERVICE", "Description": "Service", "IsSalesItem": True}
    )
    division.add_rate("GBP", Decimal("1.1725"))
    division.add_rate("USD", Decimal("0.9210"))
    division.receivable_gl = division.gl_account("1300")["ID"]
    division.revenue_gl = division.gl_account("8000")["ID"]
    division.write_off_code = "9510"
