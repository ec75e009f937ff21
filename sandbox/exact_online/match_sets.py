"""XML topic MatchSets: settles posted lines named by year, period, journal, entry and amount (fact sheet, section 3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from lxml import etree

from bookkeeping.money import exponent, round_minor
from sandbox.exact_online import customers, matching, periods, posting
from sandbox.exact_online.periods import Period
from sandbox.exact_online.posting import Draft, DraftLine
from sandbox.exact_online.refusals import BadRequest, Gone
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

ERROR, WARNING, SUCCESS, FATAL = 0, 1, 2, 3
WRITE_OFF_TYPES = ("0", "1", "3", "4")


class _SetRefused(Exception):
    """One match set was not carried out; the others are."""


@dataclass(frozen=True, slots=True)
class _WriteOff:
    type: str
    gl_code: str
    text: str


def upload(division: Division, body: bytes) -> bytes:
    """Carry out the sets of a file and answer with its messages; always HTTP 200.

    Raises `Gone` when the topic was discontinued, `BadRequest` when the body is not XML.
    """
    if division.switches.match_sets_discontinued:
        raise Gone("The XML API has been discontinued. Please use the REST API.")
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as problem:
        raise BadRequest(f"The XML is not well formed: {problem}") from problem
    if root.tag != "eExact" or not root.findall("MatchSets/MatchSet"):
        return _messages([(FATAL, "No MatchSet found.")])
    told = []
    for match_set in root.findall("MatchSets/MatchSet"):
        try:
            _carry_out(division, match_set)
        except _SetRefused as problem:
            told.append((ERROR, str(problem)))
        else:
            if not division.switches.match_sets_silent:
                told.append((SUCCESS, "MatchSet: matched"))
    return _messages(told)


def _carry_out(division: Division, match_set: etree._Element) -> None:
    ledger = _ledger(division, _attribute(match_set, "GLAccount", "code"))
    account = _account(division, match_set, ledger)
    lines = [_item(division, ledger, account, line) for line in match_set.findall("MatchLines/MatchLine")]
    if len({line["ID"] for line in lines}) < 2 or len({line["Currency"] for line in lines}) != 1:
        raise _SetRefused("A match set needs at least two lines of one currency.")
    debits = [line for line in lines if line["minor"] > 0]
    credits = [line for line in lines if line["minor"] < 0]
    if not debits or not credits:
        raise _SetRefused("A match set needs debit and credit lines.")
    write_off = _write_off(match_set)
    difference = sum(line["minor"] for line in lines)
    if difference and write_off is not None and write_off.type != "0":
        added = _booked_write_off(division, write_off, ledger, account, lines[0], difference)
        (credits if added["minor"] < 0 else debits).append(added)
    _settle_all(division, debits, credits)


def _settle_all(division: Division, debits: list[Row], credits: list[Row]) -> None:
    """Oldest against oldest until one side is used up; what is left of the other stays open."""
    while debits and credits:
        matching.settle(division, debits[0], credits[0])
        debits = [row for row in debits if not row["IsFullyPaid"]]
        credits = [row for row in credits if not row["IsFullyPaid"]]


def _ledger(division: Division, code: str) -> Row:
    found = division.tables["GLAccounts"].where("Code", code.strip())
    if not found:
        raise _SetRefused(f"Grootboekrekening: {code} Niet gevonden!")
    if found[0]["Type"] not in (20, 22) and not found[0]["Matching"]:
        raise _SetRefused(f"G/L account {code} cannot be matched.")
    return found[0]


def _account(division: Division, match_set: etree._Element, ledger: Row) -> Row | None:
    element = match_set.find("Account")
    if element is None:
        if ledger["Type"] in (20, 22):
            raise _SetRefused("Mandatory: Account")
        return None
    code = customers.padded(element.get("code") or "")
    found = division.tables["Accounts"].where("Code", code)
    if not found:
        raise _SetRefused(f"Relatie: {code.strip()} Niet gevonden!")
    return found[0]


def _item(division: Division, ledger: Row, account: Row | None, line: etree._Element) -> Row:
    """The one open item a line names. `amountdc` is in the debit view, so a sign error finds nothing."""
    named = {name: line.get(name) or "" for name in ("finyear", "finperiod", "journal", "entry", "amountdc")}
    base = division.base_currency
    what = f"GLAccount={ledger['Code']} " + " ".join(f"{name}={value}" for name, value in named.items())
    try:
        period = Period(int(named["finyear"]), int(named["finperiod"]))
        entry = int(named["entry"])
        wanted = round_minor(Decimal(named["amountdc"]).scaleb(exponent(base)), base).minor
    except (ValueError, InvalidOperation) as problem:
        raise _SetRefused(f"Invalid: {what}") from problem
    missing = _SetRefused(f"Betalingstermijn: {what} Niet gevonden!")
    if (named["journal"], period) in division.closed:
        raise missing
    posted = {
        row["ID"]
        for row in division.tables["TransactionLines"].where("EntryNumber", entry)
        if row["JournalCode"] == named["journal"]
        and (row["FinancialYear"], row["FinancialPeriod"]) == (period.year, period.number)
        and row["base_minor"] == wanted
        and row["GLAccount"] == ledger["ID"]
        and (account is None or row["Account"] == account["ID"])
    }
    if len(posted) > 1:
        raise _SetRefused(f"Betalingstermijn: {what} is not unique.")
    terms = division.tables["Terms"]
    found = [row for each in posted for row in terms.where("TransactionID", each) if not row["IsFullyPaid"]]
    if not found:
        raise missing
    return found[0]


def _write_off(match_set: etree._Element) -> _WriteOff | None:
    element = match_set.find("WriteOff")
    if element is None:
        return None
    if element.get("type") not in WRITE_OFF_TYPES:
        raise _SetRefused("Invalid: WriteOff type")
    gl_code = element.find("GLAccount")
    text = element.findtext("Description") or "Write-off"
    return _WriteOff(element.get("type") or "0", (gl_code.get("code") or "") if gl_code is not None else "", text)


def _booked_write_off(
    division: Division, write_off: _WriteOff, ledger: Row, account: Row | None, like: Row, difference: int
) -> Row:
    """Book the difference against the write-off account in the general journal; returns the item it makes."""
    if account is None:
        raise _SetRefused("A write-off needs an account.")
    counter = division.tables["GLAccounts"].where("Code", write_off.gl_code or division.write_off_code)
    if not counter:
        raise _SetRefused(f"Grootboekrekening: {write_off.gl_code} Niet gevonden!")
    dated = division.today()
    period = periods.of(division, dated)
    journal = division.general_journal()
    if (journal["Code"], period) in division.closed:
        raise _SetRefused("The period of the write-off is closed.")
    entry_id = division.new_id()
    lines = [
        DraftLine(1, ledger, -difference, dated, account, write_off.text),
        DraftLine(2, counter[0], difference, dated, None, write_off.text),
    ]
    number = division.next_entry_number(journal["Code"], period)
    currency = like["Currency"]
    rate = division.rate(currency)
    draft = Draft("WriteOff", entry_id, journal["Code"], number, period, currency, rate, 83, lines, 50)
    posting.post(division, draft)
    return division.tables["Terms"].where("TransactionEntryID", entry_id)[0]


def _attribute(match_set: etree._Element, tag: str, name: str) -> str:
    element = match_set.find(tag)
    if element is None or not element.get(name):
        raise _SetRefused(f"Mandatory: {tag}")
    return str(element.get(name))


def _messages(told: list[tuple[int, str]]) -> bytes:
    root = ElementTree.Element("eExact")
    messages = ElementTree.SubElement(root, "Messages")
    for kind, text in told:
        message = ElementTree.SubElement(messages, "Message", type=str(kind))
        ElementTree.SubElement(message, "Topic", code="MatchSets")
        ElementTree.SubElement(message, "Date")
        ElementTree.SubElement(message, "Description").text = text
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
