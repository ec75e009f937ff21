"""Submissions as they are read: table rows to values and planned requests to columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, select

from connector_resources.erp.contract import Document, OpenSubmission, PlannedSubmission
from connector_resources.store.among import among
from connector_resources.store.engine import AnyRow
from connector_resources.store.json_text import dump_json
from connector_resources.store.posting_work import document_of
from connector_resources.store.schema import SUBMISSION_POSTINGS, SUBMISSIONS
from connector_resources.store.settlements import NO_OUTCOME
from connector_resources.store.states import SubmissionState

_LINKS = (
    select(SUBMISSION_POSTINGS.c.submission_id, SUBMISSION_POSTINGS.c.posting_key)
    .where(among(SUBMISSION_POSTINGS.c.submission_id, "wanted_ids"))
    .order_by(SUBMISSION_POSTINGS.c.submission_id, SUBMISSION_POSTINGS.c.position)
)


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """A submission with its request, state and outcome. `system` is the name of the system it goes to."""

    id: int
    connection: str
    system: str
    planned: PlannedSubmission
    sha256: str
    state: str
    attempts: int
    fence: int
    claimed_at: datetime
    settled_at: datetime | None
    job_id: str
    code: str
    reason: str
    next_step: str
    document: Document | None
    verified: bool


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A submission whose end is not recorded, as recovery needs it."""

    submission_id: int
    state: str
    open: OpenSubmission


def request_columns(planned: PlannedSubmission) -> dict[str, Any]:
    """The request's columns, with every outcome column empty."""
    return {
        "step": planned.step,
        "method": planned.method,
        "path": planned.path,
        "content_type": planned.content_type,
        "headers": dump_json([list(header) for header in planned.headers]),
        "etag": planned.etag,
        "summary": planned.summary,
        "body": planned.body,
        "sha256": planned.sha256,
        **NO_OUTCOME,
    }


def claimed_row(
    submission_id: int, connection: str, system: str, planned: PlannedSubmission, *, fence: int, claimed_at: datetime
) -> SubmissionRow:
    """A submission that was just written for the first time: what reading it again would give."""
    return SubmissionRow(
        id=submission_id,
        connection=connection,
        system=system,
        planned=planned,
        sha256=planned.sha256,
        state=SubmissionState.CLAIMED.value,
        attempts=1,
        fence=fence,
        claimed_at=claimed_at,
        settled_at=None,
        job_id="",
        code="",
        reason="",
        next_step="",
        document=None,
        verified=False,
    )


def submission_rows(reading: Connection, *conditions: ColumnElement[bool]) -> list[SubmissionRow]:
    """Submissions that fulfil `conditions`, by id."""
    return found_rows(reading, select(SUBMISSIONS).where(*conditions).order_by(SUBMISSIONS.c.id))


def found_rows(reading: Connection, wanted: Select[Any], told: Mapping[str, Any] | None = None) -> list[SubmissionRow]:
    """What `wanted`, a SELECT of whole submissions with `told` as its parameters, finds."""
    rows = reading.execute(wanted, told).all()
    if not rows:
        return []
    keys: dict[int, list[str]] = {}
    for submission_id, key in reading.execute(_LINKS, {"wanted_ids": [row.id for row in rows]}):
        keys.setdefault(submission_id, []).append(key)
    return [_submission_row(row, tuple(keys.get(row.id, ()))) for row in rows]


def _submission_row(row: AnyRow, posting_keys: tuple[str, ...]) -> SubmissionRow:
    planned = PlannedSubmission(
        reference=row.reference,
        step=row.step,
        method=row.method,
        path=row.path,
        body=bytes(row.body),
        content_type=row.content_type,
        posting_keys=posting_keys,
        headers=tuple((name, value) for name, value in orjson.loads(row.headers)),
        etag=row.etag,
        summary=row.summary,
    )
    return SubmissionRow(
        id=row.id,
        connection=row.connection,
        system=row.system,
        planned=planned,
        sha256=row.sha256,
        state=row.state,
        attempts=row.attempts,
        fence=row.fence,
        claimed_at=row.claimed_at,
        settled_at=row.settled_at,
        job_id=row.job_id,
        code=row.code,
        reason=row.reason,
        next_step=row.next_step,
        document=document_of(row) if row.state == SubmissionState.POSTED.value else None,
        verified=row.verified,
    )
