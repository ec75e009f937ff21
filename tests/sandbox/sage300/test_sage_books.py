"""Whatever is posted in whatever order: the ledger balances, and the sub-ledger agrees with its control accounts."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sandbox.sage300.books import Books, Line, Posting, Unbalanced
from sandbox.sage300.refusals import Refusal

INVOICES = "AR/ARInvoiceBatches"
RECEIPTS = "AR/ARReceiptAndAdjustmentBatches"
REFUNDS = "AR/ARRefundBatches"


def check(company: Any) -> None:
    """Debits are credits; open documents are what the control and prepayment accounts hold; customers show the same."""
    books = company.books
    assert sum(books.balances().values()) == 0
    documents = list(company.tables["ARPostedDocuments"])
    euros = [row for row in documents if row["CurrencyCode"] == "EUR"]
    open_minor = sum(int(row["FunctionalCurrencyAmountDue"] * 100) for row in euros)
    assert open_minor == books.balance("1100") + books.balance("2100")
    for customer in company.tables["ARCustomers"]:
        due = sum(
            (
                row["CustomerCurrencyAmountDue"]
                for row in documents
                if row["CustomerNumber"] == customer["CustomerNumber"]
            ),
            Decimal(0),
        )
        assert due == customer["BalanceDueInCustomerCurrency"]
        assert int(due * 100) == books.receivable(customer["CustomerNumber"], customer["CurrencyCode"])
    posted = {each.batch for each in books.postings if each.kind != "Journal"}
    assert posted, "something was posted at all"


def one_step(api: Any, chance: random.Random, number: int) -> None:
    """Something a connector or a clerk does; what Sage refuses has no effect."""
    company, clerk = api.company, api.company.clerk
    customer = chance.choice(["1200", "1201", "UK1"])
    minor = chance.randint(1, 20000)
    documents = [row for row in company.tables["ARPostedDocuments"] if row["CustomerNumber"] == customer]
    owed = [row["DocumentNumber"] for row in documents if row["CustomerCurrencyAmountDue"] > 0]
    credit = [row["DocumentNumber"] for row in documents if row["CustomerCurrencyAmountDue"] < 0]
    receipts = [row for row in company.tables["ARPostedReceipts"] if row["CustomerNumber"] == customer]
    paid = [row["CheckReceiptNumber"] for row in receipts if row["DateReturned"] is None]
    bank = "GCGBP" if customer == "UK1" else "GCEUR"
    kind = chance.choice(["Invoice", "Invoice", "DebitNote", "CreditNote"])
    group = chance.choice(["NOTAX", "EUVAT", "EUVATI"])
    steps = {
        "invoice": lambda: clerk.add_invoice(customer, f"D{number}", minor, DocumentType=kind, TaxGroup=group),
        "receipt": lambda: clerk.receive(customer, chance.choice([*owed, ""]), minor, bank=bank, check=f"PM{number}"),
        "apply": lambda: clerk.apply(customer, chance.choice(credit or [""]), chance.choice(owed or [""]), minor),
        "return": lambda: clerk.return_receipt(customer, chance.choice(paid or [""])),
        "rate": lambda: clerk.set_rate("GBP", f"1.{10 + number % 20}", date(2026, 11, 1) + timedelta(days=number % 19)),
        "refund": lambda: _refund(api, customer, chance.choice(credit or ["NONE"]), minor, bank),
        "prepayment": lambda: _prepay(api, customer, minor, bank, number),
    }
    try:
        steps[chance.choice(list(steps))]()
    except (Refusal, KeyError, ValueError):
        return


def _refund(api: Any, customer: str, document: str, minor: int, bank: str) -> None:
    detail = {"DocumentNumber": document, "AmountCustomer": minor // 100}
    entry = {"CustomerNumber": customer, "CashBankAccount": bank, "RefundDetails": [detail]}
    answer = api.post(REFUNDS, {"BatchDescription": "x", "RefundEntries": [entry]})
    if answer.status_code == 201:
        api.company.clerk.post("ARRefundBatches", answer.json()["BatchNumber"])


def _prepay(api: Any, customer: str, minor: int, bank: str, number: int) -> None:
    entry = {
        "ReceiptTransactionType": "Prepayment",
        "CustomerNumber": customer,
        "CheckReceiptNumber": f"PP{number}",
        "BankReceiptAmount": minor // 100,
        "AppliedReceiptsAdjustments": [{"PaymentNumber": 1, "CustomerReceiptAmount": minor // 100}],
    }
    made = api.created(RECEIPTS, api.receipts(entry, BankCode=bank))
    api.company.clerk.post("ARReceiptAndAdjustmentBatches", made["BatchNumber"])


@pytest.mark.parametrize("seed", range(6))
def test_a_busy_day_leaves_the_books_in_agreement(api: Any, seed: int) -> None:
    api.company.add_customer("1201", "Second")
    api.company.add_customer("UK1", "Brit", GroupCode="RTLGBP")
    chance = random.Random(seed)
    for number in range(120):
        one_step(api, chance, number)
        if number % 10 == 0:
            check(api.company)
    check(api.company)
    kinds = {each.kind for each in api.company.books.postings}
    assert {"Invoice", "CreditNote", "Receipt", "Prepayment"} <= kinds


def test_posted_transactions_and_yearly_sums_agree_with_the_books(api: Any) -> None:
    chance = random.Random(42)
    api.company.add_customer("1201", "Second")
    api.company.add_customer("UK1", "Brit", GroupCode="RTLGBP")
    for number in range(60):
        one_step(api, chance, number)
    totals: dict[str, Decimal] = {}
    for row in api.company.tables["GLPostedTransactions"]:
        totals[row["AccountNumber"]] = totals.get(row["AccountNumber"], Decimal(0)) + row["JournalTransactionAmount"]
    assert {account: int(total * 100) for account, total in totals.items()} == api.company.books.balances()
    for row in api.company.tables["GLAccountFiscalSets"]:
        moved = sum((row[f"NetChangePeriod{period}"] for period in range(1, 14)), Decimal(0))
        assert int(moved * 100) == api.company.books.balance(row["UnformattedAccount"])


def test_the_ledger_takes_nothing_that_does_not_balance() -> None:
    lines = (Line("1020", 100, 100), Line("4000", -99, -99))
    with pytest.raises(Unbalanced):
        Books().book(Posting("Journal", "1", "x", "", "1", "1", date(2026, 1, 1), "2026-01", "EUR", lines))
