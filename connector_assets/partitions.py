"""Activity days: the one partitions definition that all assets of a connection share."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from connector_resources.connections.model import Connection
from connector_resources.posting.planning import Scope

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: a run with this tag looks only at events that are new to us; without it, it reads the whole day again.
READ_TAG = "connector/read"
READ_NEW = "new"
#: a run with this tag is the nightly sweep: it also empties what has been kept long enough.
SWEEP_TAG = "connector/sweep"


def activity_days(connection: Connection) -> dg.DailyPartitionsDefinition:
    """One partition per day from the cut-over to today, in the connection's time zone."""
    return dg.DailyPartitionsDefinition(
        start_date=connection.books.cut_over.isoformat(), timezone=connection.books.time_zone, end_offset=1
    )


def scope_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Scope:
    """Which days this run covers (one, or a range in one run) and whether it only looks at what is new."""
    first, last = _first_and_last(context)
    return Scope(first, last, only_new=context.run.tags.get(READ_TAG) == READ_NEW)


def days_of(scope: Scope) -> list[Scope]:
    """Each day of it alone, oldest first."""
    count = (scope.last_day - scope.first_day).days + 1
    days = (scope.first_day + timedelta(days=number) for number in range(count))
    return [Scope(day, day, scope.only_new) for day in days]


def window_of(scope: Scope, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The days as a half-open span of aware local times: 23 or 25 hours where the clock changes."""
    start = datetime.combine(scope.first_day, datetime.min.time(), tzinfo=zone)
    return start, datetime.combine(scope.last_day + timedelta(days=1), datetime.min.time(), tzinfo=zone)


def _first_and_last(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> tuple[date, date]:
    tags = context.run.tags
    key = tags.get("dagster/partition")
    first = tags.get("dagster/asset_partition_range_start", key)
    last = tags.get("dagster/asset_partition_range_end", key)
    if first is None or last is None:
        raise dg.Failure(
            "This asset is partitioned by activity day; choose a day or a range of days.", allow_retries=False
        )
    return date.fromisoformat(first), date.fromisoformat(last)
