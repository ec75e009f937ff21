"""The lost-runs sensor: marks a run as failed whose process is gone, so that it blocks neither its connection nor the queue.

Dagster notices by itself when a run's process ends while the code server that started it lives. After a power cut, or when
both were killed, the run would be "started" for ever: no other run of its connection would begin. The sign of life of a
living process changes (`connector_resources/signs_of_life.py`); one that was the same in several looks in a row belongs to a
dead one. Looks are counted, not seconds, so that neither a machine that slept nor clocks that differ count as death. Were it
wrong, two runs would meet at the posting lease, which lets one of them work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import dagster as dg

from connector_assets.names import CONNECTION_TAG
from connector_resources.connections.model import Connection
from connector_resources.runtime import Runtime
from connector_resources.signs_of_life import BEAT_S, SignsOfLife

INTERVAL_S = 15
assert INTERVAL_S > BEAT_S
#: how many looks in a row must show the same sign.
LOOKS = 5
#: runs of which somebody may give a sign. What waits or starts is watched by Dagster's run monitoring.
WORKED_ON = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
UNENDED = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, *WORKED_ON)


def lost_runs_sensor(
    connections: Sequence[Connection], jobs: Sequence[dg.UnresolvedAssetJobDefinition | dg.JobDefinition]
) -> dg.SensorDefinition:
    """One sensor for all connections."""

    @dg.sensor(
        name="lost_runs",
        jobs=list(jobs),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs as failed whose process is gone without a word, after a power cut for example.",
        required_resource_keys={"runtime"},
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        runtime: Runtime = context.resources.runtime
        signs = SignsOfLife(runtime.store)
        shown = signs.all()
        looks = Looks.parse(context.cursor)
        lost = looks.take(_watched(context.instance, shown), shown)
        for run_id in lost:
            end_lost_run(context.instance, run_id)
        unended = {run.run_id for run in context.instance.get_runs(dg.RunsFilter(statuses=list(UNENDED)))}
        for run_id in shown.keys() - unended:
            # Its run has ended, or is another instance's; whoever lives still shows the next one.
            signs.forget(run_id)
        told = (
            f"Marked as failed, their processes are gone: {', '.join(lost)}."
            if lost
            else "Every run shows signs of life."
        )
        return dg.SensorResult(cursor=looks.text(), skip_reason=dg.SkipReason(told))

    return evaluate


class Looks:
    """The cursor: the sign of each run at the last look, and in how many looks in a row it was the same."""

    def __init__(self, entries: Mapping[str, tuple[str, int]]) -> None:
        self._entries = dict(entries)

    @classmethod
    def parse(cls, cursor: str | None) -> Looks:
        entries = json.loads(cursor) if cursor else {}
        return cls({run_id: (sign, count) for run_id, (sign, count) in entries.items()})

    def take(self, runs: Sequence[str], signs: Mapping[str, str]) -> list[str]:
        """One look at `runs`; those that are lost. A run without a sign is looked at alike: it may have died before its first."""
        counted = {}
        for run_id in runs:
            sign, (before, count) = signs.get(run_id, ""), self._entries.get(run_id, ("", 0))
            counted[run_id] = (sign, count + 1 if sign == before else 1)
        lost = [run_id for run_id, (_, count) in counted.items() if count > LOOKS]
        self._entries = {run_id: entry for run_id, entry in counted.items() if run_id not in lost}
        return lost

    def text(self) -> str:
        return json.dumps(self._entries)


def end_lost_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Mark the run as failed, if it has not ended meanwhile, and give its places in concurrency pools back."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status in WORKED_ON:
        instance.report_run_failed(
            run,
            "The process of this run is gone without a word. What it left open is looked up by the next run, which is "
            "started by itself; nothing is posted twice.",
        )
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def _watched(instance: dg.DagsterInstance, signs: Mapping[str, str]) -> list[str]:
    """Started runs that are this project's: they have shown a sign, or are a connection's."""
    started = instance.get_runs(dg.RunsFilter(statuses=list(WORKED_ON)))
    return [run.run_id for run in started if run.run_id in signs or CONNECTION_TAG in run.tags]
