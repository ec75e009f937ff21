"""Master data as DATEV rows: a debtor of category 16 from a CUSTOMER posting, an account label of category 20.

A re-import overwrites what it carries, so only columns that are ours are filled; bank data never (datev.md 3.5, 3.6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bookkeeping.postings import Posting
from connector_resources.erp.datev.bookings import debtor_number
from connector_resources.erp.datev.extf import row_line
from connector_resources.erp.datev.extf_columns import DEBTORS, LABELS
from connector_resources.erp.datev.extf_text import clean_text
from connector_resources.erp.datev.settings import DatevSettings

COMPANY, PERSON, UNNAMED_KIND = "2", "1", "0"
#: keeps DATEV's own direct debit run away from customers who pay by GoCardless.
NO_DIRECT_DEBIT = "9"

_COUNTRY = re.compile(r"[A-Z]{2}")
_POSTAL_CODE = re.compile(r"[0-9]{1,10}")
_EMAIL_LENGTH = 60
_TOWN_LENGTH = 30


@dataclass(frozen=True, slots=True)
class DebtorRow:
    """One row of category 16, by column number."""

    posting_key: str
    values: dict[int, str]

    def line(self) -> str:
        return row_line(DEBTORS, self.values)


def debtor_of(posting: Posting, settings: DatevSettings) -> DebtorRow:
    """The debtor of a CUSTOMER posting. Raises `CannotBook` when it has no (valid) number."""
    number = debtor_number(posting.party, settings)
    facts = posting.facts
    values = {1: str(number), **_name(posting)}
    street = clean_text(facts.get("address_line1", ""), 36)
    more = clean_text(" ".join(filter(None, (facts.get("address_line2"), facts.get("address_line3")))), 36)
    values |= {16: street, 22: more, **_town(facts.get("postal_code", ""), facts.get("city", ""))}
    country = facts.get("country_code", "").upper()
    if _COUNTRY.fullmatch(country):
        values[20] = country
    email = clean_text(facts.get("email", ""), 254)
    if len(email) <= _EMAIL_LENGTH:
        # A shortened address would reach somebody else.
        values[33] = email
    values[133] = NO_DIRECT_DEBIT
    values[244] = clean_text(posting.subject, 50)
    return DebtorRow(posting.key, {column: value for column, value in values.items() if value})


def label_line(account: int, label: str) -> str:
    """The row of category 20 that names the clearing account."""
    return row_line(LABELS, {1: str(account), 2: clean_text(label, 40), 3: "de-DE"})


def _name(posting: Posting) -> dict[int, str]:
    """The name in the column its kind of address wants; DATEV refuses it anywhere else."""
    facts = posting.facts
    company = clean_text(facts.get("company_name", ""), 50)
    family = clean_text(facts.get("family_name", ""), 30)
    given = clean_text(facts.get("given_name", ""), 30)
    if company:
        return {2: company, 7: COMPANY, 8: clean_text(company, 15)}
    if family:
        return {4: family, 5: given, 7: PERSON, 8: clean_text(family, 15)}
    name = clean_text(given or (posting.party.name if posting.party else None) or posting.subject, 50)
    return {6: name, 7: UNNAMED_KIND, 8: clean_text(name, 15)}


def _town(postal_code: str, city: str) -> dict[int, str]:
    """Codes with letters do not fit their column and stand in front of the town (datev.md 9)."""
    code = postal_code.strip()
    if _POSTAL_CODE.fullmatch(code):
        return {18: code, 19: clean_text(city, _TOWN_LENGTH)}
    return {19: clean_text(f"{code} {city}", _TOWN_LENGTH)}
