"""How our documents are called in Sage 300: batch texts, document numbers and references that look-ups search for. Pure.

Sage has no idempotency key and takes the same batch twice, so every name is derived from the posting alone (sage300.md section
6) and fits its column (section 3.4). Generated codes are upper-case letters, digits and hyphens: comparison is by the byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import date

from bookkeeping.postings import Posting, PostingKind

#: every batch text of ours begins so; batches of others are never touched (section 8).
OURS = "GC "
CHECK_LIMIT, DOCUMENT_LIMIT, CUSTOMER_LIMIT, TEXT_LIMIT = 24, 22, 12, 60
#: as many hexadecimal digits tell batches of one day apart.
DIGEST = 12

DEBIT_NOTE, CREDIT_NOTE, INVOICE, REFUND = "GCD", "GCC", "GCI", "GCR"

WORDS = {
    PostingKind.RECEIPT: "RECEIPT",
    PostingKind.RECEIPT_REVERSAL: "TAKEN BACK",
    PostingKind.REFUND: "REFUND",
    PostingKind.REFUND_REVERSAL: "REFUND RETURNED",
    PostingKind.PAYOUT: "PAYOUT",
    PostingKind.PAYOUT_REVERSAL: "PAYOUT RETURNED",
    PostingKind.PAYOUT_REPEAT: "PAYOUT AGAIN",
    PostingKind.CORRECTION: "CORRECTION",
    PostingKind.SALES_INVOICE: "INVOICE",
}


def batch_name(word: str, day: date, connection: str, keys: Sequence[str]) -> str:
    """`GC RCPT 20250115 7F3A…`: the same postings in one batch always have the same name, others never."""
    return f"{OURS}{word} {day:%Y%m%d} {_digest(chr(10).join((connection, *keys)), DIGEST)}"


def journal_name(posting: Posting) -> str:
    """Text of a payout's batch and entry: kind, payout and event, because a payout may come back and go out again."""
    return cut(f"{OURS}{WORDS[posting.kind]} {posting.subject} {posting.reference}")


def journal_reference(posting: Posting) -> str:
    """Reference of journal lines that belong to no single payment."""
    return cut(f"{posting.subject} {posting.reference}")


def check_number(posting: Posting) -> str:
    """The receipt's number: the payment's id; whatever is booked for it a further time has a suffix (section 11)."""
    subject = coded(posting.subject)
    if posting.kind is PostingKind.RECEIPT and posting.facts.get("receipt") != "again":
        return fitting(subject, CHECK_LIMIT)
    suffix = {PostingKind.RECEIPT: "CBC", PostingKind.REFUND_REVERSAL: "BNC"}.get(posting.kind, "COR")
    return fitting(f"{subject}-{suffix}{_digest(posting.event_id, 4)}", CHECK_LIMIT)


def entry_reference(posting: Posting) -> str:
    """Our reference and what happened; look-ups compare the whole of it."""
    return cut(f"{posting.reference} {posting.subject} {WORDS[posting.kind]}")


def document_number(prefix: str, posting: Posting) -> str:
    """Number of a note, an invoice or a refund. A payment can be taken back more than once, so that a debit note tells which.

    Our own invoices and what takes them back are called as receipts quote them.
    """
    if prefix == INVOICE:
        return fitting(coded(posting.reference), DOCUMENT_LIMIT)
    suffix = f"-{_digest(posting.event_id, 4)}" if prefix == DEBIT_NOTE else ""
    return fitting(f"{prefix}{coded(posting.subject)}{suffix}", DOCUMENT_LIMIT)


def new_customer_number(posting: Posting) -> str:
    """The number of a customer we make: GoCardless's id where it fits, so that a second try meets the first."""
    code = coded(posting.subject)
    return code if len(code) <= CUSTOMER_LIMIT else f"GC{_digest(code, CUSTOMER_LIMIT - 2)}"


def fitting(code: str, limit: int) -> str:
    """`code`, or its beginning and a digest of the whole when it is too long for its column."""
    return code if len(code) <= limit else f"{code[: limit - 9]}-{_digest(code, 8)}"


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length].upper()


def coded(text: str) -> str:
    return re.sub(r"[^A-Z0-9-]", "", text.upper())


def cut(text: str, limit: int = TEXT_LIMIT) -> str:
    """Upper-case text of one line that fits; what the server's code page lacks becomes a question mark (section 3.4)."""
    shown = " ".join(text.split()).upper().encode("latin-1", "replace").decode("latin-1")
    return shown[:limit].rstrip()


def is_ours(description: str) -> bool:
    return description.startswith(OURS)
