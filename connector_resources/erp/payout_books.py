"""Which postings of our own ledger moved the money of a payout's items, for ERPs that must know what it was booked at.

Reads the store alone: the payout's items as GoCardless gave them, and the postings about their payments and refunds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bookkeeping.entities import PayoutItem
from bookkeeping.postings import Posting, PostingKind
from connector_resources.gocardless.bodies import payout_item_of

if TYPE_CHECKING:
    from connector_resources.store.ledger_reading import LedgerRow
    from connector_resources.store.store import Store

#: payout item type -> the kind of posting that moved its money on the clearing account, and whose id is its subject.
MOVED_BY = {
    "payment_paid_out": (PostingKind.RECEIPT, "payment"),
    "payment_failed": (PostingKind.RECEIPT_REVERSAL, "payment"),
    "payment_charged_back": (PostingKind.RECEIPT_REVERSAL, "payment"),
    "payment_refunded": (PostingKind.REFUND, "refund"),
    "refund": (PostingKind.REFUND, "refund"),
    "refund_funds_returned": (PostingKind.REFUND_REVERSAL, "refund"),
}
#: a held or withdrawn posting never reached the books.
NOT_BOOKED = frozenset({"held", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Movement:
    """The payment or refund of an item, and the kind of posting that booked it."""

    subject: str
    kind: PostingKind


def movements(payout: Posting, items: Iterable[PayoutItem]) -> list[Movement]:
    """One per item that moved the clearing account. Payments on the suspense account never reached it: left out."""
    suspense = set(payout.facts.get("suspense_payments", "").split(","))
    found: list[Movement] = []
    for item in items:
        if item.type not in MOVED_BY or item.payment_id in suspense:
            continue
        kind, link = MOVED_BY[item.type]
        found.append(Movement((item.payment_id if link == "payment" else item.refund_id) or "", kind))
    return found


class StoredBooks:
    """The store of one connection, for the questions above."""

    def __init__(self, connection: str, store: Store) -> None:
        self._connection = connection
        self._store = store

    def items(self, payout_id: str) -> list[PayoutItem] | None:
        """The payout's items; None when they were never read."""
        bodies = self._store.entities.payout_items(self._connection, payout_id)
        payout = self._store.entities.get(self._connection, "payouts", [payout_id]).get(payout_id)
        if bodies is None or payout is None:
            return None
        return [payout_item_of(body, payout["currency"]) for body in bodies]

    def rows(self, subjects: Sequence[str]) -> Mapping[str, Sequence[LedgerRow]]:
        """The ledger's rows about these payments, refunds and payouts that are or will be booked, oldest first."""
        found = self._store.ledger.of_subjects(self._connection, subjects)
        return {subject: [row for row in rows if row.state not in NOT_BOOKED] for subject, rows in found.items()}

    def postings(self, subjects: Sequence[str]) -> Mapping[str, Sequence[Posting]]:
        """The postings of `rows`."""
        return {subject: [row.posting for row in rows] for subject, rows in self.rows(subjects).items()}
