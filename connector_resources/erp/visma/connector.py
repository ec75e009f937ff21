"""The ERP contract for Visma.net ERP: receipts, voids, refunds, payout journals, customers (visma.md).

Holds caches of what was read, never a fact that a crash could lose. What is due next is decided in `planning`, how a write's
answer is understood in `sending`, what became of an unanswered one in `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bookkeeping.customer_rules import changed_details
from bookkeeping.postings import MASTER_DATA_KINDS, Posting, PostingKind
from connector_resources.erp.contract import (
    Document,
    ErpCustomer,
    Finding,
    Found,
    Mismatch,
    OpenInvoice,
    OpenSubmission,
    Outcome,
    PingReport,
    Planned,
    PlannedSubmission,
    Posted,
    PostingWork,
    RecurringCharge,
    Rejected,
    Verification,
    Verified,
    VerifyRequest,
)
from connector_resources.erp.invoice_book import Draft, InvoiceBook
from connector_resources.erp.payout_books import StoredBooks
from connector_resources.erp.visma import checks
from connector_resources.erp.visma.client import VismaClient
from connector_resources.erp.visma.customer_details import differing_details
from connector_resources.erp.visma.documents import CUSTOMER, VOIDED_BY, Sent, day_of, money, read_request
from connector_resources.erp.visma.exchange import ExchangeReader
from connector_resources.erp.visma.invoices import open_invoice
from connector_resources.erp.visma.journals import is_converted
from connector_resources.erp.visma.lookup import Lookup
from connector_resources.erp.visma.periods import Calendar
from connector_resources.erp.visma.planning import Planner, Snapshot
from connector_resources.erp.visma.readback import (
    FOUND_VOIDED,
    VOIDED,
    DocumentReader,
    Ref,
    Standing,
    applied_as_sent,
    expected_of,
)
from connector_resources.erp.visma.sending import Sender
from connector_resources.erp.visma.settings import VismaSettings
from connector_resources.erp.visma.traits import TRAITS
from connector_resources.erp.visma.wire import CustomerRow, OrganizationRow

#: up to so many customers are read one by one, with their invoices; more are read with the whole list.
FEW_CUSTOMERS = 5
#: the stamps of answers carry no zone, so a poll reaches back over a summer-time change and more (section 4).
OVERLAP = timedelta(hours=3)
STAMP_FORMATS = ("%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S")


class VismaConnector:
    """`ErpConnector` for one company."""

    traits = TRAITS

    def __init__(
        self,
        settings: VismaSettings,
        client: VismaClient,
        books: StoredBooks,
        *,
        connection: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._client = client
        self._connection = connection
        self._planner = Planner(settings, connection)
        self._reader = DocumentReader(client, clock)
        self._lookup = Lookup(client, self._reader, settings)
        self._sender = Sender(client, self._reader, self._renewed, connection=connection, clock=clock)
        self._exchange = ExchangeReader(self._reader, settings, books)
        self._snapshot = Snapshot()
        self._organization: OrganizationRow | None = None
        self._has_periods = False
        #: converted payouts that were read back: the protocol does not tell of them again.
        self._unfinished: list[Posting] = []
        self._drafts: dict[str, Draft] = {}
        self._sent: dict[Ref, Sent] = {}
        self._planned_for: dict[str, PostingWork] = {}
        self._newest_customer = ""
        self._own_versions: dict[str, str] = {}
        self._written_customers: dict[str, CustomerRow] = {}

    # --- reading before planning -----------------------------------------------------------------------------------

    def ping(self) -> PingReport:
        return checks.ping(self._client, self._settings)

    def prepare(self, postings: Sequence[Posting]) -> None:
        """Read company and periods once, and what these postings ask for: open invoices of receipts, customers.

        Raises `WrongCompany`, `NotSent`, `BadAnswer`.
        """
        base_currency = self._company().base_currency
        if not self._has_periods:
            self._snapshot.calendar = Calendar(self._client.periods())
            self._has_periods = True
        payers = {_customer_of(each) for each in postings if each.kind is PostingKind.RECEIPT} - {""}
        if payers:
            self._read_invoices(payers)
        wanted = {_customer_of(each) for each in postings if self._changes_customer(each)} - {""}
        self._read_customers(wanted)
        converted = [each for each in (*postings, *self._unfinished) if is_converted(each)]
        self._snapshot.exchanges |= self._exchange.read(converted, base_currency)
        self._unfinished = []

    def _company(self) -> OrganizationRow:
        """Read once. Raises `WrongCompany`, `NotSent`, `BadAnswer`."""
        if self._organization is None:
            self._organization = checks.require_company(self._client, self._settings, self._connection)
        return self._organization

    def _changes_customer(self, posting: Posting) -> bool:
        is_details = posting.kind is PostingKind.CUSTOMER and bool(changed_details(posting))
        return is_details or (self._settings.write_attributes and posting.kind in MASTER_DATA_KINDS)

    def _read_invoices(self, payers: set[str]) -> None:
        if len(payers) <= FEW_CUSTOMERS:
            rows = [row for payer in sorted(payers) for row in self._client.open_invoices(payer)]
        else:
            rows = list(self._client.open_invoices())
        book = InvoiceBook(invoice for row in rows if (invoice := open_invoice(row)) is not None)
        for draft in self._drafts.values():
            book.reserve(draft)
        self._snapshot.invoices = book

    def _read_customers(self, wanted: set[str]) -> None:
        if len(wanted) > FEW_CUSTOMERS:
            rows: Iterable[CustomerRow] = self._client.customers()
        else:
            rows = filter(None, (self._client.customer(number) for number in sorted(wanted)))
        self._snapshot.customers |= {row.number: row for row in rows if row.number in wanted}

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        planned = self._planner.plan(work, self._snapshot)
        for item, answer in zip(work, planned, strict=True):
            if isinstance(answer, PlannedSubmission):
                self._planned_for[answer.reference] = item
        return planned

    # --- writing ---------------------------------------------------------------------------------------------------

    def submit(self, submission: PlannedSubmission) -> Outcome:
        etag = submission.etag
        while etag in self._own_versions:
            etag = self._own_versions[etag]
        outcome = self._sender.submit(replace(submission, etag=etag))
        if isinstance(outcome, Posted):
            self._remember(submission, outcome.document)
            if etag and outcome.document.etag not in ("", etag):
                # Versions are unique in a company: what we planned on the old one may go on from the one we made.
                self._own_versions[etag] = outcome.document.etag
        return outcome

    def _remember(self, submission: PlannedSubmission, document: Document) -> None:
        """What a draft applies is promised until Visma's own balances show it."""
        sent = read_request(submission)
        if sent.action == "create" and sent.kind == "Payment":
            self._sent[document.kind, document.number] = sent
            currency = str(sent.fields["currency"])
            applied = {str(line["refNbr"]): money(line["amountPaid"], currency).minor for line in sent.lines}
            self._drafts[document.number] = Draft(document.number, applied)
            self._snapshot.invoices.reserve(self._drafts[document.number])
        elif sent.is_release and sent.kind == "Payment":
            self._drafts.pop(document.number, None)

    def _renewed(self, planned: PlannedSubmission, sent: Sent) -> str | Outcome:
        """After a 412: read again, and go on only if the document still is what was verified (sections 6.2 and 8)."""
        work = self._planned_for.get(planned.reference)
        if sent.kind == CUSTOMER:
            return self._renewed_customer(planned, sent, work)
        standing = self._reader.one((sent.kind, sent.number))
        if standing is None:
            return _changed(planned, f"{sent.kind} {sent.number} is not there any more")
        if sent.is_release and standing.is_released:
            return Posted(standing.document())
        if work is None:
            return _changed(planned, f"{sent.kind} {sent.number} was changed after it was read")
        expected = expected_of(work, planned.step)
        if not sent.is_release:
            # The document to be voided belongs to another posting, whose reference may have a suffix.
            expected = replace(expected, reference="")
        differences = expected.differences(standing)
        differences += self._exchange_differences(work.posting, planned.step, standing)
        if differences:
            return _changed(planned, f"{sent.kind} {sent.number} was changed: {'; '.join(differences)}")
        return standing.etag

    def _renewed_customer(self, planned: PlannedSubmission, sent: Sent, work: PostingWork | None) -> str | Outcome:
        row = self._client.customer(sent.number)
        if row is None or work is None:
            return _changed(planned, f"customer {sent.number} was changed or removed")
        self._snapshot.customers[row.number] = row
        again = self._planner.plan([work], self._snapshot)[0]
        if isinstance(again, PlannedSubmission) and again.body == planned.body:
            return row.etag
        if isinstance(again, PlannedSubmission):
            return _changed(planned, f"customer {sent.number} was changed")
        return Posted(Document(CUSTOMER, row.number, row.etag))

    # --- looking back ----------------------------------------------------------------------------------------------

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        return self._lookup.find(submissions)

    def poll(self, submission: OpenSubmission) -> Outcome:
        return self._sender.poll(submission, self._what_became_of)

    def _what_became_of(self, submission: OpenSubmission) -> Outcome:
        finding = self._lookup.find([submission])[0]
        if isinstance(finding, Found):
            return Posted(finding.document)
        return Rejected(
            "job_without_result",
            f"{submission.planned.summary}: Visma's job {submission.job_id} ended and its document was not found.",
            "Look for it in Visma; release the posting to send it again.",
        )

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        refs = [(each.document.kind, each.document.number) for each in requests]
        dates = [day_of(each.document.details.get("date", "")) for each in requests]
        self._read_written_customers([number for kind, number in refs if kind == CUSTOMER])
        self._unfinished = [each.work.posting for each in requests if is_converted(each.work.posting)]
        standing = self._reader.read(dict(zip(refs, dates, strict=True)))
        return [self._verified(each, standing.get(ref)) for each, ref in zip(requests, refs, strict=True)]

    def _verified(self, request: VerifyRequest, standing: Standing | None) -> Verification:
        document = request.document
        if document.kind == CUSTOMER:
            return self._verified_customer(request)
        what = f"{document.kind} {document.number}"
        if standing is None:
            return Mismatch(f"{what} is not in Visma any more.", "Look for it there; withdraw or release the posting.")
        differences = expected_of(request.work, request.step).differences(standing)
        differences += self._exchange_differences(request.work.posting, request.step, standing)
        if request.step.startswith("release"):
            if not standing.is_released:
                differences.append(f"it is {standing.status}, not released")
        elif FOUND_VOIDED not in document.details:
            differences += applied_as_sent(self._sent, standing)
        if standing.status == VOIDED and standing.kind in VOIDED_BY and FOUND_VOIDED not in document.details:
            differences.append("it is voided")
        if differences:
            todo = "Correct it in Visma, or void it and withdraw the posting; then release the posting."
            return Mismatch(f"{what}: {'; '.join(differences)}.", todo)
        return Verified(standing.document())

    def _exchange_differences(self, posting: Posting, step: str, standing: Standing) -> list[str]:
        if not is_converted(posting):
            return []
        return self._exchange.differences(posting, step, standing, self._company().base_currency)

    def _read_written_customers(self, numbers: Sequence[str]) -> None:
        """Few one by one; many by the list of what changed since the newest stamp we had seen before we wrote."""
        for number in numbers:
            self._written_customers.pop(number, None)
        if len(numbers) > FEW_CUSTOMERS:
            seen = max((row.last_modified_date_time for row in self._snapshot.customers.values()), default="")
            rows = self._client.customers(_less_overlap(seen) if seen else None)
            wanted = set(numbers)
            self._written_customers |= {row.number: row for row in rows if row.number in wanted}

    def _verified_customer(self, request: VerifyRequest) -> Verification:
        number = request.document.number
        row = self._written_customers.get(number) or self._client.customer(number)
        if row is None:
            return Mismatch(f"Customer {number} is not in Visma.", "Correct the customer's link.")
        differing = differing_details(request.work.posting, row)
        if differing:
            return Mismatch(
                f"Customer {number} differs from what was written in {', '.join(sorted(differing))}.",
                "Look at it in Visma; release the posting to write it again, or withdraw it if Visma is right.",
            )
        self._snapshot.customers[row.number] = row
        return Verified(Document(CUSTOMER, row.number, row.etag))

    # --- master data and receivables -------------------------------------------------------------------------------

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        """Customers, changed ones from `changed_since` less the overlap on. A stamp may touch every row: all come then."""
        names = self._settings.attributes
        for row in self._client.customers(_less_overlap(changed_since) if changed_since else None):
            self._newest_customer = max(self._newest_customer, row.last_modified_date_time, changed_since or "")
            yield ErpCustomer(
                number=row.number,
                name=row.name,
                email=row.main_contact.email,
                currency=row.currency_id,
                active=row.status not in ("Inactive",),
                gocardless_customer=row.attribute(names.customer),
                mandate=row.attribute(names.mandate),
                vat_number=row.vat_registration_id,
                country_code=row.main_address.country.id,
                address_line1=row.main_address.address_line1,
                address_line2=row.main_address.address_line2,
                address_line3=row.main_address.address_line3,
                city=row.main_address.city,
                postal_code=row.main_address.postal_code,
            )

    def customers_mark(self) -> str | None:
        """The newest stamp as Visma gave it, never our clock (section 4)."""
        return self._newest_customer or None

    def open_invoices(self) -> Iterator[OpenInvoice]:
        for row in self._client.open_invoices():
            invoice = open_invoice(row)
            if invoice is not None:
                yield invoice

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        return iter(())

    def close(self) -> None:
        self._client.close()


def _customer_of(posting: Posting) -> str:
    return (posting.party.erp_customer if posting.party else None) or ""


def _changed(planned: PlannedSubmission, what: str) -> Rejected:
    return Rejected(
        "changed_meanwhile",
        f"{planned.summary}: {what}.",
        "Look at it in Visma, then release the posting.",
    )


def _less_overlap(stamp: str) -> str:
    """The stamp moved back by the overlap; the day alone when it has a form we do not know."""
    for known in STAMP_FORMATS:
        try:
            moved = datetime.strptime(stamp, known) - OVERLAP  # noqa: DTZ007 - Visma's stamps have no zone
        except ValueError:
            continue
        return moved.isoformat(timespec="milliseconds")
    return stamp[:10]
