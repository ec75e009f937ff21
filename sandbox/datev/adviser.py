"""The tax adviser: imports delivered files in order, refuses what the company's books cannot take, keeps the balances.

This is no part of DATEV's API: row errors never come back over it, so tests read them here. Sheet: datev.md 10 and 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from bookkeeping.money import Money, NotRepresentable
from sandbox.datev.books import BookedRow, Books, FileRecord
from sandbox.datev.chart import NO_TAX, TAX_KEYS, CompanyAccounts, Tax, TaxKind
from sandbox.datev.datacentre import Company, DataCentre
from sandbox.datev.extf_reader import ExtfFile, Finding, Row
from sandbox.datev.extf_row_checks import decimal_of, document_day
from sandbox.datev.jobs import Job

BASE_CURRENCY = "EUR"
_LINK = re.compile(r'BEDI "([0-9A-Fa-f-]{36})"')
_INFO_COLUMNS = range(21, 37, 2)

Entries = list[tuple[str, int]]


def keep_books(datacentre: DataCentre, company: Company) -> Books:
    """The books after every delivered file of the company, in the order of upload."""
    adviser = Adviser(datacentre, company)
    for job in list(datacentre.jobs.values()):
        if job.client_id == company.id and job.delivered(datacentre):
            adviser.take(job)
    adviser.books.personal = frozenset(adviser.accounts.personal)
    return adviser.books


class Adviser:
    """One pass over the files of a company. A file is taken whole or not at all."""

    def __init__(self, datacentre: DataCentre, company: Company) -> None:
        self.datacentre = datacentre
        self.company = company
        self.accounts = CompanyAccounts(company)
        self.books = Books(company.id)

    def take(self, job: Job) -> None:
        """Import the file of a job, or record why not."""
        file = job.file
        category = file.category if file.header[3].isdigit() else 0
        if job.ignored:
            self._record(job, category, "ignored")
            return
        findings = [*file.findings]
        if not findings:
            findings.extend(self._header_findings(file))
        if not findings:
            findings.extend(self._row_findings(file))
        if findings:
            self._record(job, category, "rejected", reasons=tuple(str(finding) for finding in findings))
            return
        warnings = tuple(str(warning) for warning in self._warnings(file))
        match category:
            case 16:
                self._take_parties(file)
            case 20:
                self._take_labels(file)
            case _:
                self._take_bookings(job.filename, file)
        self._record(job, category, "imported", rows=len(file.rows), locked=file.locked, warnings=warnings)

    def _record(
        self,
        job: Job,
        category: int,
        state: str,
        *,
        rows: int = 0,
        locked: bool = False,
        reasons: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> None:
        locked = locked and category == 21
        name, reference = job.filename, job.reference_id
        self.books.files.append(FileRecord(job.id, name, reference, category, state, rows, locked, reasons, warnings))

    def _header_findings(self, file: ExtfFile) -> Iterator[Finding]:
        company, header = self.company, file.header
        begins = [day.strftime("%Y%m%d") for day in company.fiscal_year_begins]
        expected = {
            11: [str(company.consultant_number)],
            12: [str(company.client_number)],
            13: begins,
            14: [str(company.account_length)],
            27: ["", company.chart],
        }
        for column, values in expected.items():
            if header[column] not in values:
                yield Finding(1, column, f"{header[column]!r} is not {' or '.join(values)} as in the company's books")
        if file.category == 21 and header[22] != BASE_CURRENCY:
            yield Finding(1, 22, f"the books are kept in {BASE_CURRENCY}, not {header[22]}")

    def _row_findings(self, file: ExtfFile) -> Iterator[Finding]:
        for row in file.rows:
            match file.category:
                case 16:
                    if not self.accounts.is_personal(row[1]) or row[1].startswith("0"):
                        yield Finding(row.line, 1, f"account {row[1]} is no debtor or creditor")
                case 20:
                    if len(row[1]) > self.accounts.length + 1:
                        yield Finding(row.line, 1, f"account {row[1]} has too many digits")
                case _:
                    for column, reason in self._booking_faults(row, file):
                        yield Finding(row.line, column, reason)

    def _booking_faults(self, row: Row, file: ExtfFile) -> Iterator[tuple[int, str]]:
        for column in (7, 8):
            if fault := self.accounts.fault(row[column]):
                yield column, fault
        try:
            Money.from_major(decimal_of(row[1]), row[3] or BASE_CURRENCY)
        except NotRepresentable as wrong:
            yield 1, str(wrong)
        period, closed = file.period, self.company.closed_through
        day = document_day(row[10], period) if period else None
        if day and closed and day <= closed:
            yield 10, f"the books are closed through {closed}"
        if fault := self._tax_key_fault(row):
            yield 9, fault

    def _tax_key_fault(self, row: Row) -> str:
        key = row[9].lstrip("0")
        if not key:
            return ""
        if key not in TAX_KEYS:
            return f"BU key {row[9]} is not known to this company"
        sides = [self.accounts.normal(row[column]) for column in (7, 8)]
        automatic = [account for account in sides if self.accounts.automatic_tax(account) is not None]
        if automatic and key != "40":
            return f"account {automatic[0]} is automatic: no BU key but 40"
        if key == "40":
            return "" if automatic else "BU key 40 switches off an automatic account, and there is none"
        if sum(self.accounts.carries_tax(account) for account in sides) != 1:
            return f"BU key {row[9]} needs exactly one income or expense account in the row"
        return ""

    def _warnings(self, file: ExtfFile) -> Iterator[Finding]:
        """What an adviser would see and ask about, though the file can be imported."""
        for row in file.rows:
            if file.category == 16:
                before = self.books.parties.get(row[1], {}).get(244, "")
                if before and row[244] and before != row[244]:
                    yield Finding(row.line, 1, f"account {row[1]} belonged to {before} and now to {row[244]}")
            elif file.category == 21:
                link = _LINK.fullmatch(row[20])
                if link and (self.company.id, link[1].lower()) not in self.datacentre.documents:
                    yield Finding(row.line, 20, f"there is no document {link[1]}")
                if row[118] in ("1", "G") and not self._reverses_something(row, file):
                    yield Finding(row.line, 118, "there is no such row to reverse")

    def _reverses_something(self, row: Row, file: ExtfFile) -> bool:
        meaning = self._booked("", row, file).meaning
        earlier = (self._booked("", other, file) for other in file.rows if other.line < row.line)
        return any(not other.reversal and other.meaning == meaning for other in (*self.books.rows, *earlier))

    def _take_parties(self, file: ExtfFile) -> None:
        for row in file.rows:
            filled = {column: value for column, value in enumerate(row.values, start=1) if value}
            self.books.parties.setdefault(row[1], {}).update(filled)
            name = row[2] or " ".join(part for part in (row[5], row[4]) if part) or row[6]
            self.accounts.personal[row[1]] = name or self.accounts.personal.get(row[1], "")

    def _take_labels(self, file: ExtfFile) -> None:
        """A label brings an account into being: so an own clearing account is made (datev.md 3.6 and 11.1)."""
        for row in file.rows:
            account = self.accounts.normal(row[1])
            self.books.labels[account] = row[4] or row[2]
            if not self.accounts.is_personal(account):
                self.accounts.own.add(account)

    def _take_bookings(self, filename: str, file: ExtfFile) -> None:
        for row in file.rows:
            booked = self._booked(filename, row, file)
            self.books.enter(self._entries(booked), booked)

    def _booked(self, filename: str, row: Row, file: ExtfFile) -> BookedRow:
        debit, credit = (7, 8) if row[2] == "S" else (8, 7)
        currency = row[3] or BASE_CURRENCY
        amount = Money.from_major(decimal_of(row[1]), currency)
        base = Money.from_major(decimal_of(row[5]), BASE_CURRENCY) if row[5] else amount
        period = file.period
        assert period is not None, "the reader lets no Buchungsstapel without a period through"
        day = document_day(row[10], period)
        assert day is not None, "the reader lets no row without a day through"
        ids = [row[art + 1] for art in _INFO_COLUMNS if row[art].startswith("GoCardless")]
        return BookedRow(
            filename=filename,
            line=row.line,
            debit=self.accounts.normal(row[debit]),
            credit=self.accounts.normal(row[credit]),
            amount_minor=amount.minor,
            currency=currency,
            base_minor=base.minor,
            day=day,
            document=row[11],
            gocardless_ids=tuple(ids + ([row[95]] if row[95] else [])),
            settlement=row[121],
            tax_key=row[9].lstrip("0"),
            text=row[14],
            reversal=row[118] in ("1", "G"),
        )

    def _entries(self, row: BookedRow) -> Entries:
        entries: Entries = []
        for account, minor in ((row.debit, row.base_minor), (row.credit, -row.base_minor)):
            entries.extend(self._with_tax(account, minor, self._tax_of(account, row.tax_key)))
        return entries

    def _tax_of(self, account: str, key: str) -> Tax:
        automatic = self.accounts.automatic_tax(account)
        if automatic is not None:
            return NO_TAX if key == "40" else automatic
        return TAX_KEYS[key] if key and self.accounts.carries_tax(account) else NO_TAX

    def _with_tax(self, account: str, minor: int, tax: Tax) -> Entries:
        """The entry and its tax lines: taken out of a gross amount, or laid on both sides for reverse charge."""
        if tax.kind is TaxKind.NONE:
            return [(account, minor)]
        chart = self.accounts.chart
        tax_account = self.accounts.padded(chart.tax_accounts[tax])
        if tax.kind is TaxKind.REVERSE_CHARGE:
            owed = _share(minor, tax.rate, 100)
            return [
                (account, minor),
                (tax_account, owed),
                (self.accounts.padded(chart.reverse_charge_liability), -owed),
            ]
        contained = _share(minor, tax.rate, 100 + tax.rate)
        return [(account, minor - contained), (tax_account, contained)]


def _share(minor: int, part: int, whole: int) -> int:
    """`minor * part / whole` in whole cents, halves away from zero."""
    return int((Decimal(minor) * part / whole).quantize(Decimal(1), ROUND_HALF_UP))
