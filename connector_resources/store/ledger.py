"""The ledger: every posting of a connection and its state. This half moves postings; `ledger_reading.py` reads them.

A posting is inserted once per key and never edited. Each method is one transaction: guarded moves that change all of a
group or nothing, and exactly one trail row per posting that moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from bookkeeping.postings import Posting, PostingKind, require_balance
from connector_resources.erp.contract import Complete, Hold
from connector_resources.errors import IllegalTransition
from connector_resources.store.among import among
from connector_resources.store.engine import Database, chunks
from connector_resources.store.ledger_reading import LedgerReading
from connector_resources.store.posting_codec import encode_posting
from connector_resources.store.posting_work import documents_of, with_open_submission
from connector_resources.store.rows import insert_absent, move
from connector_resources.store.schema import INBOX_EVENTS, POSTINGS, SUBMISSION_POSTINGS, SUBMISSIONS
from connector_resources.store.states import LOOKED_UP_AGAIN, POSTING_SOURCES, PostingState
from connector_resources.store.trail import Trail, TrailEntry

_SUBJECTS = select(POSTINGS.c.key, POSTINGS.c.subject).where(
    POSTINGS.c.connection == bindparam("wanted_connection"),
    among(POSTINGS.c.key, "wanted_keys"),
)

_NOT_HELD = {"held_code": "", "held_reason": "", "held_next_step": ""}


class Ledger(LedgerReading):
    def __init__(self, database: Database, trail: Trail) -> None:
        super().__init__(database)
        self._trail = trail

    def plan(self, connection: str, postings: Sequence[Posting], *, within: Connection | None = None) -> int:
        """Insert the postings whose key is not there yet, as pending; returns how many were new.

        A posting's activity day is that of its event in the inbox; without one there (master data), its booking date.
        Raises `Unbalanced` before anything is written, and `IllegalTransition` when a receipt would be taken back twice:
        a person corrected it since it was looked at.
        """
        for posting in postings:
            require_balance(posting)
            if posting.connection != connection:
                raise ValueError(f"posting {posting.key} is of connection {posting.connection}, not {connection}")
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            _require_standing(transaction, connection, postings)
            days = _activity_days(transaction, connection, postings)
            now = self._database.now()
            rows = [
                {
                    **_columns(posting),
                    **_NOT_HELD,
                    "activity_day": days.get(posting.event_id, posting.booking_date),
                    "planned_at": now,
                }
                for posting in postings
            ]
            new = insert_absent(transaction, POSTINGS, rows, returning="key")
            entries = {row["key"]: _planned_entry(row) for row in rows if row["key"] in new}
            self._trail.append(connection, list(entries.values()), within=transaction)
        return len(new)

    def hold(self, connection: str, holds: Sequence[Hold], *, within: Connection | None = None) -> None:
        """A person must act on these: pending or claimed -> held, each with its reason and next step."""
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            hold_postings(transaction, self._trail, connection, holds)

    def release(
        self, connection: str, keys: Collection[str], *, by: str, note: str, within: Connection | None = None
    ) -> None:
        """A person has acted: held -> pending.

        A submission of theirs that was parked becomes unknown again, with its attempts counted anew: the next run
        looks it up at the ERP before anything is sent.
        """
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            self._move(
                transaction, connection, keys, PostingState.PENDING, {PostingState.HELD}, "released",
                extra={"by": by, "note": note}, values=_NOT_HELD,
            )  # fmt: skip
            self._look_up_again(transaction, connection, keys)

    def withdraw(
        self, connection: str, keys: Collection[str], *, by: str, note: str, within: Connection | None = None
    ) -> None:
        """A person decides that these are never sent: held -> withdrawn."""
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            self._move(
                transaction, connection, keys, PostingState.WITHDRAWN, POSTING_SOURCES[PostingState.WITHDRAWN],
                "withdrawn", extra={"by": by, "note": note}, values={"settled_at": self._database.now()},
            )  # fmt: skip

    def unclaim(self, connection: str, keys: Collection[str], *, within: Connection | None = None) -> None:
        """Nothing happened at the ERP for these and nothing is under way: claimed -> pending.

        Raises `IllegalTransition` when a submission of theirs is open or was posted.
        """
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            done = documents_of(transaction, connection, keys)
            if done:
                key = min(done)
                number = done[key][-1].document.number
                raise _in_the_way(connection, key, f"already has document {number} at the ERP")
            self._require_nothing_open(transaction, connection, keys)
            self._move(transaction, connection, keys, PostingState.PENDING, {PostingState.CLAIMED}, "unclaimed")

    def complete(
        self,
        connection: str,
        completes: Sequence[Complete],
        *,
        settled_state: str,
        within: Connection | None = None,
    ) -> None:
        """Nothing is left to send for these: -> `settled_state` (posted or delivered).

        Raises `IllegalTransition` when a submission is still open, or when a posting that should have been booked has
        no settled submission.
        """
        target = PostingState(settled_state)
        if target not in (PostingState.POSTED, PostingState.DELIVERED):
            raise ValueError(f"{settled_state!r} does not settle a posting; posted and delivered do")
        reasons = {complete.posting_key: complete.nothing_to_book for complete in completes}
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            self._require_nothing_open(transaction, connection, reasons)
            done = documents_of(transaction, connection, reasons)
            for key, nothing_to_book in reasons.items():
                if not nothing_to_book and key not in done:
                    raise _in_the_way(connection, key, "has no settled submission to show for it")
            now = self._database.now()
            for reason in sorted(set(reasons.values())):
                keys = [key for key, nothing_to_book in reasons.items() if nothing_to_book == reason]
                documents = {key: [step.document.number for step in done.get(key, ())] for key in keys}
                self._move(
                    transaction, connection, keys, target, POSTING_SOURCES[target], target.value,
                    extra={"nothing_to_book": reason} if reason else {},
                    values={"settled_at": now, "nothing_to_book": reason}, documents=documents,
                )  # fmt: skip

    def _move(
        self,
        transaction: Connection,
        connection: str,
        keys: Collection[str],
        target: PostingState,
        sources: Collection[PostingState],
        kind: str,
        *,
        extra: dict[str, Any] | None = None,
        values: dict[str, Any] | None = None,
        documents: dict[str, list[str]] | None = None,
    ) -> None:
        move(transaction, POSTINGS, keys, by="key", scope=connection, sources=sources, target=target, values=values)
        documents = documents or {}
        payloads: list[tuple[str, dict[str, Any]]] = []
        for key in sorted(set(keys)):
            shown = {"documents": documents[key]} if key in documents else {}
            payloads.append((key, {"state": target.value, **(extra or {}), **shown}))
        self._trail.append(connection, posting_entries(transaction, connection, kind, payloads), within=transaction)

    def _require_nothing_open(self, transaction: Connection, connection: str, keys: Collection[str]) -> None:
        still_open = with_open_submission(transaction, connection, keys)
        if still_open:
            key = min(still_open)
            raise _in_the_way(connection, key, f"still has submission {still_open[key]} open")

    def _look_up_again(self, transaction: Connection, connection: str, keys: Collection[str]) -> None:
        parked, unknown = LOOKED_UP_AGAIN
        found: dict[int, str] = {}
        for slice_keys in chunks(sorted(set(keys))):
            links = select(SUBMISSION_POSTINGS.c.submission_id).where(
                SUBMISSION_POSTINGS.c.connection == connection, SUBMISSION_POSTINGS.c.posting_key.in_(slice_keys)
            )
            reopened = (
                update(SUBMISSIONS)
                .where(SUBMISSIONS.c.id.in_(links), SUBMISSIONS.c.state == parked.value)
                .values(state=unknown.value, attempts=0, settled_at=None)
                .returning(SUBMISSIONS.c.id, SUBMISSIONS.c.reference)
            )
            found.update((row.id, row.reference) for row in transaction.execute(reopened))
        entries = [
            TrailEntry("submission_unknown", reference, {"submission": submission_id, "reason": "released by a person"})
            for submission_id, reference in sorted(found.items())
        ]
        self._trail.append(connection, entries, within=transaction)


def hold_postings(transaction: Connection, trail: Trail, connection: str, holds: Iterable[Hold]) -> None:
    """Move the postings of `holds` to held, with one trail row each. The caller has locked the trail."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for hold in holds:
        groups.setdefault((hold.code, hold.reason, hold.next_step), []).append(hold.posting_key)
    payloads: list[tuple[str, dict[str, Any]]] = []
    for (code, reason, next_step), keys in groups.items():
        values = {"held_code": code, "held_reason": reason, "held_next_step": next_step}
        sources = POSTING_SOURCES[PostingState.HELD]
        move(
            transaction, POSTINGS, keys, by="key", scope=connection, sources=sources, target=PostingState.HELD,
            values=values,
        )  # fmt: skip
        payloads.extend((key, {"state": "held", "code": code, "reason": reason}) for key in sorted(set(keys)))
    trail.append(connection, posting_entries(transaction, connection, "held", payloads), within=transaction)


def posting_entries(
    transaction: Connection, connection: str, kind: str, payloads: Sequence[tuple[str, dict[str, Any]]]
) -> list[TrailEntry]:
    """One trail entry for each (posting key, payload), about the posting's subject."""
    if not payloads:
        return []
    wanted = {"wanted_connection": connection, "wanted_keys": {key for key, _ in payloads}}
    subjects: dict[str, str] = dict(iter(transaction.execute(_SUBJECTS, wanted)))
    return [TrailEntry(kind, subjects[key], {"posting": key, **payload}) for key, payload in payloads]


def _in_the_way(connection: str, key: str, why: str) -> IllegalTransition:
    return IllegalTransition(
        f"posting {key} {why}",
        connection=connection,
        subject=key,
        next_step=f"look at `connector trace {key}`; nothing of this group was changed",
    )


def _require_standing(transaction: Connection, connection: str, postings: Sequence[Posting]) -> None:
    back = {each.reverses: each for each in postings if each.kind is PostingKind.RECEIPT_REVERSAL and each.reverses}
    for subjects in chunks(sorted({posting.subject for posting in back.values()})):
        wanted = select(POSTINGS.c.key, POSTINGS.c.reverses).where(
            POSTINGS.c.connection == connection,
            POSTINGS.c.subject.in_(subjects),
            POSTINGS.c.kind == PostingKind.RECEIPT_REVERSAL.value,
        )
        for key, reverses in transaction.execute(wanted):
            if reverses in back and back[reverses].key != key:
                raise IllegalTransition(
                    f"{reverses} was taken back by {key} already, so {back[reverses].key} is not planned",
                    connection=connection,
                    subject=reverses,
                    next_step="run the day again: it is planned anew with what is booked now",
                )


def _activity_days(transaction: Connection, connection: str, postings: Sequence[Posting]) -> dict[str, date]:
    days: dict[str, date] = {}
    for event_ids in chunks(sorted({posting.event_id for posting in postings})):
        wanted = select(INBOX_EVENTS.c.event_id, INBOX_EVENTS.c.activity_day).where(
            INBOX_EVENTS.c.connection == connection, INBOX_EVENTS.c.event_id.in_(event_ids)
        )
        days.update((row.event_id, row.activity_day) for row in transaction.execute(wanted))
    return days


def _columns(posting: Posting) -> dict[str, Any]:
    amount = posting.activity_amount
    return {
        "connection": posting.connection,
        "key": posting.key,
        "kind": posting.kind.value,
        "event_id": posting.event_id,
        "subject": posting.subject,
        "reference": posting.reference,
        "occurred_at": posting.occurred_at,
        "booking_date": posting.booking_date,
        "amount_minor": None if amount is None else amount.minor,
        "currency": None if amount is None else amount.currency,
        "reverses": posting.reverses,
        "waits_for": posting.waits_for,
        "body": encode_posting(posting),
        "state": PostingState.PENDING.value,
        "nothing_to_book": "",
    }


def _planned_entry(row: dict[str, Any]) -> TrailEntry:
    payload = {name: row[name] for name in ("kind", "event_id", "reference", "amount_minor", "currency", "reverses")}
    if row["waits_for"] is not None:
        payload["waits_for"] = row["waits_for"]
    digest = hashlib.sha256(row["body"].encode()).hexdigest()
    return TrailEntry("planned", row["subject"], {"posting": row["key"], "sha256": digest, **payload})
