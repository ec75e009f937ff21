"""The columns of the three DATEV format categories we write, as data: heading, quoted or bare, what may stand there.

Sources: datev.md 3.3 (category 21), 3.5 (16) and 3.6 (20). DATEV reads by position; headings are informative. Columns
of category 16 that are not ours have no expression and must stay empty, because a re-import overwrites what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

DIGIT = "[0-9]"
AMOUNT = rf"(?!0{{1,10}},00){DIGIT}{{1,10}},{DIGIT}{{2}}"
#: DATEV's own expression excludes 0,…; its own sample holds 0,830000 (datev.md 9).
RATE = rf"(?!0,0*(?:;|$)){DIGIT}{{1,4}},{DIGIT}{{2,6}}"
ACCOUNT = rf"(?!0{{1,9}}(?:;|$)){DIGIT}{{1,9}}"
DAY_MONTH = r"(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])"
DATE = rf"{DAY_MONTH}20{DIGIT}{{2}}"
DOCUMENT_NUMBER = r"[A-Za-z0-9$&%*+\-/]"
EMPTY = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`text` columns are always quoted, the others never. `expression` is for the value without quotes.

    Only `required` columns must not be empty.
    """

    number: int
    heading: str
    text: bool
    expression: str
    required: bool = False

    @property
    def pattern(self) -> str:
        """Expression of the whole field as it stands in the file. It never backtracks, however wrong a row is."""
        if not self.expression:
            return '""' if self.text else ""
        value = f"(?>{self.expression})" if self.required else f"(?>{self.expression})?+"
        return f'"{value}"' if self.text else value


@dataclass(frozen=True, slots=True)
class Format:
    """A format category with the version we write."""

    category: int
    name: str
    version: int
    columns: tuple[Column, ...]

    @property
    def headings(self) -> str:
        return ";".join(column.heading for column in self.columns)


def words(length: int) -> str:
    """Any text up to `length` characters; inner quotes are doubled and count once."""
    return rf'(?:[^"\x00-\x1f\x7f]|""){{1,{length}}}+'


_T, _N = True, False
_Spec = tuple[str, bool, str]


def _pairs(kind: str, content: str, count: int) -> list[_Spec]:
    return [
        spec
        for n in range(1, count + 1)
        for spec in ((f"{kind} {n}", _T, words(20)), (f"{content} {n}", _T, words(210)))
    ]


_BOOKING: list[_Spec] = [
    ("Umsatz (ohne Soll/Haben-Kz)", _N, AMOUNT),
    ("Soll/Haben-Kennzeichen", _T, "[SH]"),
    ("WKZ Umsatz", _T, "[A-Z]{3}"),
    ("Kurs", _N, RATE),
    ("Basis-Umsatz", _N, AMOUNT),
    ("WKZ Basis-Umsatz", _T, "[A-Z]{3}"),
    ("Konto", _N, ACCOUNT),
    ("Gegenkonto (ohne BU-Schlüssel)", _N, ACCOUNT),
    ("BU-Schlüssel", _T, f"{DIGIT}{{1,4}}"),
    ("Belegdatum", _N, DAY_MONTH),
    ("Belegfeld 1", _T, f"{DOCUMENT_NUMBER}{{1,36}}"),
    ("Belegfeld 2", _T, f"{DOCUMENT_NUMBER}{{1,12}}"),
    ("Skonto", _N, f"[1-9]{DIGIT}{{0,7}},{DIGIT}{{2}}"),
    ("Buchungstext", _T, words(60)),
    ("Postensperre", _N, "[01]"),
    ("Diverse Adressnummer", _T, r"[0-9A-Za-z_]{1,9}"),
    ("Geschäftspartnerbank", _N, f"{DIGIT}{{3}}"),
    ("Sachverhalt", _N, "31|40"),
    ("Zinssperre", _N, "[01]"),
    ("Beleglink", _T, words(210)),
    *_pairs("Beleginfo - Art", "Beleginfo - Inhalt", 8),
    ("KOST1 - Kostenstelle", _T, r"[\w ]{1,36}"),
    ("KOST2 - Kostenstelle", _T, r"[\w ]{1,36}"),
    ("Kost-Menge", _N, f"{DIGIT}{{1,12}},{DIGIT}{{4}}"),
    ("EU-Land u. UStID (Bestimmung)", _T, words(15)),
    ("EU-Steuersatz (Bestimmung)", _N, f"{DIGIT}{{2}},{DIGIT}{{2}}"),
    ("Abw. Versteuerungsart", _T, "[IKPS]"),
    ("Sachverhalt L+L", _N, f"(?!0{{1,3}}(?:;|$)){DIGIT}{{1,3}}"),
    ("Funktionsergänzung L+L", _N, f"{DIGIT}{{1,3}}"),
    ("BU 49 Hauptfunktionstyp", _N, DIGIT),
    ("BU 49 Hauptfunktionsnummer", _N, f"{DIGIT}{{1,2}}"),
    ("BU 49 Funktionsergänzung", _N, f"{DIGIT}{{1,3}}"),
    # The second heading's missing blank is DATEV's own.
    *_pairs("Zusatzinformation - Art", "Zusatzinformation- Inhalt", 20),
    ("Stück", _N, f"{DIGIT}{{1,8}}"),
    ("Gewicht", _N, f"{DIGIT}{{1,8}},{DIGIT}{{2}}"),
    ("Zahlweise", _N, "[123]"),
    ("Forderungsart", _T, r"[0-9A-Za-z_]{1,10}"),
    ("Veranlagungsjahr", _N, f"20{DIGIT}{{2}}"),
    ("Zugeordnete Fälligkeit", _N, DATE),
    ("Skontotyp", _N, "[12]"),
    ("Auftragsnummer", _T, words(30)),
    ("Buchungstyp", _T, "AA|AG|AV|SR|SU|SG|SO"),
    ("USt-Schlüssel (Anzahlungen)", _N, f"{DIGIT}{{1,4}}"),
    ("EU-Land (Anzahlungen)", _T, "[A-Z]{2}"),
    ("Sachverhalt L+L (Anzahlungen)", _N, f"(?!0{{1,3}}(?:;|$)){DIGIT}{{1,3}}"),
    ("EU-Steuersatz (Anzahlungen)", _N, f"{DIGIT}{{1,2}},{DIGIT}{{2}}"),
    ("Erlöskonto (Anzahlungen)", _N, f"{DIGIT}{{4,8}}"),
    ("Herkunft-Kz", _T, "[A-Z]{2}"),
    ("Buchungs GUID", _T, words(36)),
    ("KOST-Datum", _N, DATE),
    ("SEPA-Mandatsreferenz", _T, words(35)),
    ("Skontosperre", _N, "[01]"),
    ("Gesellschaftername", _T, words(76)),
    ("Beteiligtennummer", _N, f"{DIGIT}{{4}}"),
    ("Identifikationsnummer", _T, words(11)),
    ("Zeichnernummer", _T, words(20)),
    ("Postensperre bis", _N, DATE),
    ("Bezeichnung SoBil-Sachverhalt", _T, words(30)),
    ("Kennzeichen SoBil-Buchung", _N, "[01]"),
    ("Festschreibung", _N, "[01]"),
    ("Leistungsdatum", _N, DATE),
    ("Datum Zuord. Steuerperiode", _N, DATE),
    ("Fälligkeit", _N, DATE),
    ("Generalumkehr (GU)", _T, "[01G]"),
    ("Steuersatz", _N, f"{DIGIT}{{1,2}},{DIGIT}{{2}}"),
    ("Land", _T, "[A-Z]{2}"),
    ("Abrechnungsreferenz", _T, words(50)),
    ("BVV-Position", _N, "[1-5]"),
    ("EU-Land u. UStID (Ursprung)", _T, words(15)),
    ("EU-Steuersatz (Ursprung)", _N, f"{DIGIT}{{2}},{DIGIT}{{2}}"),
    ("Abw. Skontokonto", _N, f"{DIGIT}{{1,9}}"),
]
#: DATEV's own minimum is 1, 8 and 10; an empty 7 takes the row above, an empty 114 locks; 2, 3, 11, 14, 118 are ours.
_BOOKING_REQUIRED = frozenset({1, 2, 3, 7, 8, 10, 11, 14, 114, 118})


def _banks(first: int, last: int) -> str:
    names = (
        "Bankleitzahl {n}|Bankbezeichnung {n}|Bank-Kontonummer {n}|Länderkennzeichen {n}|IBAN-Nr. {n}|Leerfeld|"
        "SWIFT-Code {n}|Abw. Kontoinhaber {n}|Kennz. Hauptbankverb. {n}|#Bankverb {n} Gültig von|"
        "#Bankverb {n} Gültig bis"
    )
    return "|".join(names.format(n=n) for n in range(first, last + 1))


def _numbered(name: str, last: int) -> str:
    return "|".join(f"{name} {n}" for n in range(1, last + 1))


#: headings in order, bare columns marked with #.
_DEBTOR = "|".join(
    (
        "#Konto|Name (Adressattyp Unternehmen)|Unternehmensgegenstand|Name (Adressattyp natürl. Person)",
        "Vorname (Adressattyp natürl. Person)|Name (Adressattyp keine Angabe)|Adressattyp|Kurzbezeichnung|EU-Land",
        "EU-UStID|Anrede|Titel/Akad. Grad|Adelstitel|Namensvorsatz|Adressart|Straße|Postfach|Postleitzahl|Ort|Land",
        "Versandzusatz|Adresszusatz|Abweichende Anrede|Abw. Zustellbezeichnung 1|Abw. Zustellbezeichnung 2",
        "#Kennz. Korrespondenzadresse|#Adresse Gültig von|#Adresse Gültig bis|Telefon|Bemerkung (Telefon)|Telefon GL",
        "Bemerkung (Telefon GL)|E-Mail|Bemerkung (E-Mail)|Internet|Bemerkung (Internet)|Fax|Bemerkung (Fax)|Sonstige",
        "Bemerkung (Sonstige)",
        _banks(1, 5),
        "Leerfeld|Briefanrede|Grußformel|Kunden-/Lief.-Nr.|Steuernummer|Sprache|Ansprechpartner|Vertreter|Sachbearbeiter",
        "#Diverse-Konto|#Ausgabeziel|Währungssteuerung|#Kreditlimit (Debitor)|#Zahlungsbedingung",
        "#Fälligkeit in Tagen (Debitor)|#Skonto in Prozent (Debitor)|#Kreditoren-Ziel 1 Tg.|#Kreditoren-Skonto 1 %",
        "#Kreditoren-Ziel 2 Tg.|#Kreditoren-Skonto 2 %|#Kreditoren-Ziel 3 Brutto Tg.|#Kreditoren-Ziel 4 Tg.",
        "#Kreditoren-Skonto 4 %|#Kreditoren-Ziel 5 Tg.|#Kreditoren-Skonto 5 %|#Mahnung|#Kontoauszug|#Mahntext 1",
        "#Mahntext 2|#Mahntext 3|#Kontoauszugstext|#Mahnlimit Betrag|#Mahnlimit %|#Zinsberechnung|#Mahnzinssatz 1",
        "#Mahnzinssatz 2|#Mahnzinssatz 3|Lastschrift|Leerfeld|#Mandantenbank|Zahlungsträger",
        _numbered("Indiv. Feld", 15),
        "Abweichende Anrede (Rechnungsadresse)|Adressart (Rechnungsadresse)|Straße (Rechnungsadresse)",
        "Postfach (Rechnungsadresse)|Postleitzahl (Rechnungsadresse)|Ort (Rechnungsadresse)|Land (Rechnungsadresse)",
        "Versandzusatz (Rechnungsadresse)|Adresszusatz (Rechnungsadresse)",
        "Abw. Zustellbezeichnung 1 (Rechnungsadresse)|Abw. Zustellbezeichnung 2 (Rechnungsadresse)",
        "#Adresse Gültig von (Rechnungsadresse)|#Adresse Gültig bis (Rechnungsadresse)",
        _banks(6, 10),
        "Nummer Fremdsystem|#Insolvent",
        _numbered("SEPA-Mandatsreferenz", 10),
        "#Verknüpftes OPOS-Konto|#Mahnsperre bis|#Lastschriftsperre bis|#Zahlungssperre bis|#Gebührenberechnung",
        "#Mahngebühr 1|#Mahngebühr 2|#Mahngebühr 3|#Pauschalenberechnung|#Verzugspauschale 1|#Verzugspauschale 2",
        "#Verzugspauschale 3|Alternativer Suchname|#Status|#Anschrift manuell geändert (Korrespondenzadresse)",
        "Anschrift individuell (Korrespondenzadresse)|#Anschrift manuell geändert (Rechnungsadresse)",
        "Anschrift individuell (Rechnungsadresse)|#Fristberechnung bei Debitor|#Mahnfrist 1|#Mahnfrist 2|#Mahnfrist 3",
        "#Letzte Frist",
    )
)
#: the columns of category 16 that are ours (datev.md 3.5)
DEBTOR_EXPRESSIONS = {
    1: ACCOUNT,
    2: words(50),
    4: words(30),
    5: words(30),
    6: words(50),
    7: "[012]",
    8: words(15),
    16: words(36),
    18: f"{DIGIT}{{1,10}}",
    19: words(30),
    20: "[A-Z]{2}",
    22: words(36),
    33: words(60),
    133: "9",
    244: words(50),
}


def _booking_columns() -> tuple[Column, ...]:
    return tuple(
        Column(number, heading, text, expression, number in _BOOKING_REQUIRED)
        for number, (heading, text, expression) in enumerate(_BOOKING, start=1)
    )


def _debtor_columns() -> tuple[Column, ...]:
    return tuple(
        Column(
            number, name.removeprefix("#"), not name.startswith("#"), DEBTOR_EXPRESSIONS.get(number, EMPTY), number == 1
        )
        for number, name in enumerate(_DEBTOR.split("|"), start=1)
    )


BOOKINGS = Format(21, "Buchungsstapel", 13, _booking_columns())
DEBTORS = Format(16, "Debitoren/Kreditoren", 5, _debtor_columns())
LABELS = Format(
    20,
    "Kontenbeschriftungen",
    3,
    (
        Column(1, "Konto", _N, ACCOUNT, required=True),
        Column(2, "Kontobeschriftung", _T, words(40), required=True),
        Column(3, "SprachId", _T, "de-DE|en-GB", required=True),
        Column(4, "Kontenbeschriftung lang", _T, words(300)),
    ),
)
FORMATS = {form.category: form for form in (BOOKINGS, DEBTORS, LABELS)}

assert len(BOOKINGS.columns) == 125
assert len(DEBTORS.columns) == 254
