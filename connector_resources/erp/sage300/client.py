"""Sage 300's Web API, one method an endpoint, on a `Transport`: selects, filters and paging (sage300.md sections 2 and 4).

It decides nothing. Every read names its properties, because a whole record is slow and heavy (section 9, trap 28), and sends a
content type, without which Sage answers 500 (section 1.4). Long lists of numbers are asked for in several calls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.sage300 import odata, wire
from connector_resources.erp.sage300.addresses import (
    CUSTOMERS,
    INVOICE_BATCHES,
    JOURNAL_BATCHES,
    JSON,
    RECEIPT_BATCHES,
    REFUND_BATCHES,
)
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.errors import BadAnswer, NotFound
from connector_resources.transport.messages import Request, Response, Transport

SYSTEM = "sage300"
#: pages of one list before we take the answer to be broken.
MAX_PAGES = 5000
#: how often a list is read again when rows came or went while it was read.
MOST_READINGS = 3
#: batches whose entries are read with one call; each may hold many.
BATCHES_AT_ONCE = 10

_Model = TypeVar("_Model", bound=BaseModel)
_Batch = TypeVar("_Batch", wire.ReceiptBatch, wire.InvoiceBatch, wire.RefundBatch, wire.JournalBatch)


class Sage300Client:
    """All reads and the one write of a connection.

    Reads raise `NotSent`, `BadAnswer`, `Refused` and its kinds; the write raises what `Transport.send` does.
    """

    def __init__(self, transport: Transport, settings: Sage300Settings, *, connection: str) -> None:
        self._transport = transport
        self._settings = settings
        self._connection = connection

    def close(self) -> None:
        self._transport.close()

    # --- the company -------------------------------------------------------------------------------------------------

    def company_profile(self) -> wire.CompanyProfile:
        rows = self._page("CS/CSCompanyProfile", wire.CompanyProfile)[1]
        if not rows:
            raise BadAnswer("Sage 300 shows no company profile.", system=SYSTEM, connection=self._connection)
        return rows[0]

    def module_answers(self, resource: str, field: str) -> None:
        """Reads one row, only to see whether the user may."""
        self._page(resource, wire.Wire, select=field, top=1)

    def gl_accounts(self, unformatted: Collection[str]) -> list[wire.GlAccount]:
        select = "UnformattedAccount,AccountNumber,Description,Status,ControlAccount,ControlAccountSubledgers"
        return self._asked("GL/GLAccounts", wire.GlAccount, select, "UnformattedAccount", unformatted)

    def fiscal_calendar(self, year: int) -> wire.FiscalCalendar | None:
        """None when the company has no such fiscal year."""
        return self._record(f"CS/CSFiscalCalendars({odata.key(str(year))})", wire.FiscalCalendar)

    def bank(self, code: str) -> wire.Bank | None:
        return self._record(f"BK/BKBanks({odata.key(code)})", wire.Bank, "BankCode,BankAccount,StatementCurrency")

    def payment_code(self, code: str) -> wire.PaymentCode | None:
        return self._record(f"AR/ARPaymentCodes({odata.key(code)})", wire.PaymentCode, "PaymentCodeKey,Status")

    def source_code_exists(self, ledger: str, kind: str) -> bool:
        condition = f"SourceLedger eq {odata.text(ledger)} and SourceType eq {odata.text(kind)}"
        return bool(self._list("GL/GLSourceCodes", wire.Wire, "SourceLedger,SourceType", condition))

    def process_template(self, process: str) -> dict[str, Any]:
        """The default parameters of a process, whose names differ by release (section 2.9)."""
        content = self._json(self._read_write_free("POST", f"{process}('$template')"))
        return content if isinstance(content, dict) else {}

    # --- customers ---------------------------------------------------------------------------------------------------

    def customers(self, numbers: Collection[str]) -> list[wire.Customer]:
        """The customers with these numbers; when they are many, all are read instead."""
        if len(numbers) > 5 * self._settings.terms_per_filter:
            return [row for row in self.changed_customers(None) if row.customer_number in numbers]
        return self._asked(CUSTOMERS, wire.Customer, CUSTOMER_FIELDS, "CustomerNumber", numbers)

    def customers_with_email(self, email: str) -> list[wire.Customer]:
        return self._asked(CUSTOMERS, wire.Customer, CUSTOMER_FIELDS, "Email", [email])

    def changed_customers(self, since: date | None) -> Iterator[wire.Customer]:
        """Customers maintained on that day or later, or all, by number: a page begins after the last number read.

        What comes or goes meanwhile cannot shift a page (section 4).
        """
        last = ""
        changed = "" if since is None else f"DateLastMaintained ge {self._moment(since)}"
        for _ in range(MAX_PAGES):
            after = f"CustomerNumber gt {odata.text(last)}" if last else ""
            condition = " and ".join(part for part in (changed, after) if part)
            page, rows = self._page(CUSTOMERS, wire.Customer, select=CUSTOMER_FIELDS, filter=condition)
            yield from rows
            if not rows:
                return
            if rows[-1].customer_number <= last:
                break
            last = rows[-1].customer_number
            if page.skip is None and page.count is not None and page.count <= len(rows):
                return
        raise BadAnswer("The list of customers does not end.", system=SYSTEM, connection=self._connection)

    def recurring_charges(self) -> list[wire.RecurringCharge]:
        return self._list("AR/ARRecurringCharges", wire.RecurringCharge, RECURRING_FIELDS)

    # --- posted documents --------------------------------------------------------------------------------------------

    def open_documents(self, customers: Collection[str] = ()) -> list[wire.PostedDocument]:
        """What is not fully paid, of some customers or of all: invoices, notes, receipts on account."""
        path, unpaid = "AR/ARPostedDocuments", f"FullyPaid eq {self._member('FullyPaid', 'No')}"
        if not customers:
            return self._list(path, wire.PostedDocument, DOCUMENT_FIELDS, unpaid)
        found: list[wire.PostedDocument] = []
        for customer in sorted(customers):
            condition = f"CustomerNumber eq {odata.text(customer)} and {unpaid}"
            found += self._list(path, wire.PostedDocument, DOCUMENT_FIELDS, condition)
        return found

    def posted_documents(self, numbers: Collection[str]) -> list[wire.PostedDocument]:
        path = "AR/ARPostedDocuments"
        return self._asked(path, wire.PostedDocument, DOCUMENT_FIELDS, "DocumentNumber", numbers)

    def posted_receipts(self, checks: Collection[str]) -> list[wire.PostedReceipt]:
        path = "AR/ARPostedReceipts"
        return self._asked(path, wire.PostedReceipt, RECEIPT_FIELDS, "CheckReceiptNumber", checks)

    def posted_transactions(self, references: Collection[str]) -> list[wire.PostedTransaction]:
        select = "AccountNumber,PostingSequenceNumber,DetailCount,BatchNumber,JournalDetailReference"
        path, name = "GL/GLPostedTransactions", "JournalDetailReference"
        return self._asked(path, wire.PostedTransaction, select, name, references)

    def posted_refunds(self, numbers: Collection[str]) -> list[wire.PostedPayment]:
        select = "CustomerNumber,DocumentNumber,PaymentAmount,BatchNumber"
        return self._asked("AR/ARPayments", wire.PostedPayment, select, "DocumentNumber", numbers)

    # --- batches -----------------------------------------------------------------------------------------------------

    def batches(self, resource: str, numbers: Collection[str]) -> list[wire.Batch]:
        """Batches of a resource with their entries, by number."""
        reads: dict[str, Callable[[Collection[str]], Sequence[wire.Batch]]] = {
            RECEIPT_BATCHES: self.receipt_batches,
            INVOICE_BATCHES: self.invoice_batches,
            REFUND_BATCHES: self.refund_batches,
            JOURNAL_BATCHES: self.journal_batches,
        }
        return list(reads[resource](numbers)) if numbers else []

    def batches_called(self, resource: str, names: Collection[str]) -> list[wire.Batch]:
        """Batches of a resource with their entries, by their text; deleted ones left out."""
        reads: dict[str, Callable[[Collection[str]], Sequence[wire.Batch]]] = {
            RECEIPT_BATCHES: self._receipt_batches_called,
            INVOICE_BATCHES: self._invoice_batches_called,
            REFUND_BATCHES: self._refund_batches_called,
            JOURNAL_BATCHES: self._journal_batches_called,
        }
        return [row for row in (reads[resource](names) if names else ()) if row.batch_status != "Deleted"]

    def unposted_receipts(self) -> list[wire.ReceiptBatch]:
        """Receipt batches of anybody that lower no balance yet, with their entries."""
        posted, deleted = self._member("BatchStatus", "Posted"), self._member("BatchStatus", "Deleted")
        condition = f"BatchRecordType eq 'CA' and BatchStatus ne {posted} and BatchStatus ne {deleted}"
        return self._list(RECEIPT_BATCHES, wire.ReceiptBatch, RECEIPT_BATCH_FIELDS, condition)

    def receipt_batches(self, numbers: Collection[str]) -> list[wire.ReceiptBatch]:
        scope = "BatchRecordType eq 'CA' and "
        return self._numbered(RECEIPT_BATCHES, wire.ReceiptBatch, RECEIPT_BATCH_FIELDS, numbers, scope)

    def invoice_batches(self, numbers: Collection[str]) -> list[wire.InvoiceBatch]:
        return self._numbered(INVOICE_BATCHES, wire.InvoiceBatch, INVOICE_BATCH_FIELDS, numbers)

    def refund_batches(self, numbers: Collection[str]) -> list[wire.RefundBatch]:
        return self._numbered(REFUND_BATCHES, wire.RefundBatch, REFUND_BATCH_FIELDS, numbers)

    def journal_batches(self, numbers: Collection[str]) -> list[wire.JournalBatch]:
        """One call each: a payout's journal may have thousands of lines."""
        found = (
            self._record(f"{JOURNAL_BATCHES}({odata.key(number)})", wire.JournalBatch) for number in sorted(numbers)
        )
        return [row for row in found if row is not None]

    def _receipt_batches_called(self, names: Collection[str]) -> list[wire.ReceiptBatch]:
        rows = self._asked(RECEIPT_BATCHES, wire.ReceiptBatch, RECEIPT_BATCH_FIELDS, "Description", names)
        return [row for row in rows if row.batch_record_type == "CA"]

    def _invoice_batches_called(self, names: Collection[str]) -> list[wire.InvoiceBatch]:
        return self._asked(INVOICE_BATCHES, wire.InvoiceBatch, INVOICE_BATCH_FIELDS, "Description", names)

    def _refund_batches_called(self, names: Collection[str]) -> list[wire.RefundBatch]:
        return self._asked(REFUND_BATCHES, wire.RefundBatch, REFUND_BATCH_FIELDS, "BatchDescription", names)

    def _journal_batches_called(self, names: Collection[str]) -> list[wire.JournalBatch]:
        return self._asked(JOURNAL_BATCHES, wire.JournalBatch, JOURNAL_BATCH_FIELDS, "Description", names)

    def open_batches(self, resource: str, beginning: str) -> list[wire.Batch]:
        """Headers of open batches whose text begins so; of receipts, which are read with entries, see above."""
        model, status, name = _HEADERS[resource]
        condition = f"{status} eq {self._member(status, 'Open')} and startswith({name},{odata.text(beginning)})"
        select = f"BatchNumber,{status},{name},NumberOfEntries"
        return list(self._list(resource, model, select, condition))

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, planned: PlannedSubmission) -> Any:
        """Send the planned bytes once. The record that was made; None where Sage answers with an empty body."""
        response = self._transport.send(
            Request(
                planned.method,
                planned.path,
                headers=planned.headers,
                body=planned.body,
                content_type=planned.content_type,
                write=True,
                timeout_s=self._settings.write_timeout_s,
            )
        )
        return self._json(response) if response.body.strip() else None

    # --- reading -----------------------------------------------------------------------------------------------------

    def _numbered(
        self, resource: str, model: type[_Batch], select: str, numbers: Collection[str], scope: str = ""
    ) -> list[_Batch]:
        """Batches by number, those next to each other in one call."""
        found: list[_Batch] = []
        for first, last in _windows(sorted({int(number) for number in numbers})):
            condition = f"{scope}BatchNumber ge {first} and BatchNumber le {last}"
            found += self._list(resource, model, select, condition)
        return [row for row in found if row.number in numbers]

    def _asked(self, path: str, model: type[_Model], select: str, name: str, values: Collection[str]) -> list[_Model]:
        """All rows whose `name` is one of `values`, some at a time: addresses stay short."""
        found: list[_Model] = []
        for some in _slices(sorted(set(values)), self._settings.terms_per_filter):
            found += self._list(path, model, select, odata.any_of(name, map(odata.text, some)))
        return found

    def _list(self, path: str, model: type[_Model], select: str, condition: str = "") -> list[_Model]:
        """Every row, once. Read again when rows came or went meanwhile and shifted the pages (section 4)."""
        for _ in range(MOST_READINGS):
            rows, is_whole = self._whole(path, model, select, condition)
            if is_whole:
                return rows
        raise BadAnswer(
            f"The list {path} changed while it was read, {MOST_READINGS} times.",
            system=SYSTEM,
            connection=self._connection,
            next_step="let it run again when nobody posts in Sage 300.",
        )

    def _whole(self, path: str, model: type[_Model], select: str, condition: str) -> tuple[list[_Model], bool]:
        """All pages, and whether they fit together: as many rows as the server counts, and none of them twice."""
        found: list[_Model] = []
        distinct: set[str] = set()
        skip, count = 0, None
        for _ in range(MAX_PAGES):
            page, rows = self._page(path, model, select=select, filter=condition, skip=skip)
            found += rows
            distinct.update(map(repr, page.rows))
            count = page.count if page.count is not None else count
            if page.skip is not None and page.skip > skip:
                skip = page.skip
            elif rows and count is not None and len(found) < count:
                skip += len(rows)
            elif skip == 0:
                return found, count is None or count == len(found)
            else:
                return found, len(distinct) == len(found) and count in (None, len(found))
        raise BadAnswer("A list of Sage 300 does not end.", system=SYSTEM, connection=self._connection)

    def _record(self, path: str, model: type[_Model], select: str = "") -> _Model | None:
        try:
            response = self._send(odata.address(self._settings.root + path, select=select))
        except NotFound as error:
            if error.code == "RecordNotFound":
                return None
            raise
        return self._parsed(response, model)[1][0]

    def _page(
        self, path: str, model: type[_Model], *, select: str = "", filter: str = "", skip: int = 0, top: int = 0
    ) -> tuple[odata.Page, list[_Model]]:
        url = odata.address(
            self._settings.root + path, skip=skip, top=top or self._settings.page_size, select=select, filter=filter
        )
        return self._parsed(self._send(url), model)

    def _parsed(self, response: Response, model: type[_Model]) -> tuple[odata.Page, list[_Model]]:
        content = self._json(response)
        try:
            page = odata.page_of(content)
            return page, [model.model_validate(row) for row in page.rows]
        except (ValidationError, ValueError) as problem:
            raise self._unreadable(response) from problem

    def _json(self, response: Response) -> Any:
        try:
            return response.json()
        except ValueError as problem:
            raise self._unreadable(response) from problem

    def _unreadable(self, response: Response) -> BadAnswer:
        error = BadAnswer("An answer of Sage 300 cannot be read.", system=SYSTEM, connection=self._connection)
        error.response = response
        return error

    def _send(self, url: str) -> Response:
        return self._transport.send(Request("GET", url, content_type=JSON))

    def _read_write_free(self, method: str, path: str) -> Response:
        """A POST that changes nothing, such as `$template`."""
        return self._transport.send(Request(method, self._settings.root + path, body=b"{}", content_type=JSON))

    def _member(self, enumeration: str, name: str) -> str:
        """The literal of a member in a filter: its name, or its number in text (section 2.5)."""
        return odata.text(_NUMBERS[enumeration][name] if self._settings.enum_literals == "number" else name)

    def _moment(self, day: date) -> str:
        return odata.moment(day, self._settings.odata_dialect)


CUSTOMER_FIELDS = (
    "CustomerNumber,CustomerName,ShortName,Email,ContactsEmail,Status,OnHold,CurrencyCode,AddressLine1,AddressLine2,"
    "AddressLine3,City,ZipPostalCode,Country,TaxRegistrationNumber1,DateLastMaintained,CustomerOptionalFieldValues"
)
DOCUMENT_FIELDS = (
    "CustomerNumber,DocumentNumber,DocumentType,DocumentDate,DueDate,CurrencyCode,CustomerCurrencyInvoiceAmount,"
    "CustomerCurrencyAmountDue,FullyPaid,OrderNumber,PONumber,DocumentDescription,NumberOfScheduledPayments,BatchNumber,"
    "EntryNumber"
)
RECEIPT_FIELDS = (
    "CustomerNumber,CheckReceiptNumber,BankCode,BankReceiptAmount,BatchNumber,EntryNumber,DateReturned,ReasonForReturn"
)
RECURRING_FIELDS = (
    "RecurringChargeCode,CustomerNumber,Description,InvoiceDescription,Status,EffectiveDate,ExpirationDate,"
    "ExpirationType,MaximumNumberOfInvoices,MaximumTotalInvoiceAmount,Schedule,CurrencyCode,InvoiceTotalIncludingTax,NextScheduledDate"
)
_OF_A_BATCH = "BatchNumber,BatchStatus,Description,NumberOfEntries,NumberOfErrors"
RECEIPT_BATCH_FIELDS = f"BatchRecordType,{_OF_A_BATCH},BankCode,ReceiptsAdjustments"
INVOICE_BATCH_FIELDS = f"{_OF_A_BATCH},Invoices"
REFUND_BATCH_FIELDS = "BatchNumber,BatchStatus,BatchDescription,NumberOfEntries,NumberOfErrors,RefundEntries"
JOURNAL_BATCH_FIELDS = "BatchNumber,Status,Description,NumberOfEntries,NumberOfErrors,JournalHeaders"
#: raw values of the members that filters name.
_NUMBERS = {
    "FullyPaid": {"No": "0"},
    "BatchStatus": {"Open": "1", "Posted": "3", "Deleted": "4"},
    "Status": {"Open": "1"},
}
#: model, and how status and text of its batches are called.
_HEADERS: dict[str, tuple[type[wire.Batch], str, str]] = {
    INVOICE_BATCHES: (wire.InvoiceBatch, "BatchStatus", "Description"),
    REFUND_BATCHES: (wire.RefundBatch, "BatchStatus", "BatchDescription"),
    JOURNAL_BATCHES: (wire.JournalBatch, "Status", "Description"),
}


def _windows(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of the runs in ascending `numbers`, none spanning more than `BATCHES_AT_ONCE`."""
    first: int | None = None
    last = 0
    for number in numbers:
        if first is not None and number - first >= BATCHES_AT_ONCE:
            yield first, last
            first = None
        first = number if first is None else first
        last = number
    if first is not None:
        yield first, last


def _slices(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[first : first + size] for first in range(0, len(items), size))
