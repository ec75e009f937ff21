"""camt.054 notifications (ISO 20022) of receipts and what is taken back, as external payment files (section 7.6). Pure.

One file is one notification of one cash account. IFS's template reads it; which version it reads is a setting, because that is
not public. Every transaction carries our reference as `EndToEndId` and `AcctSvcrRef`, the mandate, and the invoices it settles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from bookkeeping.money import Money, total

#: longest texts of ISO 20022: identifications, names, unstructured remittance information.
ID_LIMIT, NAME_LIMIT, TEXT_LIMIT = 35, 70, 140
#: a transaction that takes money back, by GoCardless's cause; everything else is not specified by the agent.
RETURN_REASONS = {
    "insufficient_funds": "AM04",
    "refer_to_payer": "MS02",
    "bank_account_closed": "AC04",
    "invalid_bank_details": "AC01",
    "mandate_cancelled": "MD01",
    "authorisation_disputed": "MD01",
    "refund_requested": "MD06",
    "customer_deceased": "MD07",
}
UNSPECIFIED = "MS03"
_NO_TEXT = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a transaction is for which invoice; `number` as the payer may quote it."""

    number: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Transaction:
    """One entry. `amount` is positive for money that came, negative for money that went back."""

    reference: str
    amount: Money
    payment: str
    customer: str
    name: str = ""
    mandate: str = ""
    shares: Sequence[Share] = ()
    text: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """A file. `identification` is unique for ever; `account` is an IBAN, or the code of the cash account."""

    identification: str
    version: str
    made_at: datetime
    booked_on: date
    account: str
    account_is_iban: bool
    currency: str
    transactions: Sequence[Transaction]


def write(notification: Notification) -> str:
    """The file as text. The same notification always gives the same text."""
    space = f"urn:iso:std:iso:20022:tech:xsd:{notification.version}"
    root = etree.Element(etree.QName(space, "Document"), nsmap={None: space})  # type: ignore[dict-item]
    body = _add(root, "BkToCstmrDbtCdtNtfctn")
    head = _add(body, "GrpHdr")
    made_at = notification.made_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    _add(head, "MsgId", notification.identification[:ID_LIMIT])
    _add(head, "CreDtTm", made_at)
    notice = _add(body, "Ntfctn")
    _add(notice, "Id", notification.identification[:ID_LIMIT])
    _add(notice, "CreDtTm", made_at)
    account = _add(notice, "Acct")
    identity = _add(account, "Id")
    if notification.account_is_iban:
        _add(identity, "IBAN", notification.account)
    else:
        _add(_add(identity, "Othr"), "Id", notification.account)
    _add(account, "Ccy", notification.currency)
    _summary(notice, notification)
    for each in notification.transactions:
        _entry(notice, each, notification)
    xml: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return xml.decode()


def _summary(notice: etree._Element, notification: Notification) -> None:
    amounts = [each.amount for each in notification.transactions]
    summary = _add(notice, "TxsSummry")
    both = _add(summary, "TtlNtries")
    _add(both, "NbOfNtries", str(len(amounts)))
    for name, side in (
        ("TtlCdtNtries", [each for each in amounts if each.minor > 0]),
        ("TtlDbtNtries", [-each for each in amounts if each.minor < 0]),
    ):
        if side:
            part = _add(summary, name)
            _add(part, "NbOfNtries", str(len(side)))
            _add(part, "Sum", format(total(side, notification.currency).major, "f"))


def _entry(notice: etree._Element, each: Transaction, notification: Notification) -> None:
    entry = _add(notice, "Ntry")
    _amount(entry, "Amt", abs(each.amount))
    _add(entry, "CdtDbtInd", _side(each))
    status = _add(entry, "Sts", None if _is_v8(notification) else "BOOK")
    if _is_v8(notification):
        _add(status, "Cd", "BOOK")
    for name in ("BookgDt", "ValDt"):
        _add(_add(entry, name), "Dt", notification.booked_on.isoformat())
    _add(entry, "AcctSvcrRef", each.reference[:ID_LIMIT])
    _kind(entry, each)
    details = _add(_add(entry, "NtryDtls"), "TxDtls")
    references = _add(details, "Refs")
    _add(references, "AcctSvcrRef", each.reference[:ID_LIMIT])
    _add(references, "EndToEndId", each.reference[:ID_LIMIT])
    _add(references, "TxId", each.payment[:ID_LIMIT])
    if each.mandate:
        _add(references, "MndtId", each.mandate[:ID_LIMIT])
    _transaction_amount(details, each, notification)
    _debtor(details, each, notification)
    _remittance(details, each)
    if each.amount.minor < 0:
        returned = _add(details, "RtrInf")
        _add(_add(returned, "Rsn"), "Cd", RETURN_REASONS.get(each.cause, UNSPECIFIED))
        if each.cause:
            _add(returned, "AddtlInf", each.cause[:105])


def _kind(parent: etree._Element, each: Transaction) -> None:
    """Issued direct debit that was paid, or its return (ISO bank transaction codes)."""
    family, sub = "IDDT", "ESDD" if each.amount.minor > 0 else "UPDD"
    domain = _add(_add(parent, "BkTxCd"), "Domn")
    _add(domain, "Cd", "PMNT")
    code = _add(domain, "Fmly")
    _add(code, "Cd", family)
    _add(code, "SubFmlyCd", sub)


def _transaction_amount(details: etree._Element, each: Transaction, notification: Notification) -> None:
    """Version 2 has the amount in AmtDtls alone; later ones ask for amount and side of their own."""
    if notification.version.endswith(".02"):
        _amount(_add(_add(details, "AmtDtls"), "TxAmt"), "Amt", abs(each.amount))
        return
    _amount(details, "Amt", abs(each.amount))
    _add(details, "CdtDbtInd", _side(each))


def _debtor(details: etree._Element, each: Transaction, notification: Notification) -> None:
    debtor = _add(_add(details, "RltdPties"), "Dbtr")
    party = _add(debtor, "Pty") if _is_v8(notification) else debtor
    _add(party, "Nm", (_clean(each.name) or each.customer)[:NAME_LIMIT])
    other = _add(_add(_add(party, "Id"), "OrgId"), "Othr")
    _add(other, "Id", each.customer[:ID_LIMIT])
    _add(_add(other, "SchmeNm"), "Cd", "CUST")


def _remittance(details: etree._Element, each: Transaction) -> None:
    information = _add(details, "RmtInf")
    if each.text:
        _add(information, "Ustrd", each.text[:TEXT_LIMIT])
    for share in each.shares:
        structured = _add(information, "Strd")
        document = _add(structured, "RfrdDocInf")
        _add(_add(_add(document, "Tp"), "CdOrPrtry"), "Cd", "CINV")
        _add(document, "Nb", share.number[:ID_LIMIT])
        _amount(_add(structured, "RfrdDocAmt"), "RmtdAmt", abs(share.amount))


def _amount(parent: etree._Element, name: str, amount: Money) -> None:
    element = _add(parent, name, format(amount.major, "f"))
    element.set("Ccy", amount.currency)


def _side(each: Transaction) -> str:
    return "CRDT" if each.amount.minor > 0 else "DBIT"


def _is_v8(notification: Notification) -> bool:
    return notification.version.endswith(".08")


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, etree.QName(etree.QName(parent).namespace, name))
    if text is not None:
        element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    """On one line, and without what XML cannot hold: control characters, halves of characters, non-characters."""
    return _NO_TEXT.sub(" ", text).strip()
