"""What was decided for each event, once and for ever: the first decision recorded for an event id stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, select

from connector_resources.store.among import among
from connector_resources.store.engine import AnyRow, Database, chunks
from connector_resources.store.rows import insert_absent
from connector_resources.store.schema import DECISIONS, INBOX_EVENTS
from connector_resources.store.trail import Trail, TrailEntry

_OF_SUBJECTS = (
    select(DECISIONS)
    .where(DECISIONS.c.connection == bindparam("wanted_connection"))
    .where(among(DECISIONS.c.subject, "wanted_subjects"))
    .order_by(DECISIONS.c.decided_at, DECISIONS.c.event_id)
)


class DecisionLike(Protocol):
    """What the rules answer for one event. `outcome` is a word of theirs; `reason` explains it to a person."""

    @property
    def event_id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def posting_key(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A recorded decision. `posting_key` is set when it led to a posting."""

    event_id: str
    subject: str
    outcome: str
    reason: str
    posting_key: str | None
    decided_at: datetime


class Decisions:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def record(self, connection: str, decisions: Sequence[DecisionLike], *, within: Connection | None = None) -> int:
        """Record the decisions of events that have none yet, each with a trail row; returns how many."""
        decided_at = self._database.now()
        rows = {
            decision.event_id: {
                "connection": connection,
                "event_id": decision.event_id,
                "subject": decision.subject,
                "outcome": str(decision.outcome),
                "reason": decision.reason,
                "posting_key": decision.posting_key,
                "decided_at": decided_at,
            }
            for decision in reversed(decisions)
        }
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            new = insert_absent(transaction, DECISIONS, list(rows.values()), returning="event_id")
            entries = [_entry(rows[event_id]) for event_id in sorted(new)]
            self._trail.append(connection, entries, within=transaction)
        return len(new)

    def of_subjects(self, connection: str, subjects: Sequence[str]) -> dict[str, list[DecisionRow]]:
        """Every decision about each subject, oldest first; subjects without one are left out."""
        found: dict[str, list[DecisionRow]] = {}
        with self._database.read() as reading:
            for slice_subjects in chunks(sorted(set(subjects))):
                told = {"wanted_connection": connection, "wanted_subjects": slice_subjects}
                for row in reading.execute(_OF_SUBJECTS, told):
                    found.setdefault(row.subject, []).append(_decision_row(row))
        return found

    def subjects(self, connection: str, outcome: str) -> list[str]:
        """Every subject of which an event was decided so, sorted."""
        wanted = (
            select(DECISIONS.c.subject)
            .distinct()
            .where(DECISIONS.c.connection == connection, DECISIONS.c.outcome == outcome)
            .order_by(DECISIONS.c.subject)
        )
        with self._database.read() as reading:
            return list(reading.scalars(wanted))

    def of_day(self, connection: str, first_day: date, last_day: date) -> Iterator[DecisionRow]:
        """Decisions about the events of these activity days, in the order of the events; streamed."""
        same_event = (DECISIONS.c.connection == INBOX_EVENTS.c.connection) & (
            DECISIONS.c.event_id == INBOX_EVENTS.c.event_id
        )
        wanted = (
            select(DECISIONS)
            .join(INBOX_EVENTS, same_event)
            .where(INBOX_EVENTS.c.connection == connection, INBOX_EVENTS.c.activity_day.between(first_day, last_day))
            .order_by(INBOX_EVENTS.c.created_at, INBOX_EVENTS.c.event_id)
        )
        return (_decision_row(row) for row in self._database.stream(wanted))


def _entry(row: dict[str, Any]) -> TrailEntry:
    payload = {name: row[name] for name in ("event_id", "outcome", "reason", "posting_key")}
    return TrailEntry("decided", row["subject"], payload)


def _decision_row(row: AnyRow) -> DecisionRow:
    return DecisionRow(row.event_id, row.subject, row.outcome, row.reason, row.posting_key, row.decided_at)
