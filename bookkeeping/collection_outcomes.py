"""How a collection stands, from its payment's status and story. Unknown statuses never free an invoice.

Statuses may be older than events and events may be missing, so whenever the two disagree the answer is the one that keeps
the invoice. Sources: gocardless.md sections 7.1 and 7.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bookkeeping.eligibility import AttemptState
from bookkeeping.entities import Event, Payment

COLLECTED_STATUSES = frozenset({"confirmed", "paid_out"})
CANCELLED_STATUSES = frozenset({"cancelled", "customer_approval_denied"})
#: GoCardless has not sent the payment to the banks yet, so it can be cancelled.
CANCELLABLE_STATUSES = frozenset({"pending_customer_approval", "pending_submission"})

_FAILED = frozenset({"failed"})
_TRIED_AGAIN = frozenset({"resubmission_requested", "submitted", "confirmed", "paid_out"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """`cause` and `ended_at` are those of the event that ended it, empty while it has not ended."""

    state: AttemptState
    cause: str = ""
    ended_at: datetime | None = None


def outcome_of(payment: Payment, story: Sequence[Event]) -> Outcome:
    """What became of a collection. A failure that GoCardless tries again by itself has not ended it."""
    ordered = sorted(story, key=lambda event: event.order)
    if payment.status in COLLECTED_STATUSES:
        return Outcome(AttemptState.COLLECTED)
    if payment.status == "charged_back":
        return _ended(AttemptState.CHARGED_BACK, ordered, frozenset({"charged_back"}))
    if payment.status in CANCELLED_STATUSES:
        return _ended(AttemptState.CANCELLED, ordered, CANCELLED_STATUSES)
    if payment.status in _FAILED:
        return _failed(ordered)
    return Outcome(AttemptState.IN_FLIGHT)


def _failed(story: Sequence[Event]) -> Outcome:
    """Failed for now, or for good. Without the event that says which, it is not over."""
    last = next((event for event in reversed(story) if event.action in _FAILED | _TRIED_AGAIN), None)
    if last is None or last.action not in _FAILED or last.will_attempt_retry:
        return Outcome(AttemptState.IN_FLIGHT)
    return Outcome(AttemptState.FAILED, last.cause or "", last.created_at)


def _ended(state: AttemptState, story: Sequence[Event], actions: frozenset[str]) -> Outcome:
    last = next((event for event in reversed(story) if event.action in actions), None)
    if last is None:
        return Outcome(state)
    return Outcome(state, last.cause or "", last.created_at)
