"""Our check refuses every trap of the fact sheet (datev.md 3.7 and 9), and names the place."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookkeeping.money import Money
from connector_resources.erp.datev.extf import BookingRow, Header, booking_line, file_chunks, row_line
from connector_resources.erp.datev.extf_check import Expected, check
from connector_resources.erp.datev.extf_columns import BOOKINGS, DEBTORS

CREATED = datetime(2026, 6, 30, 18, 15, tzinfo=ZoneInfo("Europe/Berlin"))
HEADER = Header(
    BOOKINGS, CREATED, 455148, 1, date(2026, 1, 1), 4, "03",
    date(2026, 6, 1), date(2026, 6, 30), "GoCardless 2026-06",
)  # fmt: skip
EXPECTED = Expected(455148, 1, 4, "03", date(2026, 1, 1), frozenset({8400}))
ROW = BookingRow(
    "EV1:receipt", Money(11900, "EUR"), 1360, 10042, date(2026, 6, 3), "RE-2026-0042", "GC Zahlung Müller",
    infos=(("GoCardless-ID", "PM1"),),
)  # fmt: skip
GOOD = b"".join(file_chunks(HEADER, [booking_line(ROW)]))


def with_column(number: int, field: str) -> bytes:
    """The good file with one field of its row replaced, quotes and all."""
    fields = booking_line(ROW).split(";")
    fields[number - 1] = field
    return b"".join(file_chunks(HEADER, [";".join(fields)]))


def with_header(number: int, field: str) -> bytes:
    first, rest = GOOD.decode("cp1252").split("\r\n", 1)
    fields = first.split(";")
    fields[number - 1] = field
    return (";".join(fields) + "\r\n" + rest).encode("cp1252")


def codes(content: bytes, expected: Expected = EXPECTED) -> list[str]:
    return [finding.code for finding in check(content, expected)]


def test_the_good_file_has_no_finding():
    assert codes(GOOD) == []


@pytest.mark.parametrize(
    ("number", "field", "code"),
    [
        (11, "455149", "consultant_differs"),
        (12, "2", "client_differs"),
        (14, "5", "account_length_differs"),
        (27, '"04"', "chart_differs"),
        (13, "20250101", "fiscal_year_differs"),
        (16, "20270131", "two_calendar_years"),
        (15, "20251201", "two_calendar_years"),
        (15, "20260701", "period_reversed"),
        (16, "20260631", "period_missing"),
        (21, "", "lock_empty"),
        (2, "510", "wrong_version"),
        (5, "9", "format_mismatch"),
        (4, '"Buchungen"', "format_mismatch"),
        (17, '"GoCardless: Juni"', "header_label"),
        (23, "1", "header_not_empty"),
        (22, '"SEK"', "header_currency"),
    ],
)
def test_a_wrong_header_field_is_found(number, field, code):
    findings = check(with_header(number, field), EXPECTED)
    assert code in [finding.code for finding in findings]
    assert all(finding.concerns_file for finding in findings if finding.code == code)


def test_a_period_outside_the_fiscal_year_is_found():
    other_year = Expected(455148, 1, 4, "03", date(2025, 7, 1))
    content = with_header(13, "20250701")
    assert codes(content, other_year) == []
    assert "outside_fiscal_year" in codes(with_header(13, "20250601"), Expected(455148, 1, 4, "03", date(2025, 6, 1)))


@pytest.mark.parametrize(
    ("number", "field", "code"),
    [
        (1, "119.00", "amount_invalid"),
        (1, "1.119,00", "amount_invalid"),
        (1, "-119,00", "amount_invalid"),
        (1, "0,00", "amount_invalid"),
        (1, '"119,00"', "number_quoted"),
        (3, "EUR", "quotes_missing"),
        (4, "1,100000", "exchange_on_euro"),
        (7, "", "required_empty"),
        (8, "1360", "same_account"),
        (8, "100421", "account_too_long"),
        (7, "0", "account_invalid"),
        (10, "306", "document_date_invalid"),
        (10, "03062026", "document_date_invalid"),
        (10, "3102", "document_date_invalid"),
        (10, "0307", "outside_period"),
        (11, '"RE 2026"', "document_number_invalid"),
        (11, '"RE.2026"', "document_number_invalid"),
        (11, '"Rü"', "document_number_invalid"),
        (11, f'"{"1" * 37}"', "document_number_invalid"),
        (14, f'"{"x" * 61}"', "text_invalid"),
        (14, '""', "required_empty"),
        (20, '"BEDI ""3f0c7c2e-52a1-5d0e-9a0b-6c1d2e3f4a5b"""', "voucher_missing"),
        (20, '"http://example.org"', "link_invalid"),
        (23, '"Datum"', "pair_broken"),
        (48, '"Art"', "pair_broken"),
        (17, "001", "pair_broken"),
        (115, "03062026", "pair_broken"),
        (114, "", "required_empty"),
        (114, "1", "lock_differs"),
        (118, '"2"', "reversal_flag_invalid"),
        (6, '"EUR"', "pair_broken"),
    ],
)
def test_a_wrong_field_of_a_row_is_found_and_named(number, field, code):
    findings = check(with_column(number, field), EXPECTED)
    assert [finding.code for finding in findings] == [code]
    assert findings[0].line == 3
    assert not findings[0].concerns_file


def test_a_tax_key_on_an_automatic_account_is_found_and_forty_is_not():
    fields = booking_line(ROW).split(";")
    fields[6], fields[7], fields[8] = "10042", "8400", '"3"'
    assert codes(b"".join(file_chunks(HEADER, [";".join(fields)]))) == ["tax_key_on_automatic_account"]
    fields[8] = '"40"'
    assert codes(b"".join(file_chunks(HEADER, [";".join(fields)]))) == []


def test_a_foreign_amount_needs_all_three_and_they_must_agree():
    def foreign(rate: str, base: str, currency: str) -> list[str]:
        fields = booking_line(ROW).split(";")
        fields[0], fields[2], fields[3], fields[4], fields[5] = "102,80", '"GBP"', rate, base, currency
        return codes(b"".join(file_chunks(HEADER, [";".join(fields)])))

    assert foreign("0,830000", "123,86", '"EUR"') == []
    assert foreign("", "", '""') == ["exchange_missing"]
    assert foreign("0,830000", "124,00", '"EUR"') == ["exchange_differs"]
    assert foreign("0,830000", "123,86", '"CHF"') == ["exchange_base"]
    assert foreign("0,000000", "123,86", '"EUR"') == ["rate_invalid"]


def test_missing_and_doubled_quotes_are_found():
    line = booking_line(ROW)
    for broken in (line.replace('"GC Zahlung Müller"', '"GC Zahlung Müller'), line.replace("Müller", 'Mül"ler')):
        assert codes(b"".join(file_chunks(HEADER, [broken])))


def test_missing_semicolons_of_trailing_fields_are_found():
    assert codes(b"".join(file_chunks(HEADER, [booking_line(ROW).rstrip(";")]))) == ["column_count"]


def test_a_file_saved_again_by_a_spreadsheet_is_found():
    bare = GOOD.decode("cp1252").replace('"', "").encode("cp1252")
    assert "quotes_missing" in codes(bare) or "not_extf" in codes(bare)
    assert "last_line_open" in codes(GOOD.replace(b"\r\n", b"\n"))


def test_a_line_break_inside_a_text_is_found():
    assert "line_break" in codes(GOOD.replace(b"GC Zahlung", b"GC\nZahlung"))


def test_utf8_without_a_mark_is_found():
    assert codes(GOOD.decode("cp1252").encode()) == ["utf8_without_mark"]
    assert codes(b"\xef\xbb\xbf" + GOOD.decode("cp1252").encode()) == ["byte_order_mark"]
    assert codes(GOOD.replace(b"M\xfcller", b"M\x81ller")) == ["not_cp1252"]


def test_too_many_rows_are_found():
    line = booking_line(ROW)
    assert "too_many_rows" in codes(b"".join(file_chunks(HEADER, [line] * 100_000)))


def test_a_file_without_rows_is_found():
    assert codes(b"".join(file_chunks(HEADER, []))) == ["no_rows"]


def test_the_headings_must_be_those_of_the_version():
    assert codes(GOOD.replace(b"Belegfeld 1;", b"Belegnummer;", 1)) == ["headings"]


def test_a_debtor_row_may_fill_only_columns_that_are_ours():
    header = Header(DEBTORS, CREATED, 455148, 1, date(2026, 1, 1), 4, "03")
    good = {1: "10042", 2: "Müller GmbH", 7: "2"}
    assert codes(b"".join(file_chunks(header, [row_line(DEBTORS, good)]))) == []
    for column, value in ((45, "DE49100102220002222222"), (18, "SW1A 1AA"), (1, "0")):
        content = b"".join(file_chunks(header, [row_line(DEBTORS, good | {column: value})]))
        assert codes(content) == ["field_invalid"]


def test_every_finding_is_reported_not_only_the_first():
    fields = booking_line(ROW).split(";")
    fields[0], fields[9], fields[10] = "0,00", "306", '"a b"'
    assert len(check(b"".join(file_chunks(HEADER, [";".join(fields)])), EXPECTED)) == 3


@settings(max_examples=200, deadline=500)
@given(st.integers(0, 253), st.text('";,a1ü \x01', max_size=40))
def test_a_spoilt_debtor_row_is_judged_at_once(column, garbage):
    """A row pattern that backtracks would need minutes for one wrong row."""
    header = Header(DEBTORS, CREATED, 455148, 1, date(2026, 1, 1), 4, "03")
    fields = row_line(DEBTORS, {1: "10042", 2: "Müller GmbH", 7: "2"}).split(";")
    spoilt = garbage not in ("", '""')
    if spoilt:
        fields[column] = garbage
    findings = codes(b"".join(file_chunks(header, [";".join(fields)])))
    assert bool(findings) == spoilt or column in (0, 1, 3, 4, 5, 6, 7, 15, 17, 18, 19, 21, 32, 132, 243)
