"""Follows one id through the store: events, decisions, postings, submissions, ERP documents, trail."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector_resources.store.store import Store


@dataclass(frozen=True, slots=True)
class TracedEvent:
    event_id: str
    what: str
    created_at: str
    came_by: str
    decision: str


@dataclass(frozen=True, slots=True)
class TracedPosting:
    key: str
    amount: str
    state: str
    documents: tuple[str, ...]
    #: why it is held, or what it waits for; "" when it is neither.
    held_reason: str


@dataclass(frozen=True, slots=True)
class TracedSubmission:
    reference: str
    step: str
    request: str
    sha256: str
    state: str
    attempts: int


@dataclass(frozen=True, slots=True)
class TracedRow:
    seq: int
    at: datetime
    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything known of one id on one connection."""

    connection: str
    events: tuple[TracedEvent, ...]
    postings: tuple[TracedPosting, ...]
    submissions: tuple[TracedSubmission, ...]
    trail: tuple[TracedRow, ...]

    @property
    def anything(self) -> bool:
        return bool(self.events or self.postings or self.trail)

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def trace_id(store: Store, connection: str, identifier: str) -> Trace:
    """`identifier`: a GoCardless id, an event id, a posting key, a reference or an ERP document number."""
    rows = store.ledger.find(connection, identifier)
    named = [e.subject for e in store.inbox.about(connection, [identifier]) if e.event_id == identifier and e.subject]
    subjects = sorted({row.posting.subject for row in rows} | {identifier, *named})
    if not rows and named:
        rows = [row for found in store.ledger.of_subjects(connection, named).values() for row in found]
    events = store.inbox.about(connection, [*subjects, *(row.posting.event_id for row in rows)])
    decisions = {d.event_id: d for found in store.decisions.of_subjects(connection, subjects).values() for d in found}
    submissions = {
        s.planned.reference: s for row in rows for s in store.submissions.of_posting(connection, row.posting.key)
    }
    waiting = {each.posting_key: each for each in store.ledger.waiting_on(connection)} if rows else {}
    about = sorted({*subjects, *(r.posting.key for r in rows), *(e.event_id for e in events), *submissions})
    return Trace(
        connection,
        tuple(
            TracedEvent(
                e.event_id,
                f"{e.resource_type}.{e.action} {e.subject}",
                e.created_at.isoformat(),
                f"webhook {e.webhook_id or ''}".strip() if e.by_webhook else "poll",
                f"{d.outcome}: {d.reason}" if (d := decisions.get(e.event_id)) else "not decided yet",
            )
            for e in events
        ),
        tuple(
            TracedPosting(
                row.posting.key,
                str(row.posting.activity_amount or ""),
                row.state,
                tuple(f"{step.step}: {step.document.kind} {step.document.number}" for step in row.documents),
                row.held_reason or (f"{on.reason} {on.next_step}" if (on := waiting.get(row.posting.key)) else ""),
            )
            for row in rows
        ),
        tuple(
            TracedSubmission(
                s.planned.reference,
                s.planned.step,
                f"{s.planned.method} {s.planned.path}",
                s.sha256,
                s.state,
                s.attempts,
            )
            for s in submissions.values()
        ),
        tuple(TracedRow(t.seq, t.at, t.kind, t.subject) for t in store.trail.about(connection, about)),
    )
