"""What a store that was restored from a backup may have forgotten: everything sent between the backup and the restore.

A restored store carries a mark. Whatever may have been sent in the forgotten time is, when it is claimed for the first time
since, written down as `unknown` instead of `claimed`: the next recovery looks it up by its reference, and only what is surely
absent is sent. Nothing here talks to a remote system, and nothing here knows how a backup is made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection, delete, select, update

from bookkeeping.postings import GOCARDLESS_KINDS, INVOICE_KINDS, MASTER_DATA_KINDS
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.store.columns import utc_text
from connector_resources.store.engine import chunks
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import move, put_rows
from connector_resources.store.schema import CUSTOMER_NUMBERS, MARKS, POSTINGS, SUBMISSIONS, TRAIL
from connector_resources.store.settlements import CANNOT_TELL, PUT_ASIDE
from connector_resources.store.states import OPEN, SUBMISSION_SOURCES
from connector_resources.store.states import SubmissionState as State
from connector_resources.store.trail import Trail, TrailEntry

#: code of a submission that this store never sent, but perhaps the one it was restored after.
FORGOTTEN = "forgotten"
#: clocks differ: what GoCardless recorded until so long after the restore may have been seen before it.
CLOCKS_DIFFER = timedelta(hours=1)
#: what we order ourselves bears the time of its plan, not of what caused it. Whatever was due before the restore is due
#: after it, so that it is planned again within days.
ORDERED_AGAIN_WITHIN = timedelta(days=35)
#: kinds whose `occurred_at` is the moment of the plan.
ORDERED_BY_US = frozenset(kind.value for kind in MASTER_DATA_KINDS | GOCARDLESS_KINDS | INVOICE_KINDS)

#: the mark is the whole store's, so it stands under no connection's name.
_STORE = ""
_RESTORED = "restored"
_NUMBERS = "customer_numbers_forgotten"


@dataclass(frozen=True, slots=True)
class Restored:
    """When the backup was taken and when it was restored (aware UTC): between the two, others may have been at work."""

    taken_at: datetime
    restored_at: datetime

    def doubts(self, kind: str, occurred_at: datetime, now: datetime) -> bool:
        """Whether a posting may have been sent in the forgotten time."""
        if kind in ORDERED_BY_US:
            return now <= self.restored_at + ORDERED_AGAIN_WITHIN
        return occurred_at <= self.restored_at + CLOCKS_DIFFER


@dataclass(frozen=True, slots=True)
class Doubt:
    """Which references of a group may have been sent by the store before this one."""

    horizon: Restored
    #: all of them, and those of whose postings a person has looked for each one since.
    references: tuple[str, ...]
    looked_for: frozenset[str]


def restored(reading: Connection) -> Restored | None:
    """The newest restore of this store; None for one that never was."""
    value = reading.scalar(select(MARKS.c.value).where(MARKS.c.connection == _STORE, MARKS.c.name == _RESTORED))
    if value is None:
        return None
    times = orjson.loads(value)
    return Restored(datetime.fromisoformat(times["taken_at"]), datetime.fromisoformat(times["restored_at"]))


def mark_restored(transaction: Connection, taken_at: datetime, now: datetime) -> None:
    """From now on this store knows that it may have forgotten what was done since `taken_at`.

    What was open or parked in the backup may have been planned anew since, in other company: its look-ups are told so.
    Customer numbers that are handed out by us may have been given to others since: a person says where to go on.
    """
    value = {"taken_at": utc_text(taken_at), "restored_at": utc_text(now)}
    rows = [{"connection": _STORE, "name": _RESTORED, "value": dump_json(value), "updated_at": now}]
    for connection in transaction.scalars(select(CUSTOMER_NUMBERS.c.connection)).all():
        rows.append({"connection": connection, "name": _NUMBERS, "value": utc_text(taken_at), "updated_at": now})
    put_rows(transaction, MARKS, rows)
    open_states = [state.value for state in (*OPEN, State.PARKED)]
    transaction.execute(update(SUBMISSIONS).where(SUBMISSIONS.c.state.in_(open_states)).values(code=FORGOTTEN))


def numbers_are_forgotten(reading: Connection, connection: str) -> bool:
    """Whether customer numbers of `connection` may have been handed out that this store does not know."""
    wanted = select(MARKS.c.value).where(MARKS.c.connection == connection, MARKS.c.name == _NUMBERS)
    return reading.scalar(wanted) is not None


def go_on_with_numbers(transaction: Connection, connection: str, next_number: int) -> None:
    """A person has looked up that `next_number` and those after it are free."""
    put_rows(transaction, CUSTOMER_NUMBERS, [{"connection": connection, "next_number": next_number}])
    transaction.execute(delete(MARKS).where(MARKS.c.connection == connection, MARKS.c.name == _NUMBERS))


def perhaps_sent_before(
    transaction: Connection, connection: str, planned: Sequence[PlannedSubmission], now: datetime
) -> Doubt | None:
    """The references of those `planned` that may have been sent in the forgotten time. None in a store never restored.

    What this store has settled since the restore it knows; a reference settled before may have been claimed again since.
    """
    horizon = restored(transaction)
    if horizon is None:
        return None
    doubtful = _doubtful_keys(
        transaction, connection, {key for item in planned for key in item.posting_keys}, horizon, now
    )
    references = {item.reference for item in planned if not doubtful.keys().isdisjoint(item.posting_keys)}
    for some in chunks(sorted(references)):
        settled_since = select(SUBMISSIONS.c.reference).where(
            SUBMISSIONS.c.connection == connection,
            SUBMISSIONS.c.reference.in_(some),
            SUBMISSIONS.c.settled_at >= horizon.restored_at,
            SUBMISSIONS.c.code != PUT_ASIDE,
        )
        references.difference_update(transaction.scalars(settled_since).all())
    looked_for = {key for key, is_seen in doubtful.items() if is_seen}
    seen = {item.reference for item in planned if doubtful.keys() & set(item.posting_keys) <= looked_for}
    return Doubt(horizon, tuple(sorted(references)), frozenset(references & seen))


def look_up_first(transaction: Connection, trail: Trail, connection: str, ids: Mapping[str, int], doubt: Doubt) -> None:
    """Submissions claimed a moment ago -> unknown: never sent by this store, perhaps since the backup.

    `ids` are theirs by reference. What a person has looked for is looked up in the ordinary way, once more.
    """
    horizon = doubt.horizon
    submissions = {ids[reference]: reference for reference in doubt.references}
    reason = (
        f"the store was restored at {utc_text(horizon.restored_at)} from a backup of {utc_text(horizon.taken_at)}; "
        "this may have been sent in between"
    )
    move(
        transaction, SUBMISSIONS, submissions, by="id", scope=connection, sources=SUBMISSION_SOURCES[State.UNKNOWN],
        target=State.UNKNOWN,
        values={"attempts": 0, "code": FORGOTTEN, "reason": reason, "claimed_at": horizon.taken_at},
    )  # fmt: skip
    looked_for = [ids[reference] for reference in doubt.looked_for]
    for some in chunks(sorted(looked_for)):
        transaction.execute(update(SUBMISSIONS).where(SUBMISSIONS.c.id.in_(some)).values(code=""))
    entries = [
        TrailEntry("submission_unknown", reference, {"submission": submission_id, "reason": reason})
        for submission_id, reference in sorted(submissions.items())
    ]
    trail.append(connection, entries, within=transaction)


def _doubtful_keys(
    transaction: Connection, connection: str, keys: Collection[str], horizon: Restored, now: datetime
) -> dict[str, bool]:
    """Those that may have been sent, and whether a person has looked for them since.

    One who releases what a look-up could not tell of has looked.
    """
    found: dict[str, str] = {}
    looked_for: set[str] = set()
    for some in chunks(sorted(keys)):
        wanted = select(POSTINGS.c.key, POSTINGS.c.kind, POSTINGS.c.occurred_at, POSTINGS.c.subject).where(
            POSTINGS.c.connection == connection, POSTINGS.c.key.in_(some)
        )
        rows = transaction.execute(wanted)
        found.update((row.key, row.subject) for row in rows if horizon.doubts(row.kind, row.occurred_at, now))
    for subjects in chunks(sorted(set(found.values()))):
        since = (TRAIL.c.at >= utc_text(horizon.restored_at)) & TRAIL.c.kind.in_(("held", "released"))
        wanted = select(TRAIL.c.kind, TRAIL.c.payload).where(
            TRAIL.c.connection == connection, TRAIL.c.subject.in_(subjects), since
        )
        held: dict[str, str] = {}
        for row in transaction.execute(wanted.order_by(TRAIL.c.seq)):
            payload = load_json(row.payload)
            if row.kind == "held":
                held[payload["posting"]] = payload["code"]
            elif held.get(payload["posting"]) == CANNOT_TELL:
                looked_for.add(payload["posting"])
    return {key: key in looked_for for key in found}
