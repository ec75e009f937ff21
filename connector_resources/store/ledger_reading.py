"""Reading the ledger: one posting, a day, a subject's story, what is next to be sent, what waits and what is held."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Integer, Select, bindparam, exists, func, or_, select, tuple_

from bookkeeping.postings import Posting, PostingKind
from connector_resources.erp.contract import PostingWork, StepDone
from connector_resources.store.among import among
from connector_resources.store.engine import CHUNK, AnyRow, Database, chunks, streamed
from connector_resources.store.new_customers import NewCustomer, all_new, awaited_by, new_among
from connector_resources.store.posting_codec import Decoding, decode_posting
from connector_resources.store.posting_work import documents_of, work_of
from connector_resources.store.schema import (
    POSTING_IS_HELD,
    POSTING_IS_UNFINISHED,
    POSTINGS,
    SUBMISSION_IS_OPEN,
    SUBMISSION_POSTINGS,
    SUBMISSIONS,
)
from connector_resources.store.states import SETTLED, PostingState

#: how many postings `find` gives at most.
FIND_LIMIT = 1000

_postings = POSTINGS.c

#: states of a posting that nothing waits for any more.
_OVER = [*(state.value for state in SETTLED), PostingState.WITHDRAWN.value]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A posting with its state, and the ERP documents it became. `nothing_to_book` says why there may be none."""

    posting: Posting
    state: str
    activity_day: date
    held_code: str
    held_reason: str
    held_next_step: str
    planned_at: datetime
    settled_at: datetime | None
    documents: tuple[StepDone, ...] = ()
    nothing_to_book: str = ""


@dataclass(frozen=True, slots=True)
class WaitingOn:
    """An unfinished posting that is not sent before another one: the one it takes back or builds upon, or that of its customer.

    `reverses` names that one, whichever it is; `reversed_state` is None if it is unknown.
    """

    posting_key: str
    kind: str
    subject: str
    reverses: str
    reversed_state: str | None

    @property
    def reason(self) -> str:
        """For a person: what it waits for."""
        return f"{self.kind} {self.subject} waits for posting {self.reverses}, which is {self.reversed_state or 'not known'}."

    @property
    def waits_for_a_person(self) -> bool:
        """No run takes it up before a person has acted on the other one."""
        return self.reversed_state == PostingState.HELD.value

    @property
    def next_step(self) -> str:
        """What a person does about it."""
        if self.waits_for_a_person:
            return (
                f"Do what `connector held` says of {self.reverses}, then release that one: this one follows by itself."
            )
        return "Run this day again."


@dataclass(frozen=True, slots=True)
class LedgerCount:
    """How many postings of a kind are in a state, and their sum in minor units. `currency` is "" for master data."""

    kind: str
    state: str
    count: int
    sum_minor: int
    currency: str


class LedgerReading:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, connection: str, key: str) -> LedgerRow | None:
        rows = self._rows(_postings.connection == connection, _postings.key == key)
        return rows[0] if rows else None

    def by_key(self, connection: str, keys: Collection[str]) -> dict[str, LedgerRow]:
        """The postings of those keys that are in the ledger."""
        found: dict[str, LedgerRow] = {}
        for slice_keys in chunks(sorted(set(keys))):
            rows = self._found(_BY_KEY, {"wanted_connection": connection, "wanted": slice_keys})
            found.update((row.posting.key, row) for row in rows)
        return found

    def of_subjects(self, connection: str, subjects: Sequence[str]) -> dict[str, list[LedgerRow]]:
        """The postings about each subject, oldest first; subjects without one are left out."""
        found: dict[str, list[LedgerRow]] = {}
        for slice_subjects in chunks(sorted(set(subjects))):
            for row in self._found(_BY_SUBJECT, {"wanted_connection": connection, "wanted": slice_subjects}):
                found.setdefault(row.posting.subject, []).append(row)
        return found

    def of_day(
        self, connection: str, first_day: date, last_day: date, kinds: Collection[PostingKind] | None = None
    ) -> Iterator[LedgerRow]:
        """The postings of these activity days by day and key; streamed."""
        wanted = (
            select(POSTINGS)
            .where(_postings.connection == connection, _postings.activity_day.between(first_day, last_day))
            .order_by(_postings.activity_day, _postings.key)
        )
        if kinds is not None:
            wanted = wanted.where(_postings.kind.in_([kind.value for kind in kinds]))
        with self._database.snapshot() as reading:
            rows = streamed(reading, wanted)
            while group := list(islice(rows, CHUNK)):
                yield from _with_documents(reading, group)

    def find(self, connection: str | None, text: str) -> list[LedgerRow]:
        """Postings that `text` may mean: a posting key, event id, GoCardless id, reference or ERP document number."""
        by_submission = (
            select(SUBMISSION_POSTINGS.c.connection, SUBMISSION_POSTINGS.c.posting_key)
            .join(SUBMISSIONS, SUBMISSIONS.c.id == SUBMISSION_POSTINGS.c.submission_id)
            .where(or_(SUBMISSIONS.c.document_number == text, SUBMISSIONS.c.reference == text))
        )
        by_column = [
            select(_postings.connection, _postings.key).where(column == text)
            for column in (_postings.key, _postings.event_id, _postings.subject, _postings.reference)
        ]
        keys: dict[str, set[str]] = {}
        with self._database.read() as reading:
            for wanted in (*by_column, by_submission):
                for owner, key in reading.execute(wanted.limit(FIND_LIMIT)):
                    if connection in (None, owner):
                        keys.setdefault(owner, set()).add(key)
        found: list[LedgerRow] = []
        for owner, owned in sorted(keys.items()):
            for slice_keys in chunks(sorted(owned)):
                found.extend(self._rows(_postings.connection == owner, _postings.key.in_(slice_keys)))
        return found[:FIND_LIMIT]

    def next_work(
        self,
        connection: str,
        kinds: Collection[PostingKind],
        *,
        limit: int,
        days: tuple[date, date] | None = None,
        after: Posting | None = None,
        decoding: Decoding | None = None,
    ) -> list[PostingWork]:
        """Unfinished postings that may be planned now, oldest first; with `after`, only those that come after that one.

        Left out are those with an open submission, and those whose reversed or awaited posting is not settled; those that
        wait for their customer are left out by `posting.next_work`. One who asks again and again passes `decoding`, so
        that what comes back is not decoded again.
        """
        wanted: dict[str, Any] = {
            "wanted_connection": connection,
            "wanted_kinds": [kind.value for kind in kinds],
            "at_most": limit,
        }
        if days is not None:
            wanted |= {"first_day": days[0], "last_day": days[1]}
        if after is not None:
            wanted |= {
                "last_day_seen": after.booking_date,
                "last_time_seen": after.occurred_at,
                "last_key_seen": after.key,
            }
        statement = _next_work(days is not None, after is not None)
        with self._database.snapshot() as reading:
            postings = (decoding or Decoding()).of(reading.scalars(statement, wanted).all())
            return work_of(reading, connection, postings)

    def new_customers(self, connection: str, gocardless_ids: Collection[str]) -> dict[str, NewCustomer]:
        """Those of these customers whom the ERP does not know yet, by GoCardless id."""
        if not gocardless_ids:
            return {}
        with self._database.read() as reading:
            return new_among(reading, connection, gocardless_ids)

    def waiting_on(self, connection: str) -> list[WaitingOn]:
        """Unfinished postings that are left out of the next work because another posting comes first."""
        settled = [state.value for state in SETTLED]
        with self._database.read() as reading:
            found = [
                *reading.execute(_waiting(connection, _postings.reverses, settled)),
                *reading.execute(_waiting(connection, _postings.waits_for, _OVER)),
            ]
            waiting = {row.key: (row.booking_date, row.occurred_at, WaitingOn(*row[:5])) for row in found}
            for posting, customer in _booked_on_new_customers(reading, connection):
                on = WaitingOn(posting.key, posting.kind.value, posting.subject, customer.posting_key, customer.state)
                waiting.setdefault(posting.key, (posting.booking_date, posting.occurred_at, on))
        return [on for _, _, on in sorted(waiting.values(), key=lambda each: (*each[:2], each[2].posting_key))]

    def last_settled_at(self, connection: str) -> datetime | None:
        """When a posting of the connection was brought to its end last; None while none was."""
        wanted = select(func.max(_postings.settled_at)).where(_postings.connection == connection)
        with self._database.read() as reading:
            found: datetime | None = reading.scalar(wanted)
        return found

    def counts(self, connection: str, first: date | None = None, last: date | None = None) -> list[LedgerCount]:
        """Postings by kind, state and currency, of all activity days or those from `first` to `last`."""
        groups = (_postings.kind, _postings.state, _postings.currency)
        wanted = (
            select(*groups, func.count(), func.sum(_postings.amount_minor))
            .where(_postings.connection == connection)
            .group_by(*groups)
            .order_by(*groups)
        )
        if first is not None:
            wanted = wanted.where(_postings.activity_day >= first)
        if last is not None:
            wanted = wanted.where(_postings.activity_day <= last)
        with self._database.read() as reading:
            return [
                LedgerCount(kind, state, count, int(sum_minor or 0), currency or "")
                for kind, state, currency, count, sum_minor in reading.execute(wanted)
            ]

    def held(self, connection: str | None) -> list[LedgerRow]:
        """Every held posting of one connection or of all, by connection, day and key."""
        wanted: list[ColumnElement[bool]] = [POSTING_IS_HELD]
        if connection is not None:
            wanted.append(_postings.connection == connection)
        return self._rows(*wanted)

    def _rows(self, *conditions: ColumnElement[bool]) -> list[LedgerRow]:
        return self._found(_IN_ORDER.where(*conditions), {})

    def _found(self, wanted: Select[Any], told: Mapping[str, Any]) -> list[LedgerRow]:
        with self._database.read() as reading:
            rows = reading.execute(wanted, told).all()
            return list(_with_documents(reading, rows))


_IN_ORDER = select(POSTINGS).order_by(_postings.connection, _postings.occurred_at, _postings.key)
_OF_ONE = _IN_ORDER.where(_postings.connection == bindparam("wanted_connection"))
# Built once: a run asks for these again and again.
_BY_KEY = _OF_ONE.where(among(_postings.key, "wanted"))
_BY_SUBJECT = _OF_ONE.where(among(_postings.subject, "wanted"))


@cache
def _next_work(some_days: bool, further_on: bool) -> Select[Any]:
    """Bodies of the unfinished postings that may be planned now; built once, because every pass of a run asks for them."""
    reversed_posting, awaited = POSTINGS.alias("reversed_posting"), POSTINGS.alias("awaited")
    settled = exists().where(
        reversed_posting.c.connection == _postings.connection,
        reversed_posting.c.key == _postings.reverses,
        reversed_posting.c.state.in_([state.value for state in SETTLED]),
    )
    over = exists().where(
        awaited.c.connection == _postings.connection,
        awaited.c.key == _postings.waits_for,
        awaited.c.state.in_(_OVER),
    )
    wanted = (
        select(_postings.body)
        .where(_postings.connection == bindparam("wanted_connection"), POSTING_IS_UNFINISHED)
        .where(_postings.kind.in_(bindparam("wanted_kinds", expanding=True)))
        .where(or_(_postings.reverses.is_(None), settled), or_(_postings.waits_for.is_(None), over))
        .where(~_has_open_submission())
        .order_by(_postings.booking_date, _postings.occurred_at, _postings.key)
        .limit(bindparam("at_most", type_=Integer))
    )
    if some_days:
        wanted = wanted.where(_postings.activity_day.between(bindparam("first_day"), bindparam("last_day")))
    if further_on:
        seen = tuple_(
            bindparam("last_day_seen", type_=_postings.booking_date.type),
            bindparam("last_time_seen", type_=_postings.occurred_at.type),
            bindparam("last_key_seen", type_=_postings.key.type),
        )
        wanted = wanted.where(tuple_(_postings.booking_date, _postings.occurred_at, _postings.key) > seen)
    return wanted


def _waiting(connection: str, other_key: Column[Any], over: Collection[str]) -> Select[Any]:
    """Unfinished postings that name another one in `other_key` whose state is none of `over`."""
    other = POSTINGS.alias("other")
    is_other = (other.c.connection == _postings.connection) & (other.c.key == other_key)
    columns = select(
        _postings.key, _postings.kind, _postings.subject, other_key, other.c.state,
        _postings.booking_date, _postings.occurred_at,
    ).outerjoin_from(POSTINGS, other, is_other)  # fmt: skip
    return _unfinished(columns, connection).where(
        other_key.is_not(None), or_(other.c.state.is_(None), other.c.state.not_in(over))
    )


def _booked_on_new_customers(reading: Connection, connection: str) -> Iterator[tuple[Posting, NewCustomer]]:
    """Unfinished postings, nothing of which is under way, that book on customers whom the ERP does not know yet."""
    if not (new := all_new(reading, connection)):
        return
    for body in reading.scalars(_unfinished(select(_postings.body), connection).where(~_has_open_submission())):
        posting = decode_posting(body)
        if (customer := awaited_by(posting, new)) is not None:
            yield posting, customer


def _unfinished(columns: Select[Any], connection: str) -> Select[Any]:
    return columns.where(_postings.connection == connection, POSTING_IS_UNFINISHED)


def _has_open_submission() -> ColumnElement[bool]:
    return exists().where(
        SUBMISSION_POSTINGS.c.connection == _postings.connection,
        SUBMISSION_POSTINGS.c.posting_key == _postings.key,
        SUBMISSION_POSTINGS.c.submission_id == SUBMISSIONS.c.id,
        SUBMISSION_IS_OPEN,
    )


def _with_documents(reading: Connection, rows: Sequence[AnyRow]) -> Iterator[LedgerRow]:
    keys: dict[str, list[str]] = {}
    for row in rows:
        keys.setdefault(row.connection, []).append(row.key)
    done = {connection: documents_of(reading, connection, owned) for connection, owned in keys.items()}
    for row in rows:
        yield LedgerRow(
            posting=decode_posting(row.body),
            state=row.state,
            activity_day=row.activity_day,
            held_code=row.held_code,
            held_reason=row.held_reason,
            held_next_step=row.held_next_step,
            planned_at=row.planned_at,
            settled_at=row.settled_at,
            documents=done[row.connection].get(row.key, ()),
            nothing_to_book=row.nothing_to_book,
        )
