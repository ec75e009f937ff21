"""The nightly sweep, and the reports of the month that is over: in the connection's time zone, never before the cut-over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from connector_assets.factory import ConnectionDefinitions, connection_definitions
from sensors.schedules import month_end, nightly_sweep


def _sweep(tmp_path: Path, open_home: Any, document: Any, at: datetime) -> Any:
    with open_home(tmp_path, {"nordic": document}) as runtime:
        made = connection_definitions(runtime.connections[0])
    return _tick(nightly_sweep(made.connection, made.day_job), made, at)


def _month_end(tmp_path: Path, open_home: Any, document: Any, at: datetime) -> Any:
    with open_home(tmp_path, {"nordic": document}) as runtime:
        made = connection_definitions(runtime.connections[0])
    return _tick(month_end(made.connection, made.month_job), made, at)


def _tick(schedule: dg.ScheduleDefinition, made: ConnectionDefinitions, at: datetime) -> Any:
    definitions = dg.Definitions.merge(dg.Definitions(schedules=[schedule]), made.as_definitions())
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=at, repository_def=definitions.get_repository_def()
        )
        return schedule.evaluate_tick(context)


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [
        (datetime(2026, 6, 10, 1, 30, tzinfo=UTC), "2026-06-07", "2026-06-10"),
        (datetime(2026, 6, 9, 22, 30, tzinfo=UTC), "2026-06-07", "2026-06-10"),
        (datetime(2026, 6, 2, 1, 30, tzinfo=UTC), "2026-06-01", "2026-06-02"),
        (datetime(2026, 6, 1, 1, 30, tzinfo=UTC), "2026-06-01", "2026-06-01"),
    ],
    ids=["ordinary", "local midnight has passed", "cut-over is near", "cut-over day"],
)
def test_the_sweep_reads_the_last_days_in_one_run(
    tmp_path: Path, open_home: Any, say: SimpleNamespace, at: datetime, first: str, last: str
) -> None:
    (request,) = _sweep(tmp_path, open_home, say.document(), at).run_requests

    assert request.job_name is None or request.job_name == "nordic_day"
    assert request.tags["dagster/asset_partition_range_start"] == first
    assert request.tags["dagster/asset_partition_range_end"] == last
    assert request.tags["connector/connection"] == "nordic"
    assert "connector/read" not in request.tags


def test_before_the_cut_over_there_is_nothing_to_sweep(tmp_path: Path, open_home: Any, say: SimpleNamespace) -> None:
    tick = _sweep(tmp_path, open_home, say.document(), datetime(2026, 5, 20, 1, 30, tzinfo=UTC))
    assert not tick.run_requests
    assert "cut-over" in tick.skip_message


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 7, 1, 4, 0, tzinfo=UTC), "2026-06-01"),
        (datetime(2027, 1, 1, 5, 0, tzinfo=UTC), "2026-12-01"),
        (datetime(2026, 6, 30, 22, 30, tzinfo=UTC), "2026-06-01"),
    ],
    ids=["the month of the cut-over", "a year is over", "local midnight has passed"],
)
def test_on_the_first_the_month_that_is_over_is_reported(
    tmp_path: Path, open_home: Any, say: SimpleNamespace, at: datetime, month: str
) -> None:
    (request,) = _month_end(tmp_path, open_home, say.document(), at).run_requests

    assert request.job_name is None or request.job_name == "nordic_month"
    assert request.partition_key == month
    assert request.tags["connector/connection"] == "nordic"


def test_the_month_before_the_cut_over_has_no_reports(tmp_path: Path, open_home: Any, say: SimpleNamespace) -> None:
    tick = _month_end(tmp_path, open_home, say.document(), datetime(2026, 6, 1, 4, 0, tzinfo=UTC))
    assert not tick.run_requests
    assert "cut-over" in tick.skip_message
