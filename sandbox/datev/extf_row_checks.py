"""Rules between the columns of one row: pairs, the currency triple, dates in the period. Sheet: datev.md 3.3 to 3.5."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol


class Values(Protocol):
    def __getitem__(self, column: int) -> str: ...


Fault = tuple[int, str]

#: columns that stand only together (datev.md 3.3); 5 and 6 are part of the currency triple
_PAIRS = ((17, 105), *((art, art + 1) for art in range(21, 37, 2)), *((art, art + 1) for art in range(48, 88, 2)))
_DATE_COLUMNS = (93, 104, 111, 115, 116, 117)
_PARTY_DATE_COLUMNS = (
    27, 28, *(c for bank in (50, 61, 72, 83, 94, 174, 185, 196, 207, 218) for c in (bank, bank + 1)),
    163, 164, 233, 234, 235,
)  # fmt: skip


def decimal_of(text: str) -> Decimal:
    """A decimal with a comma; the column's expression has been checked."""
    return Decimal(text.replace(",", "."))


def document_day(day_month: str, period: tuple[date, date]) -> date | None:
    """DDMM in the calendar year of the period; None for a day that year does not have."""
    try:
        return date(period[0].year, int(day_month[2:]), int(day_month[:2]))
    except ValueError:
        return None


def booking_row_faults(row: Values, period: tuple[date, date] | None, base_currency: str) -> Iterator[Fault]:
    """Faults of a row whose every single field holds. `base_currency` is header field 22."""
    if row[7].lstrip("0") == row[8].lstrip("0"):
        yield 8, f"Konto and Gegenkonto are both {row[7]}"
    for one, other in _PAIRS:
        if bool(row[one]) != bool(row[other]):
            yield (other if row[one] else one), f"columns {one} and {other} stand only together"
    if row[115] and not row[116]:
        yield 116, "Leistungsdatum needs Datum Zuord. Steuerperiode"
    yield from _currency_faults(row, base_currency)
    yield from _date_faults(row, _DATE_COLUMNS)
    if period is not None:
        day = document_day(row[10], period)
        if day is None:
            yield 10, f"{row[10]} is not a day of {period[0].year}"
        elif not period[0] <= day <= period[1]:
            yield 10, f"Belegdatum {row[10]} lies outside {period[0]} to {period[1]}"


def party_row_faults(row: Values) -> Iterator[Fault]:
    """Faults of a debtor or creditor row: the name stands in the column its Adressattyp names."""
    place = {"0": 6, "1": 4}.get(row[7], 2)
    for column in (2, 4, 5, 6):
        if row[column] and column != place and not (column == 5 and place == 4):
            yield column, f"Adressattyp {row[7]!r} takes the name from column {place}"
    yield from _date_faults(row, _PARTY_DATE_COLUMNS)


def _currency_faults(row: Values, base_currency: str) -> Iterator[Fault]:
    triple = (4, 5, 6)
    foreign = row[3] not in ("", base_currency)
    if not foreign:
        yield from ((column, f"must be empty for an amount in {base_currency}") for column in triple if row[column])
        return
    missing = [column for column in triple if not row[column]]
    if missing:
        yield from ((column, f"an amount in {row[3]} needs Kurs, Basis-Umsatz and WKZ Basis") for column in missing)
        return
    if row[6] != base_currency:
        yield 6, f"WKZ Basis-Umsatz {row[6]} is not the {base_currency} of the header"
    quotient = (decimal_of(row[1]) / decimal_of(row[4])).quantize(Decimal("0.01"), ROUND_HALF_UP)
    if abs(quotient - decimal_of(row[5])) > Decimal("0.01"):
        yield 5, f"{row[1]} {row[3]} at {row[4]} is {quotient}, not {row[5]}"


def _date_faults(row: Values, columns: tuple[int, ...]) -> Iterator[Fault]:
    for column in columns:
        text = row[column]
        if text:
            try:
                date(int(text[4:]), int(text[2:4]), int(text[:2]))
            except ValueError:
                yield column, f"{text} is not a date"
