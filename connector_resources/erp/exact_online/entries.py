"""Puts the lines of many postings into few entries, and writes their requests (sections 2.8, 2.9, 5 and 6.4). Pure.

Exact allows 60 calls a minute, so receipts share entries: one call books up to `lines_per_entry` lines. The default of 200 is
ours, Exact names no limit: five entries carry a thousand receipts, an entry is still read by a person on one screen, a refusal
or a lost answer concerns no more than that, and the posted lines of several entries fit one page of a bulk read. Every payout
has an entry of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bookkeeping.money import Money, total
from bookkeeping.postings import PAYOUT_KINDS, Posting
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.exact_online import documents
from connector_resources.erp.exact_online.documents import BANK_ENTRY, EntryHead, EntryLine
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.snapshot import Balance, Snapshot


@dataclass(frozen=True, slots=True)
class Share:
    """What one posting adds to an entry."""

    posting: Posting
    step: str
    head: EntryHead
    lines: tuple[EntryLine, ...]


#: what shares of one entry have in common: head, step, the posting that wants to be alone, and the size of its crowd.
_Group = tuple[EntryHead, str, str, int]


class EntryDesk:
    """Collects shares and writes entries, with the balances of each journal running on from one to the next."""

    def __init__(self, settings: ExactOnlineSettings, connection: str, snapshot: Snapshot) -> None:
        self._settings = settings
        self._connection = connection
        self._division = snapshot.division
        self._balances = dict(snapshot.balances)
        self._shares: list[Share] = []

    def add(self, share: Share) -> None:
        self._shares.append(share)

    def requests(self, crowds: Mapping[str, int]) -> Iterator[PlannedSubmission]:
        """The entries, by journal and period; those that may be refused for one of their postings come last.

        A refused entry leaves those behind it with a wrong opening balance, to be planned again.
        """
        groups: dict[_Group, list[Share]] = {}
        for share in self._shares:
            groups.setdefault(self._group(share, crowds), []).append(share)
        ordered = sorted(groups.items(), key=lambda each: _order(*each[0]))
        for (head, step, _, crowd), shares in ordered:
            for some in self._chunks(shares, crowd):
                yield self._entry(head, step, some)

    def _group(self, share: Share, crowds: Mapping[str, int]) -> _Group:
        posting = share.posting
        alone = posting.kind in PAYOUT_KINDS or self._settings.posting_granularity == "single"
        return (share.head, share.step, posting.key if alone else "", crowds.get(posting.key, 0))

    def _chunks(self, shares: Iterable[Share], crowd: int) -> Iterator[list[Share]]:
        """As many shares as fit, in order. No posting is torn apart, and a larger one has an entry of its own."""
        chunk: list[Share] = []
        lines = 0
        for share in shares:
            full = lines + len(share.lines) > self._settings.lines_per_entry or (crowd and len(chunk) >= crowd)
            if chunk and full:
                yield chunk
                chunk, lines = [], 0
            chunk.append(share)
            lines += len(share.lines)
        if chunk:
            yield chunk

    def _entry(self, head: EntryHead, step: str, shares: Sequence[Share]) -> PlannedSubmission:
        keys = tuple(share.posting.key for share in shares)
        reference = f"{keys[0]}/{step}" if len(keys) == 1 else f"{_batch_name(head, keys)}/{step}"
        lines = [line for share in shares for line in share.lines]
        moved = total([line.amount for line in lines], head.currency)
        opening = self._opening(head, moved)
        # The same entry whatever it opens with: an earlier send that comes late and this one cannot both be booked.
        entry_id = documents.entry_id_of(self._connection, reference)
        if opening is not None:
            # Another opening balance makes it another request: the one before was refused for its balance.
            reference = f"{reference}@{opening}"
        if head.kind == BANK_ENTRY:
            body = documents.bank_entry(head, entry_id, lines, opening, self._settings.bank_amount_sign)
        else:
            body = documents.general_journal(head, entry_id, lines)
        what = shares[0].posting.text if len(shares) == 1 else f"{len(shares)} postings"
        return PlannedSubmission(
            reference=reference,
            step=step,
            method="POST",
            path=f"/api/v1/{self._division}/{documents.PATHS[head.kind]}",
            body=dump_exact(body),
            content_type=documents.JSON,
            posting_keys=keys,
            headers=documents.PREFER,
            summary=f"{head.kind} in journal {head.journal}, period {head.span}: {what}, {moved}",
        )

    def _opening(self, head: EntryHead, moved: Money) -> Decimal | None:
        """The opening balance, and the journal's balance after this entry noted for the next one."""
        if head.kind != BANK_ENTRY or self._settings.bank_balances == "omit":
            return None
        balance = self._balances.get(head.journal, Balance())
        closing = balance.closing + moved.major * self._settings.bank_amount_sign
        self._balances[head.journal] = balance.after(head.span.year, head.span.number, closing)
        return balance.closing


def _order(head: EntryHead, step: str, alone: str, crowd: int) -> tuple[object, ...]:
    return (head.journal, crowd > 0, -crowd, head.span)


def _batch_name(head: EntryHead, keys: Sequence[str]) -> str:
    """The same postings in one entry always have the same name."""
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]
    return f"batch:{head.journal}:{head.currency}:{digest}"
