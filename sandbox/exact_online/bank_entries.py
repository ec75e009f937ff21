"""Bank entries: cash receipts, payouts and fees, in bank view on the wire and booked with the opposite sign.

Section 2.8 of the fact sheet: no PUT, DELETE only while open, opening plus lines must equal closing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.exact_online import entries, periods, posting
from sandbox.exact_online.calls import Call
from sandbox.exact_online.posting import Draft, DraftLine
from sandbox.exact_online.refusals import Business, mandatory
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


def create(division: Division, call: Call, body: Row) -> Row:
    """Check, store and book one entry. Raises `Business`; then nothing happened."""
    journal = entries.journal(division, body["JournalCode"], 12)
    currency = entries.currency(division, body.get("Currency"), journal)
    lines = entries.lines(division, body, "BankEntryLines")
    dated = entries.day(lines[0].get("Date"), division.today())
    period = periods.chosen(division, body.get("FinancialYear"), body.get("FinancialPeriod"), dated)
    periods.check_open(division, journal["Code"], period)
    entry_id = entries.key(division, "BankEntries", body.get("EntryID"))
    rate = lines[0].get("ExchangeRate") or division.rate(currency)
    minors = [entries.minor_units(line["AmountFC"], currency) for line in lines]
    drafted = [
        part
        for number, (line, minor) in enumerate(zip(lines, minors, strict=True), start=1)
        for part in _draft_lines(division, journal, line, minor, number, currency)
    ]
    opening, closing = _balances(division, body, journal, currency, sum(minors))
    number = entries.number(division, journal["Code"], period, body.get("EntryNumber"))
    header = {
        **entries.stamp(division, journal, period),
        "EntryID": entry_id,
        "EntryNumber": number,
        "Currency": currency,
        "OpeningBalanceFC": opening,
        "ClosingBalanceFC": closing,
        "BankStatementDocument": body.get("BankStatementDocument"),
    }
    bank = DraftLine(0, division.tables["GLAccounts"][journal["bank_gl"]], sum(minors), dated)
    draft = Draft(
        "BankEntry", entry_id, journal["Code"], number, period, currency, rate, posting.CASH_FLOW, [bank, *drafted]
    )
    row = division.tables["BankEntries"].add(header)
    for position, (line, minor) in enumerate(zip(lines, minors, strict=True), start=1):
        _store_line(division, row, line, minor, position, rate)
    posting.post(division, draft)
    return row


def delete(division: Division, row: Row) -> None:
    entries.delete(division, "BankEntries", "BankEntryLines", row)


def _draft_lines(
    division: Division, journal: Row, line: Row, minor: int, number: int, currency: str
) -> list[DraftLine]:
    """The counter line in the debit view, and the VAT that the code (or the account's default code) takes out of it."""
    ledger = entries.gl_account(division, line, journal)
    vat = entries.vat_code(division, line, ledger)
    vat_minor = _vat_minor(line, vat, minor, currency)
    line["VATCode"] = vat["Code"] if vat else None
    line["AmountVATFC"] = Money(vat_minor, currency).major
    line["VATPercentage"] = vat["Percentage"] if vat else Decimal(0)
    dated = entries.day(line.get("Date"), division.today())
    values = {"Notes": line.get("Notes"), "VATCode": line["VATCode"], "VATPercentage": line["VATPercentage"]}
    main = DraftLine(
        number,
        ledger,
        vat_minor - minor,
        dated,
        entries.relation(division, line, ledger),
        line.get("Description") or "",
        line.get("OurRef"),
        values=values,
    )
    if not vat_minor or vat is None:
        return [main]
    account = division.tables["GLAccounts"][vat["GLToClaim"] if vat["VATTransactionType"] == "P" else vat["GLToPay"]]
    return [main, DraftLine(number, account, -vat_minor, dated, description=line.get("Description") or "")]


def _vat_minor(line: Row, vat: Row | None, minor: int, currency: str) -> int:
    """The VAT inside a bank line: as sent, else computed from the gross amount; types B and N have none."""
    if vat is None or vat["Type"] in ("B", "N"):
        return 0
    if line.get("AmountVATFC") is not None:
        return entries.minor_units(line["AmountVATFC"], currency)
    percentage = vat["Percentage"]
    return int((minor * percentage / (1 + percentage)).to_integral_value())


def _balances(division: Division, body: Row, journal: Row, currency: str, moved: int) -> tuple[Decimal, Decimal]:
    """Opening and closing balance. Raises `Business` when they do not fit the lines or the journal's last entry."""
    last = last_balance(division, journal["Code"], currency)
    opening, closing = body.get("OpeningBalanceFC"), body.get("ClosingBalanceFC")
    if opening is None and closing is None:
        if not division.switches.bank_balances_optional:
            raise mandatory("Opening balance")
        return Money(last, currency).major, Money(last + moved, currency).major
    first = entries.minor_units(opening, currency) if opening is not None else last
    end = entries.minor_units(closing, currency) if closing is not None else first + moved
    stale = division.switches.opening_must_follow and first != last
    if stale or first + moved != end:
        raise Business("Opening balance plus all bank entry lines should be equal to the closing balance.")
    return Money(first, currency).major, Money(end, currency).major


def last_balance(division: Division, journal_code: str, currency: str) -> int:
    """Minor units of the closing balance of the journal's last entry, by year, period and number; 0 before the first."""
    rows = division.tables["BankEntries"].where("JournalCode", journal_code)
    if not rows:
        return 0
    last = max(rows, key=lambda row: (row["FinancialYear"], row["FinancialPeriod"], row["EntryNumber"]))
    return entries.minor_units(last["ClosingBalanceFC"], currency)


def _store_line(division: Division, header: Row, line: Row, minor: int, position: int, rate: Decimal) -> None:
    ledger = division.tables["GLAccounts"][line["GLAccount"]]
    account = division.tables["Accounts"].get(line.get("Account")) or {}
    amount = Money(minor, header["Currency"]).major
    division.tables["BankEntryLines"].add(
        {
            **line,
            "ID": line.get("ID") or division.new_id(),
            "EntryID": header["EntryID"],
            "EntryNumber": header["EntryNumber"],
            "LineNumber": position,
            "AmountFC": amount,
            "AmountDC": division.in_base(amount, rate),
            "ExchangeRate": rate,
            "OffsetID": division.new_id(),
            "GLAccountCode": ledger["Code"],
            "GLAccountDescription": ledger["Description"],
            "AccountCode": account.get("Code"),
            "AccountName": account.get("Name"),
            "Date": division.at_midnight(entries.day(line.get("Date"), division.today())),
            "Division": division.code,
        }
    )
