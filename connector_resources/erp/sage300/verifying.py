"""Reads back what was written, many documents with one call, and compares it with the postings (sage300.md sections 2.7, 6).

Posting entries that fail does not fail the call: they are moved to a batch of errors, and the batch counts as posted. So after
every posting run each entry is looked for. Before a batch is made ready all of it must be ours: one wrong entry holds them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from bookkeeping.postings import AccountRole, Posting, Side
from connector_resources.erp.contract import Document, Mismatch, Verification, Verified, VerifyRequest
from connector_resources.erp.refusal import CannotBook
from connector_resources.erp.sage300 import documents, readback, references, wire
from connector_resources.erp.sage300.carried import CarriedItems
from connector_resources.erp.sage300.client import Sage300Client
from connector_resources.erp.sage300.customer_planning import customer_of
from connector_resources.erp.sage300.documents import BATCHES, CUSTOMER, JOURNALS, POST, READY, RECEIPTS, REFUNDS, money
from connector_resources.erp.sage300.journals import journal_lines
from connector_resources.erp.sage300.master_data import differing_details, link_change, mandate_change
from connector_resources.erp.sage300.odata import day_of
from connector_resources.erp.sage300.planning import CREDIT_NOTE, DEBIT_NOTE
from connector_resources.erp.sage300.reading import credits_invoice
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.snapshot import account_code

_CORRECT = "Correct or delete the batch in Sage 300 while it is open; then release or withdraw the posting."


class Verifier:
    """Compares documents with the postings they are for."""

    def __init__(self, client: Sage300Client, settings: Sage300Settings, carried: CarriedItems) -> None:
        self._client = client
        self._settings = settings
        self._carried = carried
        #: batches that were read back in this run, before they were made ready.
        self._read: set[tuple[str, str]] = set()

    def verify(self, requests: Sequence[VerifyRequest], functional: str) -> list[Verification]:
        """One answer per request, in order."""
        batches = self._batches([x for x in requests if not self._is_certain(x)])
        entries = {key: {readback.name_of(each): each for each in readback.entries_of(batches[key])} for key in batches}
        numbers = {x.document.number for x in requests if x.document.kind == CUSTOMER}
        customers = {row.customer_number: row for row in (self._client.customers(numbers) if numbers else ())}
        failed = self._failed(requests, batches)
        answers: list[Verification] = []
        for request in requests:
            document = request.document
            if document.kind == CUSTOMER:
                answers.append(self._customer(request, customers.get(document.number)))
            elif self._is_certain(request):
                answers.append(Verified(document))
            else:
                batch = batches.get((document.kind, document.number))
                named = entries.get((document.kind, document.number), {})
                answers.append(self._entry(request, batch, named, functional, failed))
        self._read |= batches.keys()
        return self._together(requests, answers)

    def _is_certain(self, request: VerifyRequest) -> bool:
        """Whether the step was to make ready what this run had read back before, and will read back again once posted."""
        made_ready = request.step.startswith(f"{READY}_") and self._settings.post_mode == "post"
        return made_ready and (request.document.kind, request.document.number) in self._read

    def _batches(self, requests: Sequence[VerifyRequest]) -> dict[tuple[str, str], wire.Batch]:
        found: dict[tuple[str, str], wire.Batch] = {}
        for kind in BATCHES:
            numbers = {request.document.number for request in requests if request.document.kind == kind}
            for row in self._client.batches(documents.PATHS[kind], numbers):
                found[kind, row.number] = row
        return found

    def _failed(
        self, requests: Sequence[VerifyRequest], batches: Mapping[tuple[str, str], wire.Batch]
    ) -> set[tuple[str, str, str]]:
        """Entries of posted batches that are in error: (kind, batch, name). Sage marks them, or only counts them (2.7)."""
        failed: set[tuple[str, str, str]] = set()
        for (kind, number), batch in batches.items():
            if batch.batch_status != "Posted" or not batch.number_of_errors:
                continue
            names = {readback.name_of(entry): entry.error_batch for entry in readback.entries_of(batch)}
            marked = {name for name, error in names.items() if error}
            failed |= {(kind, number, name) for name in marked or self._not_posted(kind, names)}
        return failed

    def _not_posted(self, kind: str, names: Mapping[str, int]) -> set[str]:
        if kind == RECEIPTS:
            return set(names) - {row.check_receipt_number for row in self._client.posted_receipts(names)}
        if kind == JOURNALS:
            return set(names)
        if kind == REFUNDS:
            return set(names) - {row.document_number for row in self._client.posted_refunds(names)}
        return set(names) - {row.document_number for row in self._client.posted_documents(names)}

    # --- batches -------------------------------------------------------------------------------------------------------

    def _entry(
        self,
        request: VerifyRequest,
        batch: wire.Batch | None,
        named: Mapping[str, readback.Entry],
        functional: str,
        failed: set[tuple[str, str, str]],
    ) -> Verification:
        posting, document = request.work.posting, request.document
        what = f"{document.kind} {document.number}"
        if batch is None or batch.batch_status == "Deleted":
            return Mismatch(
                f"{what} is not in Sage 300 any more.", "Look for it there; withdraw or release the posting."
            )
        name = _name(posting, request)
        entry = named.get(name)
        if entry is None:
            return Mismatch(f"{what} ({batch.batch_status}) has no entry {name} of {posting.subject}.", _CORRECT)
        if (document.kind, document.number, name) in failed:
            corrected = self._posted_since(document.kind, name, entry)
            if corrected is None:
                return self._in_error(what, name, entry)
            batch, entry = corrected
            what = f"{document.kind} {batch.number}"
        problems = self._differences(request, entry, functional)
        if problems:
            return Mismatch(f"{what}, entry {name} of {posting.subject}: {'; '.join(problems)}.", _CORRECT)
        wrong = _wrong_status(request.step, batch.batch_status)
        if wrong:
            return Mismatch(f"{what} is {batch.batch_status}{wrong}.", "Look at the batch in Sage 300; then release.")
        # Known by the batch that was sent, wherever the entry stands by now.
        return Verified(replace(readback.document_of(document.kind, batch, document), number=document.number))

    def _posted_since(self, kind: str, name: str, entry: readback.Entry) -> tuple[wire.Batch, readback.Entry] | None:
        """The entry in error as it stands in the batch of errors, once a person has posted it from there (2.7)."""
        there: readback.Entry | None = entry
        seen: set[int] = set()
        while there is not None and there.error_batch not in {0, *seen}:
            seen.add(there.error_batch)
            number = f"{there.error_batch:06d}" if kind == JOURNALS else str(there.error_batch)
            batch = next(iter(self._client.batches(documents.PATHS[kind], [number])), None)
            if batch is None or batch.batch_status != "Posted":
                return None
            there = next((each for each in readback.entries_of(batch) if readback.name_of(each) == name), None)
            if there is not None and not there.error_batch:
                return batch, there
        return None

    def _in_error(self, what: str, name: str, entry: readback.Entry) -> Mismatch:
        moved = f" It was moved to batch {entry.error_batch}." if entry.error_batch else ""
        return Mismatch(
            f"{what} was posted with errors, and entry {name} is one of them.{moved}",
            "Correct and post the batch of errors in Sage 300, then release the posting; withdraw it if it stays held.",
        )

    def _differences(self, request: VerifyRequest, entry: readback.Entry, functional: str) -> list[str]:
        posting = request.work.posting
        match entry:
            case wire.ReceiptEntry():
                amount, shown = _on_customer(posting, Side.CREDIT), entry.bank_receipt_amount
                dated, customer = entry.receipt_date_adjustment_date, entry.customer_number
            case wire.InvoiceEntry():
                side = Side.CREDIT if credits_invoice(posting) else Side.DEBIT
                amount = _on_customer(posting, side)
                shown = readback.invoice_total(entry, amount)
                dated, customer = entry.document_date, entry.customer_number
            case wire.RefundEntry():
                amount, shown = _on_customer(posting, Side.DEBIT), entry.cash_amount_payment
                dated, customer = entry.document_date, entry.customer_number
            case wire.JournalHeader():
                return self._journal_differences(posting, entry, functional)
        found = [f"its amount is {shown}, not {amount}"] if shown != amount else []
        if customer != customer_of(posting):
            found.append(f"its customer is {customer}, not {customer_of(posting)}")
        day = day_of(dated)
        if day is not None and day < posting.booking_date:
            # Sage may read a midnight in its own zone; later days are chosen by us, earlier ones never (section 3.2).
            found.append(f"it is dated {day}, before {posting.booking_date}")
        return found

    def _journal_differences(self, posting: Posting, header: wire.JournalHeader, functional: str) -> list[str]:
        settings = self._settings
        try:
            lines = journal_lines(
                posting,
                settings,
                functional,
                lambda role, currency: account_code(role, currency, settings),
                self._carried.of(posting) if settings.mode == "payout_gl" else None,
            )
        except CannotBook as problem:
            return [f"it cannot be compared: {problem.reason}"]
        wanted = readback.sums((line.account, line.amount.major) for line in lines)
        shown = {code: money(amount, functional).major for code, amount in readback.account_sums(header).items()}
        codes = sorted(code for code in wanted.keys() | shown.keys() if wanted.get(code) != shown.get(code))
        return [f"account {code} shows {shown.get(code, 0)}, not {wanted.get(code, 0)}" for code in codes]

    def _together(self, requests: Sequence[VerifyRequest], answers: Sequence[Verification]) -> list[Verification]:
        """A batch that is about to be posted is right as a whole, or held as a whole."""
        if self._settings.post_mode == "open":
            return list(answers)
        wrong: dict[tuple[str, str], str] = {}
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Mismatch) and not request.step.startswith(f"{POST}_"):
                wrong.setdefault((request.document.kind, request.document.number), answer.reason)
        return [
            Mismatch(f"Another entry of the same batch is wrong: {wrong[key]}", _CORRECT)
            if (key := (request.document.kind, request.document.number)) in wrong and isinstance(answer, Verified)
            else answer
            for request, answer in zip(requests, answers, strict=True)
        ]

    # --- customers -----------------------------------------------------------------------------------------------------

    def _customer(self, request: VerifyRequest, row: wire.Customer | None) -> Verification:
        posting, document, names = request.work.posting, request.document, self._settings.optional_fields
        if row is None:
            return Mismatch(f"Customer {document.number} is not in Sage 300.", "Correct the customer's link.")
        differing: list[str] = []
        if request.step == "details":
            differing = list(differing_details(posting, row))
        elif self._settings.mandate_store == "optional_fields":
            change = mandate_change if request.step == "mandate" else link_change
            wanted = change(posting, row, names)
            differing = list(wanted) if isinstance(wanted, dict) else []
        if differing:
            return Mismatch(
                f"Customer {row.customer_number} differs from what was written in {', '.join(differing)}.",
                "Look at it in Sage 300; release the posting to write it again, or withdraw it if Sage is right.",
            )
        return Verified(Document(CUSTOMER, document.number, details=document.details))


def _name(posting: Posting, request: VerifyRequest) -> str:
    """What the posting's entry is called in the batch of this step."""
    step = request.step.removeprefix(f"{READY}_").removeprefix(f"{POST}_")
    if request.document.kind == RECEIPTS:
        return references.check_number(posting)
    if request.document.kind == JOURNALS:
        return references.journal_name(posting)
    if request.document.kind == REFUNDS:
        return references.document_number(references.REFUND, posting)
    prefix = {CREDIT_NOTE: references.CREDIT_NOTE, DEBIT_NOTE: references.DEBIT_NOTE}.get(step, references.INVOICE)
    return references.document_number(prefix, posting)


def _on_customer(posting: Posting, side: Side) -> Decimal:
    amount = documents.sum_of(posting, AccountRole.RECEIVABLE, side)
    assert amount is not None, posting.key
    return amount.major


def _wrong_status(step: str, status: str) -> str:
    """Why the status does not fit what the step did, or "". A clerk may be ahead of us, never behind."""
    if step.startswith(f"{READY}_") and status not in readback.FINAL:
        return ", although it was made ready to post"
    if step.startswith(f"{POST}_") and status not in ("Posted", "PostInProgress"):
        return ", although it was posted"
    return ""
