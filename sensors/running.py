"""Which connections a run works on, or is about to."""

from __future__ import annotations

import dagster as dg

from connector_assets.names import CONNECTION_TAG

ON_ITS_WAY = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def names_on_their_way(instance: dg.DagsterInstance) -> frozenset[str]:
    """Names of the connections with a run that has not ended."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(ON_ITS_WAY)), limit=500)
    return frozenset(name for run in runs if (name := run.tags.get(CONNECTION_TAG)))
