"""A voucher for a posting: a small PDF that shows what is booked, so that no booking stands without a document.

Pure and deterministic: the same posting gives the same bytes, and its GUID is derived from the posting's key.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence

from urllib3.filepost import encode_multipart_formdata

from bookkeeping.postings import Posting
from connector_resources.erp.datev.extf import BookingRow, amount_text
from connector_resources.erp.datev.extf_text import clean_text
from connector_resources.erp.datev.settings import DocumentService

#: DATEV takes 20 MB and warns from half a megabyte (datev.md 2.3); our vouchers have a few kilobytes.
NAMESPACE = uuid.UUID("6b2f3a0e-2f0c-5c7b-9f65-7a0f8b1d4c21")
LINES_PER_PAGE = 54
PAGE_WIDTH, PAGE_HEIGHT = 595, 842
LEFT, TOP, LINE_HEIGHT = 50, 790, 13
COLUMNS = 84


def voucher_guid(posting: Posting) -> str:
    """The document's id at DATEV. Always the same for a posting, so that a second upload is noticed."""
    return str(uuid.uuid5(NAMESPACE, f"{posting.connection}/{posting.key}"))


def voucher_link(guid: str) -> str:
    """What column 20 of a row holds to point at the document (datev.md 3.3)."""
    return f'BEDI "{guid}"'


def voucher_upload(posting: Posting, rows: Sequence[BookingRow], service: DocumentService) -> tuple[bytes, str]:
    """Multipart body and content type of the upload."""
    pdf = voucher_pdf(posting, rows)
    day = rows[0].day
    metadata = {
        "document_type": service.types[posting.kind],
        "note": clean_text(f"{rows[0].text} {posting.reference}", 255),
        "category": service.category,
        "folder": service.folder,
        "register": service.register_name.format(year=day.year, month=f"{day.month:02d}")[:30],
    }
    name = f"GoCardless_{''.join(c for c in posting.subject if c.isascii() and c.isalnum())}.pdf"
    return encode_multipart_formdata(
        [
            ("file", (name, pdf, "application/pdf")),
            ("metadata", ("metadata.json", json.dumps(metadata, ensure_ascii=False), "application/json")),
        ],
        boundary=f"voucher-{hashlib.sha256(pdf).hexdigest()[:32]}",
    )


def voucher_pdf(posting: Posting, rows: Sequence[BookingRow]) -> bytes:
    """The voucher as a PDF of one or more pages."""
    lines = _lines(posting, rows)
    pages = [lines[i : i + LINES_PER_PAGE] for i in range(0, len(lines), LINES_PER_PAGE)]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{4 + 2 * i} 0 R' for i in range(len(pages)))}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    ]
    for i, page in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * i} 0 R >>".encode()
        )
        stream = _page_stream(page)
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream))
    return _assembled(objects)


def _lines(posting: Posting, rows: Sequence[BookingRow]) -> list[str]:
    facts = posting.facts
    head = [
        ("GoCardless-ID", posting.subject),
        ("Belegdatum", f"{rows[0].day:%d.%m.%Y}"),
        ("Ereignis", f"{posting.occurred_at:%d.%m.%Y %H:%M} UTC ({posting.event_id})"),
        ("Referenz", posting.reference),
        ("Bank-Referenz", facts.get("payout_reference", "")),
        ("Belegfeld 1", rows[0].document_number),
    ]
    lines = [rows[0].text, ""]
    lines += [f"{name:<16}{value}" for name, value in head if value]
    lines += ["", f"{'Soll':>9} {'Haben':>9} {'Betrag':>15}     Text", "-" * COLUMNS]
    for row in rows:
        debit, credit = (row.account, row.contra) if row.debit else (row.contra, row.account)
        amount = f"{amount_text(row.amount)} {row.amount.currency}"
        lines.append(f"{debit:>9} {credit:>9} {amount:>19} {row.text}")
    return [clean_text_keeping_columns(line) for line in lines]


def clean_text_keeping_columns(line: str) -> str:
    """Characters of the code page, at most a page wide; runs of blanks stay, they are the columns."""
    return "".join(clean_text(c, 4) or " " for c in line)[:COLUMNS]


def _page_stream(lines: Sequence[str]) -> bytes:
    shown = [b"(%b) Tj T*" % _escaped(line) for line in lines]
    return b"BT /F1 9 Tf %d TL %d %d Td\n%b\nET" % (LINE_HEIGHT, LEFT, TOP, b"\n".join(shown))


def _escaped(line: str) -> bytes:
    for character in ("\\", "(", ")"):
        line = line.replace(character, f"\\{character}")
    return line.encode("cp1252")


def _assembled(objects: Sequence[bytes]) -> bytes:
    """Objects with the table of their positions."""
    out = bytearray(b"%PDF-1.4\n")
    positions = []
    for number, content in enumerate(objects, start=1):
        positions.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % position for position in positions)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
