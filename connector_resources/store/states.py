"""The two state machines of posting, as data: which move is legal from which state (DESIGN section 5).

And the states of a delivery.
"""

from __future__ import annotations

from enum import StrEnum


class DeliveryState(StrEnum):
    """Of a webhook that was stored: its events are still in its bytes, are in the inbox, or cannot be told from its bytes."""

    WAITING = "waiting"
    TAKEN = "taken"
    UNREADABLE = "unreadable"


class PostingState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    POSTED = "posted"
    DELIVERED = "delivered"
    HELD = "held"
    WITHDRAWN = "withdrawn"


class SubmissionState(StrEnum):
    CLAIMED = "claimed"
    POSTED = "posted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_SENT = "not_sent"
    ABSENT = "absent"
    PARKED = "parked"


#: target -> the states it may be reached from. `pending -> posted` only when nothing was to be booked, or when a look-
#: up found the document of a posting that a person had released meanwhile; the ledger checks which.
POSTING_SOURCES: dict[PostingState, frozenset[PostingState]] = {
    PostingState.PENDING: frozenset({PostingState.CLAIMED, PostingState.HELD}),
    PostingState.CLAIMED: frozenset({PostingState.PENDING}),
    PostingState.POSTED: frozenset({PostingState.PENDING, PostingState.CLAIMED}),
    PostingState.DELIVERED: frozenset({PostingState.PENDING, PostingState.CLAIMED}),
    PostingState.HELD: frozenset({PostingState.PENDING, PostingState.CLAIMED}),
    PostingState.WITHDRAWN: frozenset({PostingState.HELD}),
}

#: target -> the states it may be reached from. A submission found `claimed` after a crash is looked up like an unknown
#: one.
SUBMISSION_SOURCES: dict[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.CLAIMED: frozenset({SubmissionState.NOT_SENT, SubmissionState.ABSENT, SubmissionState.REJECTED}),
    SubmissionState.POSTED: frozenset({SubmissionState.CLAIMED, SubmissionState.UNKNOWN, SubmissionState.ACCEPTED}),
    SubmissionState.ACCEPTED: frozenset({SubmissionState.CLAIMED, SubmissionState.UNKNOWN}),
    SubmissionState.REJECTED: frozenset({SubmissionState.CLAIMED, SubmissionState.ACCEPTED}),
    SubmissionState.UNKNOWN: frozenset({SubmissionState.CLAIMED}),
    SubmissionState.NOT_SENT: frozenset({SubmissionState.CLAIMED}),
    SubmissionState.ABSENT: frozenset({SubmissionState.CLAIMED, SubmissionState.UNKNOWN}),
    SubmissionState.PARKED: frozenset({SubmissionState.CLAIMED, SubmissionState.UNKNOWN, SubmissionState.ACCEPTED}),
}

#: Postings that still have work to do, and those whose document exists.
UNFINISHED = (PostingState.PENDING, PostingState.CLAIMED)
SETTLED = (PostingState.POSTED, PostingState.DELIVERED)

#: Deliveries whose events are not in the inbox.
UNTAKEN = (DeliveryState.WAITING, DeliveryState.UNREADABLE)

#: Submissions whose end is not recorded.
OPEN = (SubmissionState.CLAIMED, SubmissionState.UNKNOWN, SubmissionState.ACCEPTED)

#: A person who releases a parked posting asks for another look-up, never for a blind repetition: this is the only move
#: out of `parked`, and only `Ledger.release` makes it.
LOOKED_UP_AGAIN = (SubmissionState.PARKED, SubmissionState.UNKNOWN)
