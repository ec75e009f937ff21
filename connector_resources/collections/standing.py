"""Brings every collection to the state that the ledger and GoCardless's events give it, and tells the ERP of the change.

The ledger says whether a payment was created, GoCardless what became of it. Nothing is fetched here; a payment's newest body
and its events were stored by whoever read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bookkeeping.collection_outcomes import outcome_of
from bookkeeping.collection_write_back import plan_invoice_status
from bookkeeping.eligibility import AttemptState
from bookkeeping.postings import PostingKind
from bookkeeping.settings import activity_day
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import event_of, payment_of
from connector_resources.store.collections import CollectionRow
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.states import SETTLED, PostingState
from connector_resources.store.store import Store

_SETTLED = frozenset(state.value for state in SETTLED)


@dataclass(slots=True)
class _Known:
    """What the store holds about the collections that are looked at."""

    postings: Mapping[str, LedgerRow]
    payments: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    stories: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


class Standings:
    """One connection's collections. `writes_back`: the ERP takes the state of a collection on its receivable."""

    def __init__(self, store: Store, connection: Connection, *, writes_back: bool) -> None:
        self._store = store
        self._name = connection.name
        self._books = connection.book_settings
        self._writes_back = writes_back

    def refresh(self) -> list[CollectionRow]:
        """Record every change since the last time; gives the collections that changed."""
        before = self._store.collections.to_look_at(self._name)
        keys = [key for row in before for key in (row.posting_key, _cancel_key(row))]
        known = _Known(self._store.ledger.by_key(self._name, keys))
        rows = [_with_payment(row, known.postings.get(row.posting_key)) for row in before]
        payments = sorted({row.payment_id for row in rows if row.payment_id})
        known.payments = self._store.entities.get(self._name, "payments", payments)
        known.stories = self._store.inbox.story(self._name, payments)
        after = [self._look_at(row, known) for row in rows]
        changed = [row for row, earlier in zip(after, before, strict=True) if row != earlier]
        self._record(changed)
        return changed

    def _record(self, changed: Sequence[CollectionRow]) -> None:
        if not changed:
            return
        with self._store.begin() as transaction:
            self._store.collections.change(self._name, changed, within=transaction)
            if self._writes_back:
                now = self._store.database.now()
                postings = [
                    plan_invoice_status(
                        part,
                        self._books,
                        now,
                        customer=row.customer,
                        state=row.state,
                        payment=row.payment_id,
                        cause=row.cause,
                        collection=row.reference,
                        revision=row.revision + 1,
                    )
                    for row in changed
                    if row.payment_id
                    for part in row.parts
                ]
                self._store.ledger.plan(self._name, postings, within=transaction)

    def _look_at(self, row: CollectionRow, known: _Known) -> CollectionRow:
        posting = known.postings.get(row.posting_key)
        if row.payment_id:
            return self._by_payment(row, known)
        if posting is None or posting.state == PostingState.WITHDRAWN.value:
            return replace(row, state=AttemptState.WITHDRAWN)
        if posting.state == PostingState.HELD.value:
            return replace(row, state=AttemptState.HELD, cause=posting.held_code)
        return replace(row, state=AttemptState.PLANNED, cause="")

    def _by_payment(self, row: CollectionRow, known: _Known) -> CollectionRow:
        cancel = known.postings.get(_cancel_key(row))
        if cancel is not None and cancel.state in _SETTLED and cancel.documents:
            # A cancelled payment stays so; its event only tells it later.
            today = activity_day(cancel.settled_at or self._store.database.now(), self._books)
            ended = row.ended_on or today
            cancelled = replace(row, state=AttemptState.CANCELLED, payment_status="cancelled", cause="", ours=True)
            return replace(cancelled, ended_on=ended)
        body = known.payments.get(row.payment_id)
        if body is None:
            return replace(row, state=AttemptState.IN_FLIGHT, cause="")
        story = [event_of(event) for event in known.stories.get(row.payment_id, ())]
        outcome = outcome_of(payment_of(body), story)
        return replace(
            row,
            state=outcome.state,
            payment_status=str(body["status"]),
            cause=outcome.cause,
            ours=False,
            ended_on=activity_day(outcome.ended_at, self._books) if outcome.ended_at else None,
        )


def _with_payment(row: CollectionRow, posting: LedgerRow | None) -> CollectionRow:
    """The payment that settled the posting, whatever became of the posting afterwards."""
    if row.payment_id or posting is None or not posting.documents:
        return row
    document = posting.documents[0].document
    return replace(row, payment_id=document.number, payment_status=document.details.get("status", ""))


def _cancel_key(row: CollectionRow) -> str:
    return f"{PostingKind.COLLECTION_CANCEL}:{row.reference}"
