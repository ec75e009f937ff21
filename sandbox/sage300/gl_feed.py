"""What the sub-ledgers hand to the general ledger: a journal batch a posting run, and its posted transactions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.sage300 import batches, journal_entries
from sandbox.sage300.books import Line, Posting
from sandbox.sage300.schema import Row

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

#: source types of receivables, by kind of document.
_SOURCES = {
    "Invoice": "IN", "DebitNote": "DB", "CreditNote": "CR", "Interest": "IT", "Receipt": "PY", "Prepayment": "PI",
    "UnappliedCash": "UC", "ApplyDocument": "RA", "MiscellaneousReceipt": "MR", "Adjustment": "AD", "Refund": "RF",
    "Return": "RV",
}  # fmt: skip


def receive(company: Company, feed: str, made: list[Posting]) -> None:
    """Take the postings of one run over at once, or keep them for `ARCreateGLBatch`."""
    if company.switches.gl_integration == "request":
        company.unfed.extend((feed, posting) for posting in made)
    elif made:
        create_batch(company, made)


def create_waiting(company: Company, feeds: set[str]) -> None:
    """`ARCreateGLBatch`: what waits from these sub-ledgers goes into one journal batch."""
    chosen = [posting for feed, posting in company.unfed if feed in feeds]
    company.unfed = [each for each in company.unfed if each[0] not in feeds]
    if chosen:
        create_batch(company, chosen)


def create_batch(company: Company, made: list[Posting]) -> None:
    """A subledger batch, posted as soon as it exists."""
    kind = company.tables["GLJournalBatches"].kind
    batch = kind.blank() | {
        "BatchNumber": f"{batches.next_number(company, 'GL'):06d}",
        "Description": "Accounts Receivable posting",
        "SourceLedger": "AR",
        "JournalBatchType": "Subledger",
        "DateCreated": company.today(),
        "DateLastEdited": company.today(),
        "Status": "Posted",
        "PostingSequence": batches.next_number(company, "posting GL"),
    }
    for number, posting in enumerate(made, start=1):
        batch["JournalHeaders"].append(_header(company, batch, posting, number))
    journal_entries.batch_totals(company, batch)
    company.tables["GLJournalBatches"].add(batch)
    for header in batch["JournalHeaders"]:
        transactions(company, batch, header)


def _header(company: Company, batch: Row, posting: Posting, number: int) -> Row:
    details = company.tables["GLJournalBatches"].kind.details["JournalHeaders"]
    year, _, period = posting.period.partition("-")
    header = details.kind.blank() | {
        "_count": number,
        "BatchNumber": batch["BatchNumber"],
        "EntryNumber": f"{number:05d}",
        "SourceLedger": "AR",
        "SourceType": _SOURCES[posting.kind],
        "FiscalYear": year,
        "FiscalPeriod": period,
        "Description": posting.reference[:60],
        "PostingDate": posting.dated,
        "DocumentDate": posting.dated,
        "CustomerVendorNumber": posting.customer,
        "DocumentNumber": posting.number,
    }
    detail_kind = details.kind.details["JournalDetails"].kind
    for place, line in enumerate(posting.lines, start=1):
        header["JournalDetails"].append(
            detail_kind.blank() | {"_count": place} | _detail(company, batch, header, posting, line, place)
        )
    journal_entries.entry_totals(header)
    return header


def _detail(company: Company, batch: Row, header: Row, posting: Posting, line: Line, place: int) -> Row:
    amount = Money(line.base_minor, company.functional).major
    account = company.tables["GLAccounts"][line.account]
    return {
        "BatchNumber": batch["BatchNumber"],
        "EntryNumber": header["EntryNumber"],
        "TransactionNumber": f"{place * 20:010d}",
        "AccountNumber": line.account,
        "AcctFormatted": account["AccountNumber"],
        "Amount": amount,
        "SourceCurrencyAmount": Money(line.minor, posting.currency).major,
        "SourceCurrency": posting.currency,
        "HomeCurrency": company.functional,
        "CurrencyRate": Decimal(1),
        "Description": (line.text or posting.reference)[:60],
        "Reference": (line.reference or posting.number)[:60],
        "JournalDate": posting.dated,
        "SourceLedger": "AR",
        "SourceType": header["SourceType"],
    }


def transactions(company: Company, batch: Row, header: Row) -> None:
    """The posted transactions of one entry, as `GLPostedTransactions` shows them, and the yearly sums of its accounts."""
    table = company.tables["GLPostedTransactions"]
    for place, each in enumerate(header["JournalDetails"], start=1):
        table.add(
            {
                "AccountNumber": each["AccountNumber"],
                "FiscalYear": header["FiscalYear"],
                "FiscalPeriod": header["FiscalPeriod"],
                "SourceCurrencyCode": each["SourceCurrency"],
                "SourceLedgerCode": header["SourceLedger"],
                "SourceTypeCode": header["SourceType"],
                "PostingSequenceNumber": batch["PostingSequence"],
                "DetailCount": batches.next_number(company, f"details of {batch['BatchNumber']}"),
                "JournalDate": header["PostingDate"],
                "BatchNumber": batch["BatchNumber"],
                "JournalEntryNumber": header["EntryNumber"],
                "JournalTransactionNumber": place * 20,
                "CompanyID": company.company_id,
                "JournalDetailDescription": each["Description"],
                "JournalDetailReference": each["Reference"],
                "JournalTransactionAmount": each["Amount"],
                "SourceCurrencyAmount": each["SourceCurrencyAmount"],
                "HomeCurrencyCode": company.functional,
            }
        )
        _fiscal_set(company, header, each)


def _fiscal_set(company: Company, header: Row, detail: Row) -> None:
    table = company.tables["GLAccountFiscalSets"]
    row = table.get(detail["AccountNumber"], header["FiscalYear"])
    if row is None:
        row = table.kind.blank() | {"UnformattedAccount": detail["AccountNumber"], "FiscalYear": header["FiscalYear"]}
        table.add(row)
    row[f"NetChangePeriod{int(header['FiscalPeriod'])}"] += detail["Amount"]
