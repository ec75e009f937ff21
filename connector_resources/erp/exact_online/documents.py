"""Request bodies of Exact Online from our values, and our values from stored requests and amounts. Pure (section 2.4 to 2.9).

Amounts of an `EntryLine` are in the credit view: what is credited to the line's account is positive. For a bank entry that is
the bank's own view (a receipt is +), for a general journal it is turned round.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import urlsplit

from bookkeeping.collection_write_back import shows_payment
from bookkeeping.money import Money, exponent, total
from bookkeeping.postings import Line, Posting, PostingKind, Side
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.exact_json import load_exact
from connector_resources.erp.exact_online.odata import date_time, key_of
from connector_resources.erp.exact_online.periods import Span

BANK_ENTRY, GENERAL_JOURNAL, CREDIT_NOTE = "BankEntry", "GeneralJournalEntry", "CreditNote"
MANDATE, ACCOUNT, RECEIVABLE = "DirectDebitMandate", "Account", "Receivable"
MATCH_SETS = "MatchSets"
BOOKED = frozenset({BANK_ENTRY, GENERAL_JOURNAL})
#: kind -> path behind the division; the last part tells the kind of a stored request.
PATHS = {
    BANK_ENTRY: "financialtransaction/BankEntries",
    GENERAL_JOURNAL: "generaljournalentry/GeneralJournalEntries",
    CREDIT_NOTE: "salesentry/SalesEntries",
    MANDATE: "cashflow/DirectDebitMandates",
    ACCOUNT: "crm/Accounts",
    RECEIVABLE: "cashflow/Receivables",
}
_LINES = {
    BANK_ENTRY: "BankEntryLines",
    GENERAL_JOURNAL: "GeneralJournalEntryLines",
    CREDIT_NOTE: "SalesEntryLines",
}
JSON = "application/json"
XML = "application/xml; charset=utf-8"
#: uploads of XML topics, outside of the REST services (section 1.1).
UPLOAD_PATH = "/docs/XMLUpload.aspx"
#: without it most properties of the created entity come back null (section 1.7).
PREFER = (("prefer", "return=representation"),)

#: section 3.6: our marker stands at the start and is short, the rest may be cut by screens.
TEXT_LIMIT, MARKER_LIMIT, REFERENCE_LIMIT = 60, 40, 30
#: how ids of GoCardless payments begin.
PAYMENT = "PM"
#: how descriptions of mandates begin that this connector keeps in Exact.
OUR_MANDATES = "GoCardless"
NAME_LIMIT, MANDATE_LIMIT = 50, 35
_INT32 = 2**31
_NAMESPACE = uuid.UUID("6f4b3a52-9a52-5d0f-8a3e-0d5a3b6f7c11")

WORDS = {
    PostingKind.RECEIPT: "receipt",
    PostingKind.RECEIPT_REVERSAL: "taken back",
    PostingKind.REFUND: "refund",
    PostingKind.REFUND_REVERSAL: "refund returned",
    PostingKind.PAYOUT: "payout",
    PostingKind.PAYOUT_REVERSAL: "payout returned",
    PostingKind.PAYOUT_REPEAT: "payout repeated",
    PostingKind.CORRECTION: "correction",
}


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One line of an entry. `amount` is in the credit view; `account` is the customer's GUID, `gl_account` a GUID.

    `offset` is the GUID of the posted line that it settles, for general journals only.
    """

    gl_account: str
    amount: Money
    dated: date
    description: str
    notes: str = ""
    account: str = ""
    our_ref: int = 0
    offset: str = ""
    vat_code: str = ""
    vat_amount: Money | None = None


@dataclass(frozen=True, slots=True)
class EntryHead:
    """What the lines of one entry share. `exchange_rate` is units of the division's currency per unit of `currency`."""

    kind: str
    journal: str
    currency: str
    span: Span
    exchange_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored request, read again: what it makes or changes, and its fields."""

    kind: str
    action: str
    key: str
    fields: Mapping[str, Any]

    @property
    def opens(self) -> str:
        """The bank journal whose balance it opens with, "" when it names no balance."""
        return str(self.fields["JournalCode"]) if "OpeningBalanceFC" in self.fields else ""

    @property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.fields.get(_LINES.get(self.kind, ""), ())
        return found


def bank_entry(
    head: EntryHead, entry_id: str, lines: Sequence[EntryLine], opening: Decimal | None, sign: int
) -> dict[str, Any]:
    """One bank entry with all its lines. `opening` None leaves both balances to Exact (section 2.8)."""
    moved = total([line.amount for line in lines], head.currency).major * sign
    body: dict[str, Any] = {
        "EntryID": entry_id,
        "JournalCode": head.journal,
        "Currency": head.currency,
        "FinancialYear": head.span.year,
        "FinancialPeriod": head.span.number,
    }
    if opening is not None:
        body |= {"OpeningBalanceFC": opening, "ClosingBalanceFC": opening + moved}
    body["BankEntryLines"] = [_line(line, sign, head.exchange_rate) for line in lines]
    return body


def general_journal(head: EntryHead, entry_id: str, lines: Sequence[EntryLine]) -> dict[str, Any]:
    """One balanced general journal entry: debits +, credits − (section 2.9)."""
    assert not total([line.amount for line in lines], head.currency), entry_id
    body: dict[str, Any] = {
        "EntryID": entry_id,
        "JournalCode": head.journal,
        "Currency": head.currency,
        "FinancialYear": head.span.year,
        "FinancialPeriod": head.span.number,
    }
    if head.exchange_rate is not None:
        body["ExchangeRate"] = head.exchange_rate
    body["GeneralJournalEntryLines"] = [_line(line, -1, None) for line in lines]
    return body


def _line(line: EntryLine, sign: int, exchange_rate: Decimal | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "Date": date_time(line.dated),
        "Description": line.description,
        "GLAccount": line.gl_account,
        "AmountFC": line.amount.major * sign,
    }
    if line.notes:
        body["Notes"] = line.notes
    if line.account:
        body["Account"] = line.account
    if 0 < line.our_ref < _INT32:
        body["OurRef"] = line.our_ref
    if line.offset:
        body["OffsetID"] = line.offset
    if line.vat_code:
        body["VATCode"] = line.vat_code
    if line.vat_amount is not None:
        body["AmountVATFC"] = line.vat_amount.major * sign
    if exchange_rate is not None:
        body["ExchangeRate"] = exchange_rate
    return body


def credit_note(
    posting: Posting,
    amount: Money,
    *,
    entry_id: str,
    journal: str,
    customer: str,
    gl_account: str,
    span: Span,
    dated: date,
    vat_code: str,
    vat_percent: Decimal,
) -> dict[str, Any]:
    """A sales entry with one negative line: gross `amount`, its VAT taken out of it to the cent (section 2.6)."""
    vat = vat_inside(amount, vat_percent)
    line: dict[str, Any] = {
        "GLAccount": gl_account,
        "AmountFC": -(amount - vat).major,
        "Description": description(posting, "credit note"),
        "Notes": notes(posting),
    }
    if vat_code:
        line |= {"VATCode": vat_code, "VATAmountFC": -vat.major}
    return {
        "EntryID": entry_id,
        "Journal": journal,
        "Customer": customer,
        "Currency": amount.currency,
        "EntryDate": date_time(dated),
        "ReportingYear": span.year,
        "ReportingPeriod": span.number,
        "Description": description(posting, "credit note"),
        "YourRef": posting.subject[:REFERENCE_LIMIT],
        "SalesEntryLines": [line],
    }


def vat_inside(gross: Money, percent: Decimal) -> Money:
    """The VAT in a gross amount, rounded half up to the minor unit."""
    vat = gross.major * percent / (100 + percent)
    return Money.from_major(vat.quantize(_places(gross.currency), ROUND_HALF_UP), gross.currency)


def mandate(posting: Posting, account: str, bank_account: str) -> dict[str, Any]:
    """A mandate that is never the main one: Exact's own collections must not use it (section 2.4)."""
    reference = posting.facts.get("mandate_reference", "")
    return {
        "Account": account,
        "BankAccount": bank_account,
        "Reference": posting.subject[:MANDATE_LIMIT],
        "Description": f"{OUR_MANDATES} {reference}".strip()[:TEXT_LIMIT],
        "Type": 0,
        "PaymentType": 1,
        "SignatureDate": date_time(posting.booking_date),
        "FirstSend": 0,
        "Main": 0,
    }


def new_account(posting: Posting) -> dict[str, Any]:
    """A customer of GoCardless as a customer in Exact; Exact chooses its code (section 2.2)."""
    facts = posting.facts
    body = {
        "Name": facts.get("name", posting.subject)[:NAME_LIMIT],
        "Status": "C",
        "SearchCode": posting.subject,
        "Email": facts.get("email"),
        "AddressLine1": facts.get("address_line1"),
        "AddressLine2": facts.get("address_line2"),
        "AddressLine3": facts.get("address_line3"),
        "Postcode": facts.get("postal_code"),
        "City": facts.get("city"),
        "Country": facts.get("country_code"),
    }
    return {name: value for name, value in body.items() if value}


def description(posting: Posting, word: str = "") -> str:
    """Our marker first, then the GoCardless id and what it is: what look-ups search for (section 6.4)."""
    assert len(posting.reference) <= MARKER_LIMIT, posting.reference
    return f"{posting.reference} {posting.subject} {word or WORDS[posting.kind]}"[:TEXT_LIMIT]


def exchange_marker(posting: Posting) -> str:
    """The reference of a payout's exchange differences: another than that of its own entries, to be told apart."""
    return f"{posting.reference}/FX"


def is_marked(text: str, reference: str) -> bool:
    """Whether a description is of the posting with this reference: the whole first word, not a beginning of it."""
    return marker_of(text) == reference


def marker_of(text: str) -> str:
    """The reference of the posting that a description is of, where it is one of ours."""
    return text.split(" ", 1)[0]


def notes(posting: Posting, line: Line | None = None, dated: date | None = None) -> str:
    """What an accountant may want to know beyond the description; the true date of what was moved is kept here."""
    facts = posting.facts
    parts = [
        posting.text,
        line.text if line and line.text not in posting.text else "",
        *(f"{name} {facts[name]}" for name in ("mandate_reference", "scheme", "payout", "cause") if facts.get(name)),
        f"of {posting.booking_date.isoformat()}" if dated and dated != posting.booking_date else "",
    ]
    return "; ".join(part for part in parts if part)


def payment_reference(posting: Posting) -> str:
    """What the receivable of an INVOICE_STATUS posting is to show: the payment that collects it, "" when none does."""
    return posting.facts.get("payment", "")[:REFERENCE_LIMIT] if shows_payment(posting) else ""


def shows_reference(posting: Posting, shown: str) -> bool:
    """Whether a receivable that shows `shown` says what an INVOICE_STATUS posting is about.

    One that is to name its payment no more may name the next attempt's already, which must not be wiped out.
    """
    wanted = payment_reference(posting)
    return shown == wanted if wanted else shown != posting.facts.get("payment", "")[:REFERENCE_LIMIT]


def entry_id_of(connection: str, reference: str) -> str:
    """The id we give an entry: the same for the same submission, for ever (section 6.4)."""
    return str(uuid.uuid5(_NAMESPACE, f"{connection}|{reference}"))


def is_upload(planned: PlannedSubmission) -> bool:
    """Whether a planned or stored request is an XML file."""
    return urlsplit(planned.path).path == UPLOAD_PATH


def read_request(planned: PlannedSubmission) -> Sent:
    """A planned or stored request, read again. Raises `ValueError` for one that is not ours."""
    path = urlsplit(planned.path).path
    if is_upload(planned):
        return Sent(MATCH_SETS, "create", "", {})
    resource = re.sub(r"\(.*\)$", "", path)
    kind = next((kind for kind, known in PATHS.items() if resource.endswith(known)), None)
    if kind is None:
        raise ValueError(f"{planned.reference}: {planned.path} is no address this connector writes to")
    fields = load_exact(planned.body)
    if planned.method == "PUT":
        return Sent(kind, "update", key_of(path), fields)
    return Sent(kind, "create", str(fields.get("EntryID", "")), fields)


def money(value: Decimal | int | str, currency: str) -> Money:
    """An amount of an answer. Doubles come with noise in their last digits and are rounded (section 3.3)."""
    return Money.from_major(Decimal(value).quantize(_places(currency), ROUND_HALF_UP), currency)


def sum_of(posting: Posting, roles: Iterable[str], side: Side) -> Money | None:
    """The sum of a posting's lines of these roles on one side; None when there are none."""
    amounts = [line.amount for line in posting.lines if line.role in set(roles) and line.side is side]
    return total(amounts, amounts[0].currency) if amounts else None


def signed(line: Line) -> Money:
    """A line's amount in the credit view."""
    return line.amount if line.side is Side.CREDIT else -line.amount


def _places(currency: str) -> Decimal:
    return Decimal(1).scaleb(-exponent(currency))
