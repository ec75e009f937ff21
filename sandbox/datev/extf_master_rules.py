"""The columns of Debitoren/Kreditoren (category 16) and of Kontenbeschriftungen (20) as data. Sheet: datev.md 3.5, 3.6.

The sheet gives limits only for the columns an interface may fill; the others are held to their kind and a length.
"""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.datev.extf_rules import Column, number, numbered, text

_DATE = r"(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])20\d{2}"
_DECIMAL = r"\d{1,13}(,\d{1,2})?"

_Columns = Iterator[tuple[str, bool, str, bool]]


def _name_and_address() -> _Columns:
    yield number("Konto", r"(?!0{1,9}$)\d{1,9}", required=True)
    yield text("Name (Adressattyp Unternehmen)", 50)
    yield text("Unternehmensgegenstand", 50)
    yield text("Name (Adressattyp natürl. Person)", 30)
    yield text("Vorname (Adressattyp natürl. Person)", 30)
    yield text("Name (Adressattyp keine Angabe)", 50)
    yield text("Adressattyp", "[012]")
    yield text("Kurzbezeichnung", 15)
    yield text("EU-Land", r"\w{2}")
    yield text("EU-UStID", 13)
    yield text("Anrede", 30)
    yield text("Titel/Akad. Grad", 25)
    yield text("Adelstitel", 15)
    yield text("Namensvorsatz", 14)
    yield from _address("", with_contact=True)


def _address(where: str, *, with_contact: bool) -> _Columns:
    yield text(f"Adressart{where}", "STR|PF|GK")
    yield text(f"Straße{where}", 36)
    yield text(f"Postfach{where}", 10)
    yield text(f"Postleitzahl{where}", r"\d{1,10}")
    yield text(f"Ort{where}", 30)
    yield text(f"Land{where}", "[A-Z]{2}")
    yield text(f"Versandzusatz{where}", 50)
    yield text(f"Adresszusatz{where}", 36)
    if with_contact:
        yield text("Abweichende Anrede", 30)
    yield text(f"Abw. Zustellbezeichnung 1{where}", 50)
    yield text(f"Abw. Zustellbezeichnung 2{where}", 36)
    if with_contact:
        yield number("Kennz. Korrespondenzadresse", "[01]")
    yield number(f"Adresse Gültig von{where}", _DATE)
    yield number(f"Adresse Gültig bis{where}", _DATE)


def _contact() -> _Columns:
    for name in ("Telefon", "Telefon GL", "E-Mail", "Internet", "Fax", "Sonstige"):
        yield text(name, 60)
        yield text(f"Bemerkung ({name})", 40)


def _bank(n: int) -> _Columns:
    yield text(f"Bankleitzahl {n}", r"\d{1,8}")
    yield text(f"Bankbezeichnung {n}", 30)
    yield text(f"Bank-Kontonummer {n}", 10)
    yield text(f"Länderkennzeichen {n}", "[A-Z]{2}")
    yield text(f"IBAN-Nr. {n}", r"[A-Z]{2}\d{2}[A-Z0-9]{1,30}")
    yield text("Leerfeld", r"(?!)")
    yield text(f"SWIFT-Code {n}", r"[A-Z]{4}[A-Z0-9]{4,7}")
    yield text(f"Abw. Kontoinhaber {n}", 70)
    yield text(f"Kennz. Hauptbankverb. {n}", "[01]")
    yield number(f"Bankverb {n} Gültig von", _DATE)
    yield number(f"Bankverb {n} Gültig bis", _DATE)


def _terms() -> _Columns:
    yield text("Leerfeld", r"(?!)")
    yield text("Briefanrede", 100)
    yield text("Grußformel", 50)
    yield text("Kunden-/Lief.-Nr.", 15)
    yield text("Steuernummer", 20)
    yield text("Sprache", r"\d{1,2}")
    for name in ("Ansprechpartner", "Vertreter", "Sachbearbeiter"):
        yield text(name, 40)
    yield number("Diverse-Konto", "[01]")
    yield number("Ausgabeziel", r"\d")
    yield text("Währungssteuerung", r"\d")
    yield number("Kreditlimit (Debitor)", _DECIMAL)
    yield number("Zahlungsbedingung", r"\d{1,3}")
    yield number("Fälligkeit in Tagen (Debitor)", r"\d{1,3}")
    yield number("Skonto in Prozent (Debitor)", _DECIMAL)
    for n in (1, 2):
        yield number(f"Kreditoren-Ziel {n} Tg.", r"\d{1,3}")
        yield number(f"Kreditoren-Skonto {n} %", _DECIMAL)
    yield number("Kreditoren-Ziel 3 Brutto Tg.", r"\d{1,3}")
    for n in (4, 5):
        yield number(f"Kreditoren-Ziel {n} Tg.", r"\d{1,3}")
        yield number(f"Kreditoren-Skonto {n} %", _DECIMAL)
    yield number("Mahnung", r"\d")
    yield number("Kontoauszug", r"\d")
    for name in ("Mahntext 1", "Mahntext 2", "Mahntext 3", "Kontoauszugstext"):
        yield number(name, r"\d{1,2}")
    yield number("Mahnlimit Betrag", _DECIMAL)
    yield number("Mahnlimit %", _DECIMAL)
    yield number("Zinsberechnung", r"\d")
    for n in (1, 2, 3):
        yield number(f"Mahnzinssatz {n}", _DECIMAL)
    yield text("Lastschrift", r"\d")
    yield text("Leerfeld", r"\d")
    yield number("Mandantenbank", r"\d{1,4}")
    yield text("Zahlungsträger", r"\d")
    for n in range(1, 16):
        yield text(f"Indiv. Feld {n}", 40)


def _invoice_address() -> _Columns:
    where = " (Rechnungsadresse)"
    yield text(f"Abweichende Anrede{where}", 30)
    yield from _address(where, with_contact=False)


def _rest() -> _Columns:
    yield text("Nummer Fremdsystem", 15)
    yield number("Insolvent", "[01]")
    for n in range(1, 11):
        yield text(f"SEPA-Mandatsreferenz {n}", 35)
    yield number("Verknüpftes OPOS-Konto", r"\d{1,9}")
    for name in ("Mahnsperre bis", "Lastschriftsperre bis", "Zahlungssperre bis"):
        yield number(name, _DATE)
    yield number("Gebührenberechnung", r"\d")
    for n in (1, 2, 3):
        yield number(f"Mahngebühr {n}", _DECIMAL)
    yield number("Pauschalenberechnung", r"\d")
    for n in (1, 2, 3):
        yield number(f"Verzugspauschale {n}", _DECIMAL)
    yield text("Alternativer Suchname", 50)
    yield number("Status", r"\d")
    for where in ("Korrespondenzadresse", "Rechnungsadresse"):
        yield number(f"Anschrift manuell geändert ({where})", "[01]")
        yield text(f"Anschrift individuell ({where})", 200)
    yield number("Fristberechnung bei Debitor", "[12]")
    for name in ("Mahnfrist 1", "Mahnfrist 2", "Mahnfrist 3", "Letzte Frist"):
        yield number(name, r"\d{1,3}")


def _party_columns() -> _Columns:
    yield from _name_and_address()
    yield from _contact()
    for n in range(1, 6):
        yield from _bank(n)
    yield from _terms()
    yield from _invoice_address()
    for n in range(6, 11):
        yield from _bank(n)
    yield from _rest()


def _label_columns() -> _Columns:
    yield number("Konto", r"(?!0{1,9}$)\d{1,9}", required=True)
    yield text("Kontobeschriftung", 40)
    yield text("SprachId", "de-DE|en-GB")
    yield text("Kontenbeschriftung lang", 300)


PARTY_COLUMNS: tuple[Column, ...] = numbered(_party_columns())
LABEL_COLUMNS: tuple[Column, ...] = numbered(_label_columns())

assert len(PARTY_COLUMNS) == 254, len(PARTY_COLUMNS)
assert len(LABEL_COLUMNS) == 4
