"""The ERP poll sensor: a notification makes the next poll happen now, and time makes it happen regularly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from connector_assets.factory import connection_definitions
from connector_assets.names import CONNECTION_TAG
from connector_resources.store.marks import ERP_NOTIFIED
from sensors.erp_sensor import erp_poll_sensor


@pytest.fixture
def desk(tmp_path: Path, open_home: Any, say: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """`tick` evaluates the sensor once, from the cursor of the tick before."""
    documents = {"nordic": say.document(), "german": say.document(erp=say.datev_section("https://datev.example"))}
    with open_home(tmp_path, documents) as runtime, dg.DagsterInstance.ephemeral() as instance:
        made = [connection_definitions(connection) for connection in runtime.connections]
        sensor = erp_poll_sensor(runtime.connections, [item.erp_job for item in made])
        definitions = dg.Definitions.merge(dg.Definitions(sensors=[sensor]), *[i.as_definitions() for i in made])
        state = SimpleNamespace(cursor=None, now=say.NOON)
        runtime.clock = lambda: state.now

        def tick() -> list[dg.RunRequest]:
            with dg.build_sensor_context(
                instance=instance, cursor=state.cursor, resources={"runtime": runtime}, definitions=definitions
            ) as context:
                result = sensor.evaluate_tick(context)
            state.cursor = result.cursor
            return list(result.run_requests)

        def notify(identity: str, connection: str = "nordic") -> None:
            runtime.store.marks.set(connection, ERP_NOTIFIED, identity)

        yield SimpleNamespace(tick=tick, notify=notify, state=state, instance=instance, made=made, runtime=runtime)


def test_a_notification_asks_for_one_run_of_today(desk: SimpleNamespace) -> None:
    assert desk.tick() == []
    desk.notify("one")

    (request,) = desk.tick()

    assert (request.job_name, request.partition_key) == ("nordic_erp", "2026-06-03")
    assert request.tags[CONNECTION_TAG] == "nordic"
    assert desk.tick() == []


def test_each_new_notification_asks_again(desk: SimpleNamespace) -> None:
    keys = set()
    for identity in ("one", "two", "three"):
        desk.notify(identity)
        keys |= {request.run_key for request in desk.tick()}
    assert len(keys) == 3


def test_a_notification_from_before_the_first_look_counts(desk: SimpleNamespace) -> None:
    desk.notify("one")
    assert len(desk.tick()) == 1


def test_without_notifications_it_polls_at_the_interval_of_the_connection(desk: SimpleNamespace) -> None:
    assert desk.tick() == []
    desk.state.now += timedelta(minutes=59)
    assert desk.tick() == []
    desk.state.now += timedelta(minutes=1)
    assert len(desk.tick()) == 1
    assert desk.tick() == []


def test_while_a_run_of_the_connection_is_on_its_way_the_notification_waits(desk: SimpleNamespace) -> None:
    desk.tick()
    desk.notify("one")
    made = next(item for item in desk.made if item.connection.name == "nordic")
    job = made.as_definitions().resolve_job_def("nordic_day")
    run = desk.instance.create_run_for_job(job, tags={CONNECTION_TAG: "nordic"}, status=dg.DagsterRunStatus.STARTED)
    assert desk.tick() == []
    desk.instance.delete_run(run.run_id)
    assert len(desk.tick()) == 1


def test_an_erp_whose_customers_cannot_be_read_is_left_alone(desk: SimpleNamespace) -> None:
    desk.notify("one", "german")
    desk.tick()
    desk.state.now += timedelta(days=2)
    assert [request.job_name for request in desk.tick()] == ["nordic_erp"]


def test_nothing_is_polled_before_the_cut_over(desk: SimpleNamespace) -> None:
    desk.state.now -= timedelta(days=3)
    desk.notify("one")
    assert desk.tick() == []
    desk.state.now += timedelta(days=3)
    assert len(desk.tick()) == 1
