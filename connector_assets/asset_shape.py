"""The one way a day-partitioned asset of a connection is made, so that groups, owners, tags and retries are alike."""

# No `from __future__ import annotations`: Dagster reads the type of `context` when the function is decorated.
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from connector_assets.names import CONNECTION_TAG, LEDGER_TAG
from connector_assets.partitions import activity_days
from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError, ConnectorError, NotSent, Refused, TokenRefused
from connector_resources.runtime import Runtime

Body = Callable[[dg.AssetExecutionContext, Runtime], dg.MaterializeResult[None]]


@dataclass(frozen=True, slots=True)
class AssetShape:
    """What differs between the assets of a connection. `partitions` other than activity days make a range of them one run too."""

    key: dg.AssetKey
    deps: tuple[dg.AssetKey, ...]
    kinds: tuple[str, ...]
    description: str
    columns: dg.TableSchema | None = None
    check_specs: Sequence[dg.AssetCheckSpec] = ()
    pool: str | None = None
    partitions: dg.PartitionsDefinition[str] | None = None


def day_asset(connection: Connection, shape: AssetShape, body: Body) -> dg.AssetsDefinition:
    """An asset partitioned by activity day; a range of days is one run. Errors say what to do and whether to retry."""
    metadata: dict[str, Any] = {"connection": connection.name, "ledger": connection.erp.kind}
    if shape.columns is not None:
        metadata["dagster/column_schema"] = shape.columns

    with warnings.catch_warnings():
        # `backfill_policy` is a beta parameter; the pinned version has it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        decorate = dg.asset(
            key=shape.key,
            deps=list(shape.deps),
            partitions_def=shape.partitions or activity_days(connection),
            backfill_policy=dg.BackfillPolicy.single_run(),
            group_name=connection.name,
            owners=[connection.owner],
            kinds=set(shape.kinds),
            tags={CONNECTION_TAG: connection.name, LEDGER_TAG: connection.erp.kind},
            description=shape.description,
            metadata=metadata,
            retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
            required_resource_keys={"runtime"},
            pool=shape.pool,
        )

    @decorate
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        return run_body(context, connection, body)

    return made


def run_body(context: dg.AssetExecutionContext, connection: Connection, body: Body) -> dg.MaterializeResult[None]:
    """Run `body`; a failure that repeating cannot mend is not retried (dagster.md, section Retries)."""
    _tag_run(context, connection)
    try:
        return body(context, context.resources.runtime)
    except (ConfigurationError, Refused, TokenRefused) as error:
        raise dg.Failure(description=str(error), metadata=error_metadata(error), allow_retries=False) from error
    except NotSent as error:
        raise dg.RetryRequested(max_retries=2, seconds_to_wait=10) from error
    except dg.DagsterExecutionInterruptedError as interrupt:
        # The retry policy would take it for a failure, and begin again what a person has just ended.
        raise dg.Failure("Ended by a person or by the end of this process.", allow_retries=False) from interrupt


def _tag_run(context: dg.AssetExecutionContext, connection: Connection) -> None:
    """Tag a run that was started from an asset's page: only those of a job bring the job's tags."""
    of = {key.path[0] for key in context.run.asset_selection or ()}
    if of == {connection.name} and CONNECTION_TAG not in context.run.tags:
        tags = {CONNECTION_TAG: connection.name, LEDGER_TAG: connection.erp.kind}
        context.instance.add_run_tags(context.run.run_id, tags)


def error_metadata(error: ConnectorError) -> dict[str, str]:
    """The error's parts for the UI: connection, subject, next step. Never an answer's body."""
    return {
        "connection": error.connection,
        "subject": error.subject,
        "next step": error.next_step,
        "error": type(error).__name__,
    }
