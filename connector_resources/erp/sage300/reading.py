"""Reads what planning needs to know of the company into a snapshot, with few calls (sage300.md sections 2, 4 and 5).

Reference data is read once per connector, open documents and unposted batches before every planning, customers when they are
first needed. What a payout carries is read from our own store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date

from bookkeeping.postings import MASTER_DATA_KINDS, PAYOUT_KINDS, AccountRole, Posting, PostingKind, Side
from connector_resources.erp.invoice_book import RECURRING_CHARGE
from connector_resources.erp.sage300 import documents, references, wire
from connector_resources.erp.sage300.carried import CarriedItems, coarse
from connector_resources.erp.sage300.client import Sage300Client
from connector_resources.erp.sage300.documents import INVOICES, JOURNALS, PROCESSES, RECEIPTS, REFUNDS
from connector_resources.erp.sage300.invoices import Claim, claims
from connector_resources.erp.sage300.periods import Calendar, open_day
from connector_resources.erp.sage300.recurring import number_of
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.snapshot import Snapshot, account_codes

#: up to so many payers are asked about one by one; of more, all open documents are read.
FEW_CUSTOMERS = 5


class SnapshotReader:
    """Fills the snapshot of one connector."""

    def __init__(
        self, client: Sage300Client, settings: Sage300Settings, snapshot: Snapshot, carried: CarriedItems
    ) -> None:
        self._client = client
        self._settings = settings
        self._snapshot = snapshot
        self._carried = carried
        self._calendars: dict[int, wire.FiscalCalendar | None] = {}

    def read(self, functional: str, postings: Sequence[Posting], unfinished: Sequence[Posting] = ()) -> None:
        """`unfinished` are postings that were read back and have a step to come. Raises `NotSent`, `BadAnswer`, `Refused`."""
        snapshot = self._snapshot
        snapshot.functional = functional
        # The next step of a journal names its batch alone; that of a refund is another document.
        waiting = [*postings, *(x for x in unfinished if x.kind is PostingKind.REFUND)]
        if self._settings.post_mode == "post" and any(JOURNALS in self._kinds(x) for x in (*postings, *unfinished)):
            self._read_template()
        if not waiting:
            return
        kinds = {kind for posting in waiting for kind in self._kinds(posting)}
        if kinds & {INVOICES, JOURNALS} and not snapshot.gl_accounts:
            rows = self._client.gl_accounts(account_codes(self._settings))
            snapshot.gl_accounts = {row.unformatted_account: row for row in rows}
        unposted = self._client.unposted_receipts() if RECEIPTS in kinds else []
        self._read_customers(waiting)
        if any(posting.kind is PostingKind.RECEIPT for posting in postings) and RECEIPTS in kinds:
            self._read_open_documents(postings, unposted)
        self._read_open_names(kinds, unposted)
        if JOURNALS in kinds:
            self._read_journal_facts(waiting)
        self._read_earlier(waiting)
        self._read_lookalikes(postings)

    def forget_customers(self) -> None:
        """After a write to one of them: the next planning reads them again."""
        self._snapshot.customers.clear()

    def open_claims(self) -> list[Claim]:
        """Everything that is open in the company, as it stands now."""
        rows = self._client.open_documents()
        payers = {row.customer_number for row in rows}
        customers = {row.customer_number: row for row in self._client.customers(payers)} if payers else {}
        charges = self._charges_of(rows) if self._settings.schedules else {}
        found = claims(rows, self._client.unposted_receipts(), customers, charges)
        return self._without_paid(found) if self._settings.mode == "payout_gl" else found

    def _without_paid(self, found: Sequence[Claim]) -> list[Claim]:
        """In `payout_gl` the sub-ledger learns of no payment, so what our own ledger knows to be paid is on hold here."""
        days = [claim.invoice.issued_on for claim in found if claim.invoice.issued_on is not None]
        paid = self._carried.paid_invoices(min(days)) if days else frozenset()
        return [
            replace(claim, invoice=replace(claim.invoice, on_hold=True)) if coarse(claim.document) in paid else claim
            for claim in found
        ]

    def _charges_of(self, rows: Iterable[wire.PostedDocument]) -> dict[tuple[int, int], str]:
        """Batch and entry of invoices -> the recurring charge they were made from.

        Posted documents do not tell; only the entry of the batch does. Asked for customers that have a charge.
        """
        with_charges = {charge.customer_number for charge in self._client.recurring_charges()}
        numbers = {str(row.batch_number) for row in rows if row.customer_number in with_charges and row.batch_number}
        return {
            (int(batch.number), entry.entry_number): number_of(entry.recurring_charge_code, entry.customer_number)
            for batch in (self._client.invoice_batches(numbers) if numbers else ())
            for entry in batch.invoices
            if entry.recurring_charge_code
        }

    # --- customers and what they owe -----------------------------------------------------------------------------------

    def _read_customers(self, postings: Iterable[Posting]) -> None:
        settings = self._settings
        asking = [posting for posting in postings if _asks_for_customer(posting, settings)]
        missing = _numbers(asking) - self._snapshot.customers.keys()
        if missing:
            rows = self._client.customers(missing)
            self._snapshot.customers |= {row.customer_number: row for row in rows}

    def _read_open_documents(self, postings: Iterable[Posting], unposted: Sequence[wire.ReceiptBatch]) -> None:
        asking = [posting for posting in postings if posting.kind is PostingKind.RECEIPT]
        payers = _numbers(asking)
        few = len(payers) <= FEW_CUSTOMERS and all(_numbers([posting]) for posting in asking)
        if few and not payers:
            return
        rows = self._client.open_documents(payers if few else ())
        of_charges = any(RECURRING_CHARGE in posting.facts for posting in asking)
        charges = self._charges_of(rows) if of_charges else {}
        found = claims(rows, unposted, self._snapshot.customers, charges)
        self._snapshot.take_claims(found)
        self._read_schedules([claim for claim in found if claim.payments > 1 and claim.invoice.customer in payers])

    def _read_schedules(self, split: Sequence[Claim]) -> None:
        """Instalments stand in the batch that made the invoice, and nowhere else (section 2.5)."""
        if not split:
            return
        batches = self._client.invoice_batches({str(claim.batch) for claim in split})
        entries = {(batch.number, entry.entry_number): entry for batch in batches for entry in batch.invoices}
        for claim in split:
            entry = entries.get((str(claim.batch), claim.entry))
            if entry is not None:
                self._snapshot.schedules[claim.invoice.number] = entry.invoice_payment_schedules

    # --- batches, journals and earlier documents -------------------------------------------------------------------------

    def _read_open_names(self, kinds: Collection[str], unposted: Iterable[wire.ReceiptBatch]) -> None:
        """Open batches of ours by their text: a try before may have left one behind (section 6)."""
        names: dict[str, dict[str, str]] = {}
        for kind in kinds:
            rows: Iterable[wire.Batch] = unposted
            if kind != RECEIPTS:
                rows = self._client.open_batches(documents.PATHS[kind], references.OURS)
            names[kind] = {row.description: row.number for row in rows if references.is_ours(row.description)}
        self._snapshot.open_names = names

    def _read_journal_facts(self, postings: Sequence[Posting]) -> None:
        snapshot, settings = self._snapshot, self._settings
        of_journals = [x for x in postings if JOURNALS in self._kinds(x)]
        for posting in of_journals:
            day = open_day(posting.booking_date, settings.locked_through.get("GL"), settings.closed_period)
            self._read_calendar(day or posting.booking_date)
            if posting.kind is PostingKind.PAYOUT and settings.mode == "payout_gl":
                snapshot.carried[posting.subject] = self._carried.of(posting)

    def _read_template(self) -> None:
        if not self._snapshot.journal_template:
            self._snapshot.journal_template = self._client.process_template(PROCESSES[JOURNALS])

    def _kinds(self, posting: Posting) -> frozenset[str]:
        return document_kinds(posting, self._settings)

    def _read_calendar(self, day: date) -> None:
        """The fiscal year that holds `day`; its number may be that of the year before or after."""
        for year in (day.year, day.year + 1, day.year - 1):
            if self._snapshot.calendar.span_of(day) is not None:
                return
            if year not in self._calendars:
                self._calendars[year] = self._client.fiscal_calendar(year)
                self._snapshot.calendar = Calendar(self._calendars)

    def _read_earlier(self, postings: Sequence[Posting]) -> None:
        """Receipts that staff returned, and credit notes that are posted meanwhile."""
        if self._settings.mode != "ar_receipts":
            return
        taken_back = {references.coded(x.subject) for x in postings if x.kind is PostingKind.RECEIPT_REVERSAL}
        if taken_back:
            rows = self._client.posted_receipts(taken_back)
            self._snapshot.returned = {row.check_receipt_number: row for row in rows if row.date_returned}
        refunded = [x for x in postings if x.kind is PostingKind.REFUND]
        if refunded:
            numbers = {references.document_number(references.CREDIT_NOTE, x) for x in refunded}
            self._snapshot.notes = {row.document_number: row for row in self._client.posted_documents(numbers)}

    def _read_lookalikes(self, postings: Iterable[Posting]) -> None:
        """Before a customer is made: whoever has his number or e-mail (section 11)."""
        if not self._settings.create_customers:
            return
        for posting in postings:
            if posting.kind is not PostingKind.CUSTOMER or _numbers([posting]):
                continue
            found = self._client.customers([references.new_customer_number(posting)])
            if not found and posting.facts.get("email"):
                found = self._client.customers_with_email(posting.facts["email"])
            self._snapshot.lookalikes[posting.subject] = found


def document_kinds(posting: Posting, settings: Sage300Settings) -> frozenset[str]:
    """Which batches a posting may need; none where it ends without a document."""
    if posting.kind in MASTER_DATA_KINDS or not posting.lines:
        return frozenset()
    if posting.kind in PAYOUT_KINDS:
        return frozenset({JOURNALS})
    if posting.kind is PostingKind.SALES_INVOICE or credits_invoice(posting):
        return frozenset({INVOICES})
    if settings.mode == "payout_gl":
        return frozenset({JOURNALS} if any(line.role is AccountRole.BANK for line in posting.lines) else ())
    if posting.kind is PostingKind.REFUND:
        return frozenset({INVOICES, REFUNDS})
    credited = documents.sum_of(posting, AccountRole.RECEIVABLE, Side.CREDIT) is not None
    return frozenset({RECEIPTS} if credited else {INVOICES})


def credits_invoice(posting: Posting) -> bool:
    """Whether it takes back an invoice of ours, because the payment it was for was taken back."""
    return posting.kind is PostingKind.CORRECTION and posting.facts.get("credits") == PostingKind.SALES_INVOICE


def _asks_for_customer(posting: Posting, settings: Sage300Settings) -> bool:
    if posting.kind in MASTER_DATA_KINDS:
        return True
    return bool(document_kinds(posting, settings) - {JOURNALS})


def _numbers(postings: Iterable[Posting]) -> set[str]:
    return {posting.party.erp_customer for posting in postings if posting.party and posting.party.erp_customer}
