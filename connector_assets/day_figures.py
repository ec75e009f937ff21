"""Gives each activity day of a run its own figures, so that a range of days shows and plots as a range and not as its sum."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import dagster as dg

from bookkeeping.postings import PostingKind
from connector_assets.metadata import SUMMARY, ledger_metadata
from connector_assets.partitions import days_of, scope_of
from connector_resources.connections.model import Connection
from connector_resources.store.store import Store

#: a longer range shows its sum on each of its days: tables of a whole year would swell Dagster's event log.
MOST_DAYS = 62


def day_by_day(
    context: dg.AssetExecutionContext,
    store: Store,
    connection: Connection,
    postings: tuple[Collection[PostingKind], str],
    facts: dict[str, Any],
) -> dict[str, Any]:
    """The asset's metadata: how its postings stand after the step, day by day where there are several, then `facts`.

    `postings` are their kinds, and the system in which they become documents. `facts` are of the run as a whole. What is told
    of a day stands over what the answer says of all days.
    """
    scope = scope_of(context)
    days = days_of(scope)
    kinds, system = postings
    of_all = ledger_metadata(store, connection, scope, kinds, system)
    if not 1 < len(days) <= MOST_DAYS:
        return of_all | facts
    for day in days:
        figures = ledger_metadata(store, connection, day, kinds, system)
        context.add_asset_metadata(figures | facts, partition_key=day.first_day.isoformat())
    # Its place comes first; each day has its own in it.
    return {SUMMARY: of_all[SUMMARY]}
