"""The trail: the append-only record of everything received, decided and sent, hash-chained per connection.

Each row's hash covers the row and the hash before it, so that no row can be edited, removed, inserted or moved without
breaking the chain. The head (last seq and hash) is kept apart; a head anchored outside the database also finds a
rewritten chain. Appending locks the connection's head first: every writer of a connection queues there, in one order
for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from sqlalchemy import Connection, insert, select, update

from connector_resources.store.columns import utc_text
from connector_resources.store.engine import AnyRow, Database, chunks, streamed
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import insert_absent
from connector_resources.store.schema import TRAIL, TRAIL_HEADS

#: What the first row of a chain names as the hash before it.
GENESIS = "0" * 64


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
            transaction.execute(insert(TRAIL), rows)
            head = update(TRAIL_HEADS).where(TRAIL_HEADS.c.connection == connection)
            transaction.execute(head.values(seq=seq, hash=previous))
            return previous

    def lock(self, connection: str, *, within: Connection) -> tuple[int, str]:
        """Make every other writer of this connection wait until `within` ends; gives the head (seq, hash).

        Writers call it before they touch any other row, so that two of them never wait for each other.
        """
        wanted = select(TRAIL_HEADS.c.seq, TRAIL_HEADS.c.hash).where(TRAIL_HEADS.c.connection == connection)
        row = within.execute(wanted.with_for_update()).one_or_none()
        if row is None:
            insert_absent(
                within, TRAIL_HEADS, [{"connection": connection, "seq": 0, "hash": GENESIS}], returning="connection"
            )
            row = within.execute(wanted.with_for_update()).one()
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
        self, connection: str, *, anchored_head: str | None = None, only_after_anchor: bool = False
    ) -> TrailReport:
        """Read the whole chain again and prove it.

        `anchored_head` is a head noted earlier outside the database, as `<hash>` or `<row>:<hash>`: it must still be
        there. `only_after_anchor` reads from that row on: quick, and blind for what was done to the rows before it.
        """
        row, _, anchor = (anchored_head or "").lower().rpartition(":")
        first = int(row) if only_after_anchor and row else 1
        with self._database.snapshot() as reading:
            rows = _rows_in_order(reading, connection, first)
            return _verify(rows, _head(reading, connection), anchor or None, first)


def row_hash(connection: str, seq: int, at: str, kind: str, subject: str, payload: str, previous_hash: str) -> str:
    """SHA-256 over the fields in this order, each preceded by its length in eight bytes, as hexadecimal text."""
    parts = []
    for field in (connection, str(seq), at, kind, subject, payload, previous_hash):
        encoded = field.encode()
        parts.append(len(encoded).to_bytes(8, "big"))
        parts.append(encoded)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _verify(rows: Iterator[AnyRow], head: tuple[int, str] | None, anchor: str | None, first: int = 1) -> TrailReport:
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
    if not anchor_seen:
        problem = "the anchored head is not in the chain: the trail was cut or rewritten after it was noted"
        return TrailReport(False, count, previous, count + 1, problem)
    return TrailReport(True, count, previous)


def _rows_in_order(reading: Connection, connection: str, first: int = 1) -> Iterator[AnyRow]:
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
    wanted = select(TRAIL_HEADS.c.seq, TRAIL_HEADS.c.hash).where(TRAIL_HEADS.c.connection == connection)
    row = reading.execute(wanted).one_or_none()
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
