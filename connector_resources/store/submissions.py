"""Submissions: write requests whose exact bytes are on disk before they are sent, and what became of each.

`claim` and `settle` are one transaction for a whole group. Both compare the caller's fence with the posting lease, so
that a process that lost the lease can neither start nor settle anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update

from connector_resources.erp.contract import Document, Hold, OpenSubmission, PlannedSubmission
from connector_resources.errors import IllegalTransition, StoreError
from connector_resources.store.among import among
from connector_resources.store.engine import Database, chunks
from connector_resources.store.forgotten import FORGOTTEN, look_up_first, perhaps_sent_before
from connector_resources.store.json_text import dump_json
from connector_resources.store.leases import require_fence
from connector_resources.store.ledger import hold_postings, posting_entries
from connector_resources.store.posting_codec import decode_posting
from connector_resources.store.posting_work import with_open_submission, work_of
from connector_resources.store.rows import illegal, insert_rows, move
from connector_resources.store.schema import POSTINGS, SUBMISSION_IS_OPEN, SUBMISSION_POSTINGS, SUBMISSIONS
from connector_resources.store.settlements import (
    SettledAbsent,
    SettledAccepted,
    SettledNotSent,
    SettledParked,
    SettledPosted,
    SettledRejected,
    SettledUnknown,
    Settlement,
    held_by,
    target_of,
    values_of,
)
from connector_resources.store.states import POSTING_SOURCES, SUBMISSION_SOURCES, UNFINISHED, PostingState
from connector_resources.store.states import SubmissionState as State
from connector_resources.store.submission_rows import (
    OpenRow,
    SubmissionRow,
    claimed_row,
    found_rows,
    request_columns,
    submission_rows,
)
from connector_resources.store.trail import Trail, TrailEntry

__all__ = [
    "OpenRow",
    "SettledAbsent",
    "SettledAccepted",
    "SettledNotSent",
    "SettledParked",
    "SettledPosted",
    "SettledRejected",
    "SettledUnknown",
    "Settlement",
    "SubmissionRow",
    "Submissions",
]


_STATES = select(POSTINGS.c.key, POSTINGS.c.state, POSTINGS.c.subject).where(
    POSTINGS.c.connection == bindparam("wanted_connection"),
    among(POSTINGS.c.key, "wanted_keys"),
)
_BODIES = select(POSTINGS.c.body).where(
    POSTINGS.c.connection == bindparam("wanted_connection"), among(POSTINGS.c.key, "wanted_keys")
)
# Asked before and after every pass of a run.
_OPEN = (
    select(SUBMISSIONS)
    .where(SUBMISSIONS.c.connection == bindparam("wanted_connection"), SUBMISSION_IS_OPEN)
    .order_by(SUBMISSIONS.c.id)
)
_OPEN_TO_SYSTEM = _OPEN.where(SUBMISSIONS.c.system == bindparam("wanted_system"))
_KNOWN = select(SUBMISSIONS.c.reference, SUBMISSIONS.c.id).where(
    SUBMISSIONS.c.connection == bindparam("wanted_connection"),
    among(SUBMISSIONS.c.reference, "wanted_references"),
)
_REFERENCES = select(SUBMISSIONS.c.id, SUBMISSIONS.c.reference).where(among(SUBMISSIONS.c.id, "wanted_ids"))
_POSTED = (
    select(SUBMISSION_POSTINGS.c.posting_key, SUBMISSIONS.c.step, SUBMISSIONS.c.document_number, SUBMISSIONS.c.id)
    .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMISSION_POSTINGS.c.submission_id)
    .where(
        SUBMISSION_POSTINGS.c.connection == bindparam("wanted_connection"),
        among(SUBMISSION_POSTINGS.c.posting_key, "wanted_keys"),
        SUBMISSIONS.c.state == State.POSTED.value,
    )
)


class Submissions:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def claim(
        self,
        connection: str,
        fence: int,
        planned: Sequence[PlannedSubmission],
        *,
        erp: str,
        customers: Mapping[str, str] | None = None,
        within: Connection | None = None,
    ) -> list[SubmissionRow]:
        """Write down what is about to be sent, bytes and all, and take its postings; rows in the order given.

        `customers` tells the trail the ERP customer of a posting key: a link may be another one by the time it is asked.

        A reference that was claimed before is claimed again with the new bytes when it surely did not take effect.
        After a restore, what may have been sent in the forgotten time comes back as `unknown`: it is looked up first.
        Raises `LeaseLost`, and `IllegalTransition` when a posting is not to be had: held, settled, or in another open
        submission. Either way nothing is changed.
        """
        keys = [key for item in planned for key in item.posting_keys]
        if len(set(keys)) != len(keys) or len({item.reference for item in planned}) != len(planned):
            raise ValueError("a group names every posting and every reference once")
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            require_fence(transaction, f"posting:{connection}", fence)
            doubt = perhaps_sent_before(transaction, connection, planned, self._database.now())
            subjects = self._take_postings(transaction, connection, planned)
            known = _known_ids(transaction, connection, planned)
            claimed_at = self._database.now()
            taken = {"fence": fence, "claimed_at": claimed_at}
            ids = self._write_requests(transaction, connection, planned, erp, known, taken)
            self._record_claims(transaction, connection, planned, ids, customers or {}, subjects)
            if doubt is not None:
                look_up_first(transaction, self._trail, connection, ids, doubt)
            # What was there before, or is doubted, is more than what was just written.
            others = sorted(known.values() if doubt is None else ids.values())
            by_id = {
                row.id: row
                for slice_ids in chunks(others)
                for row in submission_rows(transaction, SUBMISSIONS.c.id.in_(slice_ids))
            }
        return [
            by_id.get(ids[item.reference])
            or claimed_row(ids[item.reference], connection, erp, item, fence=fence, claimed_at=claimed_at)
            for item in planned
        ]

    def settle(
        self,
        connection: str,
        fence: int,
        results: Sequence[tuple[int, Settlement]],
        *,
        within: Connection | None = None,
    ) -> None:
        """Write down what became of a group of submissions.

        Rejected and parked ones put their postings on hold. After not sent and absent the postings stay claimed, and
        the same reference may be claimed again. Raises `LeaseLost` and `IllegalTransition`; then nothing is changed.
        """
        if not results:
            return
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            require_fence(transaction, f"posting:{connection}", fence)
            by_target: dict[State, list[int]] = {}
            for submission_id, settlement in results:
                by_target.setdefault(target_of(settlement), []).append(submission_id)
            for target, ids in by_target.items():
                if len(set(ids)) != len(ids):
                    raise ValueError(f"a submission is settled twice in one group: {ids}")
                sources = SUBMISSION_SOURCES[target]
                move(transaction, SUBMISSIONS, ids, by="id", scope=connection, sources=sources, target=target)
            now = self._database.now()
            values = [
                {"row_id": submission_id, **values_of(settlement), "settled_at": now}
                for submission_id, settlement in results
            ]
            transaction.execute(_update_by_id(tuple(values[0])), values)
            self._record_settlements(transaction, connection, results)

    def record_verified(
        self, connection: str, items: Collection[tuple[str, str, Document]], *, within: Connection | None = None
    ) -> None:
        """The read-back of these (posting key, step, document) agreed; keeps the fresh etag and details.

        Raises `StoreError` for a document that no settled submission of that posting and step has made.
        """
        if not items:
            return
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            ids = _posted_ids(transaction, connection, [key for key, _, _ in items])
            # Of a batch all postings name the same submission.
            documents: dict[int, Document] = {}
            payloads: list[tuple[str, dict[str, Any]]] = []
            for key, step, document in items:
                submission_id = ids.get((key, step, document.number))
                if submission_id is None:
                    raise StoreError(
                        f"no settled submission of posting {key} made document {document.number} in step {step}",
                        connection=connection,
                        subject=key,
                        next_step=f"look at `connector trace {key}`",
                    )
                documents[submission_id] = document
                payloads.append((key, {"submission": submission_id, "step": step, "document": document.number}))
            rows = [
                {
                    "row_id": submission_id,
                    "verified": True,
                    "document_etag": document.etag,
                    "document_details": dump_json(dict(document.details)),
                }
                for submission_id, document in documents.items()
            ]
            transaction.execute(_update_by_id(tuple(rows[0])), rows)
            entries = posting_entries(transaction, connection, "verified", payloads)
            self._trail.append(connection, entries, within=transaction)

    def open(self, connection: str, *, system: str | None = None) -> list[OpenRow]:
        """Submissions whose end is not recorded (claimed, unknown, accepted), oldest first; all or those to `system`."""
        wanted = _OPEN if system is None else _OPEN_TO_SYSTEM
        with self._database.snapshot() as reading:
            rows = found_rows(reading, wanted, {"wanted_connection": connection, "wanted_system": system})
            if not rows:
                return []
            keys = {key for row in rows for key in row.planned.posting_keys}
            bodies = reading.scalars(_BODIES, {"wanted_connection": connection, "wanted_keys": keys})
            postings = [decode_posting(body) for body in bodies]
            work = {item.posting.key: item for item in work_of(reading, connection, postings)}
        return [
            OpenRow(
                row.id,
                row.state,
                OpenSubmission(
                    planned=row.planned,
                    claimed_at=row.claimed_at,
                    attempts=row.attempts,
                    job_id=row.job_id,
                    postings=tuple(work[key] for key in row.planned.posting_keys),
                    forgotten=row.code == FORGOTTEN,
                ),
            )
            for row in rows
        ]

    def of_posting(self, connection: str, key: str) -> list[SubmissionRow]:
        """Every submission that carries this posting, oldest first."""
        links = select(SUBMISSION_POSTINGS.c.submission_id).where(
            SUBMISSION_POSTINGS.c.connection == connection, SUBMISSION_POSTINGS.c.posting_key == key
        )
        with self._database.read() as reading:
            return submission_rows(reading, SUBMISSIONS.c.id.in_(links))

    # --- claiming --------------------------------------------------------------------------------------------------

    def _take_postings(
        self, transaction: Connection, connection: str, planned: Sequence[PlannedSubmission]
    ) -> dict[str, str]:
        """Pending postings become claimed; those claimed before stay so. Nothing else may be sent. Key -> subject."""
        keys = sorted(key for item in planned for key in item.posting_keys)
        found = _postings(transaction, connection, keys)
        states = {key: state for key, (state, _) in found.items()}
        allowed = [state.value for state in UNFINISHED]
        for key in keys:
            if states.get(key) not in allowed:
                raise illegal(POSTINGS, key, states.get(key), allowed, "claimed", connection)
        busy = with_open_submission(transaction, connection, keys)
        if busy:
            key = min(busy)
            raise IllegalTransition(
                f"posting {key} is already in submission {busy[key]}, whose end is not recorded",
                connection=connection,
                subject=key,
                next_step="let the next run look that submission up first",
            )
        pending = [key for key in keys if states[key] == PostingState.PENDING.value]
        sources = POSTING_SOURCES[PostingState.CLAIMED]
        move(transaction, POSTINGS, pending, by="key", scope=connection, sources=sources, target=PostingState.CLAIMED)
        return {key: subject for key, (_, subject) in found.items()}

    def _write_requests(
        self,
        transaction: Connection,
        connection: str,
        planned: Sequence[PlannedSubmission],
        erp: str,
        known: Mapping[str, int],
        taken: Mapping[str, Any],
    ) -> dict[str, int]:
        """Insert the new references and claim the `known` ones again; reference -> submission id."""
        ids = dict(known)
        again = [{"row_id": ids[x.reference], **request_columns(x), **taken} for x in planned if x.reference in ids]
        if again:
            self._claim_again(transaction, connection, again)
        new = [
            {
                "connection": connection,
                "system": erp,
                "reference": x.reference,
                "state": State.CLAIMED.value,
                "attempts": 1,
                **request_columns(x),
                **taken,
            }
            for x in planned
            if x.reference not in ids
        ]
        if new:
            inserted = insert(SUBMISSIONS).returning(SUBMISSIONS.c.reference, SUBMISSIONS.c.id)
            ids.update((reference, submission_id) for reference, submission_id in transaction.execute(inserted, new))
        links = [
            {"submission_id": ids[item.reference], "connection": connection, "posting_key": key, "position": position}
            for item in planned
            for position, key in enumerate(item.posting_keys)
        ]
        insert_rows(transaction, SUBMISSION_POSTINGS, links)
        return ids

    def _claim_again(self, transaction: Connection, connection: str, again: Sequence[dict[str, Any]]) -> None:
        ids = [values["row_id"] for values in again]
        sources = SUBMISSION_SOURCES[State.CLAIMED]
        # Only sendings that a look-up could not find count: what was turned away or answered did arrive.
        attempts = case(
            (SUBMISSIONS.c.state == State.ABSENT.value, SUBMISSIONS.c.attempts + 1),
            (SUBMISSIONS.c.state == State.NOT_SENT.value, SUBMISSIONS.c.attempts),
            else_=1,
        )
        move(
            transaction, SUBMISSIONS, ids, by="id", scope=connection, sources=sources, target=State.CLAIMED,
            values={"attempts": attempts},
        )  # fmt: skip
        transaction.execute(_update_by_id(tuple(again[0])), list(again))
        for slice_ids in chunks(ids):
            transaction.execute(delete(SUBMISSION_POSTINGS).where(SUBMISSION_POSTINGS.c.submission_id.in_(slice_ids)))

    def _record_claims(
        self,
        transaction: Connection,
        connection: str,
        planned: Sequence[PlannedSubmission],
        ids: dict[str, int],
        customers: Mapping[str, str],
        subjects: Mapping[str, str],
    ) -> None:
        entries: list[TrailEntry] = []
        claimed: list[TrailEntry] = []
        for item in planned:
            about = {"submission": ids[item.reference], "reference": item.reference, "sha256": item.sha256}
            request = {"step": item.step, "method": item.method, "path": item.path, "postings": item.posting_keys}
            entries.append(TrailEntry("submission_claimed", item.reference, {**about, **request}))
            for key in item.posting_keys:
                told = {"customer": customers[key]} if key in customers else {}
                payload = {"posting": key, **about, "state": PostingState.CLAIMED.value, **told}
                claimed.append(TrailEntry("claimed", subjects[key], payload))
        self._trail.append(connection, [*entries, *claimed], within=transaction)

    # --- settling --------------------------------------------------------------------------------------------------

    def _record_settlements(
        self, transaction: Connection, connection: str, results: Sequence[tuple[int, Settlement]]
    ) -> None:
        wanted = {"wanted_ids": [submission_id for submission_id, _ in results]}
        references: dict[int, str] = dict(iter(transaction.execute(_REFERENCES, wanted)))
        entries = []
        for submission_id, settlement in results:
            values = {name: value for name, value in values_of(settlement).items() if value}
            entry_kind = f"submission_{target_of(settlement).value}"
            entries.append(TrailEntry(entry_kind, references[submission_id], {"submission": submission_id, **values}))
        self._trail.append(connection, entries, within=transaction)
        self._hold_refused(transaction, connection, results)

    def _hold_refused(
        self, transaction: Connection, connection: str, results: Sequence[tuple[int, Settlement]]
    ) -> None:
        reasons = {submission_id: reason for submission_id, settled in results if (reason := held_by(settled))}
        holds: list[Hold] = []
        for slice_ids in chunks(sorted(reasons)):
            # A posting that a person has meanwhile put aside stays where it is.
            wanted = (
                select(SUBMISSION_POSTINGS.c.submission_id, SUBMISSION_POSTINGS.c.posting_key)
                .join(
                    POSTINGS,
                    (POSTINGS.c.connection == SUBMISSION_POSTINGS.c.connection)
                    & (POSTINGS.c.key == SUBMISSION_POSTINGS.c.posting_key),
                )
                .where(SUBMISSION_POSTINGS.c.submission_id.in_(slice_ids))
                .where(POSTINGS.c.state.in_([state.value for state in UNFINISHED]))
            )
            holds.extend(Hold(key, *reasons[submission_id]) for submission_id, key in transaction.execute(wanted))
        hold_postings(transaction, self._trail, connection, holds)


def _known_ids(transaction: Connection, connection: str, planned: Sequence[PlannedSubmission]) -> dict[str, int]:
    """Reference -> id of those that were claimed before."""
    wanted = {"wanted_connection": connection, "wanted_references": [item.reference for item in planned]}
    return dict(iter(transaction.execute(_KNOWN, wanted)))


def _postings(transaction: Connection, connection: str, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """State and subject of each posting that is there."""
    wanted = {"wanted_connection": connection, "wanted_keys": keys}
    return {key: (state, subject) for key, state, subject in transaction.execute(_STATES, wanted)}


def _posted_ids(transaction: Connection, connection: str, keys: Sequence[str]) -> dict[tuple[str, str, str], int]:
    """(posting key, step, document number) -> id of the settled submission that made it."""
    rows = transaction.execute(_POSTED, {"wanted_connection": connection, "wanted_keys": keys})
    return {(key, step, number): found for key, step, number, found in rows}


@cache
def _update_by_id(names: tuple[str, ...]) -> Any:
    """UPDATE of the columns with these names, for an executemany whose rows carry `row_id`."""
    columns: dict[str, Any] = {name: bindparam(name) for name in names if name != "row_id"}
    if "job_id" in columns:
        # The job's number outlives its end: None keeps what is there.
        columns["job_id"] = func.coalesce(columns["job_id"], SUBMISSIONS.c.job_id)
    return update(SUBMISSIONS).where(SUBMISSIONS.c.id == bindparam("row_id")).values(columns)
