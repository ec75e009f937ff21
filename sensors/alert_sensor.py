"""The alert sensor: tells people of held postings and failed runs, each once a day, outside of every run.

It only reads the ledger and Dagster's runs. An alert that cannot be delivered fails this sensor's tick, where it is seen under
Automation, and is tried again; no run and no posting ever waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from connector_assets.names import CONNECTION_TAG, RELEASE_JOB, WITHDRAW_JOB
from connector_resources.alerts.alert import Alert, AlertItem
from connector_resources.alerts.delivery import channels_of, deliver_due
from connector_resources.alerts.outbox import Outbox
from connector_resources.connections.model import Connection
from connector_resources.runtime import Runtime
from sensors.running import names_on_their_way

INTERVAL_S = 60
#: runs that failed longer ago when the sensor first looks are no news.
LOOKS_BACK = timedelta(hours=24)
#: failed runs looked at in one evaluation, oldest first.
MOST_RUNS = 50
HELD = "held"
FAILURES = "failures"


class AlertsNotDelivered(Exception):
    """Some alerts are still due; the message says which channels did not take them, and what to do."""


@dataclass(frozen=True, slots=True)
class FailedStep:
    """What failed in a run. `about` are names in the failure's metadata: a run for many connections names those it means."""

    step: str
    reason: str
    next_step: str
    about: frozenset[str]


def alert_sensor(connections: Sequence[Connection]) -> dg.SensorDefinition:
    """One sensor for all connections that name somebody to tell."""
    telling = {connection.name: connection for connection in connections if connection.alerts.wanted}

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of held postings and failed runs, by e-mail and webhook, each once a day. Who is told "
        "stands in the connection file under `alerts`.",
        required_resource_keys={"runtime"},
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not telling:
            return dg.SkipReason("No connection file names anybody under `alerts`.")
        runtime: Runtime = context.resources.runtime
        until = note_failures(runtime, telling, context.instance, _parse(context.cursor))
        busy = names_on_their_way(context.instance)
        for name, connection in telling.items():
            # While a run is at work the list still grows: it is told once, afterwards.
            if name not in busy:
                note_held(runtime, connection, context.instance)
        problems = [problem for each in telling.values() for problem in deliver_due(runtime, each)]
        if problems:
            # What was noted is kept in the store; the next evaluation looks at the same runs and adds nothing.
            raise AlertsNotDelivered("\n".join(problems))
        return dg.SensorResult(cursor=until.isoformat(), skip_reason=dg.SkipReason("Everybody has been told."))

    return evaluate


def note_held(runtime: Runtime, connection: Connection, instance: dg.DagsterInstance) -> None:
    """Note an alert of the held postings that nobody was told of today."""
    if HELD not in connection.alerts.about:
        return
    today = runtime.clock().astimezone(connection.zone).date()
    held = {row.posting.key: row for row in runtime.store.ledger.held(connection.name)}
    outbox = Outbox(runtime.store.marks, connection.name)
    news = outbox.untold(HELD, today, list(held))
    if not news:
        return
    items = [
        AlertItem(f"{key} ({row.posting.subject}, {row.held_code})", row.held_reason, row.held_next_step)
        for key, row in ((key, held[key]) for key in news)
    ]
    count = f"{len(held)} postings are held" if len(held) > 1 else "1 posting is held"
    since = f", {len(news)} of them new" if len(news) < len(held) else ""
    title = f"{count}{since}; mend the reason, then launch the job {RELEASE_JOB}"
    link = _run_link(runtime, _newest_run(instance, connection.name))
    outbox.note(Alert.about(HELD, connection.name, title, items, link), channels_of(connection), today, news)


def note_failures(
    runtime: Runtime, telling: Mapping[str, Connection], instance: dg.DagsterInstance, since: datetime | None
) -> datetime:
    """Note an alert of each failed run that says something new today; returns up to when runs were looked at."""
    # Dagster stamps its runs with the machine's time, whatever the connector's clock says.
    since = since or datetime.now(UTC) - LOOKS_BACK
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    records = instance.get_run_records(wanted, limit=MOST_RUNS, order_by="update_timestamp", ascending=True)
    for record in records:
        run = record.dagster_run
        # A refused decision was answered in the very run, to the person who asked.
        if run.job_name not in (RELEASE_JOB, WITHDRAW_JOB):
            steps = _failed_steps(instance, run.run_id)
            for name in _concerned(run, steps, telling):
                _note_failure(runtime, telling[name], run, steps)
        since = max(since, record.update_timestamp.astimezone(UTC))
    return since


def _note_failure(runtime: Runtime, connection: Connection, run: dg.DagsterRun, steps: Sequence[FailedStep]) -> None:
    if FAILURES not in connection.alerts.about:
        return
    today: date = runtime.clock().astimezone(connection.zone).date()
    outbox = Outbox(runtime.store.marks, connection.name)
    subject = " + ".join(f"{step.step}: {step.reason}" for step in steps) or run.job_name
    if not outbox.untold(FAILURES, today, [subject]):
        return
    again = "open the run, mend what it names, then materialise the same day again"
    items = [AlertItem(step.step, step.reason, step.next_step or again) for step in steps]
    items = items or [AlertItem(run.run_id, "the run ended without saying why", again)]
    title = f"a run of {_days(run) or run.job_name} failed"
    alert = Alert.about(FAILURES, connection.name, title, items, _run_link(runtime, run.run_id))
    outbox.note(alert, channels_of(connection), today, [subject])


def _concerned(run: dg.DagsterRun, steps: Sequence[FailedStep], telling: Mapping[str, Connection]) -> list[str]:
    named = {run.tags.get(CONNECTION_TAG, "")}.union(*(step.about for step in steps))
    return sorted(named & set(telling))


def _failed_steps(instance: dg.DagsterInstance, run_id: str) -> list[FailedStep]:
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        data = event.step_failure_data
        told = data.user_failure_data
        metadata = {name: str(value.value) for name, value in (told.metadata if told else {}).items()}
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        reason = (told.description if told else None) or (error.message.strip() if error else "failed")
        found.append(FailedStep(event.step_key or "", reason, metadata.get("next step", ""), frozenset(metadata)))
    return found


def _days(run: dg.DagsterRun) -> str:
    first = run.tags.get("dagster/asset_partition_range_start", run.tags.get("dagster/partition", ""))
    last = run.tags.get("dagster/asset_partition_range_end", first)
    return first if first == last else f"{first} to {last}"


def _newest_run(instance: dg.DagsterInstance, name: str) -> str:
    runs = instance.get_runs(filters=dg.RunsFilter(tags={CONNECTION_TAG: name}), limit=1)
    return runs[0].run_id if runs else ""


def _run_link(runtime: Runtime, run_id: str) -> str:
    base = runtime.settings.ui_url
    return f"{base.rstrip('/')}/runs/{run_id}" if base and run_id else ""


def _parse(cursor: str | None) -> datetime | None:
    return datetime.fromisoformat(cursor) if cursor else None
