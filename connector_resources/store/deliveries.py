"""Deliveries: verified webhooks, stored as the bytes they came in, and taken apart into the inbox's events afterwards.

Keeping is one row a webhook and durable when it returns: only then may the webhook be answered with 2xx. Taking is repeated by
whoever needs the inbox complete, any number of times, by any number of processes: events and the note that they are taken are
one transaction. A delivery that cannot be taken apart is kept, named in the trail, and tried again by every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from connector_resources.errors import WebhookRefused
from connector_resources.gocardless.webhook import organisation_of, parse_webhook
from connector_resources.store.among import among
from connector_resources.store.engine import Database, chunks
from connector_resources.store.inbox import DayOf, dropping, event_rows
from connector_resources.store.rows import insert_absent
from connector_resources.store.schema import (
    DELIVERY_IS_UNREADABLE,
    DELIVERY_IS_UNTAKEN,
    DELIVERY_IS_WAITING,
    INBOX_DELIVERIES,
    INBOX_EVENTS,
)
from connector_resources.store.states import DeliveryState
from connector_resources.store.trail import Trail, TrailEntry

#: one transaction takes deliveries until they hold so many events, or are so many: on SQLite the receiver waits meanwhile.
EVENTS_AT_ONCE = 500
DELIVERIES_AT_ONCE = 50
#: between two such transactions; a writer that waits for SQLite looks again after 1, 2, 5, 10 and more milliseconds.
REST_S = 0.005

#: what a person may do about an unreadable delivery.
UNREADABLE_STEP = (
    "its bytes are kept and every run tries again; the event poll brings the same events. If it stays, report it with the row "
    "webhook_unreadable of the trail"
)

_deliveries = INBOX_DELIVERIES.c

# Built once: building a statement takes longer than running it.
_KEPT = insert(INBOX_DELIVERIES).values(
    connection=bindparam("connection"),
    webhook_id=bindparam("webhook_id"),
    received_at=bindparam("received_at"),
    sha256=bindparam("sha256"),
    body=bindparam("body"),
    event_count=bindparam("event_count"),
    time_zone=bindparam("time_zone"),
    organisation=bindparam("organisation"),
    state=DeliveryState.WAITING.value,
)
_QUEUE = select(_deliveries.id, _deliveries.connection, _deliveries.event_count).order_by(_deliveries.id)
_WAITING = _QUEUE.where(DELIVERY_IS_WAITING)
_UNTAKEN = _QUEUE.where(DELIVERY_IS_UNTAKEN)
_ROWS = (
    select(INBOX_DELIVERIES).where(among(_deliveries.id, "wanted_ids"), DELIVERY_IS_UNTAKEN).order_by(_deliveries.id)
)
_TAKE = (
    update(INBOX_DELIVERIES)
    .where(among(_deliveries.id, "wanted_ids"), DELIVERY_IS_UNTAKEN)
    .values(state=DeliveryState.TAKEN.value, problem=None)
    .returning(_deliveries.id)
)
_GIVE_UP = (
    update(INBOX_DELIVERIES)
    .where(
        _deliveries.id == bindparam("wanted_id"),
        DELIVERY_IS_UNTAKEN,
        _deliveries.problem.is_distinct_from(bindparam("found")),
    )
    .values(state=DeliveryState.UNREADABLE.value, problem=bindparam("found"))
    .returning(_deliveries.id)
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook whose signature was verified. `event_count` counts the entries that are for the connection.

    `time_zone` is the connection's, in which the activity days of its events are told. `organisation` is set for a webhook that
    several connections share: only its events are the connection's.
    """

    connection: str
    body: bytes
    webhook_id: str | None
    event_count: int
    time_zone: str
    organisation: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadableDelivery:
    """A delivery whose events cannot be taken out of its bytes, and why."""

    id: int
    webhook_id: str | None
    received_at: datetime
    problem: str

    @property
    def described(self) -> str:
        name = f"{self.webhook_id} " if self.webhook_id else ""
        return f"{name}(delivery {self.id}, received {self.received_at:%Y-%m-%d %H:%M} UTC): {self.problem}"


@dataclass(frozen=True, slots=True)
class _Opened:
    """A delivery and the rows of its events, or why there are none. `problem` is what was found before."""

    id: int
    webhook_id: str | None
    sha256: str
    received_at: datetime
    problem: str | None
    found: str = ""
    events: int = 0
    malformed: int = 0
    rows: Sequence[Mapping[str, Any]] = ()


class Deliveries:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    # --- keeping -----------------------------------------------------------------------------------------------------

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Store these verified webhooks, all or none, on disk when it returns. Their events are `take`'s."""
        now = self._database.now()
        rows = [
            {
                "connection": each.connection,
                "webhook_id": each.webhook_id,
                "received_at": now,
                "sha256": hashlib.sha256(each.body).hexdigest(),
                "body": each.body,
                "event_count": each.event_count,
                "time_zone": each.time_zone,
                "organisation": each.organisation,
            }
            for each in deliveries
        ]
        if rows:
            with self._database.write() as transaction:
                transaction.execute(_KEPT, rows)

    # --- taking ------------------------------------------------------------------------------------------------------

    def take(self, connection: str | None = None, *, most: int | None = None, again: bool = False) -> int:
        """Put the events of waiting deliveries into the inbox, of one connection or of all; returns how many were new.

        At most `most` deliveries, the oldest first. `again` tries also those that could not be taken apart before. Safe at any
        time and by several processes at once: what another one took is left. Must not be called inside a write transaction.
        """
        new = 0
        for number, (name, ids) in enumerate(_portions(self._queue(connection, most, again=again))):
            if number:
                self._database.sleep(REST_S)
            new += self._take_portion(name, ids)
        return new

    def unreadable(self, connection: str) -> list[UnreadableDelivery]:
        """Deliveries that could not be taken apart and whose bytes are still kept, oldest first."""
        wanted = (
            select(_deliveries.id, _deliveries.webhook_id, _deliveries.received_at, _deliveries.problem)
            .where(_deliveries.connection == connection, DELIVERY_IS_UNREADABLE, _deliveries.body != b"")
            .order_by(_deliveries.id)
        )
        with self._database.read() as reading:
            return [UnreadableDelivery(*row) for row in reading.execute(wanted)]

    def _queue(self, connection: str | None, most: int | None, *, again: bool) -> list[tuple[int, str, int]]:
        wanted = _UNTAKEN if again else _WAITING
        if connection is not None:
            wanted = wanted.where(_deliveries.connection == connection)
        with self._database.read() as reading:
            return [(row.id, row.connection, row.event_count) for row in reading.execute(wanted.limit(most))]

    def _take_portion(self, connection: str, ids: Sequence[int]) -> int:
        """What the database refuses for the events of one delivery keeps no other one waiting."""
        try:
            return self._take_together(connection, self._opened(ids))
        except (DataError, IntegrityError) as error:
            if len(ids) > 1:
                return sum(self._take_portion(connection, [each]) for each in ids)
            refused = f"the database refuses its events ({type(error.orig).__name__})"
            closed = [_unreadable(row, refused) for row in self._rows(ids)]
            return self._take_together(connection, closed)

    def _take_together(self, connection: str, opened: Sequence[_Opened]) -> int:
        news = [each for each in opened if not each.found or each.found != each.problem]
        if not news:
            return 0
        with dropping(self._database, self._trail, connection) as transaction:
            mine = _claimed(transaction, news)
            taken = [each for each in news if each.id in mine and not each.found]
            rows: dict[str, Mapping[str, Any]] = {}
            for row in chain.from_iterable(each.rows for each in taken):
                rows.setdefault(row["event_id"], row)
            new: set[str] = insert_absent(transaction, INBOX_EVENTS, list(rows.values()), returning="event_id")
            entries = list(_entries([each for each in news if each.id in mine], set(new)))
            self._trail.append(connection, entries, within=transaction)
        for each in news:
            if each.id in mine:
                _log(connection, each)
        return len(new)

    def _opened(self, ids: Sequence[int]) -> list[_Opened]:
        """Taken apart before anybody is kept waiting: the bytes never change."""
        return [_open(row) for row in self._rows(ids)]

    def _rows(self, ids: Sequence[int]) -> Sequence[Any]:
        with self._database.read() as reading:
            return reading.execute(_ROWS, {"wanted_ids": list(ids)}).all()


def _portions(queue: Sequence[tuple[int, str, int]]) -> Iterator[tuple[str, list[int]]]:
    """Deliveries of one connection each, those that came first in front, as many as one transaction takes."""
    by_connection: dict[str, list[tuple[int, int]]] = {}
    for delivery_id, connection, events in queue:
        by_connection.setdefault(connection, []).append((delivery_id, events))
    for connection, waiting in by_connection.items():
        for some in chunks(waiting, DELIVERIES_AT_ONCE):
            ids: list[int] = []
            held = 0
            for delivery_id, events in some:
                if ids and held + events > EVENTS_AT_ONCE:
                    yield connection, ids
                    ids, held = [], 0
                ids.append(delivery_id)
                held += events
            yield connection, ids


def _open(row: Any) -> _Opened:
    body = bytes(row.body)
    if hashlib.sha256(body).hexdigest() != row.sha256:
        return _unreadable(row, "its bytes are not those that were received: their hash is another one")
    try:
        webhook = parse_webhook(body)
        events = [e for e in webhook.events if row.organisation is None or organisation_of(e) == row.organisation]
        rows = event_rows(
            row.connection, events, day_of=_day_of(row.time_zone), received_at=row.received_at, delivery_id=row.id
        )
    except (WebhookRefused, ValueError, KeyError, TypeError) as error:
        # What else an error says may hold parts of the body.
        why = str(error) if isinstance(error, WebhookRefused) else type(error).__name__
        return _unreadable(row, f"it cannot be read: {why}")
    return _Opened(
        row.id, row.webhook_id, row.sha256, row.received_at, row.problem,
        events=len(events), malformed=len(webhook.malformed), rows=rows,
    )  # fmt: skip


def _unreadable(row: Any, found: str) -> _Opened:
    return _Opened(row.id, row.webhook_id, row.sha256, row.received_at, row.problem, found=found)


def _day_of(time_zone: str) -> DayOf:
    zone = ZoneInfo(time_zone)

    def day(moment: datetime) -> date:
        return moment.astimezone(zone).date()

    return day


def _claimed(transaction: Connection, news: Sequence[_Opened]) -> Collection[int]:
    """Those that no other process took meanwhile, now noted as taken or as unreadable."""
    readable = [each.id for each in news if not each.found]
    mine = set(transaction.scalars(_TAKE, {"wanted_ids": readable})) if readable else set()
    for each in news:
        if each.found:
            mine.update(transaction.scalars(_GIVE_UP, {"wanted_id": each.id, "found": each.found}))
    return mine


def _entries(news: Sequence[_Opened], new: set[str]) -> Iterator[TrailEntry]:
    """One row of the trail each; a new event is the first delivery's that held it."""
    for each in news:
        known = {"sha256": each.sha256, "delivery": each.id, "received_at": each.received_at.isoformat()}
        if each.found:
            yield TrailEntry("webhook_unreadable", each.webhook_id or "", {**known, "problem": each.found})
            continue
        own = new & {row["event_id"] for row in each.rows}
        new -= own
        counts = {"events": each.events, "malformed": each.malformed, "new_event_ids": sorted(own)}
        yield TrailEntry("webhook_received", each.webhook_id or "", {**known, **counts})


def _log(connection: str, each: _Opened) -> None:
    log = structlog.get_logger("deliveries")
    about = {"connection": connection, "delivery": each.id, "webhook": each.webhook_id}
    if each.found:
        log.error(
            "a webhook is kept whose events cannot be taken out; each run tries again", reason=each.found, **about
        )
    elif each.malformed:
        log.warning("entries that are no events", entries=each.malformed, **about)
