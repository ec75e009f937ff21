"""Made-up people and companies with the letters of their languages, so that encodings are met on every page."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

_COMPANIES = {
    "DE": ("Müller", "Weißenfels", "Österreicher", "Jäger", "Köhler", "Brückner", "Schäfer", "Lindenau", "Höfer", "Groß"),
    "FI": ("Mäkelä", "Virtanen", "Hämäläinen", "Järvi", "Löfström", "Koskinen", "Nieminen", "Räsänen", "Salonen", "Åström"),
    "NL": ("Van Dijk", "De Wit", "Jansen", "Bakker", "Visser", "Smit", "Meijer", "Mulder", "Bos", "Vos"),
    "FR": ("Lefèvre", "Girard", "Béranger", "Moreau", "Garçon", "Dupré", "Noël", "Rousseau", "Lemaître", "Crêpin"),
    "GB": ("Ashworth", "Blythe", "Carrington", "Dunmore", "Ellery", "Fairfax", "Greaves", "Holloway", "Ingham", "Kerr"),
    "IE": ("Byrne", "Ó Briain", "Gallagher", "Ní Dhomhnaill", "Kavanagh", "MacÉinrí", "Nolan", "Quinlan", "Tierney", "Walsh"),
}  # fmt: skip
_TRADES = {
    "DE": ("Logistik", "Bäckerei", "Elektrotechnik", "Druck", "Gartenbau", "Möbel", "Praxis", "Verlag", "Metallbau"),
    "FI": ("Rakennus", "Kahvila", "Sähkö", "Paino", "Puutarha", "Kalusteet", "Hammas", "Kustannus", "Metalli"),
    "NL": ("Logistiek", "Bakkerij", "Elektra", "Drukkerij", "Tuinen", "Meubelen", "Praktijk", "Uitgeverij", "Metaal"),
    "FR": ("Transports", "Boulangerie", "Électricité", "Imprimerie", "Jardins", "Mobilier", "Cabinet", "Éditions", "Métal"),
    "GB": ("Haulage", "Bakery", "Electrical", "Print", "Gardens", "Furniture", "Practice", "Press", "Metalworks"),
    "IE": ("Haulage", "Bakery", "Electrical", "Print", "Gardens", "Furniture", "Practice", "Press", "Dairy"),
}  # fmt: skip
_FORMS = {
    "DE": ("GmbH", "KG", "e.K.", "AG"),
    "FI": ("Oy", "Ky"),
    "NL": ("B.V.", "V.O.F."),
    "FR": ("SARL", "SAS"),
    "GB": ("Ltd", "LLP", "plc"),
    "IE": ("Ltd", "DAC", "CLG"),
}
_GIVEN = {
    "DE": ("Jürgen", "Käthe", "Anna", "Björn"), "FI": ("Päivi", "Jukka", "Sanna", "Väinö"),
    "NL": ("Sanne", "Daan", "Noor", "Bram"),
    "FR": ("Hélène", "François", "Chloé", "Benoît"), "GB": ("Harriet", "Oliver", "Imogen", "Rhys"),
    "IE": ("Aoife", "Cian", "Niamh", "Seán"),
}  # fmt: skip
_PLACES = {
    "DE": (("Nürnberg", "90402"), ("Köln", "50667"), ("Görlitz", "02826")),
    "FI": (("Jyväskylä", "40100"), ("Helsinki", "00100"), ("Närpiö", "64200")),
    "NL": (("Utrecht", "3511 AX"), ("Zwolle", "8011 CW"), ("Breda", "4811 DJ")),
    "FR": (("Nîmes", "30000"), ("Besançon", "25000"), ("Lyon", "69002")),
    "GB": (("Leeds", "LS1 4DY"), ("Bristol", "BS1 5TR"), ("Durham", "DH1 3EP")),
    "IE": (("Cork", "T12 X70A"), ("Galway", "H91 E2R3"), ("Dún Laoghaire", "A96 K8X2")),
}
_STREETS = {
    "DE": "Hauptstraße",
    "FI": "Kauppakatu",
    "NL": "Dorpsstraat",
    "FR": "Rue de l'Église",
    "GB": "High Street",
    "IE": "Main Street",
}
LANGUAGES = {"DE": "de", "FI": "en", "NL": "nl", "FR": "fr", "GB": "en", "IE": "en"}


@dataclass(frozen=True, slots=True)
class Identity:
    """A payer's name and address. Either a company, or a person with two names."""

    company_name: str | None
    given_name: str | None
    family_name: str | None
    email: str
    address_line1: str
    city: str
    postal_code: str
    country_code: str
    language: str

    @property
    def name(self) -> str:
        return self.company_name or f"{self.given_name} {self.family_name}"


def invent(chance: random.Random, country: str, number: int) -> Identity:
    """A payer of that country; `number` makes the e-mail address unique."""
    root = chance.choice(_COMPANIES[country])
    city, postal_code = chance.choice(_PLACES[country])
    street = f"{_STREETS[country]} {chance.randrange(1, 140)}"
    company = given = family = None
    if chance.random() < 0.8:
        company = f"{root} {chance.choice(_TRADES[country])} {chance.choice(_FORMS[country])}"
    else:
        given, family = chance.choice(_GIVEN[country]), root
    email = f"{_plain(company or f'{given}.{family}')}{number}@example.{country.lower()}"
    return Identity(company, given, family, email, street, city, postal_code, country, LANGUAGES[country])


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return "".join(letter for letter in ascii_only.lower() if letter.isalnum())
