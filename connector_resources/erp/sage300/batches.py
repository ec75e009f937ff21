"""Puts the documents of many postings into few batches, and writes their requests (sage300.md sections 2.6 to 2.11, 5). Pure.

One request makes one batch, so documents of one kind, bank and day share batches of up to `max_entries_per_batch`. Every payout
has a journal batch of its own. A batch is named after its postings alone: while an open batch of that name exists, nothing is
sent, whoever left it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bookkeeping.postings import PAYOUT_KINDS, Posting
from connector_resources.erp.contract import Document, Hold, Planned, PlannedSubmission
from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.sage300 import documents, references
from connector_resources.erp.sage300.addresses import JSON
from connector_resources.erp.sage300.documents import INVOICES, JOURNALS, POST, READY, RECEIPTS, REFUNDS
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.snapshot import Snapshot

#: what stands in a batch's name, by step.
_WORDS = {
    "receipt": "RCPT", "debit_note": "DBN", "credit_note": "CRN", "invoice": "INV", "refund": "RFD", "journal": "JRNL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Share:
    """What one posting adds to a batch."""

    posting: Posting
    step: str
    kind: str
    day: date
    entry: Mapping[str, Any] = field(hash=False)
    bank: str = ""


#: what shares of one batch have in common: kind, step, day, bank, the posting that is alone, and the size of its crowd.
_Group = tuple[str, str, date, str, str, int]


class BatchDesk:
    """Collects shares and follow-up steps and writes their requests."""

    def __init__(self, settings: Sage300Settings, connection: str, snapshot: Snapshot) -> None:
        self._settings = settings
        self._connection = connection
        self._snapshot = snapshot
        self._shares: list[Share] = []
        self._next: dict[tuple[str, str, str], list[Posting]] = {}

    def add(self, share: Share) -> None:
        self._shares.append(share)

    def follow(self, document: Document, action: str, step: str, posting: Posting) -> None:
        """The batch of `document` is to be made ready or posted; one request does it for all its postings."""
        self._next.setdefault((document.kind, document.number, step), []).append(posting)
        assert action in (READY, POST), action

    def requests(self, crowds: Mapping[str, int]) -> Iterator[Planned]:
        """New batches by kind and day, those that were refused for one of their entries last; then the follow-up steps."""
        groups: dict[_Group, list[Share]] = {}
        for share in self._shares:
            groups.setdefault(self._group(share, crowds), []).append(share)
        for group, shares in sorted(groups.items(), key=lambda each: (each[0][5] > 0, -each[0][5], *each[0][:5])):
            for some in self._chunks(shares, group[5]):
                yield from self._batch(some)
        for (kind, number, step), postings in self._next.items():
            try:
                yield self._follow_up(kind, number, step, postings)
            except ValueError as problem:
                yield from (_not_postable(posting.key, number, problem) for posting in postings)

    def _group(self, share: Share, crowds: Mapping[str, int]) -> _Group:
        key = share.posting.key
        alone = key if share.posting.kind in PAYOUT_KINDS else ""
        return (share.kind, share.step, share.day, share.bank, alone, crowds.get(key, 0))

    def _chunks(self, shares: Sequence[Share], crowd: int) -> Iterator[Sequence[Share]]:
        size = min(crowd or self._settings.max_entries_per_batch, self._settings.max_entries_per_batch)
        for first in range(0, len(shares), size):
            yield shares[first : first + size]

    def _batch(self, shares: Sequence[Share]) -> Iterable[Planned]:
        name = self._name(shares)
        keys = tuple(share.posting.key for share in shares)
        first = shares[0]
        there = self._snapshot.open_names.get(first.kind, {}).get(name)
        if there is not None:
            return [_already_there(key, there, name) for key in keys]
        body = self._body(name, shares)
        what = first.posting.text if len(shares) == 1 else f"{len(shares)} postings"
        planned = PlannedSubmission(
            reference=f"{first.posting.key}/{first.step}" if len(shares) == 1 else f"batch:{name[3:]}/{first.step}",
            step=first.step,
            method="POST",
            path=self._settings.root + documents.PATHS[first.kind],
            body=dump_exact(body),
            content_type=JSON,
            posting_keys=keys,
            summary=f"{first.kind} {name}: {what}",
        )
        return [planned]

    def _name(self, shares: Sequence[Share]) -> str:
        first = shares[0]
        if first.posting.kind in PAYOUT_KINDS:
            return references.journal_name(first.posting)
        keys = [share.posting.key for share in shares]
        return references.batch_name(_WORDS[first.step], first.day, self._connection, keys)

    def _body(self, name: str, shares: Sequence[Share]) -> dict[str, Any]:
        first, entries = shares[0], [share.entry for share in shares]
        if first.kind == RECEIPTS:
            return documents.receipt_batch(name, first.day, first.bank, entries)
        if first.kind == INVOICES:
            return documents.invoice_batch(name, first.day, entries)
        if first.kind == REFUNDS:
            return documents.refund_batch(name, first.day, entries)
        assert first.kind == JOURNALS, first.kind
        return documents.journal_batch(name, entries)

    def _follow_up(self, kind: str, number: str, step: str, postings: Sequence[Posting]) -> PlannedSubmission:
        if step.startswith(f"{READY}_"):
            method, path = "PATCH", documents.key_path(kind, number)
            body = documents.make_ready(kind, self._settings.gl_ready_property)
            what = "Make ready to post"
        else:
            method, path = "POST", f"{documents.PROCESSES[kind]}('$process')"
            body = documents.post_batch(kind, number, self._snapshot.journal_template)
            what = "Post"
        return PlannedSubmission(
            reference=f"{kind}:{number}/{step}",
            step=step,
            method=method,
            path=self._settings.root + path,
            body=dump_exact(body),
            content_type=JSON,
            posting_keys=tuple(posting.key for posting in postings),
            summary=f"{what}: {kind} {number} with {len(postings)} postings",
        )


def _already_there(key: str, number: str, name: str) -> Hold:
    return Hold(
        key,
        "batch_exists",
        f"Sage 300 has open batch {number} with the text {name}, which a try before has left.",
        f"Look at batch {number}: delete it if it is incomplete and release {key}; withdraw {key} if it is right.",
    )


def _not_postable(key: str, number: str, problem: ValueError) -> Hold:
    return Hold(
        key,
        "process_unknown",
        f"Batch {number} is ready, and this connector cannot post it: {problem}.",
        f"Post batch {number} in Sage 300, set post_mode to ready, then release {key}; staff posts from then on.",
    )
