"""From a checked entry to the ledger: TransactionLines with their own IDs, customers' items, the entry in the books.

Amounts arrive in the debit view. Sections 2.10 and 3.2 of the fact sheet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money, exponent
from sandbox.exact_online import matching, receivables
from sandbox.exact_online.books import Entry, Line
from sandbox.exact_online.periods import Period
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

#: TransactionLines.Type by kind of entry (section 2.10).
SALES, CREDIT_NOTE, PURCHASE, CASH_FLOW, OTHER = 20, 21, 30, 40, 90


@dataclass(slots=True)
class DraftLine:
    """One line in the debit view. `number` 0 is the header line; `values` are further columns of TransactionLines."""

    number: int
    gl_account: Row
    minor: int
    dated: date
    account: Row | None = None
    description: str = ""
    our_ref: int | None = None
    offset: str | None = None
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """A checked and balanced entry. `item` holds what the customers' items take over: due date, references, method."""

    kind: str
    entry_id: str
    journal: str
    number: int
    period: Period
    currency: str
    rate: Decimal
    type: int
    lines: list[DraftLine]
    status: int = 20
    item: dict[str, Any] = field(default_factory=dict)


def post(division: Division, draft: Draft) -> None:
    """Write the entry everywhere and settle what can be settled by itself."""
    base_amounts = _base_amounts(division, draft)
    posted = [_post_line(division, draft, line, base) for line, base in zip(draft.lines, base_amounts, strict=True)]
    _link_header(division, posted)
    division.books.book(_entry(draft, base_amounts))
    for line, row in zip(draft.lines, posted, strict=True):
        if line.account is not None and row["gl_type"] in (20, 22):
            item = receivables.add_item(division, row, line.account, dict(draft.item))
            _settle(division, draft, line, item)


def take_back(division: Division, entry_id: str) -> None:
    """Undo a deleted entry: its lines and items go, and the books are counter-booked."""
    matching.drop_entry(division, entry_id)
    lines = division.tables["TransactionLines"]
    for row in lines.where("EntryID", entry_id):
        lines.remove(row["ID"])
    division.books.take_back(entry_id)


def _settle(division: Division, draft: Draft, line: DraftLine, item: Row) -> None:
    if draft.type in (SALES, CREDIT_NOTE, PURCHASE):
        return
    offset = line.offset if division.switches.journal_offset_matches else None
    for other in division.tables["Terms"].where("TransactionID", offset) if offset else ():
        if not other["IsFullyPaid"] and other["minor"] * item["minor"] < 0:
            matching.settle(division, other, item)
            return
    matching.automatic(division, item)


def _base_amounts(division: Division, draft: Draft) -> list[int]:
    """Each line in the division's currency; what rounding leaves goes to a line that is not a customer's, so that
    items keep AmountFC x RateFC = AmountDC and the entry balances.
    """
    places = exponent(division.base_currency) - exponent(draft.currency)
    amounts = [
        int((Decimal(line.minor) * draft.rate).scaleb(places).to_integral_value(ROUND_HALF_UP)) for line in draft.lines
    ]
    free = (number for number, line in enumerate(draft.lines) if line.gl_account["Type"] not in (20, 22))
    amounts[next(free, 0)] -= sum(amounts)
    return amounts


def _post_line(division: Division, draft: Draft, line: DraftLine, base_minor: int) -> Row:
    moment = datetime(line.dated.year, line.dated.month, line.dated.day)  # noqa: DTZ001 - Edm.DateTime has no zone
    account = line.account or {}
    return division.tables["TransactionLines"].add(
        {
            "ID": division.new_id(),
            "EntryID": draft.entry_id,
            "EntryNumber": draft.number,
            "JournalCode": draft.journal,
            "LineNumber": line.number,
            "LineType": 0,
            "Type": draft.type,
            "Date": moment,
            "FinancialYear": draft.period.year,
            "FinancialPeriod": draft.period.number,
            "GLAccount": line.gl_account["ID"],
            "GLAccountCode": line.gl_account["Code"],
            "GLAccountDescription": line.gl_account["Description"],
            "Account": account.get("ID"),
            "AccountCode": account.get("Code"),
            "AccountName": account.get("Name"),
            "AmountFC": Money(line.minor, draft.currency).major,
            "AmountDC": Money(base_minor, division.base_currency).major,
            "Currency": draft.currency,
            "ExchangeRate": draft.rate,
            "Description": line.description,
            "InvoiceNumber": line.our_ref,
            "OffsetID": None,
            "DueDate": draft.item.get("DueDate"),
            "YourRef": draft.item.get("YourRef"),
            "PaymentReference": draft.item.get("PaymentReference"),
            "Status": draft.status,
            "Division": division.code,
            "gl_type": line.gl_account["Type"],
            "minor": line.minor,
            "base_minor": base_minor,
            **line.values,
        }
    )


def _link_header(division: Division, posted: list[Row]) -> None:
    """The bank side's OffsetID points inside its own entry and proves nothing (section 3.7)."""
    header = next((row for row in posted if row["LineNumber"] == 0), None)
    if header is not None and len(posted) > 1 and header["Type"] == CASH_FLOW:
        other = next(row for row in posted if row["LineNumber"] != 0)
        division.tables["TransactionLines"].change(header["ID"], OffsetID=other["ID"])


def _entry(draft: Draft, base_amounts: list[int]) -> Entry:
    named = [line for line in draft.lines if line.number and line.description]
    lines = tuple(
        Line(line.gl_account["Code"], line.minor, base, _customer(line))
        for line, base in zip(draft.lines, base_amounts, strict=True)
        if line.minor or base
    )
    return Entry(
        draft.kind,
        draft.entry_id,
        draft.journal,
        draft.number,
        named[0].description if named else "",
        draft.lines[-1].dated,
        str(draft.period),
        draft.currency,
        lines,
    )


def _customer(line: DraftLine) -> str:
    receivable = line.account is not None and line.gl_account["Type"] == 20
    return str(line.account["Code"]).strip() if receivable and line.account else ""
