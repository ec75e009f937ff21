"""The posting protocol (DESIGN section 5): the only way this project writes to a remote system.

plan -> claim -> send -> settle, and recover. A request's exact bytes are committed before it is sent; an outcome that is not
known is looked up by our reference, never repeated blindly; what a person must decide is held with the reason. One process
at a time works for a connection: the lease's fence is checked inside every transaction.

It knows no ERP: everything that differs comes from the connector and its traits.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy import Connection as Transaction

from bookkeeping.postings import PostingKind
from connector_resources.erp.contract import (
    Absent,
    Accepted,
    CannotTell,
    Complete,
    ErpConnector,
    Found,
    FoundJob,
    Hold,
    Mismatch,
    Outcome,
    PlannedSubmission,
    Posted,
    PostingWork,
    Rejected,
    StepDone,
    Verified,
    VerifyRequest,
)
from connector_resources.errors import BadAnswer, BrokenOff, NotSent, StaleVersion, StoreError, Uncertain
from connector_resources.posting.heartbeat import Heartbeat
from connector_resources.posting.instructions import never_arrived, not_whole
from connector_resources.posting.jobs import JobLimits, await_jobs
from connector_resources.posting.next_work import next_work
from connector_resources.posting.parties import erp_customers_of
from connector_resources.posting.reading_back import IN_A_THREAD, Aside, ReadingBack
from connector_resources.store.engine import chunks
from connector_resources.store.leases import Lease
from connector_resources.store.posting_codec import Decoding
from connector_resources.store.settlements import CANNOT_TELL, UNCERTAIN, held_by
from connector_resources.store.states import UNFINISHED, SubmissionState
from connector_resources.store.store import Store
from connector_resources.store.submissions import (
    OpenRow,
    SettledAbsent,
    SettledAccepted,
    SettledNotSent,
    SettledParked,
    SettledPosted,
    SettledRejected,
    SettledUnknown,
    Settlement,
    SubmissionRow,
)

log = logging.getLogger("connector.posting")

#: how many postings are looked at in one pass; bounds memory on days with very many.
PASS_SIZE = 5000
#: how often the same bytes may be sent when every look-up says they never arrived.
MAX_ATTEMPTS = 3
#: after so many unanswered writes in a row the remote system is taken to be down for this run.
MAX_UNCERTAIN_IN_A_ROW = 3
LEASE_TTL_S = 120.0
LEASE_WAIT_S = 60.0
HEARTBEAT_S = LEASE_TTL_S / 4


@dataclass(slots=True)
class PostingReport:
    """What one run of the protocol did. `stopped` says why work is left, empty when everything was settled.

    `retry_after_s` is how long going on is of no use, where the remote system told.
    """

    settled: int = 0
    held: list[Hold] = field(default_factory=list)
    submissions: int = 0
    #: claimed in a restored store, and to be looked up before they may be sent.
    in_doubt: int = 0
    adopted: int = 0
    stopped: str = ""
    retry_after_s: int = 0

    def stop(self, error: NotSent | BrokenOff | BadAnswer) -> str:
        """Nothing more is sent in this run; the first reason is kept."""
        reason = str(error)
        if not isinstance(error, BadAnswer) and error.retry_after_s:
            self.retry_after_s = max(self.retry_after_s, error.retry_after_s)
            reason = f"{error} Work goes on in the next run, in {error.retry_after_s} s at the earliest."
        self.stopped = self.stopped or reason
        return reason


@dataclass(frozen=True, slots=True)
class Learned:
    """What a pass found out before it sends anything: read back and agreed (by posting key), to be held, or complete."""

    verified: Mapping[str, StepDone] = field(default_factory=dict)
    holds: Sequence[Hold] = ()
    completes: Sequence[Complete] = ()

    def __bool__(self) -> bool:
        return bool(self.verified or self.holds or self.completes)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Waiting, and what is done meanwhile, passed in so that tests and fault campaigns own it."""

    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    jobs: JobLimits = field(default_factory=JobLimits)
    aside: Aside = IN_A_THREAD


class PostingProtocol:
    """Brings every planned posting of one connection to its end at the ERP, once."""

    def __init__(self, store: Store, connector: ErpConnector, connection: str, surroundings: Surroundings) -> None:
        self._store = store
        self._connector = connector
        self._connection = connection
        self._around = surroundings
        self._uncertain_in_a_row = 0
        #: requests of this run that were turned away because their document had changed.
        self._stale: set[str] = set()
        #: jobs that were waited for in this run, and how soon the remote system wants to be asked.
        self._waited_for: set[int] = set()
        self._poll_after_s = surroundings.jobs.first_poll_s
        #: the ERP customer each posting of this pass was planned for.
        self._customers: dict[str, str] = {}
        self._decoding = Decoding()

    def run(
        self,
        kinds: Collection[PostingKind],
        days: tuple[date, date] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> PostingReport:
        """Recover what an earlier run left open, then post everything of `kinds` that waits (of `days`, if given).

        Kinds that are another system's are left out: an ERP and GoCardless share the ledger and the lease.
        `progress(settled, total)` is called between groups. Raises `LeaseBusy` when another process is at work and
        `LeaseLost` when one took over; whatever was not settled is found by the next run.
        """
        report = PostingReport()
        kinds = self._connector.traits.kinds.intersection(kinds)
        leases = self._store.leases
        name = f"posting:{self._connection}"
        with (
            leases.hold(name, ttl_s=LEASE_TTL_S, wait_s=LEASE_WAIT_S) as lease,
            Heartbeat(lease, HEARTBEAT_S),
            ReadingBack(self._connector, self._around.aside) as reading,
        ):
            self._recover(lease, reading, report)
            while not report.stopped and self._one_pass(lease, reading, kinds, days, report, progress):
                self._recover(lease, reading, report)
        for hold in report.held:
            about = {"connection": self._connection, "posting": hold.posting_key, "code": hold.code}
            log.warning("posting held: %s", hold.code, extra=about)
        return report

    # --- one pass: verify what is done, plan what is next, send it -------------------------------------------------

    def _one_pass(
        self,
        lease: Lease,
        reading: ReadingBack,
        kinds: Collection[PostingKind],
        days: tuple[date, date] | None,
        report: PostingReport,
        progress: Callable[[int, int], None] | None,
    ) -> bool:
        """True when something changed, so that another pass may find more to do."""
        work = next_work(self._store, self._connection, kinds, limit=PASS_SIZE, days=days, decoding=self._decoding)
        if not work:
            return False
        self._customers = erp_customers_of(work)
        # What is read back in this pass the connector learns of by that, the rest it must be told.
        read_back = {item.posting.key for item in work if item.done and not item.done[-1].verified}
        verified: dict[str, StepDone] = {}
        try:
            work, holds = self._verify(reading, work, verified)
            self._connector.prepare([item.posting for item in work if item.posting.key not in read_back])
        except (NotSent, BadAnswer) as error:
            report.stop(error)
            self._commit(lease, [], Learned(verified), report)
            return False
        planned: list[PlannedSubmission] = []
        completes: list[Complete] = []
        if work:
            # The batch time comes from the data, so that the same postings always give the same bytes.
            cut_off = max(item.posting.occurred_at for item in work)
            for answer in self._connector.plan(work, cut_off):
                match answer:
                    case PlannedSubmission():
                        planned.append(answer)
                    case Hold():
                        holds.append(answer)
                    case Complete():
                        completes.append(answer)
        before = report.submissions + report.in_doubt
        self._send_all(lease, reading, work, planned, Learned(verified, holds, completes), report, progress)
        return bool(holds or completes or report.submissions + report.in_doubt > before)

    def _verify(
        self, reading: ReadingBack, work: Sequence[PostingWork], verified: dict[str, StepDone]
    ) -> tuple[list[PostingWork], list[Hold]]:
        """Read back the newest document of every posting that has an unverified one; those that agree go to `verified`."""
        requests = [
            VerifyRequest(item, item.done[-1].step, item.done[-1].document)
            for item in work
            if item.done and not item.done[-1].verified
        ]
        if not requests:
            return list(work), []
        holds: list[Hold] = []
        for request, answer in zip(requests, reading.answers(requests), strict=True):
            key = request.work.posting.key
            match answer:
                case Verified(document=document):
                    verified[key] = StepDone(request.step, document, verified=True)
                case Mismatch(reason=reason, next_step=next_step):
                    holds.append(Hold(key, "read_back_differs", reason, next_step))
        held = {hold.posting_key for hold in holds}
        renewed = [
            replace(item, done=(*item.done[:-1], verified[item.posting.key])) if item.posting.key in verified else item
            for item in work
            if item.posting.key not in held
        ]
        return renewed, holds

    # --- claim, send, settle ---------------------------------------------------------------------------------------

    def _send_all(
        self,
        lease: Lease,
        reading: ReadingBack,
        work: Sequence[PostingWork],
        planned: Sequence[PlannedSubmission],
        learned: Learned,
        report: PostingReport,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Group by group. What one group was answered, and what the pass has learned, is committed with the next claim."""
        traits, by_key = self._connector.traits, {item.posting.key: item for item in work}
        answered: list[tuple[int, Settlement]] = []
        made: list[VerifyRequest] = []
        for number, group in enumerate([*chunks(planned, traits.claim_group), ()]):
            following = () if report.stopped else group
            full = traits.read_back_at_once is not None and len(made) >= traits.read_back_at_once
            if not report.stopped and (full or not following):
                reading.begin(made)
                made = []
            rows = self._commit(lease, answered, learned, report, following)
            if progress is not None and number:
                progress(report.settled, len(work))
            if not following:
                return
            learned, answered = Learned(), self._send_group(lease, following, rows, report)
            made += self._read_aside(by_key, zip(rows, following, strict=True), dict(answered))

    def _read_aside(
        self,
        work: Mapping[str, PostingWork],
        sent: Iterable[tuple[SubmissionRow, PlannedSubmission]],
        answered: Mapping[int, Settlement],
    ) -> Iterator[VerifyRequest]:
        """What was made and may be read back at once, as the next pass will ask for it with its documents from the store."""
        for row, planned in sent:
            match answered.get(row.id):
                case SettledPosted(document=document):
                    for item in (work[key] for key in planned.posting_keys):
                        if (item.posting.kind, document.kind) in self._connector.traits.read_back_aside:
                            done = (*item.done, StepDone(planned.step, document))
                            yield VerifyRequest(replace(item, done=done), planned.step, document)

    def _commit(
        self,
        lease: Lease,
        answered: Sequence[tuple[int, Settlement]],
        learned: Learned,
        report: PostingReport,
        following: Sequence[PlannedSubmission] = (),
    ) -> list[SubmissionRow]:
        """One commit: what became of those sent last, what was learned, and the claim of those that are sent next.

        A crash before it has the former looked up and the rest read back and planned again; nothing of `following` has left
        by then. When `following` cannot be had, the former is written down all the same, but for what was looked up to be
        sent again: that is looked up once more, because what was begun for it may be there.
        """
        if not (answered or learned or following):
            return []
        if following:
            lease.require()
        try:
            with self._store.begin() as transaction:
                self._write_down(lease, answered, learned, transaction)
                rows = self._claim(lease, following, transaction) if following else []
        except StoreError:
            if following:
                answers = [each for each in answered if not isinstance(each[1], SettledAbsent)]
                self._commit(lease, answers, learned, report)
            raise
        report.held.extend(learned.holds)
        report.settled += len(learned.completes)
        return rows

    def _write_down(
        self, lease: Lease, answered: Sequence[tuple[int, Settlement]], learned: Learned, transaction: Transaction
    ) -> None:
        name, store = self._connection, self._store
        store.submissions.settle(name, lease.fence, answered, within=transaction)
        agreed = [(key, step.step, step.document) for key, step in learned.verified.items()]
        store.submissions.record_verified(name, agreed, within=transaction)
        if learned.holds:
            store.ledger.hold(name, learned.holds, within=transaction)
        if learned.completes:
            settled_state = self._connector.traits.settled_state
            store.ledger.complete(name, learned.completes, settled_state=settled_state, within=transaction)

    def _claim(self, lease: Lease, group: Sequence[PlannedSubmission], transaction: Transaction) -> list[SubmissionRow]:
        return self._store.submissions.claim(
            self._connection,
            lease.fence,
            group,
            erp=self._connector.traits.erp,
            customers=self._customers,
            within=transaction,
        )

    def _send_again(self, lease: Lease, rows: Sequence[tuple[OpenRow, str]], report: PostingReport) -> None:
        """One by one: what the run does not come to stays open, to be looked up again before anything else is sent for it.

        One that is turned away now leaves its earlier send as doubtful as it was. One of whose postings a person has
        released only some is not sent as it is: those are planned anew in the next pass, unless something was begun for
        all of them. That would stay behind, so a person has to act once more.
        """
        for row, begun in rows:
            if report.stopped:
                return
            postings = self._store.ledger.by_key(self._connection, row.open.planned.posting_keys)
            wanted = [key for key, posting in postings.items() if posting.state in UNFINISHED]
            if len(wanted) < len(postings):
                settled = self._parked(wanted, not_whole(begun), report) if begun else SettledAbsent()
                self._commit(lease, [(row.submission_id, settled)], Learned(), report)
                continue
            group = [row.open.planned]
            claimed = self._commit(lease, [(row.submission_id, SettledAbsent())], Learned(), report, group)
            # What a person released after a look-up found nothing is as good as never sent; what was begun is there.
            attempts = row.open.attempts if row.open.attempts or begun else None
            answered = self._send_group(lease, group, claimed, report, attempts=attempts)
            self._commit(lease, answered, Learned(), report)

    def _send_group(
        self,
        lease: Lease,
        group: Sequence[PlannedSubmission],
        rows: Sequence[SubmissionRow],
        report: PostingReport,
        *,
        attempts: int | None = None,
    ) -> list[tuple[int, Settlement]]:
        """What became of each, to be committed by the caller: a crash before that is recovered."""
        results: list[tuple[int, Settlement]] = []
        try:
            for row, planned in zip(rows, group, strict=True):
                if row.state != SubmissionState.CLAIMED.value:
                    # The store was restored: this may have been sent by the one before it, and is looked up first.
                    report.in_doubt += 1
                    continue
                if report.stopped:
                    results.append((row.id, SettledNotSent(report.stopped)))
                    continue
                lease.require()
                results.append((row.id, self._send(planned, report, attempts)))
        except BaseException:
            # What was answered before something unforeseen is kept; the rest stays claimed and is looked up.
            self._commit(lease, results, Learned(), report)
            raise
        return results

    def _send(self, planned: PlannedSubmission, report: PostingReport, attempts: int | None = None) -> Settlement:
        """`attempts` tells how often it was sent before, if it was; being turned away leaves that as doubtful as it was."""
        report.submissions += 1
        try:
            outcome = self._connector.submit(planned)
        except StaleVersion as error:
            # Planned anew in the next pass; what is stale again has somebody else at work on it.
            if planned.reference in self._stale:
                report.stop(error)
            self._stale.add(planned.reference)
            again = attempts is not None and report.stopped
            return SettledUnknown(str(error), attempts) if again else SettledNotSent(str(error))
        except NotSent as error:
            reason = report.stop(error)
            return SettledNotSent(reason) if attempts is None else SettledUnknown(reason, attempts)
        except BrokenOff as error:
            # Planned anew it might come into other company, and what was begun would stay behind.
            return SettledUnknown(report.stop(error), attempts)
        except Uncertain as error:
            self._uncertain_in_a_row += 1
            if self._uncertain_in_a_row >= MAX_UNCERTAIN_IN_A_ROW:
                report.stopped = f"{self._uncertain_in_a_row} writes in a row were not answered; the last: {error}"
            return SettledUnknown(str(error))
        self._uncertain_in_a_row = 0
        return self._settlement(outcome, planned, report)

    def _settlement(
        self, outcome: Outcome | CannotTell, planned: PlannedSubmission, report: PostingReport
    ) -> Settlement:
        match outcome:
            case CannotTell(instructions=instructions):
                return self._parked(planned.posting_keys, instructions, report)
            case Posted(document=document):
                return SettledPosted(document)
            case Accepted(job_id=job_id, poll_after_s=poll_after_s):
                self._poll_after_s = max(self._poll_after_s, poll_after_s)
                return SettledAccepted(job_id)
            case Rejected(code=code, reason=reason, next_step=next_step):
                report.held.extend(Hold(key, code, reason, next_step) for key in planned.posting_keys)
                return SettledRejected(code, reason, next_step)

    # --- recover ---------------------------------------------------------------------------------------------------

    def _recover(self, lease: Lease, reading: ReadingBack, report: PostingReport) -> None:
        """Bring every submission without a recorded end to one: poll, look up, adopt, send again, or park for a person.

        What is sent again and not answered again is left to the next round: a short trouble should not need a person.
        """
        found = self._open()
        if not found:
            return
        reading.end()
        self._await_jobs(lease, found, report)
        rows = [row for row in found if row.state != "accepted"]
        if not rows:
            return
        reading.forget()
        # A look-up that finds nothing is believed only after the ERP's read lag. When the newest request left is not
        # known, a group being claimed long before its last one is sent, so the whole of it is waited out.
        self._around.sleep(self._connector.traits.read_lag_s)
        lease.renew()
        try:
            # In the wrong company nothing is found, and nothing may be sent again.
            self._connector.prepare([])
            findings = self._connector.find([row.open for row in rows])
        except (NotSent, BadAnswer) as error:
            report.stop(error)
            return
        results: list[tuple[int, Settlement]] = []
        again: list[tuple[OpenRow, str]] = []
        put_aside: list[Hold] = []
        for row, finding in zip(rows, findings, strict=True):
            number, keys, attempts = row.submission_id, row.open.planned.posting_keys, row.open.attempts
            match finding:
                case Found(document=document):
                    report.adopted += 1
                    results.append((number, SettledPosted(document)))
                case FoundJob(job_id=job_id):
                    report.adopted += 1
                    results.append((number, SettledAccepted(job_id)))
                case Absent() if attempts < MAX_ATTEMPTS and row.open.planned.etag:
                    # A request bound to a version of its document is planned anew: the version may have moved.
                    results.append((number, SettledAbsent()))
                case Absent(begun=begun) if attempts < MAX_ATTEMPTS:
                    again.append((row, begun))
                case Absent(begun=begun):
                    results.append((number, self._parked(keys, never_arrived(attempts, begun), report)))
                case CannotTell(instructions=instructions) if _may_be_elsewhere(row):
                    results.append((number, SettledAbsent(put_aside=True)))
                    put_aside += [Hold(key, CANNOT_TELL, UNCERTAIN, instructions) for key in keys]
                case CannotTell(instructions=instructions):
                    results.append((number, self._parked(keys, instructions, report)))
        self._commit(lease, results, Learned(holds=put_aside), report)
        self._send_again(lease, again, report)
        self._await_jobs(lease, self._open(), report)

    def _open(self) -> list[OpenRow]:
        return self._store.submissions.open(self._connection, system=self._connector.traits.erp)

    def _parked(self, keys: Iterable[str], instructions: str, report: PostingReport) -> Settlement:
        parked = SettledParked(instructions)
        if reason := held_by(parked):
            report.held.extend(Hold(key, *reason) for key in keys)
        return parked

    def _await_jobs(self, lease: Lease, found: Sequence[OpenRow], report: PostingReport) -> None:
        """Wait for every job once in a run; what is still running then is the next run's."""
        accepted = [row for row in found if row.state == "accepted"]
        rows = [row for row in accepted if row.submission_id not in self._waited_for]
        if not rows:
            return
        self._waited_for.update(row.submission_id for row in rows)
        around = self._around
        limits = replace(around.jobs, first_poll_s=self._poll_after_s)
        for row, outcome in await_jobs(self._connector, rows, limits, around.sleep, lease.renew, around.chance):
            settlement = self._settlement(outcome, row.open.planned, report)
            self._store.submissions.settle(self._connection, lease.fence, [(row.submission_id, settlement)])


def _may_be_elsewhere(row: OpenRow) -> bool:
    """Never sent by this store, perhaps by the one it was restored after: then its postings may be in several documents."""
    return row.open.forgotten and row.open.attempts == 0 and len(row.open.planned.posting_keys) > 1
