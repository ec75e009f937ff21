"""Brings every subscription to the state that the ledger and GoCardless give it.

The ledger says whether it was made and what became of the changes asked of it; GoCardless's own answer, once it was read
again, says how it stands. Nothing is fetched here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bookkeeping.money import Money
from bookkeeping.subscribing import FOLLOWING, MOST_AMENDMENTS, Action, SubscriptionState
from bookkeeping.subscription_rules import change_of
from connector_resources.gocardless.wire import event_of, subscription_of
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.states import SETTLED, PostingState
from connector_resources.store.store import Store
from connector_resources.store.subscriptions import SubscriptionRow

_SETTLED = frozenset(state.value for state in SETTLED)
#: GoCardless's status -> our word; a status we do not know leaves the subscription as it was (gocardless.md section 2.5).
_STATES: Mapping[str, SubscriptionState] = {
    "pending_customer_approval": SubscriptionState.ACTIVE,
    "active": SubscriptionState.ACTIVE,
    "paused": SubscriptionState.PAUSED,
    "finished": SubscriptionState.FINISHED,
    "cancelled": SubscriptionState.CANCELLED,
    "customer_approval_denied": SubscriptionState.CANCELLED,
}
_ENDINGS = frozenset({"cancelled", "customer_approval_denied"})


@dataclass(slots=True)
class _Facts:
    """What the store holds about the subscriptions that are looked at."""

    postings: Mapping[str, LedgerRow]
    bodies: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    stories: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


class Standings:
    """One connection's subscriptions."""

    def __init__(self, store: Store, connection: str) -> None:
        self._store = store
        self._name = connection

    def refresh(self) -> list[SubscriptionRow]:
        """Record every change since the last time; gives the subscriptions that changed."""
        read = self._store.subscriptions.read_since(self._name)
        before = [
            row
            for row in self._store.subscriptions.all(self._name)
            if row.state in FOLLOWING or row.change_key or row.subscription_id in read
        ]
        keys = [key for row in before for key in (row.posting_key, row.change_key) if key]
        ids = sorted(read & {row.subscription_id for row in before})
        facts = _Facts(
            self._store.ledger.by_key(self._name, keys),
            self._store.entities.get(self._name, "subscriptions", ids),
            self._store.inbox.story(self._name, ids),
        )
        after = [_look_at(row, facts) for row in before]
        changed = [row for row, earlier in zip(after, before, strict=True) if row != earlier]
        self._store.subscriptions.change(self._name, changed)
        return changed


def _look_at(row: SubscriptionRow, facts: _Facts) -> SubscriptionRow:
    row = _with_id(row, facts.postings.get(row.posting_key))
    if not row.subscription_id:
        return row
    changed = _after_change(row, facts.postings.get(row.change_key))
    # What was read before our own change ended may be older than it; the next reading tells.
    body = None if changed.change_key != row.change_key else facts.bodies.get(row.subscription_id)
    return changed if body is None else _as_read(changed, body, facts.stories.get(row.subscription_id, ()))


def _with_id(row: SubscriptionRow, posting: LedgerRow | None) -> SubscriptionRow:
    if row.subscription_id or row.state not in FOLLOWING:
        return row
    if posting is None or posting.state == PostingState.WITHDRAWN.value:
        return replace(row, state=SubscriptionState.WITHDRAWN)
    if posting.documents:
        document = posting.documents[0].document
        state = _STATES.get(document.details.get("status", ""), SubscriptionState.ACTIVE)
        return replace(row, subscription_id=document.number, state=state, cause="")
    if posting.state == PostingState.HELD.value:
        return replace(row, state=SubscriptionState.HELD, cause=posting.held_code)
    return replace(row, state=SubscriptionState.PLANNED, cause="")


def _after_change(row: SubscriptionRow, change: LedgerRow | None) -> SubscriptionRow:
    """The subscription after what was asked of it has ended; as it was while that has not."""
    if change is None:
        return row
    if change.state == PostingState.WITHDRAWN.value:
        return replace(row, change_key="", refused=change.posting.facts.get("wish", ""), cause="")
    if change.state == PostingState.HELD.value:
        exceeded = change.held_code == "number_of_subscription_amendments_exceeded"
        return replace(row, cause=change.held_code, amendments=MOST_AMENDMENTS if exceeded else row.amendments)
    if change.state not in _SETTLED:
        return row
    done = replace(row, change_key="", cause="")
    if not change.documents:
        return done
    order = change_of(change.posting)
    match order.action:
        case Action.AMEND:
            amount, name = order.amount or row.amount, order.name or row.name
            return replace(done, amount=amount, name=name, amendments=row.amendments + (order.amount is not None))
        case Action.PAUSE:
            return replace(done, state=SubscriptionState.PAUSED, ours=True)
        case Action.RESUME:
            return replace(done, state=SubscriptionState.ACTIVE, ours=False)
        case Action.CANCEL:
            return replace(done, state=SubscriptionState.CANCELLED, ours=True)


def _as_read(row: SubscriptionRow, body: dict[str, Any], story: Sequence[dict[str, Any]]) -> SubscriptionRow:
    read = subscription_of(body)
    now = replace(
        row,
        amount=Money(read.amount.minor, row.amount.currency),
        name=read.name or row.name,
        mandate=read.mandate_id or row.mandate,
    )
    state = _STATES.get(read.status, row.state)
    # An end is final, whatever an older reading says.
    if state is row.state or row.state not in FOLLOWING:
        return now
    ended = [event for event in map(event_of, story) if event.action in _ENDINGS]
    cause = max(ended, key=lambda event: event.order).cause if ended and state is SubscriptionState.CANCELLED else ""
    return replace(now, state=state, ours=False, cause=cause or "")
