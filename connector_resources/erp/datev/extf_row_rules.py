"""Rules between the columns of a booking row: accounts, dates, pairs, exchange, lock, links (datev.md 3.3 to 3.7, 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

Fault = tuple[int, str, str]

_CENT = Decimal("0.01")
#: columns that stand only together: bank and mandate, the info pairs.
_PAIRS = tuple(
    (one, other, f"c{one}", f"c{other}")
    for one, other in ((17, 105), *((n, n + 1) for n in (*range(21, 37, 2), *range(48, 88, 2))))
)
_USUAL_PAIRS = tuple(pair for pair in _PAIRS if pair[0] in (21, 23, 25))
_GUID = re.compile(r'BEDI ""([0-9A-Fa-f-]{36})""')
#: switches an automatic account off, so it is allowed there.
_SWITCH_OFF_KEY = "40"


@dataclass(frozen=True, slots=True)
class RowRules:
    """The rules for one file. `header_lock` is field 21 of its header."""

    first_day: date
    last_day: date
    header_lock: str
    account_length: int
    automatic_accounts: frozenset[int]
    vouchers: frozenset[str]

    def faults(self, row: Mapping[str, str]) -> Iterator[Fault]:
        """(column, code, message) of everything that does not hold in a row whose single fields are well formed.

        `row` holds the fields by `c` and column number; columns that are left out are empty.
        """
        account, contra = row["c7"], row["c8"]
        if account == contra:
            yield 8, "same_account", f"Konto und Gegenkonto sind beide {account}."
        for column, number in ((7, account), (8, contra)):
            if len(number) > self.account_length + 1:
                yield column, "account_too_long", f"{number} hat mehr als {self.account_length + 1} Stellen."
        yield from self._tax_key_faults(row)
        yield from self._date_faults(row["c10"])
        if row["c4"] or row["c5"] or row["c3"] != '"EUR"' or row["c6"] != '""':
            yield from _exchange_faults(row)
        if row["c114"] != self.header_lock:
            yield 114, "lock_differs", "Festschreibung der Zeile und der Kopfzeile sind verschieden."
        # Only a row that fills unusual columns brings all of them.
        for one, other, one_name, other_name in _PAIRS if "c17" in row else _USUAL_PAIRS:
            if _filled(row[one_name]) != _filled(row[other_name]):
                missing = other if _filled(row[one_name]) else one
                yield missing, "pair_broken", f"Spalten {one} und {other} stehen nur zusammen."
        if row.get("c115") and not row["c116"]:
            yield 116, "pair_broken", "Leistungsdatum braucht das Datum der Steuerperiode."
        yield from self._link_faults(row["c20"])

    def _tax_key_faults(self, row: Mapping[str, str]) -> Iterator[Fault]:
        key = row["c9"].strip('"')
        if not key or key == _SWITCH_OFF_KEY:
            return
        for number in (row["c7"], row["c8"]):
            if int(number) in self.automatic_accounts:
                yield 9, "tax_key_on_automatic_account", f"Automatikkonto {number} trägt den BU-Schlüssel {key}."

    def _date_faults(self, day_month: str) -> Iterator[Fault]:
        try:
            day = date(self.first_day.year, int(day_month[2:]), int(day_month[:2]))
        except ValueError:
            yield 10, "document_date_invalid", f"{day_month} ist kein Tag des Jahres {self.first_day.year}."
            return
        if not self.first_day <= day <= self.last_day:
            period = f"{self.first_day:%d.%m.%Y} bis {self.last_day:%d.%m.%Y}"
            yield 10, "outside_period", f"Belegdatum {day_month} liegt nicht im Zeitraum {period}."

    def _link_faults(self, link: str) -> Iterator[Fault]:
        if link == '""':
            return
        match = _GUID.fullmatch(link[1:-1])
        if match is None:
            yield 20, "link_invalid", "Der Beleglink hat nicht die Form BEDI mit GUID."
        elif match[1].lower() not in self.vouchers:
            yield 20, "voucher_missing", f"Zu {match[1]} wurde kein Beleg hochgeladen."


def _exchange_faults(row: Mapping[str, str]) -> Iterator[Fault]:
    currency = row["c3"].strip('"')
    rate, base, base_currency = row["c4"], row["c5"], row["c6"].strip('"')
    if bool(base) != bool(base_currency):
        yield (6 if base else 5), "pair_broken", "Basis-Umsatz und WKZ Basis-Umsatz stehen nur zusammen."
        return
    if currency == "EUR":
        if rate or base:
            yield 4, "exchange_on_euro", "Ein Umsatz in EUR trägt keinen Kurs."
        return
    if not (rate and base):
        yield 4, "exchange_missing", f"Ein Umsatz in {currency} braucht Kurs und Basis-Umsatz."
        return
    if base_currency != "EUR":
        yield 6, "exchange_base", f"Der Basis-Umsatz steht in {base_currency} statt in EUR."
    amount, quotient, stated = (Decimal(text.replace(",", ".")) for text in (row["c1"], rate, base))
    expected = (amount / quotient).quantize(_CENT, ROUND_HALF_UP)
    if abs(expected - stated) > _CENT:
        yield 5, "exchange_differs", f"{row['c1']} {currency} zum Kurs {rate} sind {expected}, nicht {base}."


def _filled(field: str) -> bool:
    return field not in ("", '""')
