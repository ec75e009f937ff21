"""How ledger accounts, journals, customers and invoices get into a division other than by the API."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.exact_online import customers, entries, posting, sales_entries
from sandbox.exact_online.calls import Call
from sandbox.exact_online.periods import of as period_of
from sandbox.exact_online.posting import Draft, DraftLine
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

_NOBODY = Call("POST", {}, {}, b"", "", "")


def add_gl_account(division: Division, code: str, description: str, kind: int, details: dict[str, Any]) -> Row:
    if division.tables["GLAccounts"].where("Code", code):
        raise ValueError(f"G/L account {code} exists")
    return division.tables["GLAccounts"].add(
        {
            "ID": division.new_id(),
            "Code": code,
            "Description": description,
            "Type": kind,
            "BalanceType": "W" if kind >= 110 else "B",
            "BalanceSide": "C" if kind in (22, 24, 110) else "D",
            "IsBlocked": False,
            "Matching": kind in (20, 22),
            "VATCode": None,
            # Search codes come back padded on the right (section 2.2).
            "SearchCode": description.upper()[:10].ljust(10),
            "UseCostcenter": 0,
            "UseCostunit": 0,
            "Division": division.code,
            **details,
        }
    )


def add_journal(
    division: Division, code: str, description: str, kind: int, gl_code: str, details: dict[str, Any]
) -> Row:
    """The journal's own `GLAccount` is the suspense account; the ledger behind a bank journal is kept beside it."""
    if division.tables["Journals"].where("Code", code):
        raise ValueError(f"journal {code} exists")
    suspense = division.gl_account(details.pop("suspense", "2990"))
    return division.tables["Journals"].add(
        {
            "ID": division.new_id(),
            "Code": code,
            "Description": description,
            "Type": kind,
            "Currency": division.base_currency,
            "AllowVariableCurrency": kind != 12,
            "AllowVariableExchangeRate": True,
            "AllowVAT": False,
            "IsBlocked": False,
            "GLAccount": suspense["ID"],
            "GLAccountCode": suspense["Code"],
            "Division": division.code,
            "bank_gl": division.gl_account(gl_code)["ID"] if gl_code else None,
            **details,
        }
    )


def add_rate(division: Division, currency: str, rate: Decimal, starts: date) -> None:
    division.tables["ExchangeRates"].add(
        {
            "ID": division.new_id(),
            "SourceCurrency": currency,
            "TargetCurrency": division.base_currency,
            "Rate": rate,
            "StartDate": division.at_midnight(starts),
            "Division": division.code,
        }
    )


def add_account(division: Division, body: Row) -> Row:
    return customers.create_account(division, _NOBODY, body)


def add_invoice(division: Division, account: str, body: Row, minor: int, vat_minor: int, *, processed: bool) -> Row:
    currency = body["Currency"]
    vat_code = {"VATCode": "2", "VATAmountFC": Money(vat_minor, currency).major} if vat_minor else {}
    line = {"GLAccount": division.revenue_gl, "AmountFC": Money(minor - vat_minor, currency).major, **vat_code}
    entry = {
        "Journal": "70",
        **body,
        "Customer": division.account(account)["ID"],
        "SalesEntryLines": [line],
    }
    return sales_entries.book(division, entry, status=50 if processed else 20)


def add_payable(division: Division, supplier: str, minor: int, dated: date) -> str:
    """A purchase entry: its term is of LineType 22 in PaymentTerms, and in no list of receivables. The EntryID."""
    account = division.account(supplier)
    ledger, costs = division.gl_account("1600"), division.gl_account("7000")
    period = period_of(division, dated)
    number = entries.number(division, "60", period, None)
    entry_id = division.new_id()
    lines = [
        DraftLine(0, ledger, -minor, dated, account, f"Purchase {number}", number),
        DraftLine(1, costs, minor, dated, account, f"Purchase {number}"),
    ]
    currency = division.base_currency
    posting.post(
        division,
        Draft("PurchaseEntry", entry_id, "60", number, period, currency, Decimal(1), posting.PURCHASE, lines, 50),
    )
    return entry_id
