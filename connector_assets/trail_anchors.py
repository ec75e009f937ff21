"""The trail's heads as Dagster's own history has them: each materialisation of a document asset noted the head of its moment.

Whoever rewrites the trail with hashes that fit each other must rewrite Dagster's event log as well, which is another
database. This reads the notes; `Trail.verify` compares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import dagster as dg

from connector_assets.names import key
from connector_resources.store.trail import Anchor

#: name of the metadata entry, `<row>:<hash>`.
TRAIL_HEAD = "trail head"
#: the assets that note it.
ANCHORING = ("documents", "payout_journals")
#: materialisations read in one query.
PAGE = 500
#: how many of the newest notes of each asset the check of a run compares; the command compares all.
NEWEST = 200

_HEAD = re.compile(r"^(\d+):([0-9a-f]{64})$")


def noted_heads(instance: dg.DagsterInstance, connection: str, *, newest: int | None = None) -> list[Anchor]:
    """Every head that Dagster keeps for the connection, each row and hash once, oldest row first.

    `newest` bounds how many materialisations of each asset are looked at.
    """
    found: dict[tuple[int, str], Anchor] = {}
    for name in ANCHORING:
        for record in _materialisations(instance, key(connection, "erp", name), newest):
            made = record.asset_materialization
            text = made.metadata.get(TRAIL_HEAD) if made is not None else None
            match = _HEAD.match(str(text.value)) if text is not None else None
            if match is not None and int(match[1]) > 0:
                row, digest = int(match[1]), match[2]
                found[row, digest] = Anchor(row, digest, f"run {record.run_id[:8]} ({name})")
    return [found[pair] for pair in sorted(found)]


def _materialisations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, newest: int | None
) -> Iterator[dg.EventLogRecord]:
    """From the newest to the oldest."""
    cursor: str | None = None
    left = newest
    while left is None or left > 0:
        page = instance.fetch_materializations(asset, limit=PAGE if left is None else min(PAGE, left), cursor=cursor)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor
        left = None if left is None else left - len(page.records)
