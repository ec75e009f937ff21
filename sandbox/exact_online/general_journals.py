"""General journal entries in the debit view (fact sheet, section 2.9): balanced lines, no PUT, DELETE only while open."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.exact_online import entries, periods, posting
from sandbox.exact_online.calls import Call
from sandbox.exact_online.periods import Period
from sandbox.exact_online.posting import Draft, DraftLine
from sandbox.exact_online.refusals import Business, not_allowed
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


def create(division: Division, call: Call, body: Row) -> Row:
    """Check, store and book one entry. Raises `Business`; then nothing happened."""
    journal = entries.journal(division, body["JournalCode"], 90)
    currency = entries.currency(division, body.get("Currency"), journal)
    lines = entries.lines(division, body, "GeneralJournalEntryLines")
    dated = entries.day(lines[0].get("Date"), division.today())
    period = periods.chosen(division, body.get("FinancialYear"), body.get("FinancialPeriod"), dated)
    periods.check_open(division, journal["Code"], period)
    entry_id = entries.key(division, "GeneralJournalEntries", body.get("EntryID"))
    drafted = [_draft_line(division, journal, line, number, currency) for number, line in enumerate(lines, start=1)]
    _check_balanced(sum(line.minor for line in drafted), currency, period)
    number = entries.number(division, journal["Code"], period, body.get("EntryNumber"))
    rate = body.get("ExchangeRate") or division.rate(currency)
    row = division.tables["GeneralJournalEntries"].add(
        {
            **entries.stamp(division, journal, period),
            "EntryID": entry_id,
            "EntryNumber": number,
            "Currency": currency,
            "ExchangeRate": rate,
            "Reversal": bool(body.get("Reversal")),
            "Type": 90,
            "TypeDescription": "Other",
            "Date": division.at_midnight(dated),
        }
    )
    for position, (line, draft_line) in enumerate(zip(lines, drafted, strict=True), start=1):
        _store_line(division, row, line, draft_line, position, rate)
    posting.post(
        division,
        Draft("GeneralJournalEntry", entry_id, journal["Code"], number, period, currency, rate, posting.OTHER, drafted),
    )
    return row


def delete(division: Division, row: Row) -> None:
    entries.delete(division, "GeneralJournalEntries", "GeneralJournalEntryLines", row)


def _draft_line(division: Division, journal: Row, line: Row, number: int, currency: str) -> DraftLine:
    if (line.get("VATCode") or line.get("AmountVATFC")) and not journal["AllowVAT"]:
        raise not_allowed("VAT code" if division.switches.language == "en" else "Btw-code")
    ledger = entries.gl_account(division, line, journal)
    if line.get("VATCode"):
        entries.vat_code(division, line, ledger)
    return DraftLine(
        number,
        ledger,
        entries.minor_units(line.get("AmountFC") or Decimal(0), currency),
        entries.day(line.get("Date"), division.today()),
        entries.relation(division, line, ledger),
        line.get("Description") or "",
        line.get("OurRef"),
        line.get("OffsetID"),
        {"Notes": line.get("Notes"), "VATCode": line.get("VATCode")},
    )


def _check_balanced(difference: int, currency: str, period: Period) -> None:
    if difference:
        amount = f"{Money(difference, currency).major:,}".translate(str.maketrans(",.", ".,"))
        where = f"{period.year} / {period.number} (Type: Other) - Difference: {currency} {amount}"
        raise Business(f"This entry is not balanced on: {where}", nl=f"Deze boeking is niet in balans op: {where}")


def _store_line(division: Division, header: Row, line: Row, drafted: DraftLine, position: int, rate: Decimal) -> None:
    account = drafted.account or {}
    amount = Money(drafted.minor, header["Currency"]).major
    division.tables["GeneralJournalEntryLines"].add(
        {
            **line,
            "ID": line.get("ID") or division.new_id(),
            "EntryID": header["EntryID"],
            "EntryNumber": header["EntryNumber"],
            "LineNumber": position,
            "AmountFC": amount,
            "AmountDC": division.in_base(amount, rate),
            "ExchangeRate": rate,
            "GLAccountCode": drafted.gl_account["Code"],
            "GLAccountDescription": drafted.gl_account["Description"],
            "AccountCode": account.get("Code"),
            "AccountName": account.get("Name"),
            "Date": division.at_midnight(drafted.dated),
            "Division": division.code,
        }
    )
