"""Checks of the two DXSO files, the archive's `document.xml` and the ledger data files, written from datev.md 2.4.

DATEV's own XSD files (v06.0 and v060) are not at hand here. What the sheet does not tell is not checked: which elements
one ledger kind lacks against another, and which are required beyond date and amount.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from datetime import date

from lxml import etree

ARCHIVE = "http://xml.datev.de/bedi/tps/document/v06.0"
LEDGER = "http://xml.datev.de/bedi/tps/ledger/v060"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML_DATA = "Kopie nur zur Verbuchung berechtigt nicht zum Vorsteuerabzug"
LEDGERS = ("accountsReceivableLedger", "accountsPayableLedger", "cashLedger")
MOST_DOCUMENTS, MOST_EXTENSIONS, MOST_ENTRIES = 4999, 50, 5000

_MONEY = r"(?!-?0+\.00$)-?[0-9]{1,10}\.[0-9]{2}"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ANY = r"[^\x00-\x1f]*"
_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

#: the elements of a ledger entry in their order, with the expression of their text
ENTRY: dict[str, str] = {
    "date": _DATE,
    "amount": _MONEY,
    "discountAmount": _MONEY,
    "accountNo": r"[0-9]{1,9}",
    "buCode": r"[0-9]{1,4}",
    "costAmount": _MONEY,
    "costCategoryId": _ANY,
    "costCategoryId2": _ANY,
    "tax": r"[0-9]{1,2}\.[0-9]{2}",
    "information": r"[^\x00-\x1f]{1,120}",
    "currencyCode": r"[A-Z]{3}",
    "invoiceId": r"[a-zA-Z0-9$%&*+\-/]{1,36}",
    "bookingText": r"[^\x00-\x1f]{1,60}",
    "typeOfReceivable": _ANY,
    "ownVatId": _ANY,
    "shipFromCountry": r"[A-Z]{2}",
    "partyId": r"[^\x00-\x1f]{1,15}",
    "paidAt": _DATE,
    "internalInvoiceId": r"[^\x00-\x1f]{1,12}",
    "vatId": _ANY,
    "shipToCountry": r"[A-Z]{2}",
    "exchangeRate": r"[0-9]{1,4}\.[0-9]{6}",
    "bankCode": _ANY,
    "bankAccount": _ANY,
    "bankCountry": r"[A-Z]{2}",
    "iban": r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}",
    "swiftCode": r"[A-Z]{4}[A-Z0-9]{4,7}",
    "accountName": _ANY,
    "paymentConditionsId": r"[0-9]{1,3}",
    "paymentOrder": r"true|false|0|1",
    "discountPercentage": r"[0-9]{1,2}\.[0-9]{2}",
    "discountPaymentDate": _DATE,
    "discountAmount2": _MONEY,
    "discountPercentage2": r"[0-9]{1,2}\.[0-9]{2}",
    "discountPaymentDate2": _DATE,
    "dueDate": _DATE,
    "bpAccountNo": r"[1-9][0-9]{4,8}",
    "deliveryDate": _DATE,
    "orderId": r"[^\x00-\x1f]{1,30}",
    "customerName": r"[^\x00-\x1f]{1,50}",
    "customerCity": r"[^\x00-\x1f]{1,30}",
}
_REQUIRED = ("date", "amount")
_ORDER = {name: place for place, name in enumerate(ENTRY)}


def ledger_faults(content: bytes) -> list[str]:
    """Every reason why a ledger data file must be refused; empty when there is none."""
    root, faults = _parsed(content, LEDGER, "LedgerImport")
    if root is None:
        return faults
    faults += _attribute_faults(root, {"version": r"6\.0", "generator_info": r".{1,40}", "generating_system": r".+"})
    if root.get("xml_data") != XML_DATA:
        faults.append(f"LedgerImport: xml_data must be {XML_DATA!r}")
    groups = list(root)
    if [_name(group, LEDGER) for group in groups] != ["consolidate"]:
        return [*faults, "LedgerImport holds exactly one consolidate"]
    group = groups[0]
    wanted = {"Amount": _MONEY, "Date": _DATE, "InvoiceId": ENTRY["invoiceId"], "CurrencyCode": r"[A-Z]{3}"}
    faults += _attribute_faults(group, {f"consolidated{name}": shape for name, shape in wanted.items()})
    kinds = {_name(entry, LEDGER) for entry in group}
    if len(kinds) != 1 or not kinds <= set(LEDGERS) or len(group) > MOST_ENTRIES:
        faults.append(f"consolidate holds 1 to {MOST_ENTRIES} entries of one kind of {', '.join(LEDGERS)}")
    for place, entry in enumerate(group, start=1):
        faults += (f"entry {place}: {fault}" for fault in _entry_faults(entry))
    return faults


def archive_faults(content: bytes, files: Set[str]) -> list[str]:
    """Every reason why a `document.xml` must be refused; `files` are the names sent along with it."""
    root, faults = _parsed(content, ARCHIVE, "archive")
    if root is None:
        return faults
    faults += _attribute_faults(root, {"version": r"6\.0", "generatingSystem": r".+"})
    parts = [_name(part, ARCHIVE) for part in root]
    if parts != ["header", "content"]:
        return [*faults, "archive holds a header and then a content"]
    header, body = root
    stamp = header.find(f"{{{ARCHIVE}}}date")
    if stamp is None or not re.fullmatch(_DATE + r"T[0-9:]{8}.*", stamp.text or ""):
        faults.append("header: date is missing or no date-time")
    documents = [_name(document, ARCHIVE) for document in body]
    if set(documents) != {"document"} or len(documents) > MOST_DOCUMENTS:
        faults.append(f"content holds 1 to {MOST_DOCUMENTS} documents")
    for place, document in enumerate(body, start=1):
        faults += (f"document {place}: {fault}" for fault in _document_faults(document, files))
    return faults


def data_files(content: bytes) -> list[str]:
    """The names of the ledger data files an archive refers to, in order. The archive has been checked."""
    root = etree.fromstring(content, _parser())
    return [name for e in root.iter(f"{{{ARCHIVE}}}extension") if (name := e.get("datafile")) is not None]


def _document_faults(document: etree._Element, files: Set[str]) -> Iterator[str]:
    yield from _attribute_faults(document, {"guid": _GUID})
    parts = [_name(part, ARCHIVE) for part in document]
    extensions = [part for part in document if _name(part, ARCHIVE) == "extension"]
    if not 1 <= len(extensions) <= MOST_EXTENSIONS:
        yield f"holds 1 to {MOST_EXTENSIONS} extensions"
    if parts != ["extension"] * len(extensions) + ["repository"] * (len(parts) - len(extensions)):
        yield "holds extensions and then one repository"
    for extension in extensions:
        yield from _extension_faults(extension, files)
    for level in document.iter(f"{{{ARCHIVE}}}level"):
        yield from _attribute_faults(level, {"id": "[123]", "name": ".{1,30}"})


def _extension_faults(extension: etree._Element, files: Set[str]) -> Iterator[str]:
    kind = extension.get(f"{{{XSI}}}type", "")
    if kind in LEDGERS:
        name = extension.get("datafile")
        keys = {part.get("key"): part.get("value") or "" for part in extension}
        if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", keys.get("1", "")):
            yield "property 1 must be a month YYYY-MM"
        if not keys.get("3"):
            yield "property 3 must name a folder"
    elif kind in ("File", "SEPAFile"):
        name = extension.get("name")
    else:
        yield f"extension of unknown type {kind!r}"
        return
    if name not in files:
        yield f"file {name!r} was not sent"


def _entry_faults(entry: etree._Element) -> Iterator[str]:
    reached, seen = -1, set()
    for element in entry:
        name = _name(element, LEDGER)
        if name not in ENTRY:
            yield f"unknown element {name}"
            continue
        if name in seen:
            yield f"{name} stands twice"
        elif _ORDER[name] < reached:
            yield f"{name} is out of sequence"
        seen.add(name)
        reached = max(reached, _ORDER[name])
        value = element.text or ""
        if not re.fullmatch(ENTRY[name], value) or (ENTRY[name] == _DATE and not _is_date(value)):
            yield f"{name} {value!r} is not valid"
    yield from (f"{name} is missing" for name in _REQUIRED if name not in seen)


def _attribute_faults(element: etree._Element, shapes: dict[str, str]) -> Iterable[str]:
    name = etree.QName(element).localname
    for attribute, shape in shapes.items():
        value = element.get(attribute, "")
        if not re.fullmatch(shape, value) or (shape == _DATE and not _is_date(value)):
            yield f"{name}: {attribute} {value!r} is not valid"


def _parsed(content: bytes, namespace: str, name: str) -> tuple[etree._Element | None, list[str]]:
    try:
        root = etree.fromstring(content, _parser())
    except etree.XMLSyntaxError as wrong:
        return None, [f"not well-formed: {wrong.msg}"]
    if b"<!DOCTYPE" in content:
        return None, ["a document type definition is not allowed"]
    if _name(root, namespace) != name:
        return None, [f"the root is not {name} of {namespace}"]
    return root, []


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)


def _name(element: etree._Element, namespace: str) -> str:
    """The local name, or the full one when it is of another namespace."""
    name = etree.QName(element)
    return name.localname if name.namespace == namespace else name.text


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
