"""Reads back what was written, many documents with one call, and compares it (exact_online.md section 6.5).

Where wished it also looks which receipts Exact has not matched with their invoice; that is reported and never a mismatch,
because the money is booked all the same (section 3.7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bookkeeping.postings import PostingKind
from connector_resources.erp.contract import Document, Mismatch, Verification, Verified, VerifyRequest
from connector_resources.erp.exact_online import documents, readback
from connector_resources.erp.exact_online.client import ExactOnlineClient
from connector_resources.erp.exact_online.documents import ACCOUNT, BOOKED, CREDIT_NOTE, MANDATE, MATCH_SETS, RECEIVABLE
from connector_resources.erp.exact_online.exchange import EXCHANGE_STEP, ExchangeReader
from connector_resources.erp.exact_online.master_data import USABLE, differing_details
from connector_resources.erp.exact_online.matching import Matching, open_lines
from connector_resources.erp.exact_online.odata import day_of
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Exchange
from connector_resources.erp.exact_online.wire import Account, Mandate, Receivable, SalesEntry, TransactionLine

_CORRECT = "Delete it in Exact Online while it is open, or correct it by hand; then release or withdraw the posting."


class Verifier:
    """Compares documents with the postings they are for."""

    def __init__(
        self, client: ExactOnlineClient, settings: ExactOnlineSettings, exchange: ExchangeReader, matching: Matching
    ) -> None:
        self._client = client
        self._settings = settings
        self._exchange = exchange
        self._matching = matching

    def verify(self, requests: Sequence[VerifyRequest], currency: str) -> list[Verification]:
        """One answer per request, in order. `currency` is the division's."""
        ids: dict[str, set[str]] = {}
        for request in requests:
            ids.setdefault(request.document.kind, set()).add(_id(request.document))
        lines = self._lines(set().union(*(ids.get(kind, set()) for kind in BOOKED)))
        marked = {entry_id: readback.by_marker(rows) for entry_id, rows in lines.items()}
        notes = {row.entry_id: row for row in self._client.sales_entries(ids.get(CREDIT_NOTE, set()))}
        accounts = {row.id: row for row in self._client.accounts_by_id(ids.get(ACCOUNT, set()))}
        mandates = {row.id: row for row in self._client.mandates_by_id(ids.get(MANDATE, set()))}
        receivables = {row.id: row for row in self._client.receivables(ids.get(RECEIVABLE, set()))}
        unmatched = self._unmatched(requests, lines)
        differences = self._exchange.read([x.work.posting for x in requests if x.step == EXCHANGE_STEP], currency)
        answers: list[Verification] = []
        for request in requests:
            entry_id, kind = _id(request.document), request.document.kind
            if kind == MATCH_SETS:
                answers.append(self._matched(request))
            elif request.step == EXCHANGE_STEP:
                left = differences.get(request.work.posting.key)
                answers.append(_exchange(request, lines.get(entry_id, ()), left))
            elif kind in BOOKED:
                own = marked.get(entry_id, {}).get(request.work.posting.reference, ())
                answers.append(self._entry(request, lines.get(entry_id, ()), own, unmatched))
            elif kind == CREDIT_NOTE:
                answers.append(_credit_note(request, notes.get(entry_id)))
            elif kind == ACCOUNT:
                answers.append(_account(request, accounts.get(entry_id)))
            elif kind == MANDATE:
                answers.append(_mandate(request, mandates.get(entry_id)))
            else:
                answers.append(_receivable(request, receivables.get(entry_id)))
        return answers

    def _lines(self, entries: set[str]) -> Mapping[str, Sequence[TransactionLine]]:
        return readback.by_entry(self._client.lines_of_entries(entries)) if entries else {}

    def _entry(
        self,
        request: VerifyRequest,
        rows: Sequence[TransactionLine],
        own: Sequence[TransactionLine],
        unmatched: Mapping[str, int],
    ) -> Verification:
        """Judged by the posting's own lines among those of the entry."""
        posting, document = request.work.posting, request.document
        what = f"{document.kind} {document.number}"
        if not rows:
            return Mismatch(
                f"{what} is not in Exact Online any more.", "Look for it there; withdraw or release the posting."
            )
        expected = readback.expected_sums(posting, request.step, document.kind, self._settings)
        problems = readback.differences(expected, readback.shown_sums(own, expected))
        if problems:
            return Mismatch(f"{what} of {posting.subject}: {'; '.join(problems)}.", _CORRECT)
        standing = readback.standing_document(document.kind, rows, document)
        left = unmatched.get(_id(document), 0)
        details = {**standing.details, **({"unmatched_receipts": str(left)} if left else {})}
        return Verified(replace(standing, details=details))

    def _matched(self, request: VerifyRequest) -> Verification:
        """What stays open is told: the money is booked, and a person can match it on the screen."""
        left = len(self._matching.left_open([request.work]))
        details = {**request.document.details, **({"unmatched_receipts": str(left)} if left else {})}
        return Verified(replace(request.document, details=details))

    def _unmatched(
        self, requests: Sequence[VerifyRequest], lines: Mapping[str, Sequence[TransactionLine]]
    ) -> dict[str, int]:
        """How many receipts of each new entry settle nothing yet, by entry id. Only what names an invoice could."""
        if self._settings.matching_mode == "off":
            return {}
        receipts = [x for x in requests if x.work.posting.kind is PostingKind.RECEIPT and x.document.kind in BOOKED]
        named = {_id(request.document) for request in receipts}
        entries = {entry for entry in named if any(line.invoice_number for line in lines.get(entry, ()))}
        references = {request.work.posting.reference for request in receipts}
        found: dict[str, int] = {}
        for row in open_lines(self._client, entries, references):
            found[row.entry_id] = found.get(row.entry_id, 0) + 1
        return found


def _exchange(request: VerifyRequest, rows: Sequence[TransactionLine], left: Exchange | None) -> Verification:
    """Judged by what it is for: after it, nothing of the payout is left on the accounts it passed."""
    document = request.document
    what = f"{document.kind} {document.number} of the exchange differences of {request.work.posting.subject}"
    if not rows:
        return Mismatch(f"{what} is not in Exact Online any more.", _CORRECT)
    if left is None or left.residues:
        shown = ", ".join(f"{each.amount} on {each.role}" for each in left.residues) if left else "not all of it"
        return Mismatch(f"{what} leaves {shown}.", _CORRECT)
    return Verified(readback.standing_document(document.kind, rows, document))


def _credit_note(request: VerifyRequest, row: SalesEntry | None) -> Verification:
    document = request.document
    if row is None:
        return Mismatch(f"Credit note {document.number} is not in Exact Online any more.", _CORRECT)
    problems = readback.credit_note_differences(request.work.posting, row)
    if problems:
        return Mismatch(f"Credit note {row.entry_number}: {'; '.join(problems)}.", _CORRECT)
    return Verified(Document(document.kind, document.number, details=document.details))


def _account(request: VerifyRequest, row: Account | None) -> Verification:
    posting, document = request.work.posting, request.document
    if row is None:
        return Mismatch(f"Customer {document.number} is not in Exact Online.", "Correct the customer's link.")
    differing = sorted(differing_details(posting, row)) if request.step == "details" else []
    if request.step == "customer" and row.search_code != posting.subject:
        differing = ["SearchCode"]
    if differing:
        return Mismatch(
            f"Customer {row.code} differs from what was written in {', '.join(differing)}.",
            "Look at it in Exact Online; release the posting to write it again, or withdraw it if Exact is right.",
        )
    return Verified(document)


def _mandate(request: VerifyRequest, row: Mandate | None) -> Verification:
    posting, document = request.work.posting, request.document
    if row is None:
        return Mismatch(f"Mandate {posting.subject} is not in Exact Online.", "Release the posting to write it again.")
    cancelled = day_of(row.cancellation_date) is not None
    if cancelled is (posting.facts.get("status", "") in USABLE):
        shown = "cancelled" if cancelled else "not cancelled"
        return Mismatch(
            f"Mandate {posting.subject} is {shown} in Exact Online, {posting.facts.get('status')} in GoCardless.",
            "Correct it in Exact Online, then release the posting.",
        )
    return Verified(document)


def _receivable(request: VerifyRequest, row: Receivable | None) -> Verification:
    """A receivable that is gone was settled meanwhile: what was written there is of no use any more."""
    posting = request.work.posting
    if row is not None and not documents.shows_reference(posting, row.payment_reference):
        return Mismatch(
            f"The receivable of {posting.subject} shows payment reference {row.payment_reference!r}.",
            "Look at it in Exact Online, then release or withdraw the posting.",
        )
    return Verified(request.document)


def _id(document: Document) -> str:
    return document.details.get("id", document.number)
