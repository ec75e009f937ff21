"""The trail: the append-only record of everything received, decided and sent, hash-chained per connection.

Each row's hash covers the row and the hash before it, so that no row can be edited, removed, inserted or moved without
breaking the chain. The head (last seq and hash) is kept apart; a head anchored outside the database also finds a
rewritten chain. Appending locks the connection's head first: every writer of a connection queues there, in one order
for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from sqlalchemy import Connection, bindparam, select, update

from connector_resources.store.columns import utc_text
from connector_resources.store.engine import AnyRow, Database, chunks, locked_by, streamed
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import insert_absent, insert_rows
from connector_resources.store.schema import TRAIL, TRAIL_HEADS

#: What the first row of a chain names as the hash before it.
GENESIS = "0" * 64

# Built once: every write of a connection begins and ends here.
_HEAD = select(TRAIL_HEADS.c.seq, TRAIL_HEADS.c.hash).where(TRAIL_HEADS.c.connection == bindparam("wanted"))
_LOCKED_HEAD = _HEAD.with_for_update()
_NEW_HEAD = (
    update(TRAIL_HEADS)
    .where(TRAIL_HEADS.c.connection == bindparam("wanted"))
    .values(seq=bindparam("seq"), hash=bindparam("hash"))
)


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """What is to be recorded. `payload` is JSON-able and never holds a secret."""

    kind: str
    subject: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrailRow:
    """One recorded row. `at` is aware UTC."""

    connection: str
    seq: int
    at: datetime
    kind: str
    subject: str
    payload: dict[str, Any]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that was noted somewhere else: number and hash of a row, and who noted it."""

    row: int
    hash: str
    noted_by: str


@dataclass(frozen=True, slots=True)
class TrailReport:
    """What verification found. `first_bad_seq` is the first place where the chain is not what it must be."""

    ok: bool
    rows: int
    head: str
    first_bad_seq: int | None = None
    problem: str = ""


class Trail:
    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, connection: str, entries: Sequence[TrailEntry], *, within: Connection | None = None) -> str:
        """Add `entries` in order, in one statement; returns the chain's new head hash."""
        with self._database.write(within) as transaction:
            seq, previous = self.lock(connection, within=transaction)
            if not entries:
                return previous
            at = utc_text(self._database.now())
            rows = []
            for entry in entries:
                seq += 1
                payload = dump_json(entry.payload)
                digest = row_hash(connection, seq, at, entry.kind, entry.subject, payload, previous)
                rows.append(
                    {
                        "connection": connection,
                        "seq": seq,
                        "at": at,
                        "kind": entry.kind,
                        "subject": entry.subject,
                        "payload": payload,
                        "previous_hash": previous,
                        "hash": digest,
                    }
                )
                previous = digest
            insert_rows(transaction, TRAIL, rows)
            transaction.execute(_NEW_HEAD, {"wanted": connection, "seq": seq, "hash": previous})
            locked_by(transaction)[connection] = seq, previous
            return previous

    def lock(self, connection: str, *, within: Connection) -> tuple[int, str]:
        """Make every other writer of this connection wait until `within` ends; gives the head (seq, hash).

        Writers call it before they touch any other row, so that two of them never wait for each other.
        """
        held: dict[str, tuple[int, str]] = locked_by(within)
        if connection not in held:
            held[connection] = self._locked_head(connection, within)
        return held[connection]

    def _locked_head(self, connection: str, within: Connection) -> tuple[int, str]:
        row = within.execute(_LOCKED_HEAD, {"wanted": connection}).one_or_none()
        if row is None:
            insert_absent(
                within, TRAIL_HEADS, [{"connection": connection, "seq": 0, "hash": GENESIS}], returning="connection"
            )
            row = within.execute(_LOCKED_HEAD, {"wanted": connection}).one()
        return row.seq, row.hash

    def head(self, connection: str) -> tuple[int, str]:
        """Number of rows and hash of the last one; `(0, GENESIS)` for a connection without a trail."""
        with self._database.read() as reading:
            return _head(reading, connection) or (0, GENESIS)

    def about(self, connection: str | None, subjects: Collection[str]) -> list[TrailRow]:
        """Every row about one of `subjects`, of one connection or of all, oldest first."""
        rows: list[TrailRow] = []
        with self._database.read() as reading:
            for slice_subjects in chunks(sorted(set(subjects))):
                wanted = select(TRAIL).where(TRAIL.c.subject.in_(slice_subjects))
                if connection is not None:
                    wanted = wanted.where(TRAIL.c.connection == connection)
                rows.extend(_trail_row(row) for row in reading.execute(wanted))
        return sorted(rows, key=lambda row: (row.connection, row.seq))

    def export(self, connection: str, file: IO[str]) -> int:
        """Write the whole chain as JSON lines, oldest first; returns how many.

        Payloads stay the text that was hashed.
        """
        count = 0
        with self._database.snapshot() as reading:
            for row in _rows_in_order(reading, connection):
                file.write(dump_json({str(name): value for name, value in row._mapping.items()}) + "\n")
                count += 1
        return count

    def verify(
        self,
        connection: str,
        *,
        anchored_head: str | None = None,
        only_after_anchor: bool = False,
        anchors: Sequence[Anchor] = (),
    ) -> TrailReport:
        """Read the whole chain again and prove it.

        `anchored_head` is a head noted earlier outside the database, as `<hash>` or `<row>:<hash>`: it must still be
        there. `only_after_anchor` reads from that row on: quick, and blind for what was done to the rows before it.
        `anchors` must all be there, each at its row: a chain that was rewritten with hashes that fit fails at the first
        one that is not.
        """
        row, _, anchor = (anchored_head or "").lower().rpartition(":")
        first = int(row) if only_after_anchor and row else 1
        with self._database.snapshot() as reading:
            return verify_within(reading, connection, anchor or None, first, anchors)


def verify_within(
    reading: Connection,
    connection: str,
    anchor: str | None = None,
    first: int = 1,
    anchors: Sequence[Anchor] = (),
) -> TrailReport:
    """`Trail.verify` inside a transaction that is under way; `anchor` is the hash alone."""
    # A broken chain is not read to its end: its cursor is closed before the connection is.
    with closing(_rows_in_order(reading, connection, first)) as rows:
        return _verify(rows, _head(reading, connection), anchor, _by_row(anchors, first), first)


def row_hash(connection: str, seq: int, at: str, kind: str, subject: str, payload: str, previous_hash: str) -> str:
    """SHA-256 over the fields in this order, each preceded by its length in eight bytes, as hexadecimal text."""
    fields = (connection, str(seq), at, kind, subject, payload, previous_hash)
    told = [len(encoded).to_bytes(8, "big") + encoded for encoded in map(str.encode, fields)]
    return hashlib.sha256(b"".join(told)).hexdigest()


def _by_row(anchors: Sequence[Anchor], first: int) -> dict[int, list[Anchor]]:
    found: dict[int, list[Anchor]] = {}
    for anchor in sorted(anchors, key=lambda each: each.row):
        if anchor.row >= first:
            found.setdefault(anchor.row, []).append(anchor)
    return found


def _verify(
    rows: Iterator[AnyRow],
    head: tuple[int, str] | None,
    anchor: str | None,
    noted: Mapping[int, Sequence[Anchor]],
    first: int = 1,
) -> TrailReport:
    count, previous = first - 1, GENESIS if first == 1 else ""
    anchor_seen = anchor in (None, GENESIS)
    for row in rows:
        number, at, kind, subject, payload, previous_hash, digest, connection = row
        expected = count + 1
        if number != expected:
            return TrailReport(False, count, previous, expected, f"row {expected} is missing; the next one is {number}")
        if previous and previous_hash != previous:
            problem = f"row {expected} does not follow the row before it: one of both was edited, moved or inserted"
            return TrailReport(False, count, previous, expected, problem)
        if digest != row_hash(connection, number, at, kind, subject, payload, previous_hash):
            return TrailReport(False, count, previous, expected, f"row {expected} was edited after it was written")
        count, previous = number, digest
        other = next((each for each in noted.get(number, ()) if each.hash != digest), None)
        if other is not None:
            problem = (
                f"row {number} is not the one that {other.noted_by} noted: the chain was rewritten from there or before"
            )
            return TrailReport(False, count, previous, number, problem)
        anchor_seen = anchor_seen or digest == anchor
    seq, last = head or (0, GENESIS)
    if not previous:
        return TrailReport(False, count, previous, first, f"row {first} is missing, which was there when it was noted")
    if count < seq:
        problem = f"the tail is cut: {seq} rows were written, {count} are left"
        return TrailReport(False, count, previous, count + 1, problem)
    if count > seq:
        problem = f"{count - seq} rows after the recorded head {seq} were not written by the store"
        return TrailReport(False, count, previous, seq + 1, problem)
    if previous != last:
        return TrailReport(
            False, count, previous, count, "the last row is not the recorded head: the chain was rewritten"
        )
    if missing := [row for row in noted if row > count]:
        by = noted[missing[0]][0].noted_by
        problem = (
            f"row {missing[0]} is not there any more, which {by} noted: the trail was cut after row {count} or before"
        )
        return TrailReport(False, count, previous, count + 1, problem)
    if not anchor_seen:
        problem = "the anchored head is not in the chain: the trail was cut or rewritten after it was noted"
        return TrailReport(False, count, previous, count + 1, problem)
    return TrailReport(True, count, previous)


def _rows_in_order(reading: Connection, connection: str, first: int = 1) -> Generator[AnyRow]:
    wanted = select(
        TRAIL.c.seq,
        TRAIL.c.at,
        TRAIL.c.kind,
        TRAIL.c.subject,
        TRAIL.c.payload,
        TRAIL.c.previous_hash,
        TRAIL.c.hash,
        TRAIL.c.connection,
    )
    these = wanted.where(TRAIL.c.connection == connection, TRAIL.c.seq >= first)
    return streamed(reading, these.order_by(TRAIL.c.seq))


def _head(reading: Connection, connection: str) -> tuple[int, str] | None:
    row = reading.execute(_HEAD, {"wanted": connection}).one_or_none()
    return None if row is None else (row.seq, row.hash)


def _trail_row(row: AnyRow) -> TrailRow:
    return TrailRow(
        connection=row.connection,
        seq=row.seq,
        at=datetime.fromisoformat(row.at),
        kind=row.kind,
        subject=row.subject,
        payload=load_json(row.payload),
        previous_hash=row.previous_hash,
        hash=row.hash,
    )
