"""Batches as they stand in Sage 300, and how they differ from what was sent or what a posting wants (sections 2.12 and 6). Pure.

An insert that broke off may have left the header, or some of the entries; a clerk may have changed what stands there; tax may
have shifted a total. Nothing counts as done until number, customer, amount and reference agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from connector_resources.erp.contract import Document
from connector_resources.erp.sage300 import wire
from connector_resources.erp.sage300.documents import JOURNALS, RECEIPTS, Sent
from connector_resources.erp.sage300.odata import day_of
from connector_resources.erp.sage300.snapshot import unformatted

Entry = wire.ReceiptEntry | wire.InvoiceEntry | wire.RefundEntry | wire.JournalHeader
#: statuses of a batch that nobody can change any more.
FINAL = frozenset({"ReadyToPost", "PostInProgress", "Posted"})


def entries_of(batch: wire.Batch) -> Sequence[Entry]:
    match batch:
        case wire.ReceiptBatch(receipts_adjustments=found):
            return found
        case wire.InvoiceBatch(invoices=found):
            return found
        case wire.RefundBatch(refund_entries=found):
            return found
        case wire.JournalBatch(journal_headers=found):
            return found
    return ()


def name_of(entry: Entry) -> str:
    """What tells the entries of a batch apart, and is ours."""
    match entry:
        case wire.ReceiptEntry(check_receipt_number=number):
            return number
        case wire.JournalHeader(description=text):
            return text
        case wire.InvoiceEntry(document_number=number) | wire.RefundEntry(document_number=number):
            return number
    raise TypeError(f"{entry!r} is no entry of a batch")


def sent_name(kind: str, entry: Mapping[str, Any]) -> str:
    """The same of an entry that was sent."""
    return str(entry[{RECEIPTS: "CheckReceiptNumber", JOURNALS: "Description"}.get(kind, "DocumentNumber")])


def batch_differences(sent: Sent, batch: wire.Batch) -> list[str]:
    """How the batch differs from the request that may have made it, as phrases; none when every entry agrees."""
    there = {name_of(entry): entry for entry in entries_of(batch)}
    wanted = {sent_name(sent.kind, entry): entry for entry in sent.entries}
    missing = [name for name in wanted if name not in there]
    found = [f"{len(missing)} of its {len(wanted)} entries are missing ({missing[0]} …)"] if missing else []
    strange = [name for name in there if name not in wanted]
    found += [f"{len(strange)} of its entries were not sent ({strange[0]} …)"] if strange else []
    for name in wanted.keys() & there.keys():
        found += [f"entry {name}: {what}" for what in entry_differences(sent.kind, wanted[name], there[name])]
    return found


def is_part_of(sent: Sent, batch: wire.Batch) -> bool:
    """Whether every entry of the batch is one of those sent: what a refused insert leaves behind."""
    wanted = {sent_name(sent.kind, entry): entry for entry in sent.entries}
    return all(
        (given := wanted.get(name_of(entry))) is not None and not entry_differences(sent.kind, given, entry)
        for entry in entries_of(batch)
    )


def entry_differences(kind: str, sent: Mapping[str, Any], there: Entry) -> list[str]:
    """Customer, amount, reference and date of one entry."""
    match there:
        case wire.ReceiptEntry():
            pairs: list[tuple[str, object, object]] = [
                ("customer", sent["CustomerNumber"], there.customer_number),
                ("amount", Decimal(sent["BankReceiptAmount"]), there.bank_receipt_amount),
                ("reference", sent["EntryReference"], there.entry_reference),
                ("date", day_of(sent["ReceiptDateAdjustmentDate"]), day_of(there.receipt_date_adjustment_date)),
            ]
        case wire.InvoiceEntry():
            lines = sum((Decimal(line["ExtendedAmountWithTIP"]) for line in sent["InvoiceDetails"]), Decimal(0))
            pairs = [
                ("customer", sent["CustomerNumber"], there.customer_number),
                ("type", sent["DocumentType"], there.document_type),
                ("amount with tax", lines, invoice_total(there, lines)),
                ("date", day_of(sent["DocumentDate"]), day_of(there.document_date)),
            ]
        case wire.RefundEntry():
            pairs = [
                ("customer", sent["CustomerNumber"], there.customer_number),
                ("amount", Decimal(sent["CashAmountPayment"]), there.cash_amount_payment),
            ]
        case wire.JournalHeader():
            wanted = Counter(
                (unformatted(str(line["AccountNumber"])), Decimal(line["Amount"]), str(line["Reference"]))
                for line in sent["JournalDetails"]
            )
            shown = Counter(
                (unformatted(line.account_number), line.amount, line.reference) for line in there.journal_details
            )
            lost, strange = (wanted - shown).total(), (shown - wanted).total()
            found = [f"{lost} of its lines are missing or differ"] if lost else []
            return found + ([f"{strange} of its lines were not sent"] if strange else [])
    return [f"its {name} is {shown}, not {wanted}" for name, wanted, shown in pairs if wanted != shown]


def invoice_total(there: wire.InvoiceEntry, expected: Decimal) -> Decimal:
    """The total with tax; what was expected where this release does not show it."""
    return expected if there.document_total_including_tax is None else there.document_total_including_tax


def account_sums(header: wire.JournalHeader) -> dict[str, Decimal]:
    """Net debit of a journal entry by account, zeros left out."""
    return sums((line.account_number, line.amount) for line in header.journal_details)


def sums(lines: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for account, amount in lines:
        code = unformatted(account)
        found[code] = found.get(code, Decimal(0)) + amount
    return {code: amount for code, amount in found.items() if amount}


def document_of(kind: str, batch: wire.Batch, known: Document | None = None) -> Document:
    """The batch as a document, with its status and where it stands."""
    details = {**(known.details if known else {}), "status": batch.batch_status, "text": batch.description}
    return Document(kind, batch.number, details=details)
