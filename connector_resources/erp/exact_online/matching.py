"""Settles with XML match sets what Exact has left unmatched of our receipts and refunds (exact_online.md section 3.7).

Exact is about to discontinue that interface and names no other. When it is gone, refused, or answers with a page, matching is
left alone for a day and the postings are complete without it: the money is booked all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bookkeeping.postings import Posting, PostingKind
from connector_resources.erp.contract import (
    Absent,
    Document,
    Finding,
    Found,
    OpenSubmission,
    Outcome,
    PlannedSubmission,
    Posted,
    PostingWork,
)
from connector_resources.erp.exact_online import match_sets, readback
from connector_resources.erp.exact_online.client import SYSTEM, ExactOnlineClient
from connector_resources.erp.exact_online.division import Marks
from connector_resources.erp.exact_online.documents import BOOKED, MATCH_SETS
from connector_resources.erp.exact_online.exchange import Books
from connector_resources.erp.exact_online.match_files import MATCH_STEP
from connector_resources.erp.exact_online.match_sets import MatchLine, MatchSet
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.wire import Receivable, TransactionLine
from connector_resources.errors import Refused, StaleVersion, Uncertain

#: what settles an item that was open before; what a take-back opens again is to stay open.
MATCHED_KINDS = frozenset({PostingKind.RECEIPT, PostingKind.REFUND})
#: since when the interface is known to be gone.
GONE_MARK = "exact_online_match_sets_gone"
#: after so long it is tried again: a right may have been given meanwhile.
TRIED_AGAIN_AFTER = timedelta(days=1)
#: of more customers than this, all open items are read.
FEW_CUSTOMERS = 200


class Matching:
    """One connection's matching. `marks` keep whether the interface is there."""

    def __init__(
        self,
        connection: str,
        client: ExactOnlineClient,
        settings: ExactOnlineSettings,
        books: Books,
        marks: Marks,
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._client = client
        self._settings = settings
        self._books = books
        self._marks = marks
        self._now = now

    @property
    def is_on(self) -> bool:
        """Whether match sets are to be sent, and Exact is not known to refuse them."""
        if self._settings.matching_mode != "xml_matchsets":
            return False
        refused_at = self.refused_at
        return refused_at is None or self._now() - refused_at > TRIED_AGAIN_AFTER

    @property
    def refused_at(self) -> datetime | None:
        """Since when Exact takes no match sets; None while it does, or while they are not to be sent."""
        gone = self._marks.get(self._connection, GONE_MARK)
        return datetime.fromisoformat(gone) if gone and self._settings.matching_mode == "xml_matchsets" else None

    # --- what is to be matched -------------------------------------------------------------------------------------

    def read(self, postings: Iterable[Posting]) -> dict[str, tuple[MatchSet, ...]]:
        """By posting key, the sets of receipts and refunds whose entry stands and that settle nothing yet.

        Raises `NotSent`, `BadAnswer`, `Refused`.
        """
        wanted = [each for each in postings if each.kind in MATCHED_KINDS]
        if not wanted or not self.is_on:
            return {}
        entries = self._unmatched_entries(wanted)
        keys = {posting.reference: posting.key for posting, _ in entries}
        rows = open_lines(self._client, {entry for _, entry in entries}, set(keys))
        if not rows:
            return {}
        others = self._others(rows)
        pairs = [(row, other) for row in rows if (other := _counterpart(row, others)) is not None]
        lines = self._lines(pairs)
        found: dict[str, list[MatchSet]] = {}
        for row, other in pairs:
            made = _set_of(row, other, lines)
            if made is not None:
                found.setdefault(keys[marker_of(row)], []).append(made)
        return {key: tuple(sets) for key, sets in found.items()}

    def _unmatched_entries(self, postings: Sequence[Posting]) -> list[tuple[Posting, str]]:
        """(posting, entry id) of those that were booked and not matched by us yet."""
        booked = self._books.rows(sorted({each.subject for each in postings}))
        rows = {row.posting.key: row for each in booked.values() for row in each}
        return [
            (posting, entry)
            for posting in postings
            if posting.key in rows and not any(step.step == MATCH_STEP for step in rows[posting.key].documents)
            for entry in _entries(PostingWork(posting, rows[posting.key].documents))
        ]

    def _others(self, rows: Sequence[Receivable]) -> list[Receivable]:
        """All open items of the customers of `rows`, without `rows`."""
        accounts = {row.account for row in rows}
        own = {row.id for row in rows}
        items = self._client.open_items(accounts if len(accounts) <= FEW_CUSTOMERS else ())
        return [item for item in items if item.account in accounts and item.id not in own]

    def _lines(self, pairs: Sequence[tuple[Receivable, Receivable]]) -> dict[str, list[TransactionLine]]:
        entries = {item.transaction_entry_id or item.entry_id for pair in pairs for item in pair}
        return readback.by_entry(self._client.lines_of_entries(entries)) if entries else {}

    # --- sending ---------------------------------------------------------------------------------------------------

    def submit(self, planned: PlannedSubmission) -> Outcome:
        """Upload a file once. Sets that were refused are named in the document; they are no reason to hold a booking.

        Raises `StaleVersion` when the interface is gone, `NotSent`, `Uncertain`.
        """
        try:
            answer = self._client.upload(planned)
            refused = match_sets.refusals(answer)
        except (Refused, ValueError) as problem:
            raise self._gone(planned, str(problem)) from problem
        except Uncertain as error:
            if error.status and error.status < 300:
                raise self._gone(planned, "it answered with a page") from error
            raise
        details = {"id": planned.reference}
        if refused:
            details["refused"] = f"{len(refused)}: {refused[0]}"
        return Posted(Document(MATCH_SETS, planned.reference, details=details))

    def _gone(self, planned: PlannedSubmission, why: str) -> StaleVersion:
        """The next plan does without."""
        self._marks.set(self._connection, GONE_MARK, self._now().isoformat())
        return StaleVersion(
            f"Exact Online takes no match sets: {why}. Matching is left alone for a day.",
            system=SYSTEM,
            connection=self._connection,
            subject=planned.reference,
            next_step="set matching_mode to verify_only, or give the consenting user the right to import XML.",
        )

    def find(self, submission: OpenSubmission) -> Finding:
        """An unanswered upload took effect when nothing of its postings is open; what was matched is refused again."""
        if self.left_open(submission.postings):
            return Absent()
        reference = submission.planned.reference
        return Found(Document(MATCH_SETS, reference, details={"id": reference}))

    def left_open(self, works: Iterable[PostingWork]) -> list[Receivable]:
        """The items that entries of these postings made and that settle nothing yet."""
        works = list(works)
        entries = {entry for work in works for entry in _entries(work)}
        return open_lines(self._client, entries, {work.posting.reference for work in works})


def open_lines(client: ExactOnlineClient, entries: Collection[str], references: Collection[str]) -> list[Receivable]:
    """The open items that these entries made for postings with these references and an invoice number."""
    rows = client.open_items_of_entries(entries) if entries else []
    return [row for row in rows if row.invoice_number and marker_of(row) in references]


def marker_of(row: Receivable) -> str:
    """The reference at the start of an item's description."""
    return row.description.split(" ", 1)[0]


def _entries(work: PostingWork) -> list[str]:
    return [step.document.details.get("id", step.document.number) for step in work.done if step.document.kind in BOOKED]


def _counterpart(row: Receivable, items: Iterable[Receivable]) -> Receivable | None:
    """The customer's item with the same number on the other side: the one of the same amount, else the oldest."""
    fitting = [
        each
        for each in items
        if (each.account, each.invoice_number, each.currency) == (row.account, row.invoice_number, row.currency)
        and each.gl_account == row.gl_account
        and each.amount_fc * row.amount_fc < 0
    ]
    return min(fitting, key=lambda each: (each.amount_fc != -row.amount_fc, each.entry_number), default=None)


def _set_of(row: Receivable, other: Receivable, lines: Mapping[str, Sequence[TransactionLine]]) -> MatchSet | None:
    """None when one of the two is not told apart by its amount from another line of the same entry and customer."""
    named = [_line_of(item, lines) for item in (other, row)]
    if any(each is None for each in named):
        return None
    first, second = (each for each in named if each is not None)
    return MatchSet(first.gl_account_code, first.account_code, (MatchLine.of(first), MatchLine.of(second)))


def _line_of(item: Receivable, lines: Mapping[str, Sequence[TransactionLine]]) -> TransactionLine | None:
    rows = lines.get(item.transaction_entry_id or item.entry_id, ())
    own = next((row for row in rows if row.id == item.transaction_id), None)
    if own is None:
        return None
    alike = Counter((row.gl_account, row.account, row.amount_dc) for row in rows)
    return own if alike[own.gl_account, own.account, own.amount_dc] == 1 else None
