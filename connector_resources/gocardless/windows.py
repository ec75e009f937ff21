"""Reads a span of time from GoCardless with as many windows side by side as the answers' slowness asks for.

While one page is under way, the reader could take in others: by Little's law as many as its own work on a page fits into
the time that a page takes. More would only wait for the reader; and as soon as the quota holds a call back, more would only
wait for the quota, so that no window is cut any further. A span starts as one window; a window is cut while it is being
read, so that nothing is read twice and short spans cost one call. Pages in flight are bounded by the number of windows,
whatever the span holds.
"""

from __future__ import annotations

import heapq
import math
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import orjson

from connector_resources.errors import BadAnswer
from connector_resources.gocardless.client import PAGE_SIZE, Filter, GoCardlessClient, Page

Json = dict[str, Any]

#: what taking in a page of 500 costs the reader at least: it is parsed and handed on.
PACE_S = 0.002
MOST_WINDOWS = 12
#: calls are scarce, and every window may end with a page that is not full, or be empty, because events come in bursts: one
#: more window is affordable for so many full pages, so that an ordinary day costs nothing more.
PAGES_FOR_A_WINDOW = 3
#: the rest of a window must be expected to hold so many pages for each part that it is cut into, and fewer once so many full
#: pages were read for each window that one more would cost a sixth of the calls at most.
PAGES_OF_A_PART, PAGES_OF_A_LATE_PART = 6, 2
MILLISECOND = timedelta(milliseconds=1)
#: pages kept for ordering go to disk beyond this.
MEMORY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events of the span, and the resources they name when `include` was asked for."""

    events: list[Json]
    linked: list[Json]


def read_events(
    client: GoCardlessClient,
    since: datetime,
    until: datetime,
    *,
    resource_type: str | None = None,
    action: str | None = None,
    include: str | None = None,
    overlap: timedelta = timedelta(0),
    most_windows: int = MOST_WINDOWS,
) -> Iterator[EventPage]:
    """Every event created in `[since - overlap, until)`, each once, in pages of no certain order.

    Events may appear after their time has passed: polls read back over an `overlap` and de-duplicate by id in the store
    (gocardless.md 4.2). Raises what `GoCardlessClient.page` raises; then some pages may already have been given.
    """
    named = {"resource_type": resource_type, "action": action, "include": include}
    filters: dict[str, Filter] = {name: value for name, value in named.items() if value}
    for page in read_span(client, "events", since - overlap, until, filters, most_windows=most_windows):
        yield EventPage(page.items, page.linked)


def read_span(
    client: GoCardlessClient,
    resource_type: str,
    since: datetime,
    until: datetime,
    filters: Mapping[str, Filter] | None = None,
    *,
    pace_s: float = PACE_S,
    most_windows: int = MOST_WINDOWS,
) -> Iterator[Page]:
    """Every resource created in `[since, until)`, each once, in pages of no certain order."""
    lower, upper = _down(since), _up(until)
    if lower >= upper:
        return
    times: deque[float] = deque(maxlen=16)
    full, windows = 0, 1
    pending: dict[Future[Page], _Window] = {}
    with ThreadPoolExecutor(max_workers=most_windows, thread_name_prefix="gocardless-window") as pool:

        def ask(window: _Window) -> None:
            pending[pool.submit(client.page, resource_type, window.asked(filters), window.after)] = window

        whole = _Window(lower, upper)
        # Most spans end with their first page: no thread is started for that.
        pending[_answered(client.page(resource_type, whole.asked(filters), None))] = whole
        try:
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    window = pending.pop(future)
                    page = future.result()
                    times.append(page.elapsed_s)
                    items = window.take(page)
                    if not window.finished:
                        full += 1
                        wished = windows_for(median(times), pace_s, most_windows) - len(pending)
                        affordable = 2 + full // PAGES_FOR_A_WINDOW - windows
                        each = PAGES_OF_A_LATE_PART if windows <= full // PAGES_OF_A_PART else PAGES_OF_A_PART
                        for part in window.cut(min(wished, affordable), each) if not page.waited_s else ():
                            windows += 1
                            ask(part)
                        ask(window)
                    if items:
                        yield replace(page, items=items)
        finally:
            for future in pending:
                future.cancel()


def _answered(page: Page) -> Future[Page]:
    future: Future[Page] = Future()
    future.set_result(page)
    return future


def windows_for(page_time_s: float, pace_s: float, most: int) -> int:
    """How many windows keep a reader busy that works `pace_s` on each page, when its answer takes `page_time_s` before."""
    return min(most, math.ceil((page_time_s + pace_s) / pace_s))


def in_order(pages: Iterable[list[Json]], *, memory_bytes: int = MEMORY_BYTES) -> Iterator[Json]:
    """All entries of `pages` by (created_at, id), each id once. Pages wait in a temporary file, not in memory.

    Memory holds those pages only whose times overlap: about one, as GoCardless sorts its lists by time.
    """
    with tempfile.SpooledTemporaryFile(max_size=memory_bytes) as spool:
        places: list[tuple[datetime, int, int]] = []
        for page in pages:
            if page:
                raw = orjson.dumps(page)
                places.append((min(created(entry) for entry in page), spool.tell(), len(raw)))
                spool.write(raw)
        places.sort()

        def load(place: tuple[datetime, int, int]) -> list[Json]:
            spool.seek(place[1])
            entries: list[Json] = orjson.loads(spool.read(place[2]))
            return entries

        yield from _merged(places, load)


def created(entry: Json) -> datetime:
    """When the entry was created, aware UTC. Raises `BadAnswer` when it does not say."""
    text = entry.get("created_at")
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadAnswer(f"GoCardless gave {entry.get('id')} without a readable created_at.", system="gocardless")
    return moment.astimezone(UTC)


def _merged(
    places: list[tuple[datetime, int, int]], load: Callable[[tuple[datetime, int, int]], list[Json]]
) -> Iterator[Json]:
    """`places` are sorted by the oldest time in each page: nothing older than the next page's can still come."""
    waiting: list[tuple[datetime, str, int, Json]] = []
    given = (datetime.min.replace(tzinfo=UTC), "")
    number = 0
    for index, place in enumerate(places):
        for entry in load(place):
            number += 1
            heapq.heappush(waiting, (created(entry), str(entry["id"]), number, entry))
        horizon = places[index + 1][0] if index + 1 < len(places) else None
        while waiting and (horizon is None or waiting[0][0] < horizon):
            moment, name, _, entry = heapq.heappop(waiting)
            if (moment, name) != given:
                given = (moment, name)
                yield entry


class _Window:
    """A half-open span `[lower, upper)` that is read newest first; `oldest` is how far it has come."""

    __slots__ = ("after", "density_per_s", "finished", "lower", "oldest", "upper")

    def __init__(self, lower: datetime, upper: datetime) -> None:
        self.lower = lower
        self.upper = upper
        self.oldest = upper
        self.after: str | None = None
        self.finished = False
        self.density_per_s = 0.0

    def asked(self, filters: Mapping[str, Filter] | None) -> dict[str, Filter]:
        return {**(filters or {}), "created_at": {"gte": self.lower, "lt": self.upper}}

    def take(self, page: Page) -> list[Json]:
        """Notes the progress. The page's items, without those below a bound that was raised while it was under way."""
        self.after = page.after
        self.finished = page.after is None or not page.items
        if not page.items:
            return []
        oldest = created(page.items[-1])
        newest = created(page.items[0])
        self.density_per_s = len(page.items) / max((newest - oldest).total_seconds(), 0.001)
        self.oldest = oldest
        if oldest >= self.lower:
            return page.items
        self.finished = True
        return [entry for entry in page.items if created(entry) >= self.lower]

    def cut(self, parts: int, pages_of_each: int) -> list[_Window]:
        """Give away the older rest so that `parts` windows read it side by side; this one keeps the newest part.

        Each part should hold `pages_of_each`, by the density of the page just read.
        """
        rest = self.oldest - self.lower
        worth = int(self.density_per_s * rest.total_seconds() / (PAGE_SIZE * pages_of_each))
        parts = min(parts, worth, rest // MILLISECOND)
        if parts < 2:
            return []
        width = _down(self.lower + rest / parts) - self.lower
        bounds = [self.lower + width * number for number in range(parts)]
        self.lower = bounds[-1]
        return [_Window(lower, upper) for lower, upper in pairwise(bounds)]


def _down(moment: datetime) -> datetime:
    """Filters have milliseconds."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _up(moment: datetime) -> datetime:
    lower = _down(moment)
    return lower if lower == moment else lower + MILLISECOND
