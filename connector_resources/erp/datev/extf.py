"""Writes DATEV format files byte for byte (EXTF 700; datev.md 3.1 to 3.6): header, headings, rows; CP1252, CR LF.

It writes what it is given and judges nothing: texts come from `extf_text`, `extf_check` looks at every finished file.
Memory stays flat: rows are taken from an iterator and leave as chunks of bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice

from bookkeeping.money import Money, NotRepresentable, exponent
from connector_resources.erp.datev.extf_columns import BOOKINGS, Format

ENCODING = "cp1252"
LINE_END = "\r\n"
#: DATEV's limits for one file (datev.md 3.1).
MOST_ROWS = 99_999
MOST_BYTES = 50_000_000
CHUNK_ROWS = 2_000
BASE_CURRENCY = "EUR"
INFO_PAIRS = 8
QUOTE, TWO_QUOTES = '"', '""'


@dataclass(frozen=True, slots=True)
class Header:
    """Line 1. `created` is local time of the office; `first_day` and `last_day` are None for master data.

    tag  up to 16 characters for field 31, so that a batch can be told by its file alone
    """

    form: Format
    created: datetime
    consultant_number: int
    client_number: int
    fiscal_year_start: date
    account_length: int
    chart: str
    first_day: date | None = None
    last_day: date | None = None
    label: str = ""
    lock: bool = False
    tag: str = ""

    def line(self) -> str:
        """The 31 fields; those of a period are empty for master data, as in DATEV's own example."""
        created = f"{self.created:%Y%m%d%H%M%S%f}"[:17]
        period = self.first_day is not None
        return ";".join(
            (
                '"EXTF"', "700", str(self.form.category), f'"{self.form.name}"', str(self.form.version), created, "",
                '"GC"', '"mlconnector"', '""', str(self.consultant_number), str(self.client_number),
                f"{self.fiscal_year_start:%Y%m%d}", str(self.account_length),
                _day(self.first_day), _day(self.last_day),
                f'"{self.label}"', '""', "1" if period else "", "0" if period else "",
                ("1" if self.lock else "0") if period else "", f'"{BASE_CURRENCY}"' if period else '""',
                "", '""', "", "", f'"{self.chart}"', "", "", '""', f'"{self.tag}"',
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class BookingRow:
    """One row of category 21: `debit` True books `account` in debit and `contra` in credit, False the reverse.

    rate, base       foreign units per euro and the amount in euros; both or neither
    infos            Beleginfo pairs (kind, content), at most 8
    settlement       column 121, the bracket around a payout and what it pays
    general_reversal column 118: takes back a wrong row of ours
    """

    posting_key: str
    amount: Money
    account: int
    contra: int
    day: date
    document_number: str
    text: str
    debit: bool = True
    rate: Decimal | None = None
    base: Money | None = None
    tax_key: str = ""
    link: str = ""
    infos: tuple[tuple[str, str], ...] = ()
    cost_centre: str = ""
    service_fact: str = ""
    service_rate: str = ""
    order_number: str = ""
    lock: bool = False
    general_reversal: bool = False
    settlement: str = ""


def amount_text(amount: Money) -> str:
    """`amount` with a decimal comma and two decimals. Raises `NotRepresentable` for a thousandth or a minus."""
    minor, places = amount.minor, exponent(amount.currency)
    if places != 2:
        if places > 2:
            minor, rest = divmod(minor, 10 ** (places - 2))
            if rest:
                raise NotRepresentable(f"{amount} has more than the two decimals of a DATEV amount")
        else:
            minor *= 10 ** (2 - places)
    if minor < 0:
        raise NotRepresentable(f"{amount} is negative; DATEV amounts have no sign")
    whole, cents = divmod(minor, 100)
    return f"{whole},{cents:02d}"


def file_chunks(header: Header, lines: Iterable[str]) -> Iterator[bytes]:
    """The bytes of a file. Raises `UnicodeEncodeError` for a text that did not pass through `extf_text.clean_text`."""
    yield f"{header.line()}{LINE_END}{header.form.headings}{LINE_END}".encode(ENCODING)
    rest = iter(lines)
    while chunk := list(islice(rest, CHUNK_ROWS)):
        # Most rows are plain ASCII, which encodes many times faster than a code page.
        parts = [line.encode("ascii") if line.isascii() else line.encode(ENCODING) for line in chunk]
        parts.append(b"")
        yield LINE_END.encode().join(parts)


def _day(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""


def quoted(text: str) -> str:
    return f'"{text.replace(QUOTE, TWO_QUOTES)}"' if QUOTE in text else f'"{text}"'


def row_line(form: Format, values: Mapping[int, str]) -> str:
    """A row of any category from values by column number; everything else is the empty field of its kind."""
    fields = ['""' if column.text else "" for column in form.columns]
    for number, value in values.items():
        fields[number - 1] = quoted(value) if form.columns[number - 1].text else value
    return ";".join(fields)


def _empty(first: int, last: int) -> str:
    return ";".join('""' if column.text else "" for column in BOOKINGS.columns[first - 1 : last])


_TO_TEXT = f";{_empty(12, 13)};"
_TO_LINK = f";{_empty(15, 19)};"
_NO_INFO = '"";""'
_INFOS = tuple(";".join([_NO_INFO] * count) for count in range(INFO_PAIRS + 1))
_TO_FACT = f";{_empty(38, 42)};"
_TO_ORDER = f";{_empty(45, 94)};"
_TO_LOCK = f";{_empty(96, 113)};"
_TO_REVERSAL = f";{_empty(115, 117)};"
_TO_SETTLEMENT = f";{_empty(119, 120)};"
_TAIL = f";{_empty(122, 125)}"


@functools.lru_cache(maxsize=256)
def _middle(
    cost_centre: str, service_fact: str, service_rate: str, lock: bool, general_reversal: bool
) -> tuple[str, str]:
    """Columns 37 to 94, and 96 to 120: the same text in nearly every row, with the order number between them."""
    return (
        f'"{cost_centre}"{_TO_FACT}{service_fact};{service_rate}{_TO_ORDER}',
        f'{_TO_LOCK}{"1" if lock else "0"}{_TO_REVERSAL}"{"1" if general_reversal else "0"}"{_TO_SETTLEMENT}',
    )


def booking_line(row: BookingRow) -> str:
    """The 125 columns of a booking. The long empty stretches are ready-made: files of a whole year go through here."""
    amount, day = row.amount, row.day
    if row.base is None:
        triple = f'"{amount.currency}";;;""'
    else:
        rate = f"{row.rate:f}".replace(".", ",")
        triple = f'"{amount.currency}";{rate};{amount_text(row.base)};"{row.base.currency}"'
    to_order, to_settlement = _middle(
        row.cost_centre, row.service_fact, row.service_rate, row.lock, row.general_reversal
    )
    return (
        f'{amount_text(amount)};"{"S" if row.debit else "H"}";{triple};{row.account};{row.contra};"{row.tax_key}";'
        f'{day.day:02d}{day.month:02d};"{row.document_number}"{_TO_TEXT}{quoted(row.text)}{_TO_LINK}{quoted(row.link)};'
        f"{_info_fields(row.infos)};{to_order}{quoted(row.order_number)}{to_settlement}{quoted(row.settlement)}{_TAIL}"
    )


@functools.lru_cache(maxsize=64)
def _info_kind(kind: str) -> str:
    return quoted(kind)


def _info_fields(infos: tuple[tuple[str, str], ...]) -> str:
    if len(infos) == 1:
        kind, content = infos[0]
        return f"{_info_kind(kind)};{quoted(content)};{_INFOS[INFO_PAIRS - 1]}"
    filled = [f"{_info_kind(kind)};{quoted(content)}" for kind, content in infos]
    filled += [_NO_INFO] * (INFO_PAIRS - len(infos))
    return ";".join(filled)
