"""One write to Visma and what its answer means: created, done, queued, refused, stale (visma.md 2.5, 2.11, 6, 8).

A write is sent once. Only a 412 is followed by another try, after the document was read again and found to be what it should
be: a stale version was not processed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from connector_resources.erp.contract import Accepted, Document, OpenSubmission, Outcome, PlannedSubmission, Posted
from connector_resources.erp.contract import Rejected as Refusal
from connector_resources.erp.visma import documents, wire
from connector_resources.erp.visma.client import SYSTEM, VismaClient, Written, explain
from connector_resources.erp.visma.documents import CUSTOMER, Sent, read_request
from connector_resources.erp.visma.readback import DocumentReader, payment_standing
from connector_resources.erp.visma.refusals import ALREADY_RELEASED, rejected
from connector_resources.errors import (
    ConnectorError,
    ExpiredAtSource,
    NotFound,
    NotSent,
    PermissionRefused,
    Refused,
    Uncertain,
)

STALE_TRIES = 3
#: how long a queued job or action is left alone before it is asked for.
POLL_AFTER_S = 2.0
#: an action that Visma works on for longer than this has failed without a word.
STATUS_PATIENCE = timedelta(hours=1)
#: job ids of actions that Visma answered with InProcess: the document's own status is the answer.
STATUS_JOB = "status:"

#: the etag to try next, or the outcome that makes another try needless.
Renew = Callable[[PlannedSubmission, Sent], str | Outcome]


class Sender:
    """Sends planned requests. `renew` decides what to do about a stale version."""

    def __init__(
        self,
        client: VismaClient,
        reader: DocumentReader,
        renew: Renew,
        *,
        connection: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._reader = reader
        self._renew = renew
        self._connection = connection
        self._clock = clock

    def submit(self, planned: PlannedSubmission) -> Outcome:
        """Raises `NotSent` or `Uncertain`; everything else Visma says is an outcome."""
        sent = read_request(planned)
        etag = planned.etag
        for _ in range(STALE_TRIES):
            try:
                return self._outcome(planned, sent, self._client.write(planned, etag))
            except Refused as error:
                if error.status != 412:
                    return self._refused(planned, sent, error)
            renewed = self._renew(planned, sent)
            if not isinstance(renewed, str):
                return renewed
            etag = renewed
        return Refusal(
            "changed_meanwhile",
            f"{planned.summary}: the document changed {STALE_TRIES} times while it was being written.",
            "See in Visma who is at work on it, then release the posting.",
        )

    # --- answers ---------------------------------------------------------------------------------------------------

    def _outcome(self, planned: PlannedSubmission, sent: Sent, written: Written) -> Outcome:
        if written.job_id:
            return Accepted(written.job_id, POLL_AFTER_S)
        if sent.action == "create":
            if not written.number:
                # A 201 without a usable Location made a document whose number we do not know (section 0, fact 1).
                raise self._uncertain(planned, "Visma created a document and did not name it")
            return Posted(Document(sent.kind, written.number, written.etag))
        if sent.action == "update":
            return Posted(Document(sent.kind, sent.number, written.etag))
        assert written.action is not None, planned.reference
        return self._action(planned, sent, written.action, written.etag)

    def _action(self, planned: PlannedSubmission, sent: Sent, action: wire.ActionResult, etag: str) -> Outcome:
        match action.action_result:
            case "Done":
                return Posted(_acted_on(sent, action, etag))
            case "Failed":
                return rejected(action.error_info, planned.summary)
            case "Queued" | "InProcess":
                return Accepted(f"{STATUS_JOB}{'/'.join(_target(sent))}", POLL_AFTER_S)
        raise self._uncertain(planned, f"Visma answered with the unknown result {action.action_result!r}")

    def _refused(self, planned: PlannedSubmission, sent: Sent, error: Refused) -> Outcome:
        if isinstance(error, PermissionRefused):
            raise NotSent(
                f"Visma does not allow {planned.method} {urlsplit(planned.path).path} (403).",
                system=SYSTEM,
                status=403,
                connection=self._connection,
                subject=planned.reference,
                next_step="approve the scopes read, create and update for the application, and check company_id.",
            ) from error
        message = explain(error.response)[1] if error.response else ""
        if sent.is_release and ALREADY_RELEASED in message.lower():
            return self._released_already(planned, sent, message)
        if isinstance(error, NotFound):
            message = message or f"{sent.kind} {sent.number} is not there"
        return rejected(message, planned.summary)

    def _released_already(self, planned: PlannedSubmission, sent: Sent, message: str) -> Outcome:
        """A success, once the document's own status confirms it (section 6.3)."""
        try:
            standing = self._reader.one((sent.kind, sent.number))
        except ConnectorError as error:
            raise self._uncertain(
                planned, "Visma calls the document released, and its status cannot be read"
            ) from error
        if standing is not None and standing.is_released:
            return Posted(standing.document())
        return rejected(message, planned.summary)

    def _uncertain(self, planned: PlannedSubmission, what: str) -> Uncertain:
        return Uncertain(
            f"{what} ({planned.method} {urlsplit(planned.path).path}).",
            system=SYSTEM,
            connection=self._connection,
            subject=planned.reference,
        )

    # --- jobs ------------------------------------------------------------------------------------------------------

    def poll(self, submission: OpenSubmission, look_up: Callable[[OpenSubmission], Outcome]) -> Outcome:
        """The job's state. `look_up` says what became of the request when the job itself cannot tell."""
        sent = read_request(submission.planned)
        if submission.job_id.startswith(STATUS_JOB):
            return self._status(submission, sent)
        job = self._client.job(submission.job_id)
        if job is None:
            return look_up(submission)
        if job.status == "Started":
            return Accepted(submission.job_id, POLL_AFTER_S)
        if job.status == "Finished" and 200 <= job.status_code < 300:
            return self._finished(submission, sent, job, look_up)
        # Finished says only that it is over: 400 inside is a refusal, 500 may be either (sections 2.11 and 6.2).
        return self._failed(submission, sent, job, look_up)

    def _status(self, submission: OpenSubmission, sent: Sent) -> Outcome:
        kind, _, number = submission.job_id.removeprefix(STATUS_JOB).partition("/")
        standing = self._reader.one((kind, number))
        if standing is not None and (standing.is_released or not sent.is_release):
            return Posted(standing.document())
        if self._clock() - submission.claimed_at > STATUS_PATIENCE:
            return Refusal(
                "action_not_done",
                f"{submission.planned.summary}: Visma took it up and has not done it since.",
                f"Look at {kind} {number} in Visma, then release the posting to ask again.",
            )
        return Accepted(submission.job_id, POLL_AFTER_S)

    def _finished(
        self,
        submission: OpenSubmission,
        sent: Sent,
        job: wire.BackgroundJob,
        look_up: Callable[[OpenSubmission], Outcome],
    ) -> Outcome:
        headers = {name.lower(): value for name, value in job.response_headers.items()}
        number = self._client.number_of(headers.get("location", ""))
        if sent.action == "create" and number:
            return Posted(Document(sent.kind, number, headers.get("etag", "")))
        if sent.action == "update":
            return Posted(Document(CUSTOMER, sent.number, headers.get("etag", "")))
        return look_up(submission)

    def _failed(
        self,
        submission: OpenSubmission,
        sent: Sent,
        job: wire.BackgroundJob,
        look_up: Callable[[OpenSubmission], Outcome],
    ) -> Outcome:
        found = look_up(submission)
        if isinstance(found, Posted):
            return found
        return rejected(job.error_message or self._content_message(submission.job_id), submission.planned.summary)

    def _content_message(self, job_id: str) -> str:
        try:
            return explain(self._client.job_content(job_id))[1]
        except (NotFound, ExpiredAtSource):
            return ""


def _target(sent: Sent) -> tuple[str, str]:
    """The document that a release or void leaves behind."""
    return (documents.VOIDED_BY[sent.kind] if sent.action == "void" else sent.kind, sent.number)


def _acted_on(sent: Sent, action: wire.ActionResult, etag: str) -> Document:
    if sent.action != "void":
        return Document(sent.kind, sent.number, etag)
    if action.void_payment is not None:
        return payment_standing(action.void_payment).document()
    # The ETag header of a void is that of the document it voids; the void's own comes with its read-back.
    kind, number = _target(sent)
    return Document(kind, action.ref_nbr or number)
