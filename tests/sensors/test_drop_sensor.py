"""The webhook-drop sensor: which runs it asks for, when it waits, and when it asks again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from connector_assets.factory import connection_definitions
from connector_assets.names import CONNECTION_TAG
from connector_resources.store.deliveries import Delivery
from connector_resources.store.inbox import Waiting
from sensors.drop_sensor import (
    ASK_AGAIN_S,
    MOST_DELIVERIES,
    WAIT_S,
    Asked,
    DayRange,
    Waits,
    join_days,
    wait_for_work,
    webhook_drop_sensor,
)
from sensors.receiver import day_of

NOBODY: Callable[[], frozenset[str]] = frozenset


class Clockwork:
    """Time that passes only while somebody waits. `after(s, do)` lets something happen meanwhile."""

    def __init__(self, now: datetime) -> None:
        self.start = self.now = now
        self._agenda: list[tuple[datetime, Callable[[], Any]]] = []

    def after(self, seconds: int, do: Callable[[], Any]) -> None:
        self._agenda.append((self.start + timedelta(seconds=seconds), do))

    def clock(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.waited.total_seconds()

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        due = [entry for entry in self._agenda if entry[0] <= self.now]
        self._agenda = [entry for entry in self._agenda if entry[0] > self.now]
        for _, do in due:
            do()

    @property
    def waited(self) -> timedelta:
        return self.now - self.start

    @property
    def waits(self) -> Waits:
        return Waits(self.clock, self.monotonic, self.sleep)


@pytest.fixture
def desk(tmp_path: Path, open_home: Any, say: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """Two connections, nordic and south; `drop` puts an event of a day into an inbox."""
    with open_home(tmp_path, {"nordic": say.document(), "south": say.document()}) as runtime:
        clockwork = Clockwork(say.NOON)
        runtime.store.database.sleep = clockwork.sleep
        known = {c.name: c for c in runtime.connections}

        def drop(identity: str, day: str = "2026-06-03", connection: str = "nordic") -> None:
            moment = datetime.fromisoformat(f"{day}T12:00:00+00:00")
            runtime.store.inbox.drop_polled(connection, [say.event(identity, moment)], day_of=day_of(known[connection]))

        def keep(*identities: str) -> None:
            raw = say.body(*(say.event(each) for each in identities))
            runtime.store.deliveries.keep([Delivery("nordic", raw, "WB1", len(identities), "Europe/Oslo")])

        def look(asked: Asked | None = None, busy: Callable[[], frozenset[str]] = NOBODY) -> list[DayRange]:
            return wait_for_work(runtime.store, known, asked or Asked({}), busy, clockwork.waits)

        yield SimpleNamespace(runtime=runtime, known=known, clockwork=clockwork, drop=drop, keep=keep, look=look)


def _days(ranges: list[DayRange]) -> list[tuple[str, str, str, int]]:
    return [(r.connection, r.first_day.isoformat(), r.last_day.isoformat(), r.rows) for r in ranges]


def test_neighbouring_days_become_one_range_and_distant_ones_do_not() -> None:
    rows = [Waiting("nordic", date(2026, 6, day), 1, seq) for seq, day in enumerate((1, 2, 5, 10), start=1)]
    rows.append(Waiting("south", date(2026, 6, 2), 3, 9))

    assert _days(join_days(rows)) == [
        ("nordic", "2026-06-01", "2026-06-05", 3),
        ("nordic", "2026-06-10", "2026-06-10", 1),
        ("south", "2026-06-02", "2026-06-02", 3),
    ]


def test_waiting_rows_are_found_at_once(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    desk.drop("EV2", "2026-06-02")
    desk.drop("EV3", connection="south")

    assert _days(desk.look()) == [("nordic", "2026-06-02", "2026-06-03", 2), ("south", "2026-06-03", "2026-06-03", 1)]
    assert not desk.clockwork.waited


def test_a_row_that_arrives_while_it_waits_ends_the_waiting(desk: SimpleNamespace) -> None:
    desk.clockwork.after(3, lambda: desk.drop("EV1"))

    assert _days(desk.look()) == [("nordic", "2026-06-03", "2026-06-03", 1)]
    assert 3 <= desk.clockwork.waited.total_seconds() < 4


def test_a_webhook_that_arrives_while_it_waits_is_taken_apart_and_ends_the_waiting(desk: SimpleNamespace) -> None:
    desk.clockwork.after(3, lambda: desk.keep("EV1", "EV2"))

    assert _days(desk.look()) == [("nordic", "2026-06-03", "2026-06-03", 2)]
    assert 3 <= desk.clockwork.waited.total_seconds() < 3.2


def test_a_webhook_that_cannot_be_taken_apart_keeps_nobody_awake(desk: SimpleNamespace) -> None:
    desk.runtime.store.deliveries.keep([Delivery("nordic", b"{}", "WB1", 1, "Europe/Oslo")])

    assert desk.look() == []
    assert WAIT_S <= desk.clockwork.waited.total_seconds() < WAIT_S + 1
    assert len(desk.runtime.store.deliveries.unreadable("nordic")) == 1


def test_a_backlog_of_webhooks_is_taken_in_parts_and_asked_for_meanwhile(desk: SimpleNamespace) -> None:
    for number in range(MOST_DELIVERIES + 5):
        desk.keep(f"EV{number}")

    assert _days(desk.look()) == [("nordic", "2026-06-03", "2026-06-03", MOST_DELIVERIES)]
    assert _days(desk.look()) == [("nordic", "2026-06-03", "2026-06-03", MOST_DELIVERIES + 5)]


def test_it_gives_up_when_nothing_comes(desk: SimpleNamespace) -> None:
    assert desk.look() == []
    assert WAIT_S <= desk.clockwork.waited.total_seconds() < WAIT_S + 1


def test_while_a_run_of_the_connection_is_on_its_way_no_other_is_asked_for(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    busy = {"nordic"}
    desk.clockwork.after(5, busy.clear)

    assert _days(desk.look(busy=lambda: frozenset(busy))) == [("nordic", "2026-06-03", "2026-06-03", 1)]
    assert desk.clockwork.waited.total_seconds() >= 5


def test_a_busy_connection_does_not_hold_up_another(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    desk.drop("EV2", connection="south")

    assert [r.connection for r in desk.look(busy=lambda: frozenset({"nordic"}))] == ["south"]
    assert not desk.clockwork.waited


def test_rows_that_a_run_was_asked_for_are_left_to_it_for_ten_minutes(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    asked = Asked({})
    asked.note(desk.look(asked)[0], desk.clockwork.now)

    assert desk.look(asked) == []
    desk.clockwork.now += timedelta(seconds=ASK_AGAIN_S)
    assert _days(desk.look(asked)) == [("nordic", "2026-06-03", "2026-06-03", 1)]


def test_a_new_row_of_a_day_that_was_asked_for_asks_again_at_once(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    asked = Asked({})
    asked.note(desk.look(asked)[0], desk.clockwork.now)
    desk.drop("EV2")

    assert _days(desk.look(asked)) == [("nordic", "2026-06-03", "2026-06-03", 2)]


def test_the_cursor_survives_being_written_down(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    asked = Asked({})
    asked.note(desk.look(asked)[0], desk.clockwork.now)

    read = Asked.parse(asked.text())

    assert read.text() == asked.text()
    assert desk.look(read) == []
    assert Asked.parse(None).text() == "{}"


def test_the_cursor_forgets_what_is_long_past(desk: SimpleNamespace) -> None:
    asked = Asked({})
    for day in range(1, 29):
        item = DayRange("nordic", date(2026, 2, day), date(2026, 2, day), day, 1)
        asked.note(item, desk.clockwork.now + timedelta(hours=day))
    assert len(asked.text()) < 200


def test_days_before_the_cut_over_are_never_asked_for(desk: SimpleNamespace) -> None:
    desk.drop("EV1", "2026-05-31")
    assert desk.look() == []
    desk.drop("EV2", "2026-06-01")
    assert _days(desk.look()) == [("nordic", "2026-06-01", "2026-06-01", 1)]


def test_days_that_have_not_begun_wait_for_their_partition(desk: SimpleNamespace) -> None:
    desk.drop("EV1", "2026-06-04")
    assert desk.look() == []
    desk.clockwork.now += timedelta(days=1)
    assert _days(desk.look()) == [("nordic", "2026-06-04", "2026-06-04", 1)]


def test_rows_of_a_connection_that_was_removed_are_left_alone(desk: SimpleNamespace) -> None:
    desk.drop("EV1", connection="south")
    del desk.known["south"]
    assert desk.look() == []


def _tick(desk: SimpleNamespace, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    made = [connection_definitions(connection) for connection in desk.known.values()]
    sensor = webhook_drop_sensor(list(desk.known.values()), [item.day_job for item in made])
    definitions = dg.Definitions.merge(dg.Definitions(sensors=[sensor]), *[item.as_definitions() for item in made])
    desk.runtime.sleep = desk.clockwork.sleep
    with dg.build_sensor_context(
        instance=instance, cursor=cursor, resources={"runtime": desk.runtime}, definitions=definitions
    ) as context:
        return sensor.evaluate_tick(context)


def test_a_tick_asks_for_a_day_or_for_a_range_in_one_run(desk: SimpleNamespace) -> None:
    desk.drop("EV1", "2026-06-02")
    desk.drop("EV2", "2026-06-03")
    desk.drop("EV3", "2026-06-03", "south")

    with dg.DagsterInstance.ephemeral() as instance:
        tick = _tick(desk, instance)

    day, span = sorted(tick.run_requests, key=lambda request: request.partition_key is None)
    assert (day.job_name, day.partition_key) == ("south_day", "2026-06-03")
    assert span.job_name == "nordic_day"
    assert span.tags["dagster/asset_partition_range_start"] == "2026-06-02"
    assert span.tags["dagster/asset_partition_range_end"] == "2026-06-03"
    assert {day.tags[CONNECTION_TAG], span.tags[CONNECTION_TAG]} == {"nordic", "south"}
    assert day.tags["connector/read"] == span.tags["connector/read"] == "new"
    assert day.run_key != span.run_key


def test_the_next_tick_goes_on_from_the_cursor(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    with dg.DagsterInstance.ephemeral() as instance:
        first = _tick(desk, instance)
        desk.drop("EV2")
        second = _tick(desk, instance, first.cursor)

    assert [len(tick.run_requests) for tick in (first, second)] == [1, 1]
    assert first.run_requests[0].run_key != second.run_requests[0].run_key


def test_a_tick_sees_runs_that_are_on_their_way(desk: SimpleNamespace) -> None:
    desk.drop("EV1")
    desk.drop("EV2", connection="south")
    with dg.DagsterInstance.ephemeral() as instance:
        job = connection_definitions(desk.known["nordic"]).as_definitions().resolve_job_def("nordic_day")
        instance.create_run_for_job(job, tags={CONNECTION_TAG: "nordic"}, status=dg.DagsterRunStatus.STARTED)
        tick = _tick(desk, instance)

    assert [request.job_name for request in tick.run_requests] == ["south_day"]
