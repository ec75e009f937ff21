"""The event-poll sensor against the GoCardless stand-in: it finds what no webhook brought, on its own time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from connector_assets.factory import connection_definitions
from connector_resources.gocardless.polling import WATERMARK
from sandbox.gocardless.load import load_confirmed_payments
from sandbox.gocardless.world import READ_WRITE_TOKEN
from sensors.poll_sensor import POLLED_AT, event_poll_sensor, poll_connection
from sensors.receiver import day_of
from tests.evenings import DAY, MORNING, evening_company, evening_world
from tests.installations import Installation, visma_installation


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    world = evening_world()
    load_confirmed_payments(world, 6, customers=2, at=MORNING)
    with visma_installation(tmp_path, world, evening_company()) as installation:
        yield installation


def _poll(house: Installation) -> str:
    return poll_connection(house.runtime, house.connection, time.monotonic() + 30)


def _events(house: Installation) -> int:
    return house.runtime.store.inbox.count(house.connection.name, DAY, DAY).total


def test_it_finds_what_no_webhook_brought(house: Installation) -> None:
    some = [event.body for event in list(house.world.events)[:2]]
    house.runtime.store.inbox.drop_polled("nordic", some, day_of=day_of(house.connection))

    assert "4 events that no webhook had brought" in _poll(house)
    assert _events(house) == 6


def test_a_connection_that_is_not_due_is_not_asked(house: Installation) -> None:
    _poll(house)
    before = len(house.gocardless.faults.requests)

    assert _poll(house) == ""
    assert len(house.gocardless.faults.requests) == before

    house.world.clock.advance(timedelta(seconds=house.connection.polling.events_every_s))
    assert "0 events" in _poll(house)


def test_the_next_poll_begins_at_the_watermark_less_the_overlap(house: Installation) -> None:
    _poll(house)
    newest = max(event.created_at for event in house.world.events)
    assert house.runtime.store.marks.get("nordic", WATERMARK) == newest.replace("Z", "+00:00").replace(".000", "")

    late = house.world.now() + timedelta(minutes=3)
    load_confirmed_payments(house.world, 2, customers=1, at=late, span=timedelta(minutes=1))
    house.world.clock.advance(timedelta(minutes=10))

    assert "2 events" in _poll(house)


def test_a_failed_poll_is_told_and_tried_again(house: Installation) -> None:
    house.runtime.store.vault.write("nordic", "gocardless_access_token", "revoked-token-value")
    told = _poll(house)
    assert "not polled" in told
    assert "revoked-token-value" not in told
    assert house.runtime.store.marks.get("nordic", POLLED_AT) is None

    house.runtime.store.vault.write("nordic", "gocardless_access_token", READ_WRITE_TOKEN)
    assert "6 events" in _poll(house)


def test_a_broken_connection_does_not_stop_the_others(house: Installation) -> None:
    broken = house.connection.model_copy(update={"name": "broken"})
    sensor = event_poll_sensor([broken, house.connection], [connection_definitions(house.connection).day_job])
    with dg.build_sensor_context(resources={"runtime": house.runtime}) as context:
        tick = sensor.evaluate_tick(context)

    assert "broken: not polled" in tick.skip_message
    assert "connector credentials set broken gocardless_access_token" in tick.skip_message
    assert "nordic: 6 events" in tick.skip_message
    assert not tick.run_requests


def test_the_sensor_runs_as_often_as_the_most_frequent_connection(house: Installation) -> None:
    often = house.connection.model_copy(
        update={"polling": house.connection.polling.model_copy(update={"events_every_s": 20})}
    )
    sensor = event_poll_sensor([house.connection, often], [connection_definitions(often).day_job])
    assert sensor.minimum_interval_seconds == 20
