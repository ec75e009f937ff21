"""camt.054 as the template MXP_CAMT reads it: notifications, their entries, and what each says about invoice and
customer.

The template's exact reading is not public (fact sheet 7.6); this one takes the elements of the ISO 20022 message for what
they are, of the version the tenant has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree


class Unreadable(Exception):
    """The file is no message of the expected version, or an element that is needed is missing."""


@dataclass(frozen=True, slots=True)
class Share:
    """A referred document and, when it is told, the amount for it."""

    document: str
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction; `amount` is negative for a debit of the account. `texts` are the unstructured lines."""

    account: str
    statement: str
    booked_on: date
    currency: str
    amount: Decimal
    end_to_end: str
    servicer_reference: str
    customer: str
    shares: tuple[Share, ...]
    texts: tuple[str, ...]


def read(content: bytes, version: str) -> list[Transaction]:
    """Every transaction of every notification. Raises `Unreadable`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as problem:
        raise Unreadable(f"The file is not XML: {problem}") from problem
    if etree.QName(root).namespace != f"urn:iso:std:iso:20022:tech:xsd:{version}":
        raise Unreadable(f"The message is not {version} but {etree.QName(root).namespace}.")
    return [each for notice in root.iterfind("{*}BkToCstmrDbtCdtNtfctn/{*}Ntfctn") for each in _transactions(notice)]


def _transactions(notice: etree._Element) -> Iterator[Transaction]:
    account = _text(notice, "Acct/Id/IBAN") or _text(notice, "Acct/Id/Othr/Id")
    statement = _text(notice, "Id")
    for entry in notice.iterfind("{*}Ntry"):
        status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
        if status != "BOOK":
            continue
        details = list(entry.iterfind("{*}NtryDtls/{*}TxDtls"))
        if not details:
            raise Unreadable("An entry has no transaction details.")
        booked = _needed(entry, "BookgDt/Dt", _text(entry, "BookgDt/Dt") or _text(entry, "BookgDt/DtTm")[:10])
        read = [_transaction(entry, each, account, statement, _day(booked)) for each in details]
        whole = _amount(entry, "Amt") * (1 if _text(entry, "CdtDbtInd") == "CRDT" else -1)
        if sum((each.amount for each in read), Decimal(0)) != whole:
            raise Unreadable(f"The transactions of an entry do not add up to {whole}.")
        yield from read


def _transaction(
    entry: etree._Element, details: etree._Element, account: str, statement: str, booked: date
) -> Transaction:
    path = next((each for each in ("Amt", "AmtDtls/TxAmt/Amt") if _text(details, each)), "")
    holder, path = (details, path) if path else (entry, "Amt")
    side = _text(details, "CdtDbtInd") or _text(entry, "CdtDbtInd")
    if side not in ("CRDT", "DBIT"):
        raise Unreadable(f"The indicator {side!r} is neither CRDT nor DBIT.")
    amount = _amount(holder, path)
    element = holder.find(_any(path))
    assert element is not None
    parties = ("RltdPties/Dbtr", "RltdPties/Dbtr/Pty")
    numbers = [_text(details, f"{party}/Id/{kind}/Othr/Id") for party in parties for kind in ("OrgId", "PrvtId")]
    return Transaction(
        account,
        statement,
        booked,
        element.get("Ccy", ""),
        amount if side == "CRDT" else -amount,
        _text(details, "Refs/EndToEndId"),
        _text(details, "Refs/AcctSvcrRef") or _text(entry, "AcctSvcrRef"),
        next(filter(None, numbers), ""),
        tuple(_shares(details)),
        tuple(each.text or "" for each in details.iterfind("{*}RmtInf/{*}Ustrd")),
    )


def _shares(details: etree._Element) -> Iterator[Share]:
    for structured in details.iterfind("{*}RmtInf/{*}Strd"):
        number = _text(structured, "RfrdDocInf/Nb")
        amount = _text(structured, "RfrdDocAmt/RmtdAmt")
        if number:
            yield Share(number, _decimal(amount) if amount else None)


def _amount(holder: etree._Element, path: str) -> Decimal:
    return _decimal(_needed(holder, path, _text(holder, path)))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as problem:
        raise Unreadable(f"{text!r} is not an amount.") from problem


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as problem:
        raise Unreadable(f"{text!r} is not a date.") from problem


def _needed(holder: etree._Element, path: str, text: str) -> str:
    if not text:
        raise Unreadable(f"{etree.QName(holder).localname} has no {path}.")
    return text


def _text(holder: etree._Element, path: str) -> str:
    return (holder.findtext(_any(path)) or "").strip()


def _any(path: str) -> str:
    return "/".join(f"{{*}}{step}" for step in path.split("/"))
