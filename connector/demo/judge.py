"""Compares the stand-ins' own books with what the month must lead to. Our ledger is not asked: it could agree with itself.

Expectations are stated by the business that was played (`sandbox.business.expectations`), from the final states of its
payments, refunds and payouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.business.ifs_ledger import COMPANIES, PAYOUT_BANK

Json = Mapping[str, Any]

#: Visma accounts of the demo's chart, by currency.
CLEARING = {"EUR": "1985", "GBP": "1986"}
BANK = {"EUR": "1920", "GBP": "1930"}


@dataclass(frozen=True, slots=True)
class LedgerAccounts:
    """Where a ledger that starts the money books what the month moves. `payouts` is the way to the bank, or the bank."""

    clearing: str
    payouts: str
    fees: str
    input_vat: str
    sales_returns: str
    payouts_returned: str
    suspense: str
    transfers: str


EXACT_ONLINE = LedgerAccounts(
    clearing="1230",
    payouts="2000",
    fees="4500",
    input_vat="1510",
    sales_returns="8090",
    payouts_returned="2020",
    suspense="2990",
    transfers="1100",
)


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
    the value it was booked with. A converted payout's fees are booked at the payout's rate, its surcharges apart from them.
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


def judge_ledger(books: Json, truth: Json, accounts: LedgerAccounts) -> list[Difference]:
    """Every account, customer and invoice that the month of a ledger moves, and what became of each invoice.

    `books` are balances by currency and account, receivables by currency and customer, and the open items with the number
    of their invoice.
    """
    checks: list[tuple[str, int, int]] = []
    for currency, expected in truth["currencies"].items():
        found = books["balances"].get(currency, {})
        for what, account, must in (
            ("clearing", accounts.clearing, expected["clearing_minor"]),
            ("payouts", accounts.payouts, truth["bank"].get(currency, 0)),
            ("fees", accounts.fees, expected["fees_net_minor"]),
            ("input VAT", accounts.input_vat, sum(expected["input_vat_minor"].values())),
            ("sales returns", accounts.sales_returns, expected["sales_returns_minor"]),
            ("payouts returned", accounts.payouts_returned, expected["payout_transit_minor"]),
            ("suspense", accounts.suspense, expected["suspense_minor"]),
            ("transfers", accounts.transfers, truth["transfers"].get(currency, 0)),
        ):
            checks.append((f"{what} {currency}", must, found.get(account, 0)))
    checks += _owed(books["receivable"], truth["receivables"])
    checks += _open_invoices(books, truth)
    return [Difference(*check) for check in checks if check[1] != check[2]] + judge_invoices(truth)


def judge_sage300(books: Json, truth: Json) -> list[Difference]:
    """Sage's general ledger in `payout_gl`: what payouts carry is a line each on the control account, under the payment's or the
    refund's id and with its customer and invoice; the sub-ledger of receivables learns of no payment.

    `books` are balances by account, receivables by currency and customer, open documents and all postings.
    """
    (currency,) = truth["currencies"]
    expected = truth["currencies"][currency]
    settled = sum(item["amount_minor"] for item in truth["carried"] if not item["is_refund"])
    refunded = -sum(item["amount_minor"] for item in truth["carried"] if item["is_refund"])
    billed = sum(rows.get(currency, 0) for rows in truth["billed"].values())
    found = books["balances"]
    checks = [
        (f"{what} {currency}", must, found.get(account, 0))
        for what, account, must in (
            ("control account", "1100", billed - settled),
            ("clearing", "1099", 0),
            ("payouts", "1030", truth["bank"].get(currency, 0)),
            ("fees", "6115", expected["fees_net_minor"]),
            ("input VAT", "2150", sum(expected["input_vat_minor"].values())),
            ("sales returns", "4090", refunded),
            ("payouts returned", "1040", expected["payout_transit_minor"]),
            ("suspense", "9999", expected["suspense_minor"]),
            ("transfers", "1020", truth["transfers"].get(currency, 0)),
        )
    ]
    checks += _owed(books["receivables"], truth["billed"])
    open_now = {row["number"]: row["due_minor"] for row in books["open_documents"]}
    checks += [
        (f"open of invoice {i['number']}", i["unpaid_minor"], open_now.get(i["number"], 0)) for i in truth["invoices"]
    ]
    checks += _carried_lines(books, truth)
    return [Difference(*check) for check in checks if check[1] != check[2]] + judge_invoices(truth)


def _carried_lines(books: Json, truth: Json) -> list[tuple[str, int, int]]:
    """Each payment and refund under its id; a line with another customer or invoice is a line of nobody."""
    lines = [
        (line["reference"], line["text"], -line["minor"])
        for posting in books["postings"]
        for line in posting["lines"]
        if line["account"] in ("1100", "4090") and not line["customer"]
    ]
    checks, known = [], set()
    for item in truth["carried"]:
        names = [f"AR {item['customer']} {invoice}" for invoice in item["invoices"]] or [f"AR {item['customer']} "]
        mine = [line for line in lines if line[0] == item["subject"] and line[1].startswith(tuple(names))]
        known |= set(mine)
        checks.append((f"line of {item['subject']}", item["amount_minor"], sum(minor for _, _, minor in mine)))
    return checks + [
        (f"line {text} of {name}", 0, minor) for name, text, minor in lines if (name, text, minor) not in known
    ]


IFS_CLOUD = LedgerAccounts(
    clearing="1940",
    payouts=PAYOUT_BANK,
    fees="6570",
    input_vat="2641",
    sales_returns="",
    payouts_returned="2990",
    suspense="2999",
    transfers="1930",
)


def judge_ifs_cloud(books: Json, truth: Json) -> list[Difference]:
    """Each company of the tenant in its currency, with its customers and invoices under their numbers outside.

    A refund is a repayment: no credit note is made for it, so the customer owes it again. Nothing half-done may be left.
    """
    balances: dict[str, Json] = {}
    receivable: dict[str, dict[str, int]] = {}
    open_items = []
    for company, currency in COMPANIES.items():
        own = books["companies"][company]
        balances[currency] = own["balances"].get(currency, {})
        for billed, rows in own["receivable"].items():
            receivable.setdefault(billed, {}).update({f"{company}:{name}": minor for name, minor in rows.items()})
        open_items += [
            {"invoice_number": f"{company}:{row['series']}-{row['number']}", "amount_minor": row["open_minor"]}
            for row in own["open_items"]
        ]
    found = {"balances": balances, "receivable": receivable, "open_items": open_items}
    left = [Difference(what.replace("_", " "), 0, count) for what, count in books["left_behind"].items() if count]
    return judge_ledger(found, _without_credit_notes(truth), IFS_CLOUD) + left


def _without_credit_notes(truth: Json) -> Json:
    """The same truth for a ledger in which a refund that left is owed again."""
    owed = {customer: dict(rows) for customer, rows in truth["receivables"].items()}
    for refund in truth["refunds"]:
        if refund["paid_out"]:
            rows = owed.setdefault(refund["customer"], {})
            rows[refund["currency"]] = rows.get(refund["currency"], 0) + refund["amount_minor"]
    currencies = {name: {**expected, "sales_returns_minor": 0} for name, expected in truth["currencies"].items()}
    return {**truth, "receivables": owed, "currencies": currencies}


def judge_invoices(truth: Json) -> list[Difference]:
    """What became of the invoices, by GoCardless's own books: none forgotten, none taken twice, none taken wrongly; and of the
    recurring charges.
    """
    wrong = [invoice for invoice in truth["invoices"] if invoice["fault"]]
    found = [Difference(f"invoice {i['number']}: {i['fault'].replace('_', ' ')}", 0, i["alive"]) for i in wrong]
    badly = [charge for charge in truth["charges"] if charge["fault"]]
    found += [Difference(f"charge {c['number']}: {c['fault'].replace('_', ' ')}", 0, c["payments"]) for c in badly]
    return found + [Difference(f"payment {identity} for an unknown invoice", 0, 1) for identity in truth["strangers"]]


def _owed(found: Json, must: Json) -> list[tuple[str, int, int]]:
    """`found` by currency and customer, `must` by customer and currency."""
    owed = {(customer, currency): minor for currency, rows in found.items() for customer, minor in rows.items()}
    right = {(customer, currency): minor for customer, rows in must.items() for currency, minor in rows.items()}
    return [
        (f"customer {customer} {currency}", right.get((customer, currency), 0), owed.get((customer, currency), 0))
        for customer, currency in sorted({*owed, *right})
    ]


def _open_invoices(books: Json, truth: Json) -> list[tuple[str, int, int]]:
    """What is open under each invoice's number: receipts that the ledger has not matched count with it."""
    found: dict[str, int] = {}
    for item in books["open_items"]:
        number = str(item["invoice_number"])
        found[number] = found.get(number, 0) + item["amount_minor"]
    return [(f"open of invoice {i['number']}", i["open_minor"], found.get(i["number"], 0)) for i in truth["invoices"]]


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
    surcharges, rate = payout["surcharges_net_minor"], payout["exchange_rate"]
    return _converted(payout["fees_net_minor"] - surcharges, rate) + _converted(surcharges, rate)


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
