"""Loads one code location in a process of its own and tells what that took: the project's, or bare assets for comparison.

    CONNECTOR_HOME=… python -m benchmarks.code_location
    python -m benchmarks.code_location --bare 100

Loading is what every process of a run does, and resolving all jobs; describing is what a code server does once more for the
webserver and the daemon. Times are the processor's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.remote_representation.external_data import RepositorySnap

from connector_resources.runtime import Runtime
from connector_resources.settings import Settings

#: as measured before this project began: 16 assets, 4 checks, a job and a sensor for each connection.
BARE_ASSETS, BARE_CHECKS = 16, 4
#: sensors that look at the store and at Dagster's runs, and at no remote system.
SENSORS = ("webhook_drop", "erp_poll", "continue_stopped", "lost_runs")
TICKS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bare", type=int, help="so many connections' worth of assets that do nothing")
    given = parser.parse_args()
    make = _project() if given.bare is None else lambda: _bare(given.bare)
    before, began = _resident_mib(), time.process_time()
    repository = make().get_repository_def()
    jobs = repository.get_all_jobs()
    loaded = time.process_time()
    described = RepositorySnap.from_def(repository, defer_snapshots=True)
    told: dict[str, Any] = {
        "load_s": round(loaded - began, 3),
        "describe_s": round(time.process_time() - loaded, 3),
        "mib": _resident_mib(),
        "mib_before": before,
        "jobs": len(jobs),
        "assets": len(described.asset_nodes),
    }
    if given.bare is None:
        told["ticks_ms"] = _ticks(repository)
    print(json.dumps(told))


def _project() -> Callable[[], dg.Definitions]:
    made = importlib.import_module("connector.definitions").defs
    return lambda: made.load_fn()


def _bare(connections: int) -> dg.Definitions:
    return dg.Definitions.merge(*(_bare_connection(f"company{number:03d}") for number in range(connections)))


def _bare_connection(name: str) -> dg.Definitions:
    days = dg.DailyPartitionsDefinition("2026-01-01")
    keys = [dg.AssetKey([name, f"asset{number}"]) for number in range(BARE_ASSETS)]

    def asset(number: int) -> dg.AssetsDefinition:
        @dg.asset(key=keys[number], deps=keys[:number][-1:], partitions_def=days, group_name=name)
        def made() -> None: ...

        return made

    def check(number: int) -> dg.AssetChecksDefinition:
        @dg.asset_check(asset=keys[number], name=f"check{number}")
        def made() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=True)

        return made

    job = dg.define_asset_job(f"{name}_day", selection=dg.AssetSelection.groups(name))

    @dg.sensor(name=f"{name}_sensor", job=job)
    def sensor() -> dg.SkipReason:
        return dg.SkipReason("nothing")

    assets, checks = [asset(number) for number in range(BARE_ASSETS)], [check(number) for number in range(BARE_CHECKS)]
    return dg.Definitions(assets=assets, asset_checks=checks, jobs=[job], sensors=[sensor])


def _ticks(repository: dg.RepositoryDefinition) -> dict[str, float]:
    """Milliseconds of the processor that a tick of each sensor takes, the first left out; an event waits in the inbox."""
    with Runtime.open(Settings()) as runtime, dg.DagsterInstance.ephemeral() as instance:
        first, now = runtime.connections[0], runtime.clock()
        moment = (now - timedelta(minutes=1)).astimezone(UTC)
        event = {"id": "EV1", "created_at": _stamp(moment), "resource_type": "payments", "action": "confirmed"}
        runtime.store.inbox.drop_polled(first.name, [event | {"links": {"payment": "PM1"}}], day_of=datetime.date)
        return {name: _tick(repository, name, runtime, instance) for name in SENSORS}


def _tick(repository: dg.RepositoryDefinition, name: str, runtime: Runtime, instance: dg.DagsterInstance) -> float:
    sensor, taken = repository.get_sensor_def(name), []
    for _ in range(TICKS + 1):
        with dg.build_sensor_context(
            instance=instance, resources={"runtime": runtime}, repository_def=repository
        ) as context:
            began = time.process_time()
            sensor.evaluate_tick(context)
            taken.append(time.process_time() - began)
    return round(1000 * statistics.median(taken[1:]), 1)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _resident_mib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024


if __name__ == "__main__":
    main()
