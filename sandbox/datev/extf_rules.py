"""The header fields and the 125 columns of a Buchungsstapel as data: number, heading, text or number, expression.

Written from datev.md 3.2 and 3.3. Expressions hold for the value without quotes and are not asked when it is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

#: Control characters have no place in a text (datev.md 3.1).
TEXT = r"[^\x00-\x1f\x7f]"

_AMOUNT = r"(?!0{1,10},00$)\d{1,10},\d{2}"
_ACCOUNT = r"(?!0{1,9}$)\d{1,9}"
_DAY = r"(0[1-9]|[12]\d|3[01])"
_MONTH = r"(0[1-9]|1[0-2])"
_DAY_MONTH = _DAY + _MONTH
_DATE = _DAY + _MONTH + r"20\d{2}"
_YEAR_FIRST = r"20\d{2}" + _MONTH + _DAY
_RATE = r"(?!0,0+$)([1-9]\d{0,3}|0),\d{2,6}"


@dataclass(frozen=True, slots=True)
class Column:
    """One position of a line. `text` means quoted, also when empty; otherwise bare. `required` means never empty."""

    number: int
    name: str
    text: bool
    expression: str
    required: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # \d would also take the digits of other scripts, which a UTF-16 file can hold.
        object.__setattr__(self, "pattern", re.compile(self.expression.replace(r"\d", "[0-9]")))

    def fault(self, value: str) -> str:
        """Why `value` (without quotes) does not belong here, or nothing."""
        if value == "":
            return "must not be empty" if self.required else ""
        return "" if self.pattern.fullmatch(value) else f"{value!r} does not fit {self.expression}"


def numbered(columns: Iterator[tuple[str, bool, str, bool]]) -> tuple[Column, ...]:
    return tuple(Column(n, *rest) for n, rest in enumerate(columns, start=1))


def text(name: str, expression: str | int = "", *, required: bool = False) -> tuple[str, bool, str, bool]:
    """A quoted column; an integer instead of an expression is the longest length."""
    shape = f"{TEXT}{{0,{expression}}}" if isinstance(expression, int) else expression
    return (name, True, shape, required)


def number(name: str, expression: str, *, required: bool = False) -> tuple[str, bool, str, bool]:
    return (name, False, expression, required)


#: category -> (format name, accepted format versions with their column counts); datev.md 3.2 and 3.3
FORMATS: dict[int, tuple[str, dict[int, int]]] = {
    16: ("Debitoren/Kreditoren", {5: 254}),
    20: ("Kontenbeschriftungen", {3: 4}),
    21: ("Buchungsstapel", {12: 124, 13: 125}),
    46: ("Zahlungsbedingungen", {2: 31}),
    48: ("Diverse Adressen", {2: 191}),
    65: ("Wiederkehrende Buchungen", {4: 101}),
    66: ("Natural-Stapel", {2: 15}),
}
#: what the adviser stage can read
READABLE = (16, 20, 21)


def _header() -> Iterator[tuple[str, bool, str, bool]]:
    yield text("Kennzeichen", "EXTF|DTVF", required=True)
    yield number("Versionsnummer", "700", required=True)
    yield number("Formatkategorie", "16|20|21|46|48|65|66", required=True)
    yield text("Formatname", 40, required=True)
    yield number("Formatversion", r"\d{1,2}", required=True)
    yield number("Erzeugt am", r"20\d{15}", required=True)
    yield number("Importiert", r"(?!)")
    yield text("Herkunft", r"\w{0,2}")
    yield text("Exportiert von", r"\w{0,25}")
    yield text("Importiert von", r"\w{0,25}")
    yield number("Beraternummer", r"(?!0)(?!1000$)\d{4,7}", required=True)
    yield number("Mandantennummer", r"[1-9]\d{0,4}", required=True)
    yield number("WJ-Beginn", _YEAR_FIRST, required=True)
    yield number("Sachkontenlänge", "[4-8]", required=True)
    yield number("Datum von", _YEAR_FIRST)
    yield number("Datum bis", _YEAR_FIRST)
    yield text("Bezeichnung", r"[\w.\-/ ]{0,30}")
    yield text("Diktatkürzel", r"([A-Z]{2}){0,2}")
    yield number("Buchungstyp", "[12]")
    yield number("Rechnungslegungszweck", "0|30|40|50|64")
    yield number("Festschreibung", "[01]")
    yield text("WKZ", "[A-Z]{3}")
    yield number("reserviert", r"(?!)")
    yield text("Derivatskennzeichen", r"(?!)")
    yield number("reserviert", r"(?!)")
    yield number("reserviert", r"(?!)")
    yield text("Sachkontenrahmen", r"(\d{2}){0,2}")
    yield number("Branchenlösung", r"\d{0,4}")
    yield number("reserviert", r"(?!)")
    yield text("reserviert", r"(?!)")
    yield text("Anwendungsinformation", r".{0,16}")


def _pairs(art: str, content: str, count: int) -> Iterator[tuple[str, bool, str, bool]]:
    for n in range(1, count + 1):
        yield text(f"{art} {n}", 20)
        yield text(f"{content} {n}", 210)


def _first_columns() -> Iterator[tuple[str, bool, str, bool]]:
    yield number("Umsatz (ohne Soll/Haben-Kz)", _AMOUNT, required=True)
    yield text("Soll/Haben-Kennzeichen", "S|H", required=True)
    yield text("WKZ Umsatz", "[A-Z]{3}")
    yield number("Kurs", _RATE)
    yield number("Basis-Umsatz", _AMOUNT)
    yield text("WKZ Basis-Umsatz", "[A-Z]{3}")
    # An empty Konto takes the account of the row above (datev.md 9): never accepted here.
    yield number("Konto", _ACCOUNT, required=True)
    yield number("Gegenkonto (ohne BU-Schlüssel)", _ACCOUNT, required=True)
    yield text("BU-Schlüssel", r"\d{1,4}")
    yield number("Belegdatum", _DAY_MONTH, required=True)
    yield text("Belegfeld 1", r"[A-Za-z0-9$&%*+\-/]{1,36}")
    yield text("Belegfeld 2", r"[A-Za-z0-9$&%*+\-/]{1,12}")
    yield number("Skonto", r"[1-9]\d{0,7},\d{2}")
    yield text("Buchungstext", 60)
    yield number("Postensperre", "[01]")
    yield text("Diverse Adressnummer", r"\w{0,9}")
    yield number("Geschäftspartnerbank", r"\d{3}")
    yield number("Sachverhalt", "31|40")
    yield number("Zinssperre", "[01]")
    yield text("Beleglink", 210)
    yield from _pairs("Beleginfo - Art", "Beleginfo - Inhalt", 8)
    yield text("KOST1 - Kostenstelle", r"[\w ]{0,36}")
    yield text("KOST2 - Kostenstelle", r"[\w ]{0,36}")
    yield number("Kost-Menge", r"\d{1,12},\d{4}")
    yield text("EU-Land u. UStID (Bestimmung)", 15)
    yield number("EU-Steuersatz (Bestimmung)", r"\d{2},\d{2}")
    yield text("Abw. Versteuerungsart", "[IKPS]")
    yield number("Sachverhalt L+L", r"(?!0{1,3}$)\d{1,3}")
    yield number("Funktionsergänzung L+L", r"\d{0,3}")
    yield number("BU 49 Hauptfunktionstyp", r"\d")
    yield number("BU 49 Hauptfunktionsnummer", r"\d{0,2}")
    yield number("BU 49 Funktionsergänzung", r"\d{0,3}")
    # The odd spelling of the second heading is DATEV's own (datev.md 9).
    yield from _pairs("Zusatzinformation - Art", "Zusatzinformation- Inhalt", 20)


def _last_columns() -> Iterator[tuple[str, bool, str, bool]]:
    yield number("Stück", r"\d{1,8}")
    yield number("Gewicht", r"\d{1,8},\d{2}")
    yield number("Zahlweise", "[123]")
    yield text("Forderungsart", r"\w{0,10}")
    yield number("Veranlagungsjahr", r"20\d{2}")
    yield number("Zugeordnete Fälligkeit", _DATE)
    yield number("Skontotyp", "[12]")
    yield text("Auftragsnummer", 30)
    yield text("Buchungstyp", "AA|AG|AV|SR|SU|SG|SO")
    yield number("USt-Schlüssel (Anzahlungen)", r"\d{1,4}")
    yield text("EU-Land (Anzahlungen)", "[A-Z]{2}")
    yield number("Sachverhalt L+L (Anzahlungen)", r"(?!0{1,3}$)\d{1,3}")
    yield number("EU-Steuersatz (Anzahlungen)", r"\d{1,2},\d{2}")
    yield number("Erlöskonto (Anzahlungen)", r"\d{4,8}")
    yield text("Herkunft-Kz", "[A-Z]{2}")
    yield text("Buchungs GUID", 36)
    yield number("KOST-Datum", _DATE)
    yield text("SEPA-Mandatsreferenz", 35)
    yield number("Skontosperre", "[01]")
    yield text("Gesellschaftername", 76)
    yield number("Beteiligtennummer", r"\d{4}")
    yield text("Identifikationsnummer", 11)
    yield text("Zeichnernummer", 20)
    yield number("Postensperre bis", _DATE)
    yield text("Bezeichnung SoBil-Sachverhalt", 30)
    yield number("Kennzeichen SoBil-Buchung", "[01]")
    yield number("Festschreibung", "[01]")
    yield number("Leistungsdatum", _DATE)
    yield number("Datum Zuord. Steuerperiode", _DATE)
    yield number("Fälligkeit", _DATE)
    yield text("Generalumkehr (GU)", "[01G]")
    yield number("Steuersatz", r"\d{1,2},\d{2}")
    yield text("Land", "[A-Z]{2}")
    yield text("Abrechnungsreferenz", 50)
    yield number("BVV-Position", "[1-5]")
    yield text("EU-Land u. UStID (Ursprung)", 15)
    yield number("EU-Steuersatz (Ursprung)", r"\d{2},\d{2}")
    yield number("Abw. Skontokonto", r"\d{1,9}")


def _all_columns() -> Iterator[tuple[str, bool, str, bool]]:
    yield from _first_columns()
    yield from _last_columns()


HEADER = numbered(_header())
BOOKING_COLUMNS = numbered(_all_columns())

assert len(HEADER) == 31
assert len(BOOKING_COLUMNS) == 125
