"""Spans are read whole, each entry once, with the fewest calls, as wide as the answers' slowness asks for."""

from __future__ import annotations

import math
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_resources.errors import BadAnswer, NotSent
from connector_resources.gocardless.client import GoCardlessClient, Page
from connector_resources.gocardless.windows import (
    PAGES_OF_A_LATE_PART,
    _Window,
    in_order,
    read_events,
    read_span,
    windows_for,
)
from connector_resources.transport.messages import Response

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
Connect = Callable[..., GoCardlessClient]


def read_ids(client: GoCardlessClient, since: datetime, until: datetime, **settings_: Any) -> list[str]:
    return [entry["id"] for page in read_span(client, "events", since, until, **settings_) for entry in page.items]


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (1, 1), (500, 1), (501, 2), (2_000, 4)])
def test_quick_answers_are_read_by_one_window(count: int, calls: int, lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(count, DAY))
    assert sorted(read_ids(client, START, START + DAY, pace_s=10)) == [e["id"] for e in lists.entries]
    assert (client.calls, lists.most_in_flight) == (calls, 1)


def test_a_span_of_one_page_is_read_without_a_thread_of_its_own(
    lists: Any, client: GoCardlessClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[threading.Thread] = []
    page = client.page
    monkeypatch.setattr(client, "page", lambda *asked: readers.append(threading.current_thread()) or page(*asked))
    lists.fill(lists.spread(500, DAY))
    assert len(read_ids(client, START, START + DAY)) == 500
    assert readers == [threading.current_thread()]


def test_slow_answers_are_read_side_by_side_and_nothing_twice(lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(20_000, DAY))
    lists.delay_s = 0.08
    ids = read_ids(client, START, START + DAY, pace_s=0.02, most_windows=8)
    assert sorted(ids) == [entry["id"] for entry in lists.entries]
    assert len(lists.served) == 20_000, "an entry was read twice"
    assert 3 <= lists.most_in_flight <= 8
    assert client.calls <= math.ceil(20_000 / 500) + 12


def test_bursts_and_quiet_times_are_read_completely(lists: Any, client: GoCardlessClient) -> None:
    dice = random.Random(7)
    moments = [START + timedelta(hours=10)] * 1_700
    moments += [START + timedelta(seconds=dice.randrange(86_400)) for _ in range(3_000)]
    lists.fill([lists.entry(number, moment) for number, moment in enumerate(moments)])
    lists.delay_s = 0.01
    ids = read_ids(client, START, START + DAY, pace_s=0.001, most_windows=6)
    assert sorted(ids) == sorted(entry["id"] for entry in lists.entries)
    assert len(lists.served) == len(ids)


def test_bounds_are_half_open_and_fit_milliseconds(lists: Any, client: GoCardlessClient) -> None:
    tick = timedelta(milliseconds=1)
    lists.fill([lists.entry(n, START + n * tick) for n in range(10)])
    assert sorted(read_ids(client, START + 3 * tick, START + 6 * tick)) == ["EV000000003", "EV000000004", "EV000000005"]
    inside = timedelta(microseconds=1)
    assert len(read_ids(client, START + 3 * tick + inside, START + 6 * tick + inside)) == 4
    assert read_ids(client, START, START) == []


def test_an_overlap_reaches_back(lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(24, DAY))
    pages = read_events(client, START + timedelta(hours=12), START + DAY, overlap=timedelta(hours=2))
    assert sum(len(page.events) for page in pages) == 14


def test_filters_and_included_resources_go_along(lists: Any, client: GoCardlessClient) -> None:
    lists.answer = {"events": [lists.entry(1, START)], "linked": {"payments": [{"id": "PM1"}]}}
    (page,) = read_events(client, START, START + DAY, resource_type="payments", action="failed", include="payment")
    assert page.linked == [{"id": "PM1"}]
    assert {"resource_type": "payments", "action": "failed", "include": "payment"}.items() <= lists.queries[0].items()


def test_an_error_in_one_window_ends_the_reading(lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(5_000, DAY))
    lists.delay_s = 0.01
    from sandbox.faults import Fault

    lists.layer.add(Fault("drop_before", skip=4, times=99))
    with pytest.raises(NotSent):
        read_ids(client, START, START + DAY, pace_s=0.001)


def test_a_reader_who_stops_early_stops_the_calls(lists: Any, client: GoCardlessClient) -> None:
    lists.fill(lists.spread(50_000, DAY))
    lists.delay_s = 0.005
    pages = read_span(client, "events", START, START + DAY, pace_s=0.001, most_windows=4)
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    calls = client.calls
    time.sleep(0.05)
    assert client.calls == calls <= 10


@pytest.mark.parametrize(
    ("page_time_s", "windows"), [(0.0, 1), (0.004, 2), (0.005, 3), (0.008, 3), (0.020, 6), (0.050, 12), (60, 12)]
)
def test_the_number_of_windows_follows_littles_law(page_time_s: float, windows: int) -> None:
    assert windows_for(page_time_s, 0.004, 12) == windows


def test_a_quota_that_holds_calls_back_is_not_asked_for_more_windows(lists: Any, connect: Connect) -> None:
    lists.fill(lists.spread(20_000, DAY))
    lists.delay_s = 0.01
    client = connect(lists.base_url, quota=_SlowQuota())
    ids = read_ids(client, START, START + DAY, pace_s=0.001, most_windows=8)
    assert len(ids) == len(set(ids)) == 20_000
    assert lists.most_in_flight == 1
    assert client.calls == 40, "a window costs a call, and none was to be won by it"


class _SlowQuota:
    """Lets every call wait a little."""

    def before(self) -> float:
        return 0.001

    def blocked(self) -> float:
        return 0

    def after(self, _response: Response) -> None:
        return None


@given(st.integers(2, 40), st.integers(1, 10_000_000), st.integers(1, 500))
def test_a_cut_covers_the_rest_without_gap_or_overlap(parts: int, rest_ms: int, on_page: int) -> None:
    oldest = START + timedelta(milliseconds=rest_ms)
    window = _Window(START, oldest + timedelta(seconds=1))
    window.take(Page([{"id": "EV1", "created_at": oldest.isoformat()}] * on_page, "EV1", [], 0.1))
    given_away = window.cut(parts, PAGES_OF_A_LATE_PART)
    bounds = [(part.lower, part.upper) for part in given_away] + [(window.lower, oldest)]
    assert bounds[0][0] == START
    assert all(left[1] == right[0] for left, right in pairwise(bounds))
    assert all(lower < upper for lower, upper in bounds)
    assert len(bounds) <= parts


# --- order -----------------------------------------------------------------------------------------------------------


def newest_first(entries: list[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    return [entries[::-1][n : n + size] for n in range(0, len(entries), size)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 999)), max_size=120, unique_by=lambda pair: pair[1]),
    st.integers(1, 20),
    st.randoms(),
)
def test_pages_in_any_order_give_one_story_without_doubles(
    pairs: list[tuple[int, int]], size: int, dice: random.Random
) -> None:
    entries = [
        {"id": f"EV{name:03d}", "created_at": (START + timedelta(milliseconds=ms)).isoformat()} for ms, name in pairs
    ]
    expected = sorted(entries, key=lambda entry: (entry["created_at"], entry["id"]))
    pages = newest_first(expected, size) + newest_first(expected, size + 1)
    dice.shuffle(pages)
    for page in pages:
        dice.shuffle(page)
    expected.sort(key=lambda entry: (datetime.fromisoformat(entry["created_at"]), entry["id"]))
    assert list(in_order(pages)) == expected


def test_ordering_a_long_list_keeps_memory_flat() -> None:
    def pages(count: int) -> Iterator[list[dict[str, Any]]]:
        for page in range(count - 1, -1, -1):
            yield [
                {"id": f"EV{page:05d}{n:03d}", "created_at": (START + timedelta(seconds=page * 500 + n)).isoformat()}
                for n in range(499, -1, -1)
            ]

    def peak(count: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in in_order(pages(count), memory_bytes=65_536)) == count * 500
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(2)
    assert peak(80) < 1.3 * peak(8)


def test_an_entry_without_a_time_is_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="EV1"):
        list(in_order([[{"id": "EV1", "created_at": None}]]))
