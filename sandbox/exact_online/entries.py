"""What bank, journal and sales entries have in common: journal, period, number, key, currency, and references on lines.

GUIDs of another division are dropped without a word, the trap of section 9; GUIDs nobody knows are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import exponent
from sandbox.exact_online import posting
from sandbox.exact_online.periods import Period
from sandbox.exact_online.refusals import Business, bad_reference, exists, mandatory, not_allowed
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

JOURNAL_TYPES = {12: "bank journal", 20: "sales journal", 90: "general journal"}
STATUS_TEXTS = {5: "Rejected", 20: "Open", 50: "Processed"}


def journal(division: Division, code: str, wanted: int) -> Row:
    """The journal by code. Raises `Business` for an unknown, blocked or unsuitable one."""
    found = division.tables["Journals"].where("Code", code.strip())
    if not found:
        raise bad_reference("Journal")
    if found[0]["Type"] != wanted:
        name = JOURNAL_TYPES[wanted]
        raise Business(f"The journal must be a {name}.", nl=f"Het dagboek is van het verkeerde type ({name}).")
    if found[0]["IsBlocked"]:
        raise not_allowed("Journal (blocked)")
    return found[0]


def currency(division: Division, given: str | None, journal_row: Row) -> str:
    """The entry's currency. Raises `Business` when the journal does not allow it."""
    own = str(journal_row["Currency"])
    chosen = (given or own).strip().upper()
    if chosen != own and not journal_row["AllowVariableCurrency"]:
        raise not_allowed(f"Currency {chosen} in journal {journal_row['Code']}")
    if chosen not in division.currencies():
        raise bad_reference(f"Currency {chosen}")
    return chosen


def key(division: Division, table: str, given: str | None) -> str:
    """The EntryID: the client's, when it is honoured. Raises `Business` when that exists already."""
    if given is None or division.switches.client_entry_id == "ignored":
        return division.new_id()
    if given in division.tables[table]:
        raise exists("Entry")
    return given


def number(division: Division, journal_code: str, period: Period, given: int | None) -> int:
    """The entry number: the next of journal and year, or the given one. Raises `Business` when that is in use."""
    used = division.used_numbers
    if given is not None:
        if (journal_code, given) in used:
            raise Business(f"In use: Entry number {given}", nl=f"In gebruik: Boekstuknummer {given}")
        used.add((journal_code, given))
        return given
    while True:
        sequence = division.next_number(f"{journal_code}/{period.year}")
        digits = "".join(filter(str.isdigit, journal_code)) or "0"
        following = int(f"{period.year % 100:02d}{digits:>02}{sequence:04d}")
        if (journal_code, following) not in used:
            used.add((journal_code, following))
            return following


def lines(division: Division, body: Row, name: str) -> Sequence[Row]:
    """The lines of a body with references cleaned. Raises `Business` when there are none or one points nowhere."""
    given: list[Row] = body.get(name) or []
    if not given:
        raise mandatory(name)
    for line in given:
        for reference, table in (("Account", "Accounts"), ("GLAccount", "GLAccounts"), ("Document", "Documents")):
            if line.get(reference) and division.is_foreign(line[reference]):
                line[reference] = None
            elif line.get(reference) and line[reference] not in division.tables[table]:
                raise bad_reference(reference)
        limit = division.switches.description_limit
        if limit and line.get("Description"):
            line["Description"] = line["Description"][:limit]
    return given


def gl_account(division: Division, line: Row, journal_row: Row) -> Row:
    """The line's account, or the journal's suspense account when a foreign GUID was dropped."""
    chosen = line.get("GLAccount") or journal_row["GLAccount"]
    line["GLAccount"] = chosen
    row = division.tables["GLAccounts"][chosen]
    if row["IsBlocked"]:
        raise not_allowed(f"G/L account {row['Code']} (blocked)")
    if row["UseCostcenter"] == 1 and not line.get("CostCenter"):
        raise mandatory("Cost center")
    return row


def relation(division: Division, line: Row, ledger: Row) -> Row | None:
    """The customer of a line. On receivables he must be a customer and not blocked."""
    account = division.tables["Accounts"].get(line.get("Account"))
    if account is not None and ledger["Type"] == 20:
        check_customer(account)
    return account


def check_customer(account: Row) -> None:
    """Raises `Business` for an account that may not be invoiced or booked on receivables."""
    if (account.get("Status") or "").strip() != "C":
        raise Business("Invalid: Customer (Type)", nl="Ongeldig: Klant (Type)")
    if account.get("Blocked"):
        raise not_allowed(f"Account {str(account['Code']).strip()} (blocked)")


def minor_units(value: Decimal, code: str) -> int:
    """Doubles are rounded to the currency's decimals, as the ledger does (section 3.3)."""
    return int(value.scaleb(exponent(code)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def day(value: datetime | None, otherwise: date) -> date:
    return value.date() if value is not None else otherwise


def vat_code(division: Division, line: Row, ledger: Row) -> Row | None:
    """The VAT code sent, or the account's default when none was. Raises `Business` for one that is unknown."""
    sent = line.get("VATCode")
    code = sent if sent and sent.strip() else ledger.get("VATCode")
    if not code or not code.strip():
        return None
    for row in division.tables["VATCodes"]:
        if row["Code"].strip() == code.strip() and not row["IsBlocked"]:
            return row
    raise bad_reference("VAT code")


def stamp(division: Division, journal_row: Row, period: Period) -> dict[str, Any]:
    """Columns every header has."""
    return {
        "JournalCode": journal_row["Code"],
        "JournalDescription": journal_row["Description"],
        "FinancialYear": period.year,
        "FinancialPeriod": period.number,
        "Status": 20,
        "StatusDescription": STATUS_TEXTS[20],
        "Division": division.code,
    }


def delete(division: Division, table: str, line_table: str, row: Row) -> None:
    """Delete an open entry with its lines. Raises `Business` once it is processed, or its period closed."""
    if row["Status"] != 20:
        raise Business("Already processed: the entry cannot be deleted.", nl="Reeds verwerkt")
    for line in division.tables[line_table].where("EntryID", row["EntryID"]):
        division.tables[line_table].remove(line["ID"])
    division.tables[table].remove(row["EntryID"])
    posting.take_back(division, row["EntryID"])
    division.used_numbers.discard((row.get("JournalCode") or row.get("Journal"), row["EntryNumber"]))
