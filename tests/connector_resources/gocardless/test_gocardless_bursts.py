"""All of a minute's calls are made at once where GoCardless tells what is left of them, and none is ever refused."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.connections import NOWHERE, opened
from connector_resources.clock import utc_now
from connector_resources.gocardless.windows import read_span
from connector_resources.transport.quota import kept_back
from sandbox.gocardless.rate_limit import RateLimits
from sandbox.gocardless.world import Settings, World

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
Read = Callable[[], list[str]]


@contextlib.contextmanager
def reading(home: Path, address: str, calls: int, slept: list[float]) -> Iterator[Read]:
    """Reads a day of events as the product does, with so many calls a minute; `slept` is told of every wait."""

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    gocardless = {"base_url": address, "requests_per_minute": calls}
    with opened("visma", NOWHERE, home, gocardless=gocardless, clock=utc_now) as at:
        at.runtime.sleep = sleep
        with at.runtime.gocardless(at.connection) as client:
            yield lambda: [
                entry["id"] for page in read_span(client, "events", START, START + DAY) for entry in page.items
            ]


def limits(calls: int, window_s: int) -> RateLimits:
    return RateLimits(World(settings=Settings(rate_limit=calls, rate_window_s=window_s)))


def test_an_idle_connection_begins_with_nearly_a_whole_window(tmp_path: Path, lists: Any) -> None:
    lists.fill(lists.spread(35_000, DAY))
    lists.delay_s, lists.limits, slept = 0.02, limits(100, 60), []
    with reading(tmp_path, lists.base_url, 100, slept) as read:
        assert len(set(read())) == 35_000
    assert (slept, lists.refused) == ([], 0)
    assert lists.most_in_flight > 4


def test_more_than_a_window_is_read_in_several_without_a_refusal(tmp_path: Path, lists: Any) -> None:
    lists.fill(lists.spread(20_500, DAY))
    lists.delay_s, lists.limits, slept = 0.02, limits(40, 2), []
    with reading(tmp_path, lists.base_url, 40, slept) as read:
        assert len(set(read())) == 20_500
    assert slept
    assert lists.refused == 0


def test_where_nothing_is_told_few_calls_are_made_at_once(tmp_path: Path, lists: Any) -> None:
    lists.fill(lists.spread(10_000, DAY))
    slept: list[float] = []
    with reading(tmp_path, lists.base_url, 400, slept) as read:
        assert len(set(read())) == 10_000
    assert sum(slept) > 0.5, "10 of 400 calls may come at once, 20 were needed"


@pytest.mark.parametrize(("calls", "kept"), [(1, 0), (2, 1), (60, 1), (100, 2), (1000, 25)])
def test_some_calls_of_a_window_are_left_alone(calls: int, kept: int) -> None:
    assert kept_back(calls) == kept
