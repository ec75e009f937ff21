"""The daily job that uses consents before they end for lack of use, and fails when a person must consent again.

A connection may be idle for weeks, before its cut-over or while its sensors are off; an unused consent of Exact Online is gone
after thirty days.
"""

# No `from __future__ import annotations`: Dagster reads the type of `context` when the function is decorated.
from collections.abc import Sequence

import dagster as dg

from connector_resources.connections.model import Connection
from connector_resources.erp.authorisation import ConsentState
from connector_resources.erp.registry import erp_kind
from connector_resources.runtime import Runtime

JOB = "consents"


def keeps_consent(connection: Connection) -> bool:
    """Whether the connection lives by a consent that ends without use."""
    return erp_kind(connection.erp.kind).keep_consent is not None


def consent_job(connections: Sequence[Connection]) -> dg.JobDefinition:
    """One job for the consents of all `connections`."""

    @dg.op(name="keep_consents", required_resource_keys={"runtime"})
    def keep(context: dg.OpExecutionContext) -> None:
        runtime: Runtime = context.resources.runtime
        states = {connection.name: keep_consent(runtime, connection) for connection in connections}
        for name, state in states.items():
            told = state.problem or f"{name}: without further use the consent lasts until {state.ends_at:%Y-%m-%d}"
            context.log.log("WARNING" if state.problem else "INFO", told)
        problems = [state for state in states.values() if state.problem]
        if problems:
            raise dg.Failure(
                description="\n".join(state.problem for state in problems),
                metadata={name: state.next_step for name, state in states.items() if state.problem},
                allow_retries=False,
            )

    @dg.job(
        name=JOB,
        description="Uses consents that would end for lack of use; fails when a person must consent again, in time.",
        executor_def=dg.in_process_executor,
    )
    def consents() -> None:
        keep()

    return consents


def keep_consent(runtime: Runtime, connection: Connection) -> ConsentState:
    """Use the connection's consent if it was idle for days."""
    keep = erp_kind(connection.erp.kind).keep_consent
    assert keep is not None, connection.name
    return keep(connection.erp, runtime.context(connection))


def daily_consents(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Every morning, outside of Exact Online's nightly maintenance."""
    return dg.ScheduleDefinition(
        name="consents_daily",
        job=job,
        cron_schedule="40 6 * * *",
        execution_timezone="Europe/Amsterdam",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Keeps consents alive that nothing else uses, and warns before one ends.",
    )
