"""Polls the events by watermark: what appeared since the last poll, with an overlap for events that come late."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connector_resources.connections.model import Connection
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.reading import Reader
from connector_resources.store.store import Store

WATERMARK = "events_watermark"
#: a first poll reads its history in spans that grow while they are empty.
FIRST_SPAN = timedelta(days=7)
LONGEST_SPAN = timedelta(days=120)


@dataclass(frozen=True, slots=True)
class PollResult:
    """`new` events were unknown; everything before `until` is read; `complete` when that is the present."""

    new: int
    until: datetime
    complete: bool


class EventPoll:
    """One connection's poll. The watermark moves only after a whole span was stored."""

    def __init__(self, store: Store, client: GoCardlessClient, connection: Connection) -> None:
        self._store = store
        self._connection = connection
        self._reader = Reader(store, client, connection)

    def run(self, now: datetime, deadline: float) -> PollResult:
        """Read up to `now`, or until `deadline` (monotonic seconds) has passed; the next poll goes on from there.

        A poll that has not found anything newer goes on all the same, or the next one would only repeat it.
        """
        overlap = timedelta(minutes=self._connection.polling.overlap_minutes)
        before = watermark = self._watermark()
        start = watermark - overlap
        span, new = FIRST_SPAN, 0
        while True:
            end = min(start + span, now)
            found = self._reader.poll_events(start, end)
            new += found.new
            if found.newest is not None and found.newest > watermark:
                watermark = found.newest
                self._store.marks.set(self._connection.name, WATERMARK, watermark.isoformat())
            if end >= now:
                return PollResult(new, end, complete=True)
            if time.monotonic() > deadline and watermark > before:
                return PollResult(new, end, complete=False)
            start = end
            span = min(span * 2, LONGEST_SPAN) if found.listed == 0 else FIRST_SPAN

    def _watermark(self) -> datetime:
        """The newest event time seen, never our own clock; at first the start of the cut-over day."""
        stored = self._store.marks.get(self._connection.name, WATERMARK)
        if stored is not None:
            return datetime.fromisoformat(stored)
        first = datetime.combine(self._connection.books.cut_over, datetime.min.time(), tzinfo=self._connection.zone)
        return first.astimezone(UTC)
