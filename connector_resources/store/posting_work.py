"""Postings together with what was already done for them at the ERP: the documents of their settled submissions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, select

from bookkeeping.postings import Posting
from connector_resources.erp.contract import Document, PostingWork, StepDone
from connector_resources.store.among import among
from connector_resources.store.engine import AnyRow
from connector_resources.store.json_text import load_json
from connector_resources.store.schema import SUBMISSION_IS_OPEN, SUBMISSION_POSTINGS, SUBMISSIONS
from connector_resources.store.states import SubmissionState

_links = SUBMISSION_POSTINGS.c
_submissions = SUBMISSIONS.c

# Built once: they are asked several times in every pass of a run.
_DOCUMENTS = (
    select(
        _links.posting_key,
        _submissions.id,
        _submissions.step,
        _submissions.verified,
        _submissions.document_kind,
        _submissions.document_number,
        _submissions.document_etag,
        _submissions.document_url,
        _submissions.document_details,
    )
    .join(SUBMISSIONS, _submissions.id == _links.submission_id)
    .where(
        _links.connection == bindparam("wanted_connection"),
        among(_links.posting_key, "wanted_keys"),
        _submissions.state == SubmissionState.POSTED.value,
    )
    # Not by time: a clock may go back, and a posting has one submission under way at most.
    .order_by(_submissions.id)
)
_OPEN_SUBMISSIONS = (
    select(_links.posting_key, _links.submission_id)
    .join(SUBMISSIONS, _submissions.id == _links.submission_id)
    .where(
        _links.connection == bindparam("wanted_connection"),
        among(_links.posting_key, "wanted_keys"),
        SUBMISSION_IS_OPEN,
    )
)


def documents_of(reading: Connection, connection: str, keys: Collection[str]) -> dict[str, tuple[StepDone, ...]]:
    """The settled steps of each posting in the order they were settled; postings without one are left out."""
    if not keys:
        return {}
    found: dict[str, list[StepDone]] = {}
    # A submission may carry many postings: its document is made once.
    steps: dict[int, StepDone] = {}
    for row in reading.execute(_DOCUMENTS, {"wanted_connection": connection, "wanted_keys": keys}):
        step = steps.get(row.id)
        if step is None:
            step = steps[row.id] = StepDone(row.step, document_of(row), row.verified)
        found.setdefault(row.posting_key, []).append(step)
    return {key: tuple(done) for key, done in found.items()}


def work_of(reading: Connection, connection: str, postings: Sequence[Posting]) -> list[PostingWork]:
    """Each posting with its settled steps, and those of the posting it takes back or builds upon, in the order given."""
    keys = {key for each in postings for key in (each.key, each.reverses, each.waits_for) if key}
    done = documents_of(reading, connection, keys)
    return [
        PostingWork(
            posting,
            done.get(posting.key, ()),
            done.get(posting.reverses or "", ()),
            done.get(posting.waits_for or "", ()),
        )
        for posting in postings
    ]


def with_open_submission(reading: Connection, connection: str, keys: Collection[str]) -> dict[str, int]:
    """Those of `keys` that have a submission whose end is not recorded, with its id."""
    if not keys:
        return {}
    wanted = {"wanted_connection": connection, "wanted_keys": keys}
    return dict(iter(reading.execute(_OPEN_SUBMISSIONS, wanted)))


def document_of(row: AnyRow) -> Document:
    """The document columns of a submission row."""
    return Document(
        kind=row.document_kind,
        number=row.document_number,
        etag=row.document_etag,
        url=row.document_url,
        details=load_json(row.document_details),
    )
