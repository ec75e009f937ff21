"""Reads a DATEV format file strictly by position and tells every place that does not hold. Sheet: datev.md 3.1 to 3.6.

It judges the file by itself: encoding, line ends, column counts, quoting, expressions, pairs, dates, currency triple.
What only the company's books can tell (accounts, debtors, closed months) is the adviser's matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sandbox.datev.extf_master_rules import LABEL_COLUMNS, PARTY_COLUMNS
from sandbox.datev.extf_row_checks import booking_row_faults, party_row_faults
from sandbox.datev.extf_rules import BOOKING_COLUMNS, FORMATS, HEADER, READABLE, Column

COLUMNS: dict[int, tuple[Column, ...]] = {16: PARTY_COLUMNS, 20: LABEL_COLUMNS, 21: BOOKING_COLUMNS}
LONGEST_HEADER = 1000
MOST_ROWS = 99_999

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


class WrongEncoding(ValueError):
    """The bytes are in none of the encodings DATEV takes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that does not hold. Lines and columns count from 1; column 0 means the line as a whole."""

    line: int
    column: int
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}" if self.column else f"line {self.line}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Row:
    """A data line: its number in the file and its values without quotes. `row[7]` is column 7."""

    line: int
    values: tuple[str, ...]

    def __getitem__(self, column: int) -> str:
        """Columns behind the last one of an older format version are empty."""
        return self.values[column - 1] if column <= len(self.values) else ""


@dataclass(frozen=True, slots=True)
class ExtfFile:
    """A file as read. With findings, `rows` holds only the lines with the right number of columns."""

    encoding: str
    header: Row
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]

    @property
    def category(self) -> int:
        return int(self.header[3])

    @property
    def period(self) -> tuple[date, date] | None:
        """Datum von and bis; None for master data."""
        return period_of(self.header)

    @property
    def locked(self) -> bool:
        """Whether the adviser's software would lock the batch: an empty mark counts as locked (datev.md 3.2)."""
        return self.header[21] != "0" or any(row[114] != "0" for row in self.rows)


def decoded(content: bytes) -> tuple[str, str]:
    """Encoding and text: by byte order mark, without one code page 1252. Raises `WrongEncoding`."""
    if content.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise WrongEncoding("UTF-32 is not supported")
    mark, encoding = next(((m, e) for m, e in _MARKS if content.startswith(m)), (b"", "cp1252"))
    try:
        return encoding, content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as wrong:
        raise WrongEncoding(f"byte {wrong.start + len(mark)} is not {encoding}") from wrong


def split_line(line: str) -> list[tuple[str, bool, str]]:
    """The fields of a line as (value without quotes, was quoted, what is wrong with its quoting)."""
    fields: list[tuple[str, bool, str]] = []
    at = 0
    while True:
        value, quoted, fault, at = _field(line, at)
        fields.append((value, quoted, fault))
        if at >= len(line):
            return fields
        at += 1
        if at == len(line):
            fields.append(("", False, ""))
            return fields


def read(content: bytes) -> ExtfFile:
    """The file with all its findings. Never raises for what is in it."""
    nothing = Row(1, ("",) * len(HEADER))
    try:
        encoding, text = decoded(content)
    except WrongEncoding as wrong:
        return ExtfFile("", nothing, (), (Finding(1, 0, str(wrong)),))
    findings: list[Finding] = []
    if encoding == "cp1252" and _is_utf8(content):
        findings.append(Finding(1, 0, "UTF-8 without a byte order mark is read as code page 1252"))
    lines = list(_lines(text, findings))
    if len(lines) < 2:
        findings.append(Finding(len(lines) or 1, 0, "header or column headings are missing"))
        return ExtfFile(encoding, nothing, (), tuple(findings))
    header, known = _read_header(lines[0], findings)
    if not known:
        return ExtfFile(encoding, header, (), tuple(findings))
    category = int(header[3])
    columns = COLUMNS[category][: FORMATS[category][1][int(header[5])]]
    _check_headings(lines[1], columns, findings)
    rows = tuple(_read_rows(lines[2:], columns, header, findings))
    return ExtfFile(encoding, header, rows, tuple(findings))


def period_of(header: Row) -> tuple[date, date] | None:
    first, last = _day(header[15]), _day(header[16])
    return (first, last) if first and last else None


def _field(line: str, at: int) -> tuple[str, bool, str, int]:
    """The field that begins at `at`, and the position of the separator behind it (or the end)."""
    if not line.startswith('"', at):
        end = line.find(";", at)
        end = len(line) if end < 0 else end
        value = line[at:end]
        return value, False, "a quote inside a bare field" if '"' in value else "", end
    parts: list[str] = []
    at += 1
    while True:
        quote = line.find('"', at)
        if quote < 0:
            return "".join(parts) + line[at:], True, "the closing quote is missing", len(line)
        parts.append(line[at:quote])
        if not line.startswith('""', quote):
            break
        parts.append('"')
        at = quote + 2
    end = line.find(";", quote + 1)
    end = len(line) if end < 0 else end
    rest = line[quote + 1 : end]
    return "".join(parts), True, f"{rest!r} behind the closing quote" if rest else "", end


def _is_utf8(content: bytes) -> bool:
    if content.isascii():
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _lines(text: str, findings: list[Finding]) -> Iterator[str]:
    if not text.endswith("\r\n"):
        findings.append(Finding(text.count("\r\n") + 1, 0, "the last line does not end with CR LF"))
    for number, line in enumerate(text.removesuffix("\r\n").split("\r\n"), start=1):
        for mark, name in (("\n", "LF"), ("\r", "CR")):
            if mark in line:
                findings.append(Finding(number, 0, f"a lone {name}: lines end with CR LF and texts hold none"))
        yield line


def _read_header(line: str, findings: list[Finding]) -> tuple[Row, bool]:
    """The header, and whether category and version are ones whose rows can be read."""
    if len(line) > LONGEST_HEADER:
        findings.append(Finding(1, 0, f"the header is longer than {LONGEST_HEADER} characters"))
    header = _checked(1, line, HEADER, findings)
    if header is None:
        return Row(1, ("",) * len(HEADER)), False
    if header[1] != "EXTF":
        findings.append(Finding(1, 1, f"{header[1]!r} is no interface file"))
    if not header[3].isascii() or not header[3].isdigit() or int(header[3]) not in READABLE:
        findings.append(Finding(1, 3, f"category {header[3]!r} cannot be imported here"))
        return header, False
    name, versions = FORMATS[int(header[3])]
    if header[4] != name:
        findings.append(Finding(1, 4, f"{header[4]!r} is not {name!r}"))
    if not header[5].isascii() or not header[5].isdigit() or int(header[5]) not in versions:
        findings.append(Finding(1, 5, f"version {header[5]!r} of {name} is not known"))
        return header, False
    findings.extend(Finding(1, column, reason) for column, reason in _header_faults(header))
    return header, True


def _header_faults(header: Row) -> Iterator[tuple[int, str]]:
    year_begin, first, last = _day(header[13]), _day(header[15]), _day(header[16])
    for column, day in ((13, year_begin), (15, first), (16, last)):
        if header[column] and day is None:
            yield column, f"{header[column]} is not a date"
    stamp = header[6]
    if not (_day(stamp[:8]) and "000000" <= stamp[8:14] <= "235959" and stamp[10:12] < "60" and stamp[12:14] < "60"):
        yield 6, f"{stamp!r} is not a time"
    if header[3] != "21":
        yield from ((column, "must be empty for master data") for column in (15, 16) if header[column])
        return
    for column in (15, 16, 19, 22):
        if not header[column]:
            yield column, "must not be empty for a Buchungsstapel"
    if not (first and last and year_begin):
        return
    if first > last:
        yield 15, "Datum von lies after Datum bis"
    if first.year != last.year:
        yield 16, "#REW04404: Datum von and bis lie in different calendar years"
    if first < year_begin:
        yield 15, "#REW00314: Datum von lies before WJ-Beginn"
    if last >= _a_year_after(year_begin):
        yield 16, "Datum bis lies outside the fiscal year"


def _a_year_after(day: date) -> date:
    return day.replace(year=day.year + 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)


def _check_headings(line: str, columns: Sequence[Column], findings: list[Finding]) -> None:
    """Read by position: the texts are free, their number is not."""
    fields = split_line(line)
    for place, (value, quoted, _) in enumerate(fields, start=1):
        if quoted or '"' in value:
            findings.append(Finding(2, place, "headings are not quoted"))
    if len(fields) != len(columns):
        findings.append(Finding(2, 0, f"{len(fields)} headings instead of {len(columns)}"))


def _read_rows(lines: Sequence[str], columns: Sequence[Column], header: Row, findings: list[Finding]) -> Iterator[Row]:
    if not lines:
        findings.append(Finding(3, 0, "there are no rows"))
    if len(lines) > MOST_ROWS:
        findings.append(Finding(MOST_ROWS + 3, 0, f"more than {MOST_ROWS} rows"))
    period = period_of(header)
    for number, line in enumerate(lines, start=3):
        before = len(findings)
        row = _checked(number, line, columns, findings)
        if row is None:
            continue
        if len(findings) == before:
            if header[3] == "21":
                faults = booking_row_faults(row, period, header[22])
            else:
                faults = party_row_faults(row) if header[3] == "16" else iter(())
            findings.extend(Finding(number, column, reason) for column, reason in faults)
        yield row


def _checked(number: int, line: str, columns: Sequence[Column], findings: list[Finding]) -> Row | None:
    """The line as a row, or None when its fields cannot be told apart. Every field that does not hold is a finding."""
    fields = split_line(line)
    for place, (_, _, fault) in enumerate(fields, start=1):
        if fault:
            findings.append(Finding(number, place, fault))
    if len(fields) != len(columns):
        findings.append(Finding(number, 0, f"{len(fields)} fields instead of {len(columns)}"))
        return None
    for column, (value, quoted, fault) in zip(columns, fields, strict=True):
        if fault:
            continue
        if quoted != column.text:
            how = "must be quoted" if column.text else "must not be quoted"
            findings.append(Finding(number, column.number, f"{column.name} {how}"))
        elif reason := column.fault(value):
            findings.append(Finding(number, column.number, f"{column.name} {reason}"))
    return Row(number, tuple(value for value, _, _ in fields))


def _day(text: str) -> date | None:
    """YYYYMMDD as a date, None when it is none."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
