"""Decides how to fetch the resources that new events name: each by id, or pages of events that include them.

Calls are the scarce resource: 500 events with their resources come in one call, one resource by id costs one call too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

PAGE = 500
#: new events that lie closer together than this are looked at together.
JOIN_GAP = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """Ids to get one by one, and half-open windows of events to list with their resources."""

    ids: tuple[str, ...]
    windows: tuple[tuple[datetime, datetime], ...]


def plan_fetch(wanted: Mapping[str, datetime], events_between: Callable[[datetime, datetime], int]) -> FetchPlan:
    """The cheapest way to the resources `wanted` (id -> time of its newest event).

    `events_between` tells how many events we already know of a span; it estimates how many pages a listing takes.
    """
    spans: list[_Span] = []
    for ids in _bursts(wanted):
        start, end = wanted[ids[0]], wanted[ids[-1]] + timedelta(milliseconds=1)
        span = _Span(ids, start, end, _pages(start, end, events_between))
        # Two spans become one while the events between them cost no further call.
        while spans and (pages := _pages(spans[-1].start, end, events_between)) <= spans[-1].calls + span.calls:
            before = spans.pop()
            span = _Span([*before.ids, *span.ids], before.start, end, pages)
        spans.append(span)
    return FetchPlan(
        tuple(key for span in spans if not span.is_window for key in span.ids),
        tuple((span.start, span.end) for span in spans if span.is_window),
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """Resources whose newest events lie close together; a window over them takes `pages` calls."""

    ids: list[str]
    start: datetime
    end: datetime
    pages: int

    @property
    def is_window(self) -> bool:
        return self.pages < len(self.ids)

    @property
    def calls(self) -> int:
        return min(self.pages, len(self.ids))


def _pages(start: datetime, end: datetime, events_between: Callable[[datetime, datetime], int]) -> int:
    return 1 + events_between(start, end) // PAGE


def _bursts(wanted: Mapping[str, datetime]) -> list[list[str]]:
    bursts: list[list[str]] = []
    for key in sorted(wanted, key=lambda k: (wanted[k], k)):
        if bursts and wanted[key] - wanted[bursts[-1][-1]] <= JOIN_GAP:
            bursts[-1].append(key)
        else:
            bursts.append([key])
    return bursts
