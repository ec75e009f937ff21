"""A connection's range of days as one run of its Dagster job, in a process of its own, and what that took.

    python -m benchmarks.backfill_run HOME CONNECTION NOW FIRST LAST

Dagster's own database lies in HOME/dagster. Waits are left out and the clock stands still: the stand-ins' clocks do as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name
from connector_resources.runtime import Runtime
from connector_resources.runtime_resource import RuntimeResource
from connector_resources.settings import Settings
from tests.day_runner import peak_mib


class StillRuntime(RuntimeResource):
    """The runtime of `home` at the moment `now`, which has no patience and needs none."""

    home: str
    now: str

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Runtime]:
        moment = datetime.fromisoformat(self.now)
        with Runtime.open(Settings(home=Path(self.home)), clock=lambda: moment) as runtime:
            runtime.sleep = lambda _seconds: None
            yield runtime


def main() -> None:
    given = _parser().parse_args()
    dagster_home = given.home / "dagster"
    with Runtime.open(Settings(home=given.home)) as runtime:
        connection = runtime.connection(given.connection)
    job = connection_definitions(connection).as_definitions().resolve_job_def(day_job_name(connection.name))
    tags = {
        "dagster/asset_partition_range_start": given.first.isoformat(),
        "dagster/asset_partition_range_end": given.last.isoformat(),
    }
    at_rest, clock, processor = peak_mib(), time.perf_counter(), time.process_time()
    with dg.DagsterInstance.local_temp(str(dagster_home)) as instance:
        result = job.execute_in_process(
            tags=tags,
            instance=instance,
            raise_on_error=False,
            resources={"runtime": StillRuntime(home=str(given.home), now=given.now.isoformat())},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - processor
        steps = {stats.step_key: _span(stats) for stats in instance.get_run_step_stats(result.run_id)}
        failed_checks = [e.check_name for e in result.get_asset_check_evaluations() if not e.passed]
        events = len(result.all_events)
    told = {
        "success": result.success,
        "failed": [event.message for event in result.all_events if event.is_step_failure],
        "failed_checks": failed_checks,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "peak_mib": peak_mib(),
        "mib_before": at_rest,
        "events": events,
        "steps": dict(sorted(steps.items(), key=lambda item: -item[1])),
    }
    print(json.dumps(told))


def _span(stats: Any) -> float:
    return round((stats.end_time or 0) - (stats.start_time or 0), 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("connection")
    parser.add_argument("now", type=datetime.fromisoformat)
    parser.add_argument("first", type=date.fromisoformat)
    parser.add_argument("last", type=date.fromisoformat)
    return parser


if __name__ == "__main__":
    main()
    sys.stdout.flush()
