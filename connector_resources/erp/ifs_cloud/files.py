"""What became of imported payment files: loaded, transferred to a payment, approved, or turned down (ifs_cloud.md section 7.6).

A file is a job. It is done when its payment is approved; how far IFS goes by itself and what a person does is the tenant's to
say. All files that wait are asked for with one read. One that nobody approves is a person's after `approval_hours`: it stays
in IFS as it is, and is never sent a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from connector_resources.erp.contract import (
    Accepted,
    CannotTell,
    Document,
    OpenSubmission,
    Outcome,
    Posted,
    Rejected,
)
from connector_resources.erp.ifs_cloud.documents import PAYMENT
from connector_resources.erp.ifs_cloud.readback import APPROVED, Books, batch_of
from connector_resources.erp.ifs_cloud.rendering import Run
from connector_resources.erp.ifs_cloud.sending import POLL_AFTER_S, details_of
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.erp.ifs_cloud.wire import MixedPayment

#: states of a load that never become a payment.
DEAD = frozenset({"Aborted", "TransferError", "Removed"})


class Files:
    """Follows the files that this connector has sent, or found."""

    def __init__(self, books: Books, settings: IfsCloudSettings, now: Callable[[], datetime]) -> None:
        self._books = books
        self._patience = timedelta(hours=settings.approval_hours)
        self._now = now
        #: batch -> company of the files that wait; batch -> payment of those that were seen approved.
        self._waiting: dict[str, str] = {}
        self._approved: dict[str, MixedPayment] = {}

    def expect(self, body: bytes) -> None:
        """A file that was just taken."""
        run = Run.from_bytes(body)
        self._waiting[str(run.facts["batch"])] = str(run.facts["company"])

    def poll(self, submission: OpenSubmission) -> Outcome | CannotTell:
        """`Posted` once its payment is approved, `Rejected` when it was turned down, else still `Accepted`.

        `CannotTell` when it has waited too long: released, it is looked up, so that an approval is found and none is lost.
        """
        run = Run.from_bytes(submission.planned.body)
        batch = str(run.facts["batch"])
        if batch not in self._approved:
            self._waiting[batch] = str(run.facts["company"])
            self._approved = {
                batch_of(row): row for row in self._books.payments(self._waiting) if row.state == APPROVED
            }
        payment = self._approved.get(batch)
        if payment is not None:
            del self._waiting[batch]
            details = {**details_of(run), "load": submission.job_id}
            return Posted(Document(PAYMENT, f"{payment.company}/{payment.id}", details=details))
        return self._unfinished(submission, str(run.facts["file"]))

    def _unfinished(self, submission: OpenSubmission, name: str) -> Outcome | CannotTell:
        rows = self._books.loads({"id": [int(submission.job_id)]})
        state = rows[0].state if rows else "Removed"
        if state in DEAD:
            return Rejected(
                "file_refused",
                f"{submission.planned.summary}: load {submission.job_id} of {name} ended as {state}.",
                "Look at the external file's log in IFS Cloud, correct what it names, then release the postings.",
            )
        if self._now() - submission.claimed_at < self._patience:
            return Accepted(submission.job_id, POLL_AFTER_S)
        hours = int(self._patience.total_seconds()) // 3600
        return CannotTell(
            f"{submission.planned.summary}: load {submission.job_id} of {name} is {state}, and its payment was not approved in "
            f"{hours} hours. Approve the payment in IFS Cloud and release the postings. Or remove the load there: then releasing "
            "sends the receipts again, and what you enter by hand instead is withdrawn."
        )
