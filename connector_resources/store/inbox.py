"""The inbox: every event GoCardless told us of, by webhook or by poll, once per event id, processed or not.

Events of webhooks are here as soon as somebody has taken them out of their deliveries (`deliveries`). Nothing is interpreted
here but what the columns need; deciding is the planner's work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, func, select, text, update

from connector_resources.store.among import among, unindexed
from connector_resources.store.engine import Database, chunks
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import insert_absent
from connector_resources.store.schema import DELIVERY_IS_WAITING, INBOX_DELIVERIES, INBOX_EVENTS
from connector_resources.store.trail import Trail, TrailEntry

DayOf = Callable[[datetime], date]

#: how often `wait_for_new` looks.
POLL_EVERY_S = 0.05
#: PostgreSQL advisory lock under which event rows get their seq, so that a lower seq never appears after a higher one.
_SEQ_LOCK = 0x6D6C_6962

_events = INBOX_EVENTS.c

# Built once: a run asks for these again and again, and building a statement takes longer than running it.
_ON_DAYS = and_(
    _events.connection == bindparam("wanted_connection"),
    _events.activity_day.between(bindparam("first_day"), bindparam("last_day")),
)
_NEW_SUBJECTS = (
    select(_events.subject, func.max(_events.created_at))
    .where(_ON_DAYS, _events.resource_type == bindparam("wanted_type"))
    .where(_events.processed_at.is_(None), _events.subject != "")
    .group_by(_events.subject)
)
_STORY = (
    select(_events.subject, _events.body)
    .where(_events.connection == bindparam("wanted_connection"))
    .where(among(_events.subject, "wanted_subjects"))
    .order_by(unindexed(_events.created_at), _events.event_id)
)
_ANYTHING_NEW = select(
    exists(select(_events.seq).where(_events.seq > bindparam("after_seq")))
    | exists(select(INBOX_DELIVERIES.c.id).where(DELIVERY_IS_WAITING))
)
_MARK_PROCESSED = (
    update(INBOX_EVENTS)
    .where(_events.connection == bindparam("wanted_connection"))
    .where(among(_events.event_id, "wanted_ids"), _events.processed_at.is_(None))
    .values(processed_at=bindparam("moment"))
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An activity day of a connection that has events nobody has processed. `highest_seq` changes when more arrive."""

    connection: str
    activity_day: date
    count: int
    highest_seq: int


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """One event as it was received. `body` is GoCardless's JSON, `created_at` aware UTC."""

    seq: int
    event_id: str
    subject: str
    resource_type: str
    action: str
    created_at: datetime
    activity_day: date
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """An event without its body, and whether a webhook brought it (else a poll) and which."""

    event_id: str
    subject: str
    resource_type: str
    action: str
    created_at: datetime
    by_webhook: bool
    webhook_id: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events a range of days holds, how many are unprocessed, and how many of each (resource type, action)."""

    total: int
    new: int
    by: Mapping[tuple[str, str], int]


class Inbox:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    # --- dropping --------------------------------------------------------------------------------------------------

    def drop_polled(self, connection: str, events: Sequence[dict[str, Any]], *, day_of: DayOf) -> int:
        """Store events read from the API; returns how many were new. Nothing is recorded when none was.

        Events already known are left as they are.
        """
        rows = event_rows(connection, events, day_of=day_of, received_at=self._database.now())
        with dropping(self._database, self._trail, connection) as transaction:
            new = insert_absent(transaction, INBOX_EVENTS, rows, returning="event_id")
            if new:
                payload = {"events": len(events), "new_event_ids": sorted(new)}
                self._trail.append(connection, [TrailEntry("events_polled", "", payload)], within=transaction)
        return len(new)

    def mark_processed(self, connection: str, event_ids: Collection[str], *, within: Connection | None = None) -> None:
        """These events need no further work. Marking twice keeps the first time."""
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            for slice_ids in chunks(sorted(set(event_ids))):
                told = {"wanted_connection": connection, "wanted_ids": slice_ids, "moment": self._database.now()}
                transaction.execute(_MARK_PROCESSED, told)

    def attribute(self, connection: str, event_id: str, subject: str) -> None:
        """Say which resource an event is about that names none itself (a bounced payout is announced by its creditor)."""
        with self._database.write() as transaction:
            self._trail.lock(connection, within=transaction)
            transaction.execute(
                update(INBOX_EVENTS)
                .where(_events.connection == connection, _events.event_id == event_id)
                .values(subject=subject)
            )
            entry = TrailEntry("event_attributed", event_id, {"subject": subject})
            self._trail.append(connection, [entry], within=transaction)

    def close_undecidable(
        self, connection: str, first_day: date, last_day: date, decided_types: Collection[str]
    ) -> int:
        """Mark unprocessed events that no rule decides as processed: other resource types, or no resource named.

        A creditor's event counts as decidable while it says that a payout bounced. Returns how many were marked.
        """
        is_bounce = and_(_events.resource_type == "creditors", _events.action == "bounced_payout")
        undecidable = (_events.resource_type.notin_(list(decided_types)) & ~is_bounce) | (_events.subject == "")
        closing = (
            update(INBOX_EVENTS)
            .where(_on_days(connection, first_day, last_day), _events.processed_at.is_(None), undecidable)
            .values(processed_at=self._database.now())
        )
        with self._database.write() as transaction:
            self._trail.lock(connection, within=transaction)
            return transaction.execute(closing).rowcount

    # --- what is new -----------------------------------------------------------------------------------------------

    def waiting(self) -> list[Waiting]:
        """Every (connection, activity day) with unprocessed events, oldest day first."""
        wanted = (
            select(_events.connection, _events.activity_day, func.count(), func.max(_events.seq))
            .where(_events.processed_at.is_(None))
            .group_by(_events.connection, _events.activity_day)
            .order_by(_events.connection, _events.activity_day)
        )
        with self._database.read() as reading:
            return [Waiting(*row) for row in reading.execute(wanted)]

    def highest_seq(self) -> int:
        """The number of the newest event row of all connections; 0 for an empty inbox."""
        with self._database.read() as reading:
            return _highest_seq(reading)

    def wait_for_new(self, after_seq: int, timeout_s: float) -> bool:
        """Return True as soon as an event row later than `after_seq`, or a delivery not taken yet, exists.

        False after `timeout_s`.
        """
        waited_s = 0.0
        with self._database.read() as reading:
            while not reading.scalar(_ANYTHING_NEW, {"after_seq": after_seq}):
                # The next look must see a new snapshot, and PostgreSQL must not be kept in an idle transaction.
                reading.rollback()
                if waited_s >= timeout_s:
                    return False
                pause_s = min(POLL_EVERY_S, timeout_s - waited_s)
                self._database.sleep(pause_s)
                waited_s += pause_s
        return True

    def new_events(
        self, connection: str, first_day: date, last_day: date, limit: int | None = None
    ) -> list[InboxEvent]:
        """Unprocessed events of these days in the order they happened, at most `limit`."""
        wanted = (
            select(INBOX_EVENTS)
            .where(_on_days(connection, first_day, last_day), _events.processed_at.is_(None))
            .order_by(_events.created_at, _events.event_id)
            .limit(limit)
        )
        with self._database.read() as reading:
            return [
                InboxEvent(
                    seq=row.seq,
                    event_id=row.event_id,
                    subject=row.subject,
                    resource_type=row.resource_type,
                    action=row.action,
                    created_at=row.created_at,
                    activity_day=row.activity_day,
                    body=load_json(row.body),
                )
                for row in reading.execute(wanted)
            ]

    def new_subjects(self, connection: str, first_day: date, last_day: date, resource_type: str) -> dict[str, datetime]:
        """Each resource with unprocessed events on these days, with the time of its newest one."""
        newest: dict[str, datetime] = {}
        told = {**_days(connection, first_day, last_day), "wanted_type": resource_type}
        with self._database.read() as reading:
            newest.update(iter(reading.execute(_NEW_SUBJECTS, told)))
        return newest

    def about(self, connection: str, identifiers: Sequence[str]) -> list[EventOrigin]:
        """Events with one of these ids, or about one of these resources, and how they came to us; oldest first."""
        found: list[EventOrigin] = []
        with self._database.read() as reading:
            for slice_ids in chunks(sorted(set(identifiers))):
                wanted = (
                    select(INBOX_EVENTS, INBOX_DELIVERIES.c.webhook_id)
                    .outerjoin(INBOX_DELIVERIES, INBOX_DELIVERIES.c.id == _events.delivery_id)
                    .where(_events.connection == connection)
                    .where(_events.event_id.in_(slice_ids) | _events.subject.in_(slice_ids))
                )
                found.extend(
                    EventOrigin(
                        row.event_id,
                        row.subject,
                        row.resource_type,
                        row.action,
                        row.created_at,
                        row.delivery_id is not None,
                        row.webhook_id,
                    )
                    for row in reading.execute(wanted)
                )
        return sorted(found, key=lambda event: (event.created_at, event.event_id))

    # --- reading ---------------------------------------------------------------------------------------------------

    def subjects(
        self,
        connection: str,
        first_day: date,
        last_day: date,
        *,
        only_new: bool,
        resource_type: str,
        actions: Collection[str] = (),
    ) -> Iterator[str]:
        """Each resource id of `resource_type` with an event on these days, once, sorted; streamed.

        `only_new` leaves out those whose events of these days are all processed; `actions` those without such an event.
        """
        told = {**_days(connection, first_day, last_day), "wanted_type": resource_type}
        if actions:
            told["wanted_actions"] = list(actions)
        wanted = _subjects(only_new, bool(actions))
        return (row.subject for row in self._database.stream(wanted, told))

    def story(self, connection: str, subjects: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Every event body of each subject, of any day, in the order they happened."""
        stories: dict[str, list[dict[str, Any]]] = {}
        with self._database.read() as reading:
            for slice_subjects in chunks(sorted(set(subjects))):
                told = {"wanted_connection": connection, "wanted_subjects": slice_subjects}
                for subject, body in reading.execute(_STORY, told):
                    stories.setdefault(subject, []).append(load_json(body))
        return stories

    def count(self, connection: str, first_day: date, last_day: date) -> Counts:
        wanted = (
            select(
                _events.resource_type,
                _events.action,
                func.count(),
                func.count().filter(_events.processed_at.is_(None)),
            )
            .where(_on_days(connection, first_day, last_day))
            .group_by(_events.resource_type, _events.action)
        )
        with self._database.read() as reading:
            rows = reading.execute(wanted).all()
        by = {(resource_type, action): total for resource_type, action, total, _ in rows}
        return Counts(sum(by.values()), sum(new for *_, new in rows), by)

    def events_in_window(self, connection: str, since: datetime, until: datetime, resource_type: str) -> int:
        """How many events of this type GoCardless created from `since` up to, not including, `until`."""
        wanted = (
            select(func.count())
            .where(_events.connection == connection, _events.resource_type == resource_type)
            .where(_events.created_at >= since, _events.created_at < until)
        )
        with self._database.read() as reading:
            return reading.execute(wanted).scalar_one()


@contextmanager
def dropping(database: Database, trail: Trail, connection: str) -> Iterator[Connection]:
    """A write transaction in which event rows of `connection` may be added."""
    with database.write() as transaction:
        trail.lock(connection, within=transaction)
        if not database.is_sqlite:
            transaction.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SEQ_LOCK})
        yield transaction


def event_rows(
    connection: str,
    events: Sequence[dict[str, Any]],
    *,
    day_of: DayOf,
    received_at: datetime,
    delivery_id: int | None = None,
) -> list[dict[str, Any]]:
    """The inbox's rows of these events, one for each id. `delivery_id` names the webhook that brought them, if one did."""
    from bookkeeping.occurrences import subject_of

    rows = []
    for event in {event["id"]: event for event in events}.values():
        created_at = datetime.fromisoformat(event["created_at"])
        rows.append(
            {
                "connection": connection,
                "event_id": event["id"],
                "delivery_id": delivery_id,
                "subject": subject_of(event["resource_type"], event["action"], _links(event)),
                "resource_type": event["resource_type"],
                "action": event["action"],
                "created_at": created_at,
                "activity_day": day_of(created_at),
                "received_at": received_at,
                "body": dump_json(event),
            }
        )
    return rows


def _links(event: dict[str, Any]) -> dict[str, str]:
    return {name: link for name, link in (event.get("links") or {}).items() if link is not None}


@cache
def _subjects(only_new: bool, some_actions: bool) -> Select[tuple[str]]:
    wanted = (
        select(_events.subject)
        .distinct()
        .where(_ON_DAYS, _events.resource_type == bindparam("wanted_type"), _events.subject != "")
        .order_by(_events.subject)
    )
    if only_new:
        wanted = wanted.where(_events.processed_at.is_(None))
    if some_actions:
        wanted = wanted.where(_events.action.in_(bindparam("wanted_actions", expanding=True)))
    return wanted


def _days(connection: str, first_day: date, last_day: date) -> dict[str, Any]:
    return {"wanted_connection": connection, "first_day": first_day, "last_day": last_day}


def _on_days(connection: str, first_day: date, last_day: date) -> ColumnElement[bool]:
    return and_(_events.connection == connection, _events.activity_day.between(first_day, last_day))


def _highest_seq(reading: Connection) -> int:
    return reading.scalar(select(func.max(_events.seq))) or 0
