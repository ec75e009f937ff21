"""Writing files: DATEV's EXTF against a bare formatted write and `csv.writer`, and whether time grows as the rows do.

The floor writes what every row of this one file needs, by one format string, and knows no currency, no quotes inside a text
and no optional column. Rows are made beforehand; what is measured ends with the bytes in a file. Growth is judged by
processor time for a row, which a busy machine changes least.
"""

from __future__ import annotations

import csv
import itertools
import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks.measure import Contestant, Page, Result, figures_of, machine, ratio, take_turns
from benchmarks.target import Benchmark, Found, Verdict, at_least, at_most
from bookkeeping.money import Money
from connector_resources.erp.datev.extf import CHUNK_ROWS, BookingRow, Header, booking_line, file_chunks
from connector_resources.erp.datev.extf_columns import BOOKINGS
from connector_resources.erp.ifs_cloud import camt
from connector_resources.reports.model import Amount, Cell, Column, Head, Kind, Mark, Ref, Report, Section, State, Table
from connector_resources.reports.page import render_page
from connector_resources.reports.workbook import write_workbook

DAY = date(2026, 6, 15)
MOMENT = datetime(2026, 6, 15, 18, 30, tzinfo=UTC)
FLOOR, SHARE = "bare formatted write", 0.5
#: processor time for a row at eight times the rows, of that at the fewest.
LINEAR = 1.2
TIMES = (1, 2, 4, 8)

SLOW_EXTF = (
    "The floor knows no other currency, no quotes inside a text and no pairs of columns. What was tried and kept: ready-made "
    "text for the 110 columns that are empty in nearly every row, and the encoding of plain rows as ASCII."
)
NOT_LINEAR = (
    "The tables above say what a row costs at each size; a busy machine is the first suspect, memory the second."
)


def run(quick: bool) -> Found:
    size, rounds = (20_000, 5) if quick else (90_000, 9)
    speed = Page(
        "", "DATEV rows a second, written to a file.", "", machine(), ["writer", "rows/s", "µs CPU a row", "of floor"]
    )
    growth = Page(
        "",
        "Processor time for a row, in microseconds.",
        "",
        machine(),
        ["file", *(f"{n} n" for n in TIMES), "n", "8 n of n"],
    )
    with tempfile.TemporaryDirectory(prefix="writing-") as folder:
        place = Path(folder) / "written"
        verdicts = _extf(speed, place, size, rounds)
        for name, write, rows in _files(place, 1 if quick else 4):
            verdicts.append(_grows(growth, name, write, rows, 3 if quick else 5))
    return Found([speed, growth], verdicts)


def _extf(page: Page, place: Path, size: int, rounds: int) -> list[Verdict]:
    rows = _bookings(size)
    contestants = [
        Contestant(name, partial(_counted, write, place, rows))
        for name, write in ((FLOOR, _bare), ("connector", _extf_file), ("csv.writer", _csv_file))
    ]
    found = take_turns(contestants, rounds, chance=random.Random(1))
    for name, result in found.items():
        share = ratio(result, found[FLOOR])
        each = f"{1000 * result.cpu_ms_per_unit:.2f}"
        page.add(
            [name, f"{result.per_second:,.0f}", each, f"{share:.2f}"], {**figures_of(result), "share": round(share, 3)}
        )
    page.notes.append(f"{size:,} rows a file, {rounds} rounds, medians.")
    own = found["connector"]
    return [
        at_least(f"EXTF, share of a {FLOOR}", ratio(own, found[FLOOR]), SHARE, reason=SLOW_EXTF),
        at_least("EXTF, times `csv.writer`", ratio(own, found["csv.writer"]), 1, reason=SLOW_EXTF),
    ]


def _grows(page: Page, name: str, write: Callable[[int], None], rows: int, rounds: int) -> Verdict:
    contestants = [Contestant(str(n), partial(_written, write, n * rows)) for n in TIMES]
    found = take_turns(contestants, rounds, chance=random.Random(1))
    each = {n: _quickest_us(found[str(n)]) for n in TIMES}
    grown = each[TIMES[-1]] / each[TIMES[0]]
    cells = [name, *(f"{us:.1f}" for us in each.values()), f"{rows:,}", f"{grown:.2f}"]
    page.add(cells, {"file": name, "rows": rows, "us_each": {str(n): round(us, 2) for n, us in each.items()}})
    return at_most(
        f"{name} is linear: a row of {8 * rows:,} costs, of one of {rows:,}", grown, LINEAR, reason=NOT_LINEAR
    )


def _quickest_us(result: Result) -> float:
    return 1000 * min(sample.cpu_ms_per_unit for sample in result.samples)


def _counted(
    write: Callable[[Path, Sequence[BookingRow]], None], place: Path, rows: Sequence[BookingRow], _round: int
) -> int:
    write(place, rows)
    return len(rows)


def _written(write: Callable[[int], None], rows: int, _round: int) -> int:
    write(rows)
    return rows


# --- EXTF -----------------------------------------------------------------------------------------------------------


def _bookings(count: int) -> list[BookingRow]:
    return [
        BookingRow(
            f"PM{number:012d}", Money(10_000 + number % 97, "EUR"), 1360, 10_001 + number % 500,
            DAY - timedelta(days=number % 14), f"INV-2026-{number:06d}", f"Einzug {number:06d} Müller GmbH & Co. KG",
            infos=(("GoCardless", f"PM{number:012d}"),), lock=True,
        )
        for number in range(count)
    ]  # fmt: skip


def _header() -> Header:
    first, last, start = date(2026, 6, 1), date(2026, 6, 30), date(2026, 1, 1)
    return Header(
        BOOKINGS, MOMENT.replace(tzinfo=None), 455_148, 1, start, 4, "03", first, last, "GoCardless", lock=True
    )


def _extf_file(place: Path, rows: Sequence[BookingRow]) -> None:
    with place.open("wb") as file:
        file.writelines(file_chunks(_header(), map(booking_line, rows)))


def _fields(row: BookingRow) -> list[str]:
    """The 125 columns of one row as they are, before anything is quoted."""
    fields = [""] * len(BOOKINGS.columns)
    whole, cents = divmod(row.amount.minor, 100)
    fields[0:3] = f"{whole},{cents:02d}", "S" if row.debit else "H", row.amount.currency
    fields[6:8] = str(row.account), str(row.contra)
    fields[9:11] = f"{row.day:%d%m}", row.document_number
    fields[13], fields[20:22], fields[113], fields[117] = row.text, row.infos[0], "1", "0"
    return fields


def _csv_file(place: Path, rows: Sequence[BookingRow]) -> None:
    with place.open("w", encoding="cp1252", newline="") as file:
        file.write(f"{_header().line()}\r\n{BOOKINGS.headings}\r\n")
        csv.writer(file, delimiter=";").writerows(map(_fields, rows))


def _bare(place: Path, rows: Sequence[BookingRow]) -> None:
    # One row of ours says where its own values stand; everything between them is the same in all rows.
    shown = _bookings(1)[0]
    values = _values(shown)
    pattern, rest = "", booking_line(shown)
    for value in values:
        before, _, rest = rest.partition(value)
        pattern += before.replace("%", "%%") + "%s"
    pattern += rest.replace("%", "%%") + "\r\n"
    with place.open("wb") as file:
        file.write(f"{_header().line()}\r\n{BOOKINGS.headings}\r\n".encode("cp1252"))
        for start in range(0, len(rows), CHUNK_ROWS):
            text = "".join([pattern % _values(row) for row in rows[start : start + CHUNK_ROWS]])
            file.write(text.encode("cp1252"))


def _values(row: BookingRow) -> tuple[str, ...]:
    whole, cents = divmod(row.amount.minor, 100)
    day = f"{row.day.day:02d}{row.day.month:02d}"
    return f"{whole},{cents:02d}", str(row.contra), day, row.document_number, row.text, row.infos[0][1]


# --- growth ---------------------------------------------------------------------------------------------------------


def _files(place: Path, times: int) -> list[tuple[str, Callable[[int], None], int]]:
    rows = _bookings(16_000 * times)
    transactions = [_transaction(number) for number in range(2_000 * times)]
    cells = [_cells(number) for number in range(4_000 * times)]
    return [
        ("EXTF", lambda n: _extf_file(place, rows[:n]), 2_000 * times),
        ("camt.054", lambda n: _camt_file(place, transactions[:n]), 250 * times),
        ("XLSX report", lambda n: write_workbook(_report(cells[:n]), place), 250 * times),
        ("HTML report", lambda n: _html_file(place, _report(cells[:n])), 250 * times),
    ]


def _transaction(number: int) -> camt.Transaction:
    amount = Money(10_000 + number % 97, "EUR")
    shares = (camt.Share(f"INV-{number:06d}", amount),)
    return camt.Transaction(
        f"GC-{number:08d}", amount, f"PM{number:012d}", str(10_001 + number), "Ada Berg", "MD0001", shares
    )


def _camt_file(place: Path, transactions: Sequence[camt.Transaction]) -> None:
    notice = camt.Notification("N1", "camt.054.001.08", MOMENT, DAY, "GC-CLEARING", False, "EUR", transactions)
    place.write_text(camt.write(notice), encoding="utf-8")


def _cells(number: int) -> tuple[Cell, ...]:
    payment = f"PM{number:012d}"
    amount = Amount(Decimal(10_000 + number % 97), "EUR")
    link = f"https://manage.gocardless.com/payments/{payment}"
    state = State("booked", Mark.GOOD)
    return Ref(payment, link), f"Customer {number % 500}", DAY, amount, number % 7, state, f"AR-{number:06d}"


def _report(rows: Sequence[tuple[Cell, ...]]) -> Report:
    kinds = (Kind.CODE, Kind.TEXT, Kind.DATE, Kind.AMOUNT, Kind.COUNT, Kind.STATE, Kind.CODE)
    titles = ("Payment", "Customer", "Day", "Amount", "Tries", "State", "Document")
    columns = tuple(itertools.starmap(Column, zip(titles, kinds, strict=True)))
    table = Table("Payments", "Payments", columns, tuple(rows), "No payments.", page_rows=len(rows))
    head = Head("measured", "Visma.net ERP", "Europe/Oslo", MOMENT)
    return Report(head, "Payments", "What was paid?", "June 2026", (), (Section("Payments", tables=(table,)),))


def _html_file(place: Path, report: Report) -> None:
    place.write_text(render_page(report), encoding="utf-8")


BENCHMARK = Benchmark(
    "writing",
    "Writing files and reports",
    (
        f"EXTF >= {SHARE} of a {FLOOR}, and quicker than csv.writer",
        "EXTF, camt.054, XLSX and HTML grow as their rows do",
    ),
    run,
)
