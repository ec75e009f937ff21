"""After a release, the days of what was released are run again."""

from __future__ import annotations

from datetime import date, timedelta

from connector_assets.names import CONNECTION_TAG
from connector_assets.partitions import READ_NEW, READ_TAG
from sensors.release_sensor import MOST_DAYS, request_of

DAY = date(2026, 6, 3)


def test_one_day_is_run_as_its_partition() -> None:
    request = request_of("nordic", DAY, DAY, "run-1")
    assert (request.job_name, request.partition_key) == ("nordic_day", "2026-06-03")
    assert request.tags == {CONNECTION_TAG: "nordic", READ_TAG: READ_NEW}
    assert request.run_key == "nordic:released:run-1"


def test_several_days_are_one_run_of_the_range() -> None:
    request = request_of("nordic", DAY, DAY + timedelta(days=2), "run-1")
    assert (request.job_name, request.partition_key) == ("nordic_day", None)
    assert request.tags["dagster/asset_partition_range_start"] == "2026-06-03"
    assert request.tags["dagster/asset_partition_range_end"] == "2026-06-05"


def test_days_far_apart_are_left_to_the_job_that_posts_whatever_waits() -> None:
    last = DAY + timedelta(days=MOST_DAYS)
    request = request_of("nordic", DAY, last, "run-1")
    assert (request.job_name, request.partition_key) == ("nordic_erp", last.isoformat())
