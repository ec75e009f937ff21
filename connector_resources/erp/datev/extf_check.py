"""Our own strict check of every finished DATEV file, made before each upload (datev.md 0 and 3.7).

DATEV checks the header only and never reports a wrong row, so nothing leaves without passing here. The check reads
the bytes as DATEV would, by position; it shares the column table with the writer, nothing else. It returns all findings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from connector_resources.erp.datev.extf_columns import BOOKINGS, FORMATS, Column, Format
from connector_resources.erp.datev.extf_row_rules import RowRules

MOST_ROWS = 99_999
MOST_BYTES = 50_000_000
LONGEST_HEADER = 1000
FIRST_ROW_LINE = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that DATEV would refuse or misread. `line` counts from 1; line 1 or 2 concerns the whole file."""

    line: int
    column: int
    code: str
    message: str

    def __str__(self) -> str:
        place = f"Zeile {self.line}, Spalte {self.column}" if self.column else f"Zeile {self.line}"
        return f"{place}: {self.message} ({self.code})"

    @property
    def concerns_file(self) -> bool:
        return self.line < FIRST_ROW_LINE


@dataclass(frozen=True, slots=True)
class Expected:
    """What the file must agree with. `vouchers` are the GUIDs uploaded before it, the only ones a row may link."""

    consultant_number: int
    client_number: int
    account_length: int
    chart: str
    fiscal_year_start: date
    automatic_accounts: frozenset[int] = frozenset()
    vouchers: Collection[str] = frozenset()


_HEADER = (
    (1, '"EXTF"', "not_extf"),
    (2, "700", "wrong_version"),
    (3, "16|20|21", "wrong_category"),
    (6, r"20[0-9]{15}", "header_created"),
    (7, "", "header_not_empty"),
    (8, r'"[0-9A-Za-z_]{0,2}"', "header_field"),
    (9, r'"[0-9A-Za-z_]{0,25}"', "header_field"),
    (10, r'"[0-9A-Za-z_]{0,25}"', "header_field"),
    (11, "(?!0)[0-9]{4,7}", "header_field"),
    (12, "(?!0)[0-9]{1,5}", "header_field"),
    (13, "20[0-9]{6}", "header_fiscal_year"),
    (14, "[4-8]", "header_field"),
    (17, r'"[\w.\-/ ]{0,30}"', "header_label"),
    (18, '"(?:[A-Z]{2}){0,2}"', "header_field"),
    (23, "", "header_not_empty"),
    (24, '""', "header_not_empty"),
    (25, "", "header_not_empty"),
    (26, "", "header_not_empty"),
    (28, "[0-9]{0,4}", "header_field"),
    (29, "", "header_not_empty"),
    (30, '""', "header_not_empty"),
    (31, r'"[^"\x00-\x1f]{0,16}"', "header_field"),
)
_HEADER_FIELDS = 31
_FIELD = re.compile(r'"(?:[^"]|"")*"|[^;]*')


def check(content: bytes, expected: Expected) -> list[Finding]:
    """Every reason why `content` must not be uploaded; empty means it may."""
    findings: list[Finding] = []
    text = _decoded(content, findings)
    if text is None:
        return findings
    lines = _lines(text, findings)
    if len(lines) < FIRST_ROW_LINE:
        findings.append(Finding(1, 0, "no_rows", "Die Datei enthält keine Zeilen."))
        return findings
    fields = [match.group() for match in _fields(lines[0])]
    findings += _header_findings(lines[0], fields, expected)
    form = FORMATS.get(int(fields[2])) if len(fields) > 2 and fields[2].isdigit() else None
    if form is None:
        return findings
    if lines[1] != form.headings:
        findings.append(Finding(2, 0, "headings", "Die Überschriften sind nicht die der Formatversion."))
    findings += _row_findings(lines, form, fields, expected)
    return findings


def _decoded(content: bytes, findings: list[Finding]) -> str | None:
    if len(content) > MOST_BYTES:
        findings.append(Finding(1, 0, "too_large", f"Die Datei hat {len(content)} Bytes, erlaubt sind {MOST_BYTES}."))
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        findings.append(Finding(1, 0, "byte_order_mark", "Die Datei trägt eine Unicode-Kennung; wir schreiben CP1252."))
        return None
    try:
        content.decode("ascii")
    except UnicodeDecodeError:
        if _is_utf8(content):
            message = "Die Datei ist UTF-8 ohne Kennung und würde als CP1252 falsch gelesen."
            findings.append(Finding(1, 0, "utf8_without_mark", message))
            return None
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError as wrong:
        findings.append(Finding(1, 0, "not_cp1252", f"Byte {wrong.start} ist kein Zeichen von CP1252."))
        return None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _lines(text: str, findings: list[Finding]) -> list[str]:
    """The lines without their ends. A line break inside a text shows as a stray CR or LF."""
    if not text.endswith("\r\n"):
        findings.append(Finding(1, 0, "last_line_open", "Die letzte Zeile endet nicht mit CR LF."))
    lines = text.removesuffix("\r\n").split("\r\n")
    if "\n" in text.replace("\r\n", "") or "\r" in text.replace("\r\n", ""):
        findings += [
            Finding(number, 0, "line_break", "Ein einzelnes CR oder LF steht in der Zeile.")
            for number, line in enumerate(lines, start=1)
            if "\n" in line or "\r" in line
        ]
    return lines


def _fields(line: str) -> Iterator[re.Match[str]]:
    at = 0
    while True:
        match = _FIELD.match(line, at)
        assert match is not None
        yield match
        at = match.end()
        if at >= len(line):
            return
        # A quote that closes too early leaves its rest in front of the next separator: a field of its own.
        if line[at] == ";":
            at += 1


def _header_findings(line: str, fields: Sequence[str], expected: Expected) -> Iterator[Finding]:
    if len(line) > LONGEST_HEADER:
        yield Finding(1, 0, "header_too_long", f"Die Kopfzeile hat {len(line)} Zeichen, erlaubt sind {LONGEST_HEADER}.")
    if len(fields) != _HEADER_FIELDS:
        yield Finding(1, 0, "header_columns", f"Die Kopfzeile hat {len(fields)} statt {_HEADER_FIELDS} Felder.")
        return
    for number, expression, code in _HEADER:
        if not re.fullmatch(expression, fields[number - 1]):
            yield Finding(1, number, code, f"Feld {number} der Kopfzeile: {fields[number - 1] or 'leer'}.")
    wanted = (
        (11, str(expected.consultant_number), "consultant_differs", "Beraternummer"),
        (12, str(expected.client_number), "client_differs", "Mandantennummer"),
        (14, str(expected.account_length), "account_length_differs", "Sachkontenlänge"),
        (27, f'"{expected.chart}"', "chart_differs", "Sachkontenrahmen"),
        (13, f"{expected.fiscal_year_start:%Y%m%d}", "fiscal_year_differs", "WJ-Beginn"),
    )
    for number, value, code, name in wanted:
        if fields[number - 1] != value:
            yield Finding(1, number, code, f"{name} {fields[number - 1] or 'leer'} statt {value}.")
    form = FORMATS.get(int(fields[2])) if fields[2].isdigit() else None
    if form is not None:
        if fields[3] != f'"{form.name}"' or fields[4] != str(form.version):
            yield Finding(1, 4, "format_mismatch", f"Kategorie {form.category} ist {form.name} Version {form.version}.")
        yield from _period_findings(fields, form)


def _period_findings(fields: Sequence[str], form: Format) -> Iterator[Finding]:
    if form is not BOOKINGS:
        filled = [n for n in (15, 16, 19, 20, 21) if fields[n - 1]]
        yield from (Finding(1, n, "header_not_empty", f"Feld {n} bleibt bei Stammdaten leer.") for n in filled)
        return
    for number, expression, code in (
        (19, "1", "header_field"),
        (20, "0", "header_field"),
        (21, "[01]", "lock_empty"),
        (22, '"EUR"', "header_currency"),
    ):
        if not re.fullmatch(expression, fields[number - 1]):
            yield Finding(1, number, code, f"Feld {number} der Kopfzeile: {fields[number - 1] or 'leer'}.")
    first, last, start = (header_day(fields[n - 1]) for n in (15, 16, 13))
    if first is None or last is None:
        yield Finding(1, 15, "period_missing", "Datum von und Datum bis müssen gültige Tage sein.")
        return
    if first > last:
        yield Finding(1, 15, "period_reversed", "Datum von liegt nach Datum bis.")
    if first.year != last.year:
        yield Finding(1, 16, "two_calendar_years", "Datum von und bis liegen in zwei Kalenderjahren (#REW04404).")
    if start is not None and not start <= first <= last < year_after(start):
        yield Finding(1, 15, "outside_fiscal_year", "Der Zeitraum liegt außerhalb des Wirtschaftsjahres (#REW00314).")


def header_day(text: str) -> date | None:
    """YYYYMMDD, None when it is no day."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None
    except ValueError:
        return None


def year_after(day: date) -> date:
    """The same day a year later; fiscal years never begin on 29 February here."""
    return day.replace(year=day.year + 1)


def _row_findings(lines: Sequence[str], form: Format, header: Sequence[str], expected: Expected) -> Iterator[Finding]:
    rows = len(lines) - FIRST_ROW_LINE + 1
    if rows > MOST_ROWS:
        yield Finding(1, 0, "too_many_rows", f"Die Datei hat {rows} Zeilen, erlaubt sind {MOST_ROWS}.")
    usual, whole = _USUAL[form.category], _WHOLE[form.category]
    rules = _rules(form, header, expected)
    for number, line in enumerate(lines[FIRST_ROW_LINE - 1 :], start=FIRST_ROW_LINE):
        match = usual.fullmatch(line) or whole.fullmatch(line)
        if match is None:
            yield from _field_findings(number, line, form)
        elif rules is not None:
            for column, code, message in rules(match.groupdict()):
                yield Finding(number, column, code, message)


def _rules(
    form: Format, header: Sequence[str], expected: Expected
) -> Callable[[Mapping[str, str]], Iterator[tuple[int, str, str]]] | None:
    if form is not BOOKINGS or len(header) != _HEADER_FIELDS:
        return None
    first, last = header_day(header[14]), header_day(header[15])
    if first is None or last is None:
        return None
    vouchers = frozenset(expected.vouchers)
    return RowRules(first, last, header[20], expected.account_length, expected.automatic_accounts, vouchers).faults


def _field_findings(line_number: int, line: str, form: Format) -> Iterator[Finding]:
    """Why a row does not fit, field by field."""
    fields = [match.group() for match in _fields(line)]
    if len(fields) != len(form.columns):
        message = f"{len(fields)} statt {len(form.columns)} Felder"
        yield Finding(line_number, 0, "column_count", f"{message}; fehlende Semikolons oder Anführungszeichen.")
        return
    for column, value in zip(form.columns, fields, strict=True):
        if not re.fullmatch(column.pattern, value):
            code, message = _fault(column, value)
            yield Finding(line_number, column.number, code, f"{column.heading}: {message}.")


def _fault(column: Column, value: str) -> tuple[str, str]:
    shown = value[:40]
    is_quoted = len(value) >= 2 and value.startswith('"') and value.endswith('"')
    if column.text and not is_quoted:
        return "quotes_missing", f"{shown or 'leer'} steht nicht in Anführungszeichen"
    if not column.text and value.startswith('"'):
        return "number_quoted", f"{shown} steht in Anführungszeichen"
    inner = value[1:-1] if column.text else value
    if not inner:
        return "required_empty", "darf nicht leer sein"
    return _CODES.get(column.number, "field_invalid") if column in BOOKINGS.columns else "field_invalid", (
        f"{shown} ist nicht zulässig"
    )


_CODES = {
    1: "amount_invalid",
    3: "currency_invalid",
    4: "rate_invalid",
    5: "amount_invalid",
    7: "account_invalid",
    8: "account_invalid",
    9: "tax_key_invalid",
    10: "document_date_invalid",
    11: "document_number_invalid",
    14: "text_invalid",
    114: "lock_invalid",
    118: "reversal_flag_invalid",
}

#: columns of a booking whose values the rules between columns need.
_NAMED = frozenset({1, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, *range(21, 37), *range(48, 88), 105, 114, 115, 116, 118})
#: columns that our own rows fill; in nearly every row the others are empty.
_OURS = {
    BOOKINGS.category: frozenset({*range(1, 12), 14, *range(20, 27), 37, 43, 44, 95, 114, 118, 121}),
}


def _row_pattern(form: Format, filled: frozenset[int] | None) -> re.Pattern[str]:
    """The whole row as one expression: a good row is recognised in one pass, however many columns it has.

    Columns that are not among `filled` must be empty; None allows all.
    """
    parts = []
    for column in form.columns:
        empty = filled is not None and column.number not in filled
        pattern = ('""' if column.text else "") if empty else column.pattern
        named = form is BOOKINGS and column.number in _NAMED and not empty
        parts.append(f"(?P<c{column.number}>{pattern})" if named else pattern)
    return re.compile(";".join(parts))


_WHOLE = {category: _row_pattern(form, None) for category, form in FORMATS.items()}
_USUAL = {category: _row_pattern(form, _OURS.get(category)) for category, form in FORMATS.items()}
