"""The strict reader against the golden file, single faults of every kind, and random damage (datev.md 3 and 10)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.datev.extf_master_rules import LABEL_COLUMNS, PARTY_COLUMNS
from sandbox.datev.extf_reader import ExtfFile, Finding, read, split_line
from sandbox.datev.extf_rules import BOOKING_COLUMNS, HEADER

GOLDEN_SHA256 = "4f4f007e200a5496e410296bf4ceebdaf86e11591f9fa3368c839657ef8c5548"
LINE_LENGTHS = [176, 2622, 393, 399, 395, 389, 394, 399]


def places(content: bytes) -> list[tuple[int, int]]:
    return [(finding.line, finding.column) for finding in read(content).findings]


def test_the_golden_file_is_the_one_of_the_sheet(golden: bytes) -> None:
    assert len(golden) == 5183
    assert hashlib.sha256(golden).hexdigest() == GOLDEN_SHA256
    assert [len(line) for line in golden.split(b"\r\n")[:-1]] == LINE_LENGTHS


def test_the_golden_file_is_accepted_with_its_six_rows(golden: bytes) -> None:
    file = read(golden)
    assert file.findings == ()
    assert (file.encoding, file.category, file.locked, len(file.rows)) == ("cp1252", 21, False, 6)
    assert file.rows[4][14] == 'GC Erstattung RF0001H3N6YP2D "Kulanz"'
    assert [row[1] for row in file.rows] == ["119,00", "353,43", "3,57", "119,00", "50,00", "1000,00"]


def test_the_golden_headings_are_the_names_in_the_column_table(golden: bytes) -> None:
    headings = golden.split(b"\r\n")[1].decode("cp1252").split(";")
    assert headings == [column.name for column in BOOKING_COLUMNS]


def test_the_tables_have_the_widths_of_the_formats() -> None:
    widths = [len(table) for table in (HEADER, BOOKING_COLUMNS, PARTY_COLUMNS, LABEL_COLUMNS)]
    assert widths == [31, 125, 254, 4]


def test_a_file_of_every_category_the_builder_makes_is_valid(files: Any) -> None:
    assert places(files.bookings(files.payment())) == []
    assert places(files.debtors({1: "10050", 2: "Neu GmbH", 7: "2", 133: "9", 244: "CU0001"})) == []
    assert places(files.labels({1: "1361", 2: "GoCardless", 3: "de-DE", 4: "GoCardless Verrechnung"})) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (1, "0,00"), (1, "119.00"), (1, "1.119,00"), (1, "-119,00"), (1, "119"), (1, "119,0"), (1, "12345678901,00"), (1, ""),
        (2, ""), (2, "X"), (3, "eur"), (7, ""), (7, "0000"), (7, "13a0"), (8, ""), (8, "1360"), (9, "12345"),
        (10, "306"), (10, "3006x"), (10, "03062026"), (10, "3102"), (10, "0107"), (10, "3105"),
        (11, "RE 42"), (11, "RE.42"), (11, "RE:42"), (11, "RÜ42"), (11, "RE_42"), (11, "R" * 37),
        (12, "1" * 13), (13, "0,50"), (14, "x" * 61), (15, "2"), (18, "32"), (20, "x" * 211), (21, "x" * 21),
        (37, "a-b"), (39, "5"), (41, "5"), (42, "X"), (43, "0"), (90, "4"), (92, "1999"), (93, "31022026"), (94, "3"),
        (95, "x" * 31), (96, "XX"), (98, "D"), (101, "123"), (102, "S"), (108, "1"), (109, "1" * 12), (113, "2"),
        (114, "2"), (115, "3006"), (118, "2"), (119, "19"), (120, "DEU"), (121, "x" * 51), (122, "6"), (125, "1" * 10),
    ],
)  # fmt: skip
def test_a_value_outside_its_expression_is_named_by_column(files: Any, column: int, value: str) -> None:
    found = read(files.bookings(files.payment(), files.payment() | {column: value})).findings
    assert {(finding.line, finding.column) for finding in found} == {(4, column)}, found


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({21: "GoCardless-ID", 22: ""}, 22),
        ({21: "", 22: "PM1"}, 21),
        ({48: "Art"}, 49),
        ({87: "Inhalt"}, 86),
        ({17: "001"}, 105),
        ({105: "MD1"}, 17),
        ({115: "30062026"}, 116),
        ({5: "10,00"}, 5),
        ({3: "SEK", 4: "11,250000", 5: "10,58"}, 6),
        ({3: "SEK", 5: "10,58", 6: "EUR"}, 4),
        ({3: "SEK", 4: "11,250000", 6: "EUR"}, 5),
        ({3: "SEK", 4: "11,250000", 5: "10,60", 6: "EUR"}, 5),
        ({3: "SEK", 4: "11,250000", 5: "10,58", 6: "USD"}, 6),
        ({3: "SEK", 4: "0,000000", 5: "10,58", 6: "EUR"}, 4),
    ],
)
def test_columns_that_stand_only_together_are_refused_alone(files: Any, changes: dict[int, str], place: int) -> None:
    assert places(files.bookings(files.payment() | changes)) == [(3, place)]


@pytest.mark.parametrize("base", ["10,57", "10,58", "10,59"])
def test_a_foreign_amount_may_be_a_cent_off(files: Any, base: str) -> None:
    row = files.payment(c3="SEK", c4="11,250000", c5=base, c6="EUR")
    assert places(files.bookings(row)) == []


def test_a_rate_below_one_is_taken(files: Any) -> None:
    row = files.payment(c1="102,80", c3="GBP", c4="0,830000", c5="123,86", c6="EUR")
    assert places(files.bookings(row)) == []


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"h1": '"DTVF"'}, 1), ({"h1": "EXTF"}, 1), ({"h2": "510"}, 2), ({"h3": "65"}, 3), ({"h3": '"21"'}, 3),
        ({"h4": '"Buchungen"'}, 4), ({"h5": "9"}, 5), ({"h6": "20260630246000000"}, 6), ({"h7": "1"}, 7),
        ({"h8": '"GCX"'}, 8), ({"h9": '"ml-connector"'}, 9), ({"h11": "1000"}, 11), ({"h12": "100000"}, 12),
        ({"h13": "20260230"}, 13), ({"h14": "3"}, 14), ({"h15": ""}, 15), ({"h16": "20260631"}, 16),
        ({"h16": "20270131"}, 16), ({"h13": "20260701"}, 15), ({"h13": "20250401"}, 16), ({"h17": '"a;b"'}, 17),
        ({"h17": '"' + "x" * 31 + '"'}, 17), ({"h18": '"abc"'}, 18), ({"h19": "3"}, 19), ({"h20": "1"}, 20),
        ({"h21": "2"}, 21), ({"h22": '""'}, 22), ({"h22": '"eur"'}, 22), ({"h23": "1"}, 23), ({"h24": ""}, 24),
        ({"h27": '"003"'}, 27), ({"h30": ""}, 30), ({"h31": '"' + "x" * 17 + '"'}, 31),
    ],
)  # fmt: skip
def test_a_wrong_header_field_is_named_by_its_number(files: Any, fields: dict[str, str], column: int) -> None:
    assert (1, column) in places(files.bookings(files.payment(), **fields))


def test_master_data_has_no_period(files: Any) -> None:
    row = {1: "10050", 2: "Neu GmbH"}
    assert places(files.debtors(row, h15="20260601", h16="20260630")) == [(1, 15), (1, 16)]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({1: ""}, 1), ({2: "x" * 51}, 2), ({2: "Firma", 7: "1"}, 2), ({4: "Muster", 7: "2"}, 4), ({7: "3"}, 7),
        ({8: "x" * 16}, 8), ({10: "x" * 14}, 10), ({15: "XYZ"}, 15), ({16: "x" * 37}, 16), ({18: "SW1A 1AA"}, 18),
        ({20: "DEU"}, 20), ({27: "30022026"}, 27), ({46: "x"}, 46), ({99: "x" * 16}, 99), ({244: "x" * 51}, 244),
    ],
)  # fmt: skip
def test_a_wrong_debtor_field_is_named_by_its_column(files: Any, row: dict[int, str], column: int) -> None:
    assert places(files.debtors({1: "10050"} | row)) == [(3, column)]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (b'"PM1"', b'"P"M1"', (3, 22)),
        (b'"PM1"', b"PM1", (3, 22)),
        (b'"PM1"', b'"PM1', (3, 22)),
        (b"1360", b'"1360"', (3, 7)),
        (b"119,00;", b"119,00", (3, 0)),
        (b"119,00;", b"119,00;;", (3, 0)),
        (b"GC Zahlung PM1", b"GC Zahlung\tPM1", (3, 14)),
        (b"GC Zahlung PM1", b"GC Zahlung\nPM1", (3, 0)),
        (b"GC Zahlung PM1", b"GC Zahlung\rPM1", (3, 0)),
        (b"c125\r\n", b"c125\n", (2, 0)),
        (b"c125", b"c125;", (2, 0)),
        (b"c125", b'"c125"', (2, 125)),
        (b"GC Zahlung", "GC Rückgabe".encode(), (1, 0)),
    ],
)
def test_broken_quoting_separators_and_line_ends_are_named(
    files: Any, old: bytes, new: bytes, place: tuple[int, int]
) -> None:
    good = files.bookings(files.payment())
    assert old in good
    assert place in places(good.replace(old, new, 1))


def test_the_last_line_needs_its_line_end_and_an_empty_line_is_a_line(files: Any) -> None:
    good = files.bookings(files.payment())
    assert places(good[:-2]) == [(3, 0)]
    assert places(good + b"\r\n") == [(4, 0)]
    assert places(b"") == [(1, 0), (1, 0)]


def test_an_empty_lock_mark_locks_and_so_does_any_row(files: Any) -> None:
    assert read(files.bookings(files.payment(), h21="")).locked
    assert read(files.bookings(files.payment(), h21="1")).locked
    assert read(files.bookings(files.payment(), files.payment(c114="1"))).locked
    assert read(files.bookings(files.payment(), files.payment(c114=""))).locked
    assert not read(files.bookings(files.payment(), files.payment())).locked


@given(st.lists(st.tuples(st.text(st.characters(blacklist_characters="\r\n")), st.booleans()), min_size=1))
def test_a_line_splits_back_into_what_was_written(cells: list[tuple[str, bool]]) -> None:
    written, expected = [], []
    for value, quoted in cells:
        bare = value.replace('"', "").replace(";", "")
        written.append('"' + value.replace('"', '""') + '"' if quoted else bare)
        expected.append((value if quoted else bare, quoted, ""))
    assert split_line(";".join(written)) == expected


#: the kinds of damage: what a byte is replaced by, or what is put before it
_BYTES = st.sampled_from(
    [b'"', b";", b",", b".", b"-", b" ", b"0", b"9", b"A", b"\xfc", b"\x81", b"\r", b"\n", b"\t", b""]
)


@st.composite
def damage(draw: st.DrawFn) -> tuple[int, bytes, bool]:
    """Where (a position in the golden file), what, and whether the byte there goes."""
    return draw(st.integers(0, 5182)), draw(_BYTES), draw(st.booleans())


@settings(max_examples=1500, deadline=None)
@given(st.lists(damage(), min_size=1, max_size=3))
def test_damage_is_found_at_its_line_or_the_file_still_says_what_it_says(
    golden: bytes, wounds: list[tuple[int, bytes, bool]]
) -> None:
    content = bytearray(golden)
    for at, new, replace in sorted(wounds, reverse=True):
        content[at : at + replace] = new
    file = read(bytes(content))
    if file.findings:
        lines = bytes(content).split(b"\r\n")
        columns = 1 + max(line.count(b";") for line in lines)
        assert all(1 <= finding.line <= len(lines) + 1 and finding.column <= columns for finding in file.findings)
        assert all(finding.reason for finding in file.findings)
    else:
        assert rewritten(file, bytes(content)) == bytes(content)


def rewritten(file: ExtfFile, content: bytes) -> bytes:
    """The bytes that a valid file must have: everything but the free headings follows from what was read."""
    headings = content.split(b"\r\n")[1].decode(file.encoding)
    lines = [written(HEADER, file.header.values), headings]
    lines += [written(BOOKING_COLUMNS, row.values) for row in file.rows]
    for row in (file.header, *file.rows):
        table = HEADER if row is file.header else BOOKING_COLUMNS
        assert all(not column.fault(row[column.number]) for column in table)
    return "".join(line + "\r\n" for line in lines).encode(file.encoding)


def written(table: Any, values: tuple[str, ...]) -> str:
    return ";".join(
        '"' + value.replace('"', '""') + '"' if column.text else value
        for column, value in zip(table, values, strict=True)
    )


@settings(max_examples=300, deadline=None)
@given(row=st.integers(3, 8), column=st.integers(1, 125), mark=st.sampled_from(["\x01", '"', ";"]))
def test_a_foreign_mark_in_one_field_is_found_in_that_line(golden: bytes, row: int, column: int, mark: str) -> None:
    lines = golden.decode("cp1252").split("\r\n")
    cells = split_line(lines[row - 1])
    written = ['"' + value.replace('"', '""') + '"' if quoted else value for value, quoted, _ in cells]
    quoted = written[column - 1].startswith('"')
    # Inside quotes a separator is a letter like any other; outside it makes one field too many.
    mark = "\x01" if quoted and mark == ";" else mark
    written[column - 1] = written[column - 1][:1] + mark + written[column - 1][1:]
    lines[row - 1] = ";".join(written)
    found = read("\r\n".join(lines).encode("cp1252")).findings
    assert {finding.line for finding in found} == {row}
    if mark == "\x01":
        assert {finding.column for finding in found} == {column}


def test_a_finding_reads_like_a_sentence() -> None:
    assert str(Finding(3, 7, "Konto must not be empty")) == "line 3, column 7: Konto must not be empty"
    assert str(Finding(3, 0, "124 fields instead of 125")) == "line 3: 124 fields instead of 125"
