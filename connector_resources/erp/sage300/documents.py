"""Request bodies of Sage 300 from our values, and our values from stored requests. Pure (sage300.md sections 2.4 to 2.11).

Sage puts the properties of a body into its business object in the order in which they stand (section 9, trap 1), so every body
here is built in the order of the view: keys, type, customer, bank, dates, texts, amounts, details.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from bookkeeping.money import Money, exponent, total
from bookkeeping.postings import AccountRole, Posting, Side
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.exact_json import load_exact
from connector_resources.erp.sage300 import addresses, odata, references
from connector_resources.erp.sage300.periods import Span

RECEIPTS, INVOICES, REFUNDS, JOURNALS, CUSTOMER = (
    "ReceiptBatch", "InvoiceBatch", "RefundBatch", "JournalBatch", "Customer",
)  # fmt: skip
BATCHES = (RECEIPTS, INVOICES, REFUNDS, JOURNALS)
#: kind -> resource behind the company; the last part tells the kind of a stored request.
PATHS = {
    RECEIPTS: addresses.RECEIPT_BATCHES,
    INVOICES: addresses.INVOICE_BATCHES,
    REFUNDS: addresses.REFUND_BATCHES,
    JOURNALS: addresses.JOURNAL_BATCHES,
    CUSTOMER: addresses.CUSTOMERS,
}
PROCESSES = {
    RECEIPTS: "AR/ARPostReceiptsAndAdjustments",
    INVOICES: "AR/ARPostInvoices",
    REFUNDS: "AR/ARPostRefunds",
    JOURNALS: "GL/GLPostJournal",
}
ENTRIES = {
    RECEIPTS: "ReceiptsAdjustments",
    INVOICES: "Invoices",
    REFUNDS: "RefundEntries",
    JOURNALS: "JournalHeaders",
}
TEXT_OF_BATCH = {RECEIPTS: "Description", INVOICES: "Description", REFUNDS: "BatchDescription", JOURNALS: "Description"}

CREATE, UPDATE, READY, POST = "create", "update", "ready", "post"
CASH = "CA"
#: never all batches: that would post other people's (section 2.7).
ONLY_THESE = "Donotpostallbatches"
NAME_LIMIT, EMAIL_LIMIT, SHORT_LIMIT, CITY_LIMIT, ZIP_LIMIT, VALUE_LIMIT = 60, 50, 10, 30, 20, 60


@dataclass(frozen=True, slots=True)
class Application:
    """How much of a receipt settles which instalment of which document."""

    document: str
    payment_number: int
    amount: Money


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line of a journal entry in the functional currency; debits are positive (section 2.9).

    `source` is the amount in the currency that was paid out or collected, and `rate` functional units per unit of it.
    """

    account: str
    amount: Money
    description: str
    reference: str
    source: Money | None = None
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored request, read again: what it makes or changes there, the number or key it names, and its fields."""

    kind: str
    action: str
    key: str
    fields: Mapping[str, Any]

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.fields.get(ENTRIES.get(self.kind, ""), ())
        return found

    @property
    def text(self) -> str:
        """What the batch is called."""
        return str(self.fields.get(TEXT_OF_BATCH.get(self.kind, ""), ""))


# --- receipts ----------------------------------------------------------------------------------------------------------


def receipt_batch(name: str, day: date, bank: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A batch of cash receipts of one bank (section 2.6). `BatchRecordType` must come with the POST."""
    return {
        "BatchRecordType": CASH,
        "BatchDate": day.isoformat(),
        "Description": name,
        "BankCode": bank,
        "ReceiptsAdjustments": list(entries),
    }


def receipt(
    posting: Posting,
    amount: Money,
    *,
    customer: str,
    dated: date,
    payment_code: str,
    applications: Sequence[Application],
) -> dict[str, Any]:
    """One receipt. What is not applied stays on the customer's account."""
    body: dict[str, Any] = {
        "BatchType": CASH,
        "ReceiptTransactionType": "Receipt",
        "CustomerNumber": customer,
        "ReceiptDateAdjustmentDate": dated.isoformat(),
        "PostingDate": dated.isoformat(),
        "CheckReceiptNumber": references.check_number(posting),
        "PaymentCode": payment_code,
        "EntryDescription": references.cut(_with_original_day(posting, dated)),
        "EntryReference": references.entry_reference(posting),
        "BankReceiptAmount": amount.major,
    }
    if applications:
        body["AppliedReceiptsAdjustments"] = [
            {
                "BatchType": CASH,
                "CustomerNumber": customer,
                "DocumentNumber": each.document,
                "PaymentNumber": each.payment_number,
                "ReceiptTransactionType": "Receipt",
                "CustomerReceiptAmount": each.amount.major,
            }
            for each in applications
        ]
    return body


# --- invoices, debit and credit notes ----------------------------------------------------------------------------------


def invoice_batch(name: str, day: date, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "BatchDate": day.isoformat(),
        "BatchStatus": "Open",
        "Description": name,
        "Invoices": list(entries),
    }


def invoice(
    posting: Posting,
    amount: Money,
    *,
    kind: str,
    number: str,
    customer: str,
    dated: date,
    account: str,
    tax_group: str | None,
    order_number: str = "",
) -> dict[str, Any]:
    """An invoice, a debit or a credit note with one line; the kind gives the sign (section 2.8)."""
    due = max(date.fromisoformat(posting.facts.get("due_on", dated.isoformat())), dated)
    body: dict[str, Any] = {
        "CustomerNumber": customer,
        "DocumentType": kind,
        "DocumentNumber": number,
        "InvoiceType": "Summary",
        "InvoiceDescription": references.entry_reference(posting),
        "DocumentDate": dated.isoformat(),
        "PostingDate": dated.isoformat(),
        "AsOfDate": dated.isoformat(),
        "DueDate": due.isoformat(),
        "OrderNumber": references.cut(order_number, references.DOCUMENT_LIMIT),
    }
    if tax_group is not None:
        body["TaxGroup"] = tax_group
    line = {
        "Description": references.cut(posting.facts.get("line_text") or _with_original_day(posting, dated)),
        "RevenueAccount": account,
        "ExtendedAmountWithTIP": amount.major,
    }
    body["InvoiceDetails"] = [line]
    if kind != "CreditNote":
        body["InvoicePaymentSchedules"] = [{"PaymentNumber": 1, "DueDate": due.isoformat()}]
    return body


# --- refunds -----------------------------------------------------------------------------------------------------------


def refund_batch(name: str, day: date, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"BatchDate": day.isoformat(), "BatchDescription": name, "RefundEntries": list(entries)}


def refund(posting: Posting, amount: Money, *, customer: str, dated: date, bank: str, note: str) -> dict[str, Any]:
    """Pays the posted credit note `note` out of the clearing bank (section 2.11)."""
    return {
        "DocumentDescription": references.entry_reference(posting),
        "DocumentDate": dated.isoformat(),
        "PostingDate": dated.isoformat(),
        "CustomerNumber": customer,
        "DocumentNumber": references.document_number(references.REFUND, posting),
        "CashBankAccount": bank,
        "CashPaymentCurrency": amount.currency,
        "CashAmountPayment": amount.major,
        "RefundDetails": [
            {
                "DocumentNumber": note,
                "PaymentNumber": 1,
                "PaymentType": "Cash",
                "AmountPayment": amount.major,
                "AmountCustomer": amount.major,
            }
        ],
    }


# --- journals ----------------------------------------------------------------------------------------------------------


def journal_batch(name: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Description": name, "JournalHeaders": list(entries)}


def journal_entry(
    posting: Posting, lines: Sequence[JournalLine], *, span: Span, dated: date, ledger: str, source_type: str
) -> dict[str, Any]:
    """One balanced entry with date, year and period spelled out, because Sage does not promise them (section 2.9)."""
    currency = lines[0].amount.currency
    assert not total([line.amount for line in lines], currency), posting.key
    return {
        "SourceLedger": ledger,
        "SourceType": source_type,
        "DocumentDate": dated.isoformat(),
        "PostingDate": dated.isoformat(),
        "FiscalYear": f"{span.year:04d}",
        "FiscalPeriod": f"{span.period:02d}",
        "Description": references.journal_name(posting),
        "JournalDetails": [_journal_detail(line, dated) for line in lines],
    }


def _journal_detail(line: JournalLine, dated: date) -> dict[str, Any]:
    body: dict[str, Any] = {"AccountNumber": line.account}
    if line.source is not None and line.rate is not None:
        body |= {
            "SourceCurrency": line.source.currency,
            "CurrencyRateDate": dated.isoformat(),
            "CurrencyRate": line.rate,
        }
    source = line.source if line.source is not None else line.amount
    return body | {
        "Amount": line.amount.major,
        "SourceCurrencyAmount": source.major,
        "Description": references.cut(line.description),
        "Reference": references.cut(line.reference),
    }


# --- what happens with a batch afterwards ------------------------------------------------------------------------------


def key_path(kind: str, number: str) -> str:
    """The address of a batch behind the company."""
    if kind == RECEIPTS:
        return f"{PATHS[kind]}(BatchRecordType='{CASH}',BatchNumber={int(number)})"
    return f"{PATHS[kind]}('{number}')" if kind == JOURNALS else f"{PATHS[kind]}({int(number)})"


def make_ready(kind: str, gl_property: str) -> dict[str, Any]:
    """The only property that is patched, so that nothing else of the batch is touched (section 2.7)."""
    if kind != JOURNALS:
        return {"BatchStatus": "ReadyToPost"}
    return {"ReadyToPost": "Yes"} if gl_property == "ReadyToPost" else {"Status": "ReadyToPost"}


def post_batch(kind: str, number: str, template: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the posting run of this batch alone.

    Those of the journal process have no certain names and are taken from its template. Raises `ValueError` without them.
    """
    if kind != JOURNALS:
        body: dict[str, Any] = {"BatchType": CASH} if kind == RECEIPTS else {}
        return body | {"PostAllBatches": ONLY_THESE, "PostBatchFrom": int(number), "PostBatchTo": int(number)}
    first = next((name for name in template if re.search(r"(?i)from", name) and re.search(r"(?i)batch", name)), None)
    last = next((name for name in template if re.search(r"(To|to_|TO)", name) and re.search(r"(?i)batch", name)), None)
    if first is None or last is None:
        raise ValueError("the template of GLPostJournal names no first and last batch")
    every = {name: ONLY_THESE for name in template if re.search(r"(?i)all.*batches", name)}
    return every | {first: number, last: number}


# --- customers ---------------------------------------------------------------------------------------------------------


def customer_path(number: str) -> str:
    """Raises `ValueError` for a number that cannot stand in an address."""
    return f"{PATHS[CUSTOMER]}({odata.key(number)})"


def optional_values(number: str, values: Mapping[str, str], present: Iterable[str]) -> dict[str, Any]:
    """Optional fields of a customer; insert or update is said for each, which spares Sage a search (section 2.0).

    The value is text whatever the type of the field (section 2.4).
    """
    known = set(present)
    return {
        "CustomerOptionalFieldValues": [
            {
                "CustomerNumber": number,
                "OptionalField": name,
                "Value": value[:VALUE_LIMIT],
                "UpdateOperation": "Update" if name in known else "Insert",
            }
            for name, value in values.items()
        ]
    }


def new_customer(posting: Posting, number: str, group: str, tax_group: str, field: str | None) -> dict[str, Any]:
    """A customer of GoCardless as a customer of Sage; what is not said comes from its group (section 2.3)."""
    facts = posting.facts
    name = facts.get("name", posting.subject)
    body = {
        "CustomerNumber": number,
        "ShortName": references.coded(name)[:SHORT_LIMIT] or number[:SHORT_LIMIT],
        "GroupCode": group,
        "CustomerName": name[:NAME_LIMIT],
        "TaxGroup": tax_group,
        "AddressLine1": facts.get("address_line1", "")[:NAME_LIMIT],
        "AddressLine2": facts.get("address_line2", "")[:NAME_LIMIT],
        "AddressLine3": facts.get("address_line3", "")[:NAME_LIMIT],
        "City": facts.get("city", "")[:CITY_LIMIT],
        "ZipPostalCode": facts.get("postal_code", "")[:ZIP_LIMIT],
        "Country": facts.get("country_code", ""),
        "Email": facts.get("email", "")[:EMAIL_LIMIT],
    }
    made: dict[str, Any] = {name: value for name, value in body.items() if value}
    if field is not None:
        made["CustomerOptionalFieldValues"] = [{"OptionalField": field, "Value": posting.subject}]
    return made


# --- stored requests and amounts ---------------------------------------------------------------------------------------


def read_request(planned: PlannedSubmission) -> Sent:
    """A planned or stored request, read again. Raises `ValueError` for one that is not ours."""
    fields = load_exact(planned.body)
    for kind, process in PROCESSES.items():
        if planned.path.endswith(f"{process}('$process')"):
            number = next(str(value) for name, value in fields.items() if re.search(r"(?i)from", name))
            return Sent(kind, POST, number, fields)
    found = re.search(r"/([A-Z]{2}/\w+)(?:\((.*)\))?$", planned.path)
    kind = next((kind for kind, path in PATHS.items() if found and found[1] == path), "")
    if not found or not kind:
        raise ValueError(f"{planned.reference}: {planned.path} is no address this connector writes to")
    if found[2] is None:
        return Sent(kind, CREATE, str(fields.get("CustomerNumber", "")) if kind == CUSTOMER else "", fields)
    key = found[2].rpartition("=")[2].strip("'").replace("''", "'")
    return Sent(kind, UPDATE if kind == CUSTOMER else READY, key, fields)


def money(value: Decimal | int, currency: str) -> Money:
    """An amount of an answer; Sage keeps three decimals for every currency (section 3.1)."""
    places = Decimal(1).scaleb(-exponent(currency))
    return Money.from_major(Decimal(value).quantize(places, ROUND_HALF_UP), currency)


def sum_of(posting: Posting, role: AccountRole, side: Side) -> Money | None:
    """The sum of a posting's lines of this role on one side; None when there are none."""
    amounts = [line.amount for line in posting.lines if line.role is role and line.side is side]
    return total(amounts, amounts[0].currency) if amounts else None


def _with_original_day(posting: Posting, dated: date) -> str:
    """The posting's text; the true date is kept where the document had to be dated otherwise."""
    moved = dated != posting.booking_date
    return f"{posting.text[:48]} OF {posting.booking_date}" if moved else posting.text
