"""The event poll: its watermark, how far it reaches back, what comes late, and a first poll over a long history."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector_resources.gocardless.polling import WATERMARK, EventPoll, PollResult
from sandbox.clock import SandboxClock
from sandbox.gocardless.records import Record
from sandbox.gocardless.timestamps import stamp
from sandbox.gocardless.world import World
from tests.installations import BOOKS
from tests.merchant import Merchant
from tests.sites import Site, visma_site

NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with visma_site(tmp_path, merchant=Merchant(World(SandboxClock(NOON), seed=1))) as opened:
        yield opened


def known(site: Site) -> int:
    return len(site.inbox.new_events(site.name, NOON.date() - timedelta(days=400), NOON.date()))


def watermark(site: Site) -> datetime:
    text = site.at.runtime.store.marks.get(site.name, WATERMARK)
    assert text is not None
    return datetime.fromisoformat(text)


def calls(site: Site) -> int:
    return len(site.at.gocardless.faults.requests)


def test_a_poll_brings_what_is_new_and_the_next_one_nothing(site):
    site.merchant.collected()

    assert site.poll() == PollResult(new=4, until=site.merchant.world.now(), complete=True)
    assert site.poll().new == 0
    assert known(site) == len(site.events())


def test_the_watermark_is_the_newest_events_time_never_our_own_clock(site):
    site.merchant.collected()
    newest = max(event["created_at"] for event in site.events())
    site.merchant.tick(timedelta(hours=5))

    site.poll()

    assert watermark(site) == datetime.fromisoformat(newest)


def test_a_poll_costs_one_call_when_little_is_new(site):
    site.merchant.collected()
    site.poll()
    before = calls(site)
    site.merchant.collected(customer=2)

    site.poll()

    assert calls(site) - before == 1


@pytest.mark.parametrize(("late_by", "found"), [(timedelta(minutes=50), True), (timedelta(hours=3), False)])
def test_an_event_that_appears_late_is_found_within_the_overlap(site, late_by, found):
    world = site.merchant.world
    site.merchant.order()
    moment = stamp(world.now())
    body = {**site.events()[-1], "id": "EV000000LATE", "created_at": moment}
    world.events.add(Record("EV000000LATE", moment, body), visible_from=stamp(world.now() + late_by))
    site.merchant.tick(late_by - timedelta(minutes=5))
    # A newer event is seen first: the watermark passes the late one.
    site.merchant.order(customer=2)
    site.poll()
    seen = known(site)
    site.merchant.tick(timedelta(minutes=10))

    site.poll()

    assert known(site) - seen == found


def test_events_between_cut_over_and_today_come_with_the_first_poll(site):
    site.merchant.collected()
    site.poll()
    site.merchant.tick(timedelta(days=40))
    site.merchant.collected(customer=2)

    result = site.poll()

    assert (result.complete, result.new) == (True, 4)


def test_a_first_poll_over_years_without_events_takes_a_few_calls(tmp_path):
    books = {**BOOKS, "cut_over": "2023-01-01"}
    with visma_site(tmp_path, merchant=Merchant(World(SandboxClock(NOON), seed=1)), books=books) as site:
        site.merchant.order()

        result = site.poll()

        assert (result.complete, result.new) == (True, 3)
        assert calls(site) <= 16


def test_a_poll_that_runs_out_of_time_goes_on_where_it_stopped(site):
    site.merchant.collected()
    site.merchant.tick(timedelta(days=20))
    site.merchant.collected(customer=2)
    site.merchant.tick(timedelta(days=20))
    site.merchant.collected(customer=3)
    runtime, connection = site.at.runtime, site.at.connection
    results = []
    with runtime.gocardless(connection) as client:
        poll = EventPoll(runtime.store, client, connection)
        while not results or not results[-1].complete:
            results.append(poll.run(runtime.clock(), deadline=time.monotonic() - 1))
            assert len(results) < 20

    assert len(results) > 1
    assert sum(result.new for result in results) == len(site.events())
