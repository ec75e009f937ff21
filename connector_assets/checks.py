"""Asset checks: what must hold before anything is posted (blocking), and what a person should look at afterwards."""

# No `from __future__ import annotations`: Dagster reads the type of `context` when the function is decorated.
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg

from connector_assets.names import key
from connector_assets.partitions import scope_of
from connector_assets.trail_anchors import NEWEST, noted_heads
from connector_resources.connections.model import Connection
from connector_resources.posting.planning import Scope
from connector_resources.proofs.findings import Findings
from connector_resources.proofs.proofs import (
    balanced_postings,
    clearing_balance,
    erp_agrees,
    nothing_missed,
    nothing_unposted,
    payouts_proven,
    trail_verifies,
)
from connector_resources.runtime import Runtime

#: how many findings a check's table shows.
SHOWN_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    asset: tuple[str, str]
    find: Callable[[Runtime, Connection, Scope], Findings]
    blocking: bool
    description: str


CHECKS = (
    _Check(
        "payouts_proven",
        ("gocardless", "payout_items"),
        payouts_proven,
        True,
        "The items of every payout sum to the amount on the bank statement, to the penny, and its fees to the deducted "
        "fees. While one does not, no payout of these days is posted.",
    ),
    _Check(
        "balanced",
        ("postings", "payouts"),
        balanced_postings,
        True,
        "Debits equal credits in every currency of every posting of these days.",
    ),
    _Check(
        "nothing_missed",
        ("erp", "payout_journals"),
        nothing_missed,
        False,
        "Every event of these days that concerns the books has a decision: posted, covered, or nothing to post and why.",
    ),
    _Check(
        "nothing_unposted",
        ("erp", "payout_journals"),
        nothing_unposted,
        False,
        "Every posting of these days is a document in the ERP, or held with a reason and a next step.",
    ),
    _Check(
        "clearing_balance",
        ("erp", "payout_journals"),
        clearing_balance,
        False,
        "The clearing account's balance equals what GoCardless still holds: confirmed payments that are not paid out.",
    ),
    _Check(
        "erp_agrees",
        ("erp", "payout_journals"),
        erp_agrees,
        False,
        "Read back from the ERP, the documents of these days still have the amount and customer that were posted.",
    ),
    _Check(
        "trail_verifies",
        ("erp", "payout_journals"),
        trail_verifies,
        False,
        "The hash chain of the trail is whole: no row was changed, removed, inserted or reordered, and every head that "
        "earlier runs noted in Dagster is still in it.",
    ),
)


def asset_checks(connection: Connection) -> list[dg.AssetChecksDefinition]:
    """All checks of one connection."""
    return [_check(connection, check) for check in CHECKS]


def _check(connection: Connection, check: _Check) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key(connection.name, *check.asset),
        name=check.name,
        blocking=check.blocking,
        description=check.description,
        required_resource_keys={"runtime"},
    )
    def made(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        runtime, scope = context.resources.runtime, scope_of(context)
        if check.find is trail_verifies:
            heads = noted_heads(context.instance, connection.name, newest=NEWEST)
            return _result(trail_verifies(runtime, connection, scope, heads))
        return _result(check.find(runtime, connection, scope))

    return made


def _result(findings: Findings) -> dg.AssetCheckResult:
    # Whole numbers, of which Dagster draws a line over the runs.
    metadata: dict[str, Any] = {"looked at": findings.checked, "need a look": len(findings.rows)}
    if findings.rows:
        lines = ["| about | finding | next step |", "| --- | --- | --- |"]
        lines += [f"| {f.subject} | {f.message} | {f.next_step} |" for f in findings.rows[:SHOWN_FINDINGS]]
        metadata["findings"] = dg.MetadataValue.md("\n".join(lines))
    return dg.AssetCheckResult(
        passed=not findings.rows,
        description=findings.sentence(),
        severity=dg.AssetCheckSeverity.ERROR if findings.severe else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )
