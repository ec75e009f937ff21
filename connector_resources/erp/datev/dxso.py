"""Posting proposals for invoices as DXSO files (datev.md 2.4, 3.9): ledger data, document.xml, the package of a transfer.

DATEV's interface checks nothing before it processes, so `ledger_faults` refuses what its schema would. Pure: no I/O.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from lxml import etree

from bookkeeping.postings import Posting
from connector_resources.erp.datev.bookings import debtor_number, document_source, first_open_day
from connector_resources.erp.datev.extf_text import clean_text, document_number
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.voucher import voucher_guid
from connector_resources.erp.refusal import CannotBook

LEDGER_NS = "http://xml.datev.de/bedi/tps/ledger/v060"
DOCUMENT_NS = "http://xml.datev.de/bedi/tps/document/v06.0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
GENERATOR = "ml-connector"
XML_DATA = "Kopie nur zur Verbuchung berechtigt nicht zum Vorsteuerabzug"
IMPORT_TYPE = "accountsReceivableLedgerImport"
LEDGER = "accountsReceivableLedger"
DOCUMENT_FILE = "document.xml"
#: receipts per transfer; each is one file and one call.
MOST_RECEIPTS = 200

_NOT_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9]")
_NAMES: dict[str, dict[Any, str]] = {name: {None: name, "xsi": XSI} for name in (LEDGER_NS, DOCUMENT_NS)}
_MONEY = r"-?(?!0+\.00$)[0-9]{1,10}\.[0-9]{2}"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
#: the elements of an entry that we write, in the order of DATEV's sequence, with what may stand in them
ELEMENTS = {
    "date": _DATE,
    "amount": _MONEY,
    "accountNo": r"[0-9]{1,9}",
    "tax": r"[0-9]{1,2}\.[0-9]{2}",
    "information": r"[^\x00-\x1f]{1,120}",
    "currencyCode": "[A-Z]{3}",
    "invoiceId": r"[a-zA-Z0-9$%&*+\-/]{1,36}",
    "bookingText": r"[^\x00-\x1f]{1,60}",
    "partyId": r"[^\x00-\x1f]{1,15}",
    "paidAt": _DATE,
    "bpAccountNo": "[1-9][0-9]{4,8}",
    "orderId": r"[^\x00-\x1f]{1,30}",
    "customerName": r"[^\x00-\x1f]{1,50}",
}


def is_proposed(posting: Posting) -> bool:
    """Only a receipt that names its invoice says enough for a proposal."""
    return bool(posting.invoices)


def ledger_file(posting: Posting, settings: DatevSettings) -> tuple[str, bytes]:
    """File name and bytes of the ledger data of one receipt. Raises `CannotBook` when it would not be accepted."""
    invoice = document_number(document_source(posting, settings))
    amount = posting.activity_amount
    assert amount is not None
    assert settings.dxso is not None
    day = first_open_day(posting.booking_date, settings).isoformat()
    party = posting.party
    customer = (party.gocardless_customer if party else None) or ""
    values = {
        "date": day,
        "amount": f"{amount.major:f}",
        "accountNo": str(settings.revenue or ""),
        "tax": f"{settings.dxso.tax_percent.quantize(Decimal('0.01')):f}",
        "information": clean_text(f"GoCardless {posting.subject}", 120),
        "currencyCode": amount.currency,
        "invoiceId": invoice,
        "bookingText": clean_text(posting.facts.get("description") or posting.text),
        "partyId": customer if len(customer) <= 15 else "",
        "paidAt": posting.booking_date.isoformat(),
        "bpAccountNo": str(debtor_number(party, settings)),
        "orderId": clean_text(posting.subject, 30),
        "customerName": clean_text((party.name if party else None) or "", 50),
    }
    content = _ledger_xml(values)
    if faults := ledger_faults(content):
        raise CannotBook(
            "dxso_invalid",
            f"The posting proposal of {posting.subject} would be refused: {'; '.join(faults)}.",
            "Correct the invoice reference or the dxso settings, then `connector release` the posting.",
        )
    return _file_name(posting), content


def _file_name(posting: Posting) -> str:
    """One name in every file system: no path, no character that one of them changes, and no two postings share it.

    A payment that was collected again has a second receipt with the same subject, perhaps in the same transfer.
    """
    return f"Rechnungsdaten_{_NOT_IN_FILE_NAME.sub('-', posting.subject)[:40]}_{voucher_guid(posting)[:8]}.xml"


def ledger_faults(content: bytes) -> list[str]:
    """Every reason why DATEV's schema would refuse a ledger data file of ours; empty when there is none."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        return [f"not XML: {error}"]
    group = root.find(f"{{{LEDGER_NS}}}consolidate")
    if root.tag != f"{{{LEDGER_NS}}}LedgerImport" or group is None or len(root) != 1 or len(group) == 0:
        return ["LedgerImport must hold one consolidate with an entry"]
    faults: list[str] = []
    if root.get("version") != "6.0" or root.get("xml_data") != XML_DATA:
        faults.append("version or xml_data of LedgerImport is wrong")
    for name, expression in (
        ("consolidatedAmount", _MONEY),
        ("consolidatedDate", _DATE),
        ("consolidatedInvoiceId", ELEMENTS["invoiceId"]),
        ("consolidatedCurrencyCode", ELEMENTS["currencyCode"]),
    ):
        if not re.fullmatch(expression, group.get(name, "")):
            faults.append(f"{name} {group.get(name, '')!r} is not allowed")
    for entry in group:
        faults += _entry_faults(entry)
    return faults


def _entry_faults(entry: etree._Element) -> list[str]:
    order = list(ELEMENTS)
    faults: list[str] = []
    last = -1
    names = []
    for element in entry:
        name = etree.QName(element).localname
        names.append(name)
        if name not in ELEMENTS:
            faults.append(f"{name} is not an element of ours")
            continue
        if order.index(name) <= last:
            faults.append(f"{name} stands out of sequence")
        last = order.index(name)
        if not re.fullmatch(ELEMENTS[name], element.text or ""):
            faults.append(f"{name} {element.text or ''!r} is not allowed")
    return faults + [
        f"{name} is missing" for name in ("date", "amount", "invoiceId", "bpAccountNo") if name not in names
    ]


def document_file(
    entries: Sequence[tuple[Posting, str]], settings: DatevSettings, month: str, created: datetime
) -> bytes:
    """document.xml: what each data file of the transfer is. `month` is YYYY-MM."""
    assert settings.dxso is not None
    root = etree.Element(
        f"{{{DOCUMENT_NS}}}archive", nsmap=_NAMES[DOCUMENT_NS], version="6.0", generatingSystem=GENERATOR
    )
    root.set(f"{{{XSI}}}schemaLocation", f"{DOCUMENT_NS} Document_v060.xsd")
    header = etree.SubElement(root, f"{{{DOCUMENT_NS}}}header")
    etree.SubElement(header, f"{{{DOCUMENT_NS}}}date").text = f"{created:%Y-%m-%dT%H:%M:%S}"
    content = etree.SubElement(root, f"{{{DOCUMENT_NS}}}content")
    for posting, name in entries:
        document = etree.SubElement(content, f"{{{DOCUMENT_NS}}}document", guid=voucher_guid(posting))
        extension = etree.SubElement(document, f"{{{DOCUMENT_NS}}}extension", datafile=name)
        extension.set(f"{{{XSI}}}type", LEDGER)
        etree.SubElement(extension, f"{{{DOCUMENT_NS}}}property", value=month, key="1")
        etree.SubElement(extension, f"{{{DOCUMENT_NS}}}property", value=settings.dxso.folder, key="3")
        repository = etree.SubElement(document, f"{{{DOCUMENT_NS}}}repository")
        for level, title in (("1", GENERATOR), ("2", "GoCardless"), ("3", month.replace("-", "/"))):
            etree.SubElement(repository, f"{{{DOCUMENT_NS}}}level", id=level, name=title)
    return _bytes(root)


def package(files: Sequence[tuple[str, bytes]]) -> bytes:
    """All files of a transfer as one archive with fixed times, so that the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def unpacked(content: bytes) -> list[tuple[str, bytes]]:
    """The files of a package in their order."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _ledger_xml(values: dict[str, str]) -> bytes:
    root = etree.Element(
        f"{{{LEDGER_NS}}}LedgerImport", nsmap=_NAMES[LEDGER_NS],
        version="6.0", generator_info=GENERATOR, generating_system=GENERATOR, xml_data=XML_DATA,
    )  # fmt: skip
    root.set(f"{{{XSI}}}schemaLocation", f"{LEDGER_NS} Belegverwaltung_online_ledger_import_v060.xsd")
    group = etree.SubElement(
        root, f"{{{LEDGER_NS}}}consolidate",
        consolidatedAmount=values["amount"], consolidatedDate=values["date"],
        consolidatedInvoiceId=values["invoiceId"], consolidatedCurrencyCode=values["currencyCode"],
    )  # fmt: skip
    entry = etree.SubElement(group, f"{{{LEDGER_NS}}}{LEDGER}")
    for name in ELEMENTS:
        if values[name]:
            etree.SubElement(entry, f"{{{LEDGER_NS}}}{name}").text = values[name]
    return _bytes(root)


def _bytes(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
