"""A run that has to stop goes on by itself, and fails with what to do when it stops again and again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_resources.posting.continuing import WAITS, Continuations
from sandbox.faults import Fault
from sensors.continue_sensor import continue_sensor
from tests.evenings import DAY

DAY_BEFORE = DAY - timedelta(days=1)
WRITE = {"method": "POST|PUT", "path": r"/v\d/"}


def continuations(house: Any) -> Continuations:
    return Continuations(house.installation.runtime.store.marks, "nordic")


def requests_of_the_sensor(house: Any, at: datetime) -> list[dg.RunRequest]:
    runtime, made = house.installation.runtime, connection_definitions(house.installation.connection)
    sensor = continue_sensor([made.connection], [made.erp_job])
    runtime.clock = lambda: at
    definitions = dg.Definitions.merge(dg.Definitions(sensors=[sensor]), made.as_definitions())
    with dg.build_sensor_context(
        instance=house.instance, resources={"runtime": runtime}, definitions=definitions
    ) as context:
        return list(sensor.evaluate_tick(context).run_requests)


def run_what_the_sensor_asks_for(house: Any, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    job = connection_definitions(house.installation.connection).as_definitions().resolve_job_def(request.job_name)
    return job.execute_in_process(
        instance=house.instance, partition_key=request.partition_key, tags=dict(request.tags), raise_on_error=False
    )


def test_what_a_stopped_run_left_is_posted_by_the_run_that_the_sensor_starts(house: Any) -> None:
    house.installation.erp.faults.add(Fault("error_before", **WRITE, status=403, skip=3, times=100))

    stopped = house.run(DAY_BEFORE, DAY)

    shown = house.materialised(stopped)["erp/documents"]
    assert "does not allow" in shown["stopped because"]
    assert shown["goes on after"].endswith("UTC")
    assert house.installation.states().get("receipt posted", 0) < 8
    assert requests_of_the_sensor(house, datetime.now(UTC)) == []

    house.installation.erp.faults.clear()
    (request,) = requests_of_the_sensor(house, datetime.now(UTC) + WAITS[0])
    assert run_what_the_sensor_asks_for(house, request).success

    assert set(house.installation.states()) == {"customer posted", "receipt posted", "payout posted"}
    assert continuations(house).due(datetime.now(UTC) + timedelta(days=30)) == []


def test_a_run_that_stops_once_too_often_fails_with_the_connection_and_the_next_step(house: Any) -> None:
    house.installation.erp.faults.add(Fault("error_before", **WRITE, status=403, times=1000))
    now = datetime.now(UTC) - timedelta(days=7)
    for number, wait in enumerate(WAITS):
        continuations(house).stopped("documents", reason="before", retry_after_s=0, run=f"run {number}", now=now)
        now += wait

    outcome = house.run(DAY_BEFORE, DAY)

    assert not outcome.success
    assert "[nordic] documents had to stop in 5 runs in a row" in outcome.failure
    assert "`connector ping nordic`" in outcome.failure
    assert "does not allow" in outcome.failure
    assert requests_of_the_sensor(house, datetime.now(UTC) + timedelta(days=30)) == []

    house.installation.erp.faults.clear()
    assert house.run(DAY_BEFORE, DAY).success
    assert set(house.installation.states()) == {"customer posted", "receipt posted", "payout posted"}
