""" "Did my write happen?" For many submissions with few calls: our text on unposted and posted batches, then what is posted.

No hit anywhere: surely absent. One batch that agrees entry by entry: adopt it. Several, one that differs, or documents that
stand there without our batch: a person decides (sage300.md sections 2.12 and 6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bookkeeping.postings import PAYOUT_KINDS
from connector_resources.erp.contract import Absent, CannotTell, Document, Finding, Found, OpenSubmission
from connector_resources.erp.forgotten import perhaps_in_other_company
from connector_resources.erp.sage300 import documents, readback, wire
from connector_resources.erp.sage300.client import SYSTEM, Sage300Client
from connector_resources.erp.sage300.documents import (
    BATCHES,
    CREATE,
    CUSTOMER,
    INVOICES,
    JOURNALS,
    POST,
    RECEIPTS,
    Sent,
    read_request,
)
from connector_resources.erp.sage300.master_data import customer_shows
from connector_resources.errors import NotSent

_RELEASE = "then release the postings"
#: a posting run that takes longer has broken off and must be restarted in Sage (section 6).
LONGEST_POSTING = timedelta(hours=1)


class Lookup:
    """Finds what became of submissions whose end is not known."""

    def __init__(self, client: Sage300Client, *, connection: str, now: Callable[[], datetime]) -> None:
        self._client = client
        self._connection = connection
        self._now = now

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        """One finding per submission, in order. Raises `NotSent` while a batch is still being posted."""
        sent = [read_request(each.planned) for each in submissions]
        called = {kind: self._called(kind, sent) for kind in BATCHES}
        numbered = {kind: self._numbered(kind, sent) for kind in BATCHES}
        findings: list[Finding] = []
        for submission, request in zip(submissions, sent, strict=True):
            reference = submission.planned.reference
            if request.kind == CUSTOMER:
                findings.append(self._customer(request))
            elif request.action == CREATE:
                found = self._created(reference, request, called[request.kind])
                if submission.forgotten and isinstance(found, Absent) and _is_shared(submission):
                    where = "among the batches that are not posted yet"
                    found = perhaps_in_other_company(f"Batch {request.text} of {reference}", where)
                findings.append(found)
            else:
                batch = numbered[request.kind].get(request.key)
                findings.append(self._followed_up(submission, request, batch))
        return findings

    def _called(self, kind: str, sent: Sequence[Sent]) -> list[wire.Batch]:
        names = {each.text for each in sent if each.kind == kind and each.action == CREATE}
        return self._client.batches_called(documents.PATHS[kind], names)

    def _numbered(self, kind: str, sent: Sequence[Sent]) -> Mapping[str, wire.Batch]:
        numbers = {each.key for each in sent if each.kind == kind and each.action != CREATE}
        return {row.number: row for row in self._client.batches(documents.PATHS[kind], numbers)}

    # --- batches that may have been made -------------------------------------------------------------------------------

    def _created(self, reference: str, sent: Sent, rows: Sequence[wire.Batch]) -> Finding:
        hits = [row for row in rows if row.description == sent.text]
        numbers = ", ".join(row.number for row in hits)
        if len(hits) > 1:
            return CannotTell(
                f"Sage 300 has several batches with the text {sent.text} of {reference}: {numbers}. Keep one and delete the "
                f"others, {_RELEASE}."
            )
        if not hits:
            return self._without_batch(reference, sent)
        problems = readback.batch_differences(sent, hits[0])
        if problems:
            return CannotTell(
                f"Batch {numbers} ({hits[0].batch_status}) carries the text {sent.text} of {reference}, but "
                f"{'; '.join(problems[:3])}. Delete the batch, or complete it by hand and withdraw; {_RELEASE}."
            )
        return Found(readback.document_of(sent.kind, hits[0]))

    def _without_batch(self, reference: str, sent: Sent) -> Finding:
        """A batch that was posted and cleared, or entered again by a person, leaves its documents (section 2.12)."""
        posted = self._posted(sent)
        if not posted:
            return Absent()
        shown = ", ".join(sorted(posted)[:5])
        return CannotTell(
            f"Sage 300 has no batch {sent.text} of {reference}, but {len(posted)} of its {len(sent.entries)} documents are "
            f"posted: {shown}. Withdraw their postings if they are right, reverse them if not, {_RELEASE}."
        )

    def _posted(self, sent: Sent) -> set[str]:
        names = {readback.sent_name(sent.kind, entry) for entry in sent.entries}
        if sent.kind == RECEIPTS:
            return {row.check_receipt_number for row in self._client.posted_receipts(names)}
        if sent.kind == INVOICES:
            return {row.document_number for row in self._client.posted_documents(names)}
        if sent.kind == JOURNALS:
            references = {str(line["Reference"]) for entry in sent.entries for line in entry["JournalDetails"][:1]}
            return {row.journal_detail_reference for row in self._client.posted_transactions(references)}
        return {row.document_number for row in self._client.posted_refunds(names)}

    # --- what was to happen with a batch -------------------------------------------------------------------------------

    def _followed_up(self, submission: OpenSubmission, sent: Sent, batch: wire.Batch | None) -> Finding:
        status = batch.batch_status if batch is not None else "Deleted"
        if batch is None or status == "Deleted":
            return CannotTell(
                f"Batch {sent.key} is not in Sage 300 any more. Look for its documents; withdraw the postings if they are "
                f"posted, {_RELEASE} otherwise."
            )
        if sent.action != POST:
            return Found(readback.document_of(sent.kind, batch)) if status in readback.FINAL else Absent()
        if status == "Posted":
            return Found(readback.document_of(sent.kind, batch))
        if status != "PostInProgress":
            return Absent()
        if self._now() - submission.claimed_at <= LONGEST_POSTING:
            raise NotSent(
                f"Sage 300 is still posting batch {sent.key}.",
                system=SYSTEM,
                connection=self._connection,
                subject=submission.planned.reference,
                next_step="nothing: the next run looks again.",
            )
        return CannotTell(
            f"Batch {sent.key} has been in progress of posting for more than an hour. Restart the posting in Sage 300, "
            f"{_RELEASE}."
        )

    # --- customers -----------------------------------------------------------------------------------------------------

    def _customer(self, sent: Sent) -> Finding:
        rows = self._client.customers([sent.key])
        if sent.action == CREATE:
            if not rows:
                return Absent()
            if customer_shows(sent.fields, rows[0]):
                return Found(Document(CUSTOMER, sent.key))
            return CannotTell(
                f"Sage 300 has a customer {sent.key} that says something else than what was sent. Link the GoCardless "
                f"customer to the right one, {_RELEASE}."
            )
        if not rows:
            return CannotTell(f"Customer {sent.key} is not in Sage 300 any more; correct its link, {_RELEASE}.")
        return Found(Document(CUSTOMER, sent.key)) if customer_shows(sent.fields, rows[0]) else Absent()


def _is_shared(submission: OpenSubmission) -> bool:
    """A payout's journal is called after it; every other batch after all that it holds."""
    return any(work.posting.kind not in PAYOUT_KINDS for work in submission.postings)
