"""Decides how to fetch the resources that new events name: each by id, or pages of events that include them.

Calls are the scarce resource: 500 events with their resources come in one call, one resource by id costs one call too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

PAGE = 500
#: new events that lie closer together than this are read as one window.
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
    ids: list[str] = []
    windows: list[tuple[datetime, datetime]] = []
    for cluster in _clusters(wanted):
        start = wanted[cluster[0]]
        end = wanted[cluster[-1]] + timedelta(milliseconds=1)
        pages = 1 + events_between(start, end) // PAGE
        if len(cluster) <= pages:
            ids.extend(cluster)
        else:
            windows.append((start, end))
    return FetchPlan(tuple(ids), tuple(windows))


def _clusters(wanted: Mapping[str, datetime]) -> list[list[str]]:
    clusters: list[list[str]] = []
    for key in sorted(wanted, key=lambda k: (wanted[k], k)):
        if clusters and wanted[key] - wanted[clusters[-1][-1]] <= JOIN_GAP:
            clusters[-1].append(key)
        else:
            clusters.append([key])
    return clusters
