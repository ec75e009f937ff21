"""Posting receipts and adjustments: documents are reduced, the money reaches the bank's account (sections 2.6, 11)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.sage300 import receivables
from sandbox.sage300.books import Line, Posting
from sandbox.sage300.posting import NotPosted, Poster, check_ledger
from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

_DOCUMENTS = {
    "Receipt": ("Receipt", "ReceiptPosted"),
    "Prepayment": ("Prepayment", "PrepaymentPosted"),
    "UnappliedCash": ("UnappliedCash", "UnappliedCashPosted"),
}


def post(company: Company, batch: Row, entry: Row, sequence: int) -> Posting | None:
    """Raises `NotPosted` when a document no longer owes what is applied to it, or the ledger refuses."""
    check_ledger(company, entry, _accounts(company, batch, entry), formatted=True)
    lines = [line for line in entry["AppliedReceiptsAdjustments"] if line["DocumentNumber"]]
    _check_balances(company, entry, lines)
    kind = entry["ReceiptTransactionType"]
    if kind == "ApplyDocument":
        return _apply_document(company, batch, entry, lines)
    if kind == "Adjustment":
        return _adjust(company, batch, entry, lines)
    documents = [_document(company, entry, line) for line in lines]
    base = sum(
        (
            company.in_functional(_settles(line), document["ExchangeRate"])
            for line, document in zip(lines, documents, strict=True)
        ),
        Decimal(0),
    )
    for line, document in zip(lines, documents, strict=True):
        receivables.take(company, document, line["PaymentNumber"], _settles(line), entry["PostingDate"])
    if kind != "MiscellaneousReceipt":
        _own_document(company, batch, entry, sequence)
    _posted_receipt(company, batch, entry)
    return _booked(company, batch, entry, base, lines)


def _accounts(company: Company, batch: Row, entry: Row) -> list[str]:
    numbers = [each["AccountNumber"] for each in entry["MiscellaneousReceipts"]]
    for line in entry["AppliedReceiptsAdjustments"]:
        numbers += [each["DistributionGLAccount"] for each in line["AdjustmentGLDistributions"]]
    if batch["BankCode"]:
        numbers.append(company.tables["BKBanks"][batch["BankCode"]]["BankAccount"])
    return numbers


def _document(company: Company, entry: Row, line: Row) -> Row:
    return company.tables["ARPostedDocuments"][entry["CustomerNumber"], line["DocumentNumber"]]


def _settles(line: Row) -> Decimal:
    """What a line takes from its document: the money, and the discount that went with it."""
    return Decimal(line["CustomerReceiptAmount"] + line["CustomerDiscountAmountTaken"])


def _check_balances(company: Company, entry: Row, lines: list[Row]) -> None:
    taken: dict[tuple[str, int], Decimal] = {}
    for line in lines:
        key = (line["DocumentNumber"], line["PaymentNumber"])
        left = _document(company, entry, line)["_payments"][line["PaymentNumber"]] - taken.get(key, Decimal(0))
        adjusting = entry["BatchType"] == "AD"
        amount = -line["CustomerAdjustmentTotal"] if adjusting else _settles(line)
        if adjusting and amount * left < 0:
            continue
        if amount and (amount * left <= 0 or abs(amount) > abs(left)):
            raise NotPosted(f"Document {line['DocumentNumber']} owes {left}, {amount} cannot be applied.")
        taken[key] = taken.get(key, Decimal(0)) + amount


def _own_document(company: Company, batch: Row, entry: Row, sequence: int) -> None:
    """A receipt is a document itself; what was not applied is left on it."""
    kind, transaction = _DOCUMENTS[entry["ReceiptTransactionType"]]
    left = entry["CustomerReceiptAmount"]
    if kind == "Receipt":
        left -= receivables.applied_total(entry)
    receivables.add_document(
        company,
        entry["CustomerNumber"],
        entry["DocumentNumber"],
        kind,
        -entry["CustomerReceiptAmount"],
        {1: (entry["ReceiptDateAdjustmentDate"], -left)},
        TransactionType=transaction,
        CheckReceiptNumber=entry["CheckReceiptNumber"],
        DueDate=entry["ReceiptDateAdjustmentDate"],
        BatchDate=batch["BatchDate"],
        BatchNumber=batch["BatchNumber"],
        EntryNumber=entry["EntryNumber"],
        DocumentDescription=entry["EntryDescription"],
        DocumentDate=entry["ReceiptDateAdjustmentDate"],
        CurrencyCode=entry["CustomerCurrencyCode"],
        ExchangeRate=entry["CustomerExchangeRate"],
        FiscalYear=entry["FiscalYear"],
        FiscalPeriod=entry["FiscalPeriod"],
        PostingDate=entry["PostingDate"],
        BankCode=batch["BankCode"],
        PostingSequenceNumber=sequence,
        BatchType="CA",
        AccountSet=entry["AccountSet"],
    )


def _posted_receipt(company: Company, batch: Row, entry: Row) -> None:
    table = company.tables["ARPostedReceipts"]
    code = company.tables["ARPaymentCodes"].get(entry["PaymentCode"])
    table.add(
        table.kind.blank()
        | {name: entry[name] for name in table.kind.fields if name in entry}
        | {
            "BankCode": batch["BankCode"],
            "DepositSerialNumber": batch["BatchNumber"],
            "DepositLineNumber": entry["EntryNumber"],
            "DepositNumber": batch["BatchNumber"],
            "ReceiptDate": entry["ReceiptDateAdjustmentDate"],
            "BatchDate": batch["BatchDate"],
            "CurrencyCode": entry["BankCurrencyCode"],
            "DateLastMaintained": company.today(),
            "BatchNumber": batch["BatchNumber"],
            "DocumentType": _DOCUMENTS.get(entry["ReceiptTransactionType"], ("Receipt", ""))[0],
            "PaymentType": code["PaymentType"] if code else "Other",
        }
    )
    batch["DepositNumber"] = batch["DepositSerialNumber"] = batch["BatchNumber"]


def _booked(company: Company, batch: Row, entry: Row, document_base: Decimal, lines: list[Row]) -> Posting:
    """Bank against receivables; what rates moved in between is exchange gain or loss."""
    currency = entry["CustomerCurrencyCode"]
    bank = company.tables["BKBanks"][batch["BankCode"]]["BankAccount"].replace("-", "")
    amount = Money.from_major(entry["CustomerReceiptAmount"], currency).minor
    bank_base = Money.from_major(entry["FunctionalReceiptAmount"], company.functional).minor
    reference = entry["CheckReceiptNumber"]
    made = [Line(bank, amount, bank_base, text=entry["EntryDescription"], reference=reference)]
    if entry["ReceiptTransactionType"] == "MiscellaneousReceipt":
        for each in entry["MiscellaneousReceipts"]:
            minor = Money.from_major(-each["DistributionAmount"], currency).minor
            base = company.in_functional(-each["DistributionAmount"], entry["BankExchangeRate"])
            text, ours = each["GLDescription"], each["GLReference"]
            account = each["AccountNumber"].replace("-", "")
            made.append(
                Line(account, minor, Money.from_major(base, company.functional).minor, text=text, reference=ours)
            )
        return _posting(batch, entry, made, ())
    accounts = company.tables["ARAccountSets"][entry["AccountSet"]]
    liability = entry["ReceiptTransactionType"] == "Prepayment"
    credit = accounts["PrepaymentLiabilityAccount" if liability else "ReceivablesControlAccount"]
    unapplied = entry["CustomerReceiptAmount"] - sum((line["CustomerReceiptAmount"] for line in lines), Decimal(0))
    base = document_base + company.in_functional(unapplied, entry["CustomerExchangeRate"])
    base_minor = Money.from_major(base, company.functional).minor
    customer = entry["CustomerNumber"]
    discount = sum((line["CustomerDiscountAmountTaken"] for line in lines), Decimal(0))
    discount_base = company.in_functional(discount, entry["CustomerExchangeRate"])
    if discount:
        minors = Money.from_major(discount, currency).minor, Money.from_major(discount_base, company.functional).minor
        made.append(Line(accounts["DiscountsAccount"].replace("-", ""), *minors, text="Discount"))
        bank_base, amount = bank_base + minors[1], amount + minors[0]
    made.append(Line(credit.replace("-", ""), -amount, -base_minor, customer, entry["EntryDescription"], reference))
    made += _exchange(accounts, bank_base - base_minor)
    return _posting(batch, entry, made, _applied(currency, lines))


def _exchange(accounts: Row, difference: int) -> list[Line]:
    if not difference:
        return []
    name = "ExchangeGainAccount" if difference > 0 else "ExchangeLossAccount"
    return [Line(accounts[name].replace("-", ""), 0, -difference, text="Exchange")]


def _applied(currency: str, lines: list[Row]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (line["DocumentNumber"], Money.from_major(line["CustomerReceiptAmount"], currency).minor) for line in lines
    )


def _posting(batch: Row, entry: Row, lines: list[Line], applied: tuple[tuple[str, int], ...]) -> Posting:
    return Posting(
        entry["ReceiptTransactionType"],
        entry["DocumentNumber"],
        entry["CheckReceiptNumber"] or entry["EntryReference"],
        entry["CustomerNumber"],
        str(batch["BatchNumber"]),
        str(entry["EntryNumber"]),
        entry["PostingDate"],
        f"{entry['FiscalYear']}-{entry['FiscalPeriod']}",
        entry["CustomerCurrencyCode"],
        tuple(lines),
        applied,
    )


def _apply_document(company: Company, batch: Row, entry: Row, lines: list[Row]) -> Posting:
    """No money moves; a prepayment leaves the liability account."""
    source = company.tables["ARPostedDocuments"][entry["CustomerNumber"], entry["DocumentNumber"]]
    total = receivables.applied_total(entry)
    if total > -source["CustomerCurrencyAmountDue"]:
        raise NotPosted(f"Document {entry['DocumentNumber']} has only {-source['CustomerCurrencyAmountDue']} left.")
    for line in lines:
        document = _document(company, entry, line)
        receivables.take(company, document, line["PaymentNumber"], line["CustomerReceiptAmount"], entry["PostingDate"])
    payment = next(number for number, left in source["_payments"].items() if left)
    receivables.take(company, source, payment, -total, entry["PostingDate"])
    made: list[Line] = []
    if source["DocumentType"] == "Prepayment":
        accounts = company.tables["ARAccountSets"][entry["AccountSet"]]
        minor = Money.from_major(total, entry["CustomerCurrencyCode"]).minor
        functional = company.in_functional(total, source["ExchangeRate"])
        base = Money.from_major(functional, company.functional).minor
        customer = entry["CustomerNumber"]
        made = [
            Line(accounts["PrepaymentLiabilityAccount"].replace("-", ""), minor, base, customer),
            Line(accounts["ReceivablesControlAccount"].replace("-", ""), -minor, -base, customer),
        ]
    return _posting(batch, entry, made, _applied(entry["CustomerCurrencyCode"], lines))


def _adjust(company: Company, batch: Row, entry: Row, lines: list[Row]) -> Posting:
    """A negative distribution reduces what the document owes."""
    currency, customer = entry["CustomerCurrencyCode"], entry["CustomerNumber"]
    control = company.tables["ARAccountSets"][entry["AccountSet"]]["ReceivablesControlAccount"].replace("-", "")
    made: list[Line] = []
    for line in lines:
        document = _document(company, entry, line)
        for each in line["AdjustmentGLDistributions"]:
            amount = each["DistributionAmount"]
            minor = Money.from_major(amount, currency).minor
            functional = company.in_functional(amount, document["ExchangeRate"])
            base = Money.from_major(functional, company.functional).minor
            account = each["DistributionGLAccount"].replace("-", "")
            made += [Line(control, minor, base, customer), Line(account, -minor, -base, text=each["Description"])]
        receivables.take(
            company, document, line["PaymentNumber"], -line["CustomerAdjustmentTotal"], entry["PostingDate"]
        )
    return _posting(batch, entry, made, ())


def _series(batch: Row) -> str:
    return f"AR {batch['BatchRecordType']}"


POSTER = Poster("ARReceiptAndAdjustmentBatches", _series, post, "receipt")
