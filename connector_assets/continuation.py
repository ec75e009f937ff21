"""What a step does whose work had to stop: it says when it goes on, or fails when it has stopped too often in a row."""

from __future__ import annotations

import dagster as dg

from connector_resources.connections.model import Connection
from connector_resources.posting.continuing import Continuations
from connector_resources.runtime import Runtime


def note_how_it_ended(
    context: dg.AssetExecutionContext,
    runtime: Runtime,
    connection: Connection,
    step: str,
    *,
    stopped: str,
    retry_after_s: float,
) -> dict[str, str]:
    """Metadata of the step: when a run goes on with what is left; empty when nothing is.

    Raises `dagster.Failure` once no run is started for it any more; everything that could be done is done then, too.
    """
    continuations = Continuations(runtime.store.marks, connection.name)
    if not stopped:
        continuations.ended(step)
        return {}
    noted = continuations.stopped(
        step, reason=stopped, retry_after_s=retry_after_s, run=context.run.run_id, now=runtime.clock()
    )
    if noted.after is None:
        todo = f"`connector ping {connection.name}`, mend what it names, then `connector run {connection.name}`"
        raise dg.Failure(
            description=f"[{connection.name}] {step} had to stop in {noted.stops} runs in a row; no further one is "
            f"started by itself. Nothing is lost: what is left waits in the ledger. {stopped} Next step: {todo}.",
            metadata={"connection": connection.name, "stopped because": stopped, "next step": todo},
            allow_retries=False,
        )
    when = f"{noted.after:%Y-%m-%d %H:%M} UTC"
    context.log.warning(f"{step} had to stop and goes on after {when}: {stopped}")
    return {"stopped because": stopped, "goes on after": when}
