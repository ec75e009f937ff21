"""The DATEV connector: the contract on top of `client` and `documents`.

Uploads are jobs: `submit` answers with a job id, `poll` says when the file was delivered to the data centre. Nothing can
be read back, so `verify` agrees without looking; an unanswered upload is found again in the job list, by file name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bookkeeping.money import Money
from bookkeeping.postings import Posting
from connector_resources.erp.contract import (
    Absent,
    Accepted,
    CannotTell,
    Document,
    ErpCustomer,
    Finding,
    FoundJob,
    OpenInvoice,
    OpenSubmission,
    Outcome,
    PingReport,
    Planned,
    PlannedSubmission,
    Posted,
    PostingWork,
    RecurringCharge,
    Verification,
    Verified,
    VerifyRequest,
)
from connector_resources.erp.datev import documents, dxso
from connector_resources.erp.datev.booked import Books, clearing_base
from connector_resources.erp.datev.client import DatevClient
from connector_resources.erp.datev.documents import STEP_BATCH, STEP_DEBTORS, STEP_DOCUMENT, STEP_DXSO_JOB
from connector_resources.erp.datev.documents import STEP_DXSO_PACKAGE as STEP_PACKAGE
from connector_resources.erp.datev.exchange import CLEARING_BASE, is_foreign_payout
from connector_resources.erp.datev.files import STEP_LABELS, label_file
from connector_resources.erp.datev.ping import Consent, Pinger
from connector_resources.erp.datev.problems import Problem, failed_job, failed_transfer, problem_of, rejection
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.datev.traits import TRAITS
from connector_resources.erp.datev.wire import (
    DXSO_BAD_ENDS,
    DXSO_DONE,
    DXSO_OPEN,
    FAILED,
    SUCCEEDED,
    AccountingClient,
    ImportJob,
)
from connector_resources.erp.forgotten import perhaps_in_other_company
from connector_resources.errors import BrokenOff, Conflict, NotSent, Refused

FILE_STEPS = frozenset({STEP_DEBTORS, STEP_BATCH, STEP_LABELS})
#: DATEV's rule is fewer than 20 looks per upload and none before five seconds (datev.md 2.2).
FIRST_POLL_S, LONGEST_PAUSE_S, PATIENCE_S, MOST_POLLS = 5.0, 60.0, 900.0, 19
ALREADY_FINISHED, ALREADY_THERE = "DCO01007", "DCO01253"


class DatevConnector:
    """One client of one tax adviser. `consent` tells when the person's consent was given and ends.

    `books` is our own ledger, read for what a foreign payout's items were booked at.
    """

    traits = TRAITS

    def __init__(
        self,
        connection: str,
        settings: DatevSettings,
        client: DatevClient,
        consent: Callable[[], Consent | None],
        books: Books,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._consent = consent
        self._books = books
        self._document_types: frozenset[str] | None = None
        #: by posting key: what the items of a foreign payout stand for on the clearing account, in euros.
        self._clearing_bases: dict[str, Money] = {}

    # --- before ----------------------------------------------------------------------------------------------------

    def ping(self) -> PingReport:
        return Pinger(self._connection, self._settings, self._client, self._consent).report()

    def accounting_clients(self) -> Iterator[AccountingClient]:
        """Every client the person may see, for choosing one (datev.md 2.1)."""
        return self._client.clients()

    def prepare(self, postings: Sequence[Posting]) -> None:
        """The client's document types, once, when a voucher is to be uploaded; nothing else is read from DATEV.

        For foreign payouts our own ledger is read for the euros their items were booked at.
        """
        service = self._settings.documents
        if service is not None and any(posting.kind in service.types for posting in postings):
            self._read_document_types()
        for posting in postings:
            if is_foreign_payout(posting) and (base := clearing_base(posting, self._books, self._settings)) is not None:
                self._clearing_bases[posting.key] = base

    def plan(self, work: Sequence[PostingWork], cut_off: datetime) -> list[Planned]:
        known = [self._with_clearing_base(item) for item in work]
        return documents.plan_work(known, cut_off, self._settings, self._document_types)

    def plan_label(self, cut_off: datetime) -> PlannedSubmission:
        """The upload that names the clearing account at the adviser's; sent once, on request. Raises `CannotBook`."""
        return label_file(self._settings, cut_off.date(), cut_off)

    # --- write -----------------------------------------------------------------------------------------------------

    def submit(self, submission: PlannedSubmission) -> Outcome:
        """Send it once. Raises `NotSent`, `Uncertain`, `ConsentExpired`."""
        try:
            return self._submit(submission)
        except Refused as error:
            problem = problem_of(error.response) if error.response else Problem(title=str(error))
            return rejection(problem, error.status)

    def _submit(self, submission: PlannedSubmission) -> Outcome:
        path, body, content_type = submission.path, submission.body, submission.content_type
        if submission.step in FILE_STEPS:
            job_id, wait_s = self._client.import_file(path, submission.headers, body, content_type)
            return Accepted(job_id, max(wait_s, FIRST_POLL_S))
        if submission.step == STEP_DOCUMENT:
            return self._put_document(submission)
        if submission.step == STEP_DXSO_JOB:
            job = self._client.create_dxso_job(path, body, content_type)
            return Posted(Document("dxso_job", job.id, details={"folders": ", ".join(job.ledger_folder_names)}))
        if submission.step == STEP_PACKAGE:
            return self._send_package(submission)
        raise ValueError(f"{submission.reference}: DATEV has no step {submission.step!r}")

    def _put_document(self, submission: PlannedSubmission) -> Outcome:
        """Store a voucher. Its GUID is ours, so "already there" can only be an earlier try of the same."""
        guid = _last(submission.path)
        try:
            self._client.put_document(submission.path, submission.body, submission.content_type)
        except Conflict:
            return Posted(Document("voucher", guid, details={"already_there": "true"}))
        return Posted(Document("voucher", guid))

    def _send_package(self, submission: PlannedSubmission) -> Outcome:
        """Fill an open transfer and start it. Until it is started nothing is processed, so a half-filled one is harmless."""
        job_id = _last(submission.path)
        is_begun = False
        try:
            for name, content in dxso.unpacked(submission.body):
                self._add_file(job_id, name, content)
                is_begun = True
            self._start(job_id)
        except NotSent as error:
            # Its files lie in this transfer, so that no others may be put into it.
            if is_begun:
                raise BrokenOff.by(error, f"the transfer {job_id}") from error
            raise
        return Accepted(job_id, FIRST_POLL_S)

    def _add_file(self, job_id: str, name: str, content: bytes) -> None:
        try:
            self._client.add_dxso_file(job_id, name, content)
        except Refused as error:
            if error.code != ALREADY_THERE:
                raise

    def _start(self, job_id: str) -> None:
        try:
            self._client.finish_dxso_job(job_id)
        except Refused as error:
            if error.code != ALREADY_FINISHED:
                raise

    # --- afterwards ------------------------------------------------------------------------------------------------

    def find(self, submissions: Sequence[OpenSubmission]) -> list[Finding]:
        """Look up unanswered requests. The job list is read once, to its end: its order is not documented."""
        wanted = [s.planned for s in submissions if s.planned.step in FILE_STEPS]
        jobs = list({job.id: job for job in self._client.import_jobs()}.values()) if wanted else []
        return [self._find(submission, jobs) for submission in submissions]

    def _find(self, submission: OpenSubmission, jobs: Sequence[ImportJob]) -> Finding:
        planned = submission.planned
        if planned.step in FILE_STEPS:
            found = _job_of(planned, jobs)
            if submission.forgotten and isinstance(found, Absent):
                # What was delivered cannot be read back, only the names of files.
                return perhaps_in_other_company(f"File {planned.reference}", "in the adviser's batches")
            return found
        if planned.step in (STEP_DOCUMENT, STEP_DXSO_JOB):
            # A voucher is sent under the same GUID again; a transfer that was opened and lost holds nothing.
            return Absent()
        if planned.step == STEP_PACKAGE:
            job_id = _last(planned.path)
            return Absent() if self._client.dxso_job(job_id).status == DXSO_OPEN else FoundJob(job_id)
        return CannotTell(f"Look for {planned.reference} in DATEV; its step {planned.step!r} is not known here.")

    def poll(self, submission: OpenSubmission) -> Outcome:
        """The job's state; an answer that is not clear counts as running, never as failed (datev.md 2.2)."""
        try:
            if submission.planned.step == STEP_PACKAGE:
                return self._poll_transfer(submission.job_id)
            job = self._client.import_job(submission.job_id)
        except Refused:
            return Accepted(submission.job_id, LONGEST_PAUSE_S)
        if job.result == SUCCEEDED:
            return Posted(_delivered(job))
        if job.result == FAILED:
            return failed_job(job)
        return Accepted(submission.job_id, FIRST_POLL_S)

    def _poll_transfer(self, job_id: str) -> Outcome:
        status = self._client.dxso_job(job_id).status
        if status == DXSO_DONE:
            return Posted(Document("dxso_transfer", job_id))
        if status in DXSO_BAD_ENDS:
            return failed_transfer(job_id, self._client.dxso_protocol(job_id))
        return Accepted(job_id, FIRST_POLL_S)

    def verify(self, requests: Sequence[VerifyRequest]) -> list[Verification]:
        """DATEV gives nothing back to compare (see `traits.limits`): what was delivered counts as it is."""
        return [Verified(request.document) for request in requests]

    # --- master data -----------------------------------------------------------------------------------------------

    def customers(self, changed_since: str | None = None) -> Iterator[ErpCustomer]:
        """None: debtors cannot be read, their numbers are handed out by us."""
        return iter(())

    def customers_mark(self) -> str | None:
        return None

    def open_invoices(self) -> Iterator[OpenInvoice]:
        """None: open items live at the adviser's."""
        return iter(())

    def recurring_charges(self) -> Iterator[RecurringCharge]:
        return iter(())

    def close(self) -> None:
        self._client.close()

    def _with_clearing_base(self, item: PostingWork) -> PostingWork:
        base = self._clearing_bases.get(item.posting.key)
        if base is None:
            return item
        facts = {**item.posting.facts, CLEARING_BASE: str(base.major)}
        return replace(item, posting=replace(item.posting, facts=facts))

    def _read_document_types(self) -> None:
        """Once per connector; DATEV wants them read before any upload."""
        if self._document_types is None:
            self._document_types = frozenset(kind.name for kind in self._client.document_types())


def poll_delays(retry_after_s: float, spread: Callable[[], float] = lambda: 0.5) -> Iterator[float]:
    """Seconds to wait before each look at a job: from DATEV's wish (at least 5 s) doubling to a minute, 15 minutes in all.

    `spread` gives numbers from 0 to 1; each wait but the first is shifted by up to a tenth, so that many connections do
    not ask in step.
    """
    wait = max(retry_after_s, FIRST_POLL_S)
    waited, polls = 0.0, 0
    while polls < MOST_POLLS and waited + wait <= PATIENCE_S:
        yield wait
        waited += wait
        polls += 1
        wait = min(max(wait, FIRST_POLL_S) * 2, LONGEST_PAUSE_S) * (0.9 + 0.2 * spread())


def _job_of(planned: PlannedSubmission, jobs: Sequence[ImportJob]) -> Finding:
    """The job of an upload: by file name, then by reference. A failed one leaves the way free (datev.md 6)."""
    names = dict(planned.headers)
    matching = [job for job in jobs if job.filename == names.get("Filename")]
    matching = matching or [job for job in jobs if job.reference_id == planned.reference]
    alive = sorted((job for job in matching if job.result != FAILED), key=lambda job: (job.timestamp, job.id))
    return FoundJob(alive[0].id) if alive else Absent()


def _delivered(job: ImportJob) -> Document:
    details = {
        "filename": job.filename,
        "reference": job.reference_id,
        "rows": "" if job.number_of_accounting_records is None else str(job.number_of_accounting_records),
        "received": job.timestamp,
    }
    return Document("extf_batch", job.id, details={name: value for name, value in details.items() if value})


def _last(path: str) -> str:
    return path.rpartition("/")[2]
