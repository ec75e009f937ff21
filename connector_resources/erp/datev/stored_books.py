"""Our own store as `booked.Books`: payout items as GoCardless gave them, and the postings that moved their money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bookkeeping.entities import PayoutItem
from bookkeeping.postings import Posting
from connector_resources.gocardless.bodies import payout_item_of

if TYPE_CHECKING:
    from connector_resources.store.store import Store

#: a held or withdrawn posting never reached the books.
NOT_BOOKED = frozenset({"held", "withdrawn"})


class StoredBooks:
    """`Books` of one connection."""

    def __init__(self, connection: str, store: Store) -> None:
        self._connection = connection
        self._store = store

    def items(self, payout_id: str) -> list[PayoutItem] | None:
        bodies = self._store.entities.payout_items(self._connection, payout_id)
        payout = self._store.entities.get(self._connection, "payouts", [payout_id]).get(payout_id)
        if bodies is None or payout is None:
            return None
        return [payout_item_of(body, payout["currency"]) for body in bodies]

    def postings(self, subjects: Sequence[str]) -> Mapping[str, Sequence[Posting]]:
        found = self._store.ledger.of_subjects(self._connection, subjects)
        return {
            subject: [row.posting for row in rows if row.state not in NOT_BOOKED] for subject, rows in found.items()
        }
