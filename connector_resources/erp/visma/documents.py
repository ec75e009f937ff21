"""Bodies of customer-ledger documents: our postings become Visma's exact JSON, and a sent request is read back (visma.md 2).

Pure: no I/O and no clock. Which request is due next is decided in `planning`; journals are built in `journals`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from bookkeeping.money import Money, exponent
from bookkeeping.postings import AccountRole, Allocation, Posting, Side
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.exact_json import load_exact
from connector_resources.erp.visma.settings import Segment, VismaSettings

PAYMENTS = "/v1/customerPayment"
CREDIT_NOTES = "/v1/customerCreditNote"
#: the v1 create is deprecated; everything else of credit notes is v1 (section 2.8).
NEW_CREDIT_NOTE = "/v2/customerCreditNote"
JOURNALS = "/v2/journaltransaction"
CUSTOMERS = "/v1/customer"

CREDIT_NOTE, JOURNAL, CUSTOMER = "CreditNote", "Journal", "Customer"
#: the type of the document that takes one of another type back (section 11.2).
VOIDED_BY = {"Payment": "VoidPayment", "Refund": "VoidRefund"}
PAYMENT_TYPES = frozenset({*VOIDED_BY, *VOIDED_BY.values()})
RELEASED_STATUSES = frozenset({"Open", "Closed", "Voided", "Unposted", "Posted"})

ZERO = Decimal(0)

PAYMENT_REF_LIMIT = 40
INVOICE_TEXT_LIMIT = 50
NUMBER_LIMIT = 15


# --- small pieces of the format --------------------------------------------------------------------------------------


def wrapped(value: Any) -> dict[str, Any]:
    """Scalars and nested objects are written as `{"value": x}` (section 3)."""
    return {"value": value}


def date_time(day: date) -> str:
    """Dates are date-times at midnight without a zone."""
    return f"{day.isoformat()}T00:00:00"


def segment(value: str) -> str:
    """`value` as a path segment; as `b64(...)` when it has a character outside letters, digits, `_` and `-` (1.2)."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", value):
        return value
    return f"b64({base64.urlsafe_b64encode(value.encode()).decode().rstrip('=')})"


def segment_value(text: str) -> str:
    """The value of a path segment, decoded. Raises `ValueError` when the base64 in `b64(...)` is broken."""
    plain = unquote(text)
    encoded = re.fullmatch(r"b64\(([A-Za-z0-9_-]*)\)", plain, re.IGNORECASE)
    if encoded is None:
        return plain
    padded = encoded.group(1) + "=" * (-len(encoded.group(1)) % 4)
    return base64.urlsafe_b64decode(padded).decode()


def fitting(limit: int, must: str, *wishes: str) -> str:
    """`must`, with every wish before it that fits into `limit` as a whole; ids stay intact as long as they can."""
    text = must[:limit]
    for wish in wishes:
        if wish and len(wish) + 1 + len(text) <= limit:
            text = f"{wish} {text}"
    return text


def subaccount(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    return [{"segmentId": each.segment_id, "segmentValue": each.segment_value} for each in segments]


# --- what a posting is called in Visma -------------------------------------------------------------------------------


def payment_ref(posting: Posting) -> str:
    """The look-up key of a receipt or refund: the GoCardless id, unique per posting, at most 40 characters.

    A second receipt of one payment (the chargeback was withdrawn, or a retry succeeded) carries a suffix, because the
    voided first document keeps its number and reference (sections 9.8 and 6.4).
    """
    if posting.facts.get("receipt") != "again":
        return posting.subject[:PAYMENT_REF_LIMIT]
    room = PAYMENT_REF_LIMIT - len(posting.subject) - 1
    return f"{posting.subject}/{posting.event_id[-room:]}"


def own_number(posting: Posting) -> str:
    """For `numbering: deterministic`: a document number made of the reference, at most 15 characters."""
    return "GC" + re.sub(r"[^A-Za-z0-9]", "", payment_ref(posting))[-(NUMBER_LIMIT - 2) :]


def invoice_text(posting: Posting, dated: date) -> str:
    """The text on the document: GoCardless id and our reference, and the true date when the document has another."""
    moved = f"of {posting.booking_date.isoformat()}" if dated != posting.booking_date else ""
    return fitting(INVOICE_TEXT_LIMIT, f"{posting.subject} {posting.reference}", moved, "GoCardless")


def sum_of(posting: Posting, role: AccountRole, side: Side) -> Money | None:
    """The posting's amount on one side of a role; None when it has no such line."""
    amounts = [line.amount for line in posting.lines if line.role is role and line.side is side]
    return Money(sum(each.minor for each in amounts), amounts[0].currency) if amounts else None


# --- bodies ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Payee:
    """Who pays or is paid, through which cash account and method."""

    customer: str
    cash_account: str
    method: str


def receipt(
    posting: Posting,
    amount: Money,
    dated: date,
    payee: Payee,
    allocations: Sequence[Allocation],
    settings: VismaSettings,
) -> dict[str, Any]:
    """A `Payment` of `amount`, applied to invoices; what is not applied stays on account (section 2.5)."""
    lines = [_application("Invoice", each.invoice, each.amount) for each in allocations]
    return _payment("Payment", posting, amount, dated, payee, lines, settings)


def refund(
    posting: Posting, amount: Money, dated: date, payee: Payee, credit_note: str, settings: VismaSettings
) -> dict[str, Any]:
    """A `Refund` that is applied to the credit note in full, without which it could not be released (section 9.19)."""
    return _payment(
        "Refund", posting, amount, dated, payee, [_application("CreditNote", credit_note, amount)], settings
    )


def _payment(
    kind: str,
    posting: Posting,
    amount: Money,
    dated: date,
    payee: Payee,
    lines: list[dict[str, Any]],
    settings: VismaSettings,
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": wrapped(kind),
        "customer": wrapped(payee.customer),
        "paymentMethod": wrapped(payee.method),
        "cashAccount": wrapped(payee.cash_account),
        "currency": wrapped(amount.currency),
        "paymentAmount": wrapped(amount.major),
        "applicationDate": wrapped(date_time(dated)),
        "paymentRef": wrapped(payment_ref(posting)),
        "invoiceText": wrapped(invoice_text(posting, dated)),
        "hold": wrapped(settings.create_on_hold),
    }
    if settings.branch:
        body["branch"] = wrapped(settings.branch)
    if settings.numbering == "deterministic":
        body["referenceNumber"] = wrapped(own_number(posting))
        body["overrideNumberSeries"] = wrapped(True)
    if lines:
        body["paymentLines"] = lines
    return body


def _application(document_type: str, number: str, amount: Money) -> dict[str, Any]:
    return {
        "operation": "Insert",
        "documentType": wrapped(document_type),
        "refNbr": wrapped(number),
        "amountPaid": wrapped(amount.major),
    }


def release(kind: str) -> dict[str, Any]:
    """The type of a release is wrapped, that of a void is not (section 2.5)."""
    return {"type": wrapped(kind)}


def void(kind: str) -> dict[str, Any]:
    return {"type": kind, "returnVoidPayment": True}


def credit_note(posting: Posting, amount: Money, dated: date, customer: str, settings: VismaSettings) -> dict[str, Any]:
    """A credit note whose total including VAT is `amount`. Raises `ValueError` when no net amount leads to it."""
    line: dict[str, Any] = {
        "operation": "Insert",
        "description": wrapped(posting.text),
        "quantity": wrapped(1),
        "unitPriceInCurrency": wrapped(net_of(amount, settings.refund_vat_percent).major),
        "manualAmountInCurrency": wrapped(net_of(amount, settings.refund_vat_percent).major),
        "accountNumber": wrapped(settings.accounts[AccountRole.SALES_RETURNS]),
    }
    if settings.refund_vat_category:
        line["vatCodeId"] = wrapped(settings.refund_vat_category)
    if settings.subaccount:
        line["subaccount"] = subaccount(settings.subaccount)
    body: dict[str, Any] = {
        "customerNumber": wrapped(customer),
        "currencyId": wrapped(amount.currency),
        "documentDate": wrapped(date_time(dated)),
        # A credit note on hold could not be released for its refund, so the setting create_on_hold is not for it.
        "hold": wrapped(False),
        "externalReference": wrapped(posting.subject),
        "invoiceText": wrapped(invoice_text(posting, dated)),
        "sendToAutoInvoice": wrapped(False),
        "dontPrint": wrapped(True),
        "dontEmail": wrapped(True),
    }
    if settings.branch:
        body["branchNumber"] = wrapped(settings.branch)
    return {**body, "lines": [line]}


def net_of(gross: Money, percent: Decimal) -> Money:
    """The net amount to which VAT of `percent`, rounded half up, adds to exactly `gross`. Raises `ValueError` if none."""
    estimate = int((Decimal(gross.minor) * 100 / (100 + percent)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    for net in (estimate, estimate - 1, estimate + 1):
        vat = int((net * percent / Decimal(100)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
        if net > 0 and net + vat == gross.minor:
            return Money(net, gross.currency)
    raise ValueError(f"no net amount with {percent} % VAT makes {gross}")


def attribute_lines(values: Mapping[str, str]) -> dict[str, Any]:
    """The change of customer attributes; nothing else of the customer is touched (section 2.9)."""
    lines = [{"attributeId": wrapped(name), "attributeValue": wrapped(value)} for name, value in values.items()]
    return {"attributeLines": lines}


def new_customer(posting: Posting, customer_class: str, attribute: str | None) -> dict[str, Any]:
    """A customer with what GoCardless knows of it; Visma numbers it (section 2.3)."""
    facts = posting.facts
    address = {
        field: wrapped(facts[fact])
        for field, fact in (
            ("addressLine1", "address_line1"),
            ("addressLine2", "address_line2"),
            ("addressLine3", "address_line3"),
            ("postalCode", "postal_code"),
            ("city", "city"),
            ("countryId", "country_code"),
        )
        if facts.get(fact)
    }
    name = facts.get("name") or (posting.party.name if posting.party else None) or posting.subject
    contact = {"name": wrapped(name)} | ({"email": wrapped(facts["email"])} if facts.get("email") else {})
    body: dict[str, Any] = {
        "name": wrapped(name),
        "customerClassId": wrapped(customer_class),
        # This one is bare, against the rule (section 2.3).
        "overrideWithClassValues": True,
        "mainContact": wrapped(contact),
    }
    if address:
        body["mainAddress"] = wrapped(address)
    return body | (attribute_lines({attribute: posting.subject}) if attribute else {})


# --- a sent request, read back ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """What a stored request asks for. `kind` and `number` name the document acted on; a create has no number yet.

    `action` is create, update, release or void. `fields` are the body's scalars, unwrapped; `lines` those of its list.
    """

    action: str
    kind: str
    number: str
    fields: Mapping[str, Any]
    lines: tuple[Mapping[str, Any], ...] = ()

    @property
    def dated(self) -> date:
        """The document's date. Raises `KeyError` for a request without one."""
        return next(
            date.fromisoformat(self.fields[name][:10])
            for name in ("applicationDate", "documentDate", "transactionDate")
            if name in self.fields
        )

    @property
    def is_release(self) -> bool:
        return self.action == "release"


_KINDS = {"customerpayment": "", "customercreditnote": CREDIT_NOTE, "journaltransaction": JOURNAL, "customer": CUSTOMER}
_LISTS = ("paymentLines", "lines", "journalTransactionLines", "attributeLines")


def read_request(planned: PlannedSubmission) -> Sent:
    """The meaning of a planned request, from its path and exact bytes."""
    parts = urlsplit(planned.path).path.strip("/").split("/")
    content: dict[str, Any] = load_exact(planned.body or b"{}")
    fields = {name: _unwrapped(value) for name, value in content.items() if name not in _LISTS}
    lines: list[dict[str, Any]] = next((content[name] for name in _LISTS if name in content), [])
    kind = _KINDS[parts[1].lower()] or str(fields.get("type", ""))
    number = segment_value(parts[2]) if len(parts) > 2 else ""
    if len(parts) > 4:
        action = parts[4]
    else:
        action = "update" if number else "create"
    rows = tuple({name: _unwrapped(value) for name, value in line.items()} for line in lines)
    return Sent(action, kind, number, fields, rows)


def _unwrapped(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and value.keys() == {"value"} else value


def money(amount: Decimal, currency: str) -> Money:
    """An amount as Visma reads it back: `125.0000` is 125.00 EUR. Finer digits are rounded to the minor unit (3)."""
    places = Decimal(1).scaleb(-exponent(currency))
    return Money.from_major(amount.quantize(places, rounding=ROUND_HALF_UP), currency)


def day_of(text: str) -> date | None:
    """The day of a date-time in any of the spellings of answers; None when there is none (section 9.25)."""
    return date.fromisoformat(text[:10]) if re.match(r"\d{4}-\d{2}-\d{2}", text) else None
