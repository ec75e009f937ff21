"""Compares the stand-ins' own books with what the month must lead to. Our ledger is not asked: it could agree with itself.

Expectations are stated by the business that was played (`sandbox.business.expectations`), from the final states of its
payments, refunds and payouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Json = Mapping[str, Any]

#: Visma accounts of the demo's chart, by currency.
CLEARING = {"EUR": "1985", "GBP": "1986"}
BANK = {"EUR": "1920", "GBP": "1930"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of the books that is not what it must be, in minor units."""

    what: str
    expected: int
    found: int


def judge_visma(books: Json, opening: Json, truth: Json) -> list[Difference]:
    """Every account, currency and customer that the month moves."""
    checks: list[tuple[str, int, int]] = []
    moved = _moved(books, opening)
    for currency, expected in truth["currencies"].items():
        balances = moved["balances"].get(currency, {})
        checks.append((f"clearing {currency}", expected["clearing_minor"], balances.get(CLEARING[currency], 0)))
        checks.append((f"fees {currency}", expected["fees_net_minor"], balances.get("7770", 0)))
        checks.append((f"input VAT {currency}", sum(expected["input_vat_minor"].values()), balances.get("2710", 0)))
        checks.append((f"sales returns {currency}", expected["sales_returns_minor"], balances.get("3000", 0)))
        checks.append((f"payouts in transit {currency}", expected["payout_transit_minor"], balances.get("1995", 0)))
        checks.append((f"suspense {currency}", expected["suspense_minor"], balances.get("2990", 0)))
    for currency, account in BANK.items():
        found = moved["balances"].get(currency, {}).get(account, 0)
        checks.append((f"bank {currency}", truth["bank"].get(currency, 0), found))
    for customer, currency in _customers(truth, moved["receivable"]):
        expected_minor = truth["receivables"].get(customer, {}).get(currency, 0)
        checks.append(
            (f"customer {customer} {currency}", expected_minor, moved["receivable"].get(currency, {}).get(customer, 0))
        )
    return [Difference(*check) for check in checks if check[1] != check[2]]


def judge_datev(books: Json, truth: Json, debtors: Mapping[str, str]) -> list[Difference]:
    """The adviser's trial balance. `debtors` leads from our debtor numbers to the merchant's customer numbers.

    Sterling is booked with its rate, so clearing is judged in euro: what is open in euro, and what is open in sterling at
    the value it was booked with. A converted payout's fees are booked at the payout's rate, to the cent of each payout.
    """
    accounts = books["accounts"]
    expected = truth["currencies"]
    fees = expected["EUR"]["fees_net_minor"] + sum(
        _converted_fees(p) for p in truth["payouts"] if p["currency"] != "EUR"
    )
    checks = [
        ("bank EUR", truth["bank"].get("EUR", 0), accounts.get("1200", 0)),
        ("fees", fees, accounts.get("4970", 0)),
        ("suspense", 0, accounts.get("1700", 0)),
        ("rejected files", 0, len(books["rejected"])),
        ("rows booked twice", 0, sum(_is_payment(double) for double in books["double_rows"])),
        ("books balance", 1, int(books["balanced"])),
    ]
    held_in_euro = accounts.get("1360", 0) - _open_base(books, truth)
    checks.append(("clearing EUR", expected["EUR"]["clearing_minor"], held_in_euro))
    moved = _debtor_movements(books, debtors)
    for customer in sorted({*truth["receivables"], *moved}):
        for currency in ("EUR", "GBP"):
            must = truth["receivables"].get(customer, {}).get(currency, 0)
            # A refund is the merchant's own credit memo at DATEV: we book the money that goes out.
            must += _refunded(truth, customer, currency)
            checks.append((f"customer {customer} {currency}", must, moved.get(customer, {}).get(currency, 0)))
    return [Difference(*check) for check in checks if check[1] != check[2]]


def _moved(books: Json, opening: Json) -> dict[str, dict[str, dict[str, int]]]:
    moved: dict[str, dict[str, dict[str, int]]] = {}
    for part in ("balances", "receivable"):
        moved[part] = {}
        for currency, now in books[part].items():
            before = opening[part].get(currency, {})
            moved[part][currency] = {key: now.get(key, 0) - before.get(key, 0) for key in {*now, *before}}
    return moved


def _customers(truth: Json, receivable: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str]]:
    stated = {(customer, currency) for customer, moves in truth["receivables"].items() for currency in moves}
    found = {
        (customer, currency) for currency, moves in receivable.items() for customer, minor in moves.items() if minor
    }
    return sorted(stated | found)


def _converted_fees(payout: Json) -> int:
    if payout["status"] not in ("paid", "bounced") or payout["exchange_rate"] is None:
        return 0
    return _converted(payout["fees_net_minor"], payout["exchange_rate"])


def _converted(minor: int, rate: str) -> int:
    return int((Decimal(minor) * Decimal(rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _open_base(books: Json, truth: Json) -> int:
    """The euro value at which foreign payments that are not paid out yet stand on the clearing account."""
    open_payments = {p["id"] for p in truth["payments"] if p["currency"] != "EUR" and p["status"] == "confirmed"}
    return sum(
        row["base_minor"] if row["debit"] == "1360" else -row["base_minor"]
        for row in books["rows"]
        if open_payments & set(row["gocardless_ids"]) and row["currency"] != "EUR"
    )


def _is_payment(double: Json) -> bool:
    """Two equal fee rows of one payout are two kinds of fees; two equal rows of a payment are one booking too many."""
    row = double["rows"][0]
    return "4970" not in (row["debit"], row["credit"])


def _debtor_movements(books: Json, debtors: Mapping[str, str]) -> dict[str, dict[str, int]]:
    moved: dict[str, dict[str, int]] = {}
    foreign = books["foreign"]
    for account, minor in books["debtors"].items():
        customer = debtors.get(account, f"unknown debtor {account}")
        in_foreign = foreign.get(account, {})
        if in_foreign:
            moved.setdefault(customer, {}).update(in_foreign)
        elif minor:
            moved.setdefault(customer, {})["EUR"] = minor
    return moved


def _refunded(truth: Json, customer: str, currency: str) -> int:
    return sum(
        r["amount_minor"]
        for r in truth["refunds"]
        if r["customer"] == customer and r["currency"] == currency and r["paid_out"]
    )
