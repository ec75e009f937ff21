"""How a process ends in the middle of its work without a second process: at a chosen point everything it could still do stops.

A process passes points: before and after every commit, before and after every write to a remote system. At the chosen
one `Death` is raised, and from then on every statement to the database raises it again: what unwinds afterwards, like
giving a lease back, changes nothing, as if the process were gone.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from connector_resources.erp.contract import Outcome, PlannedSubmission

#: what a process that waits for a locked database does wait; the product's own patience would make a campaign slow.
BUSY_MS = 20


class Death(BaseException):
    """The process is gone. No code catches it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The `number`-th point that a process passes; with `at_writes` only those before and after a write are counted."""

    number: int
    at_writes: bool = False


class Fate:
    """What happens to one process: the point at which it ends, if any, and what else happens at a point."""

    def __init__(
        self, ends_at: Moment | None = None, happens: Sequence[tuple[Moment, Callable[[], None]]] = ()
    ) -> None:
        self.passed = 0
        self.is_dead = False
        self.points: Counter[str] = Counter()
        self.last = ""
        self.died_at = ""
        self._ends_at = ends_at
        self._happens = happens
        self._committed = False

    def passes(self, point: str) -> None:
        """Raises `Death` at the chosen point and ever after."""
        self.goes_on()
        self.passed += 1
        self.points[point] += 1
        self.last = point
        for moment, happening in self._happens:
            if self._is_now(moment):
                happening()
        if self._ends_at is not None and self._is_now(self._ends_at):
            self.is_dead = True
            self.died_at = point
            raise Death(point)

    def _is_now(self, moment: Moment) -> bool:
        if not moment.at_writes:
            return self.passed == moment.number
        writes = self.points["before a write"] + self.points["after a write"]
        return writes == moment.number and self.last.endswith("a write")

    def commits(self) -> None:
        """A commit is about to be made."""
        self.passes("before a commit")
        self._committed = True

    def goes_on(self) -> None:
        """Anything else is about to be done: whatever was committed last is now behind it."""
        if self.is_dead:
            raise Death("gone already")
        if self._committed:
            self._committed = False
            self.passes("after a commit")


class Watched:
    """Ties an engine to whatever fate its process has at the moment."""

    def __init__(self, engine: Engine) -> None:
        self.fate = Fate()
        self.is_full = False
        event.listen(engine, "connect", _impatient)
        # The dialect and the pool are listened to, not the engine, which does twice as much for a statement then.
        event.listen(engine, "do_execute", lambda *_: self.fate.goes_on())
        event.listen(engine, "do_executemany", lambda *_: self.fate.goes_on())
        event.listen(engine, "checkout", self._check_out)
        self._commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._commits  # type: ignore[method-assign]
        # Connections that were opened before have the product's patience.
        engine.dispose()

    def _commits(self, connection: Any) -> None:
        self.fate.commits()
        self._commit(connection)

    def _check_out(self, connection: Any, record: Any, *_: object) -> None:
        # Before the write lock is taken a process may end, or another begin.
        self.fate.goes_on()
        self._fill(connection, record)

    def _fill(self, connection: Any, record: Any) -> None:
        """SQLite's own way to say that the disk is full."""
        if self.is_full == record.info.get("is_full", False):
            return
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages if self.is_full else 1_000_000_000}")
        record.info["is_full"] = self.is_full


class Mortal:
    """A connector whose process has a fate."""

    def __init__(self, connector: Any, watched: Watched) -> None:
        self._connector = connector
        self._watched = watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def submit(self, submission: PlannedSubmission) -> Outcome:
        self._watched.fate.passes("before a write")
        outcome: Outcome = self._connector.submit(submission)
        self._watched.fate.passes("after a write")
        return outcome


class LockedDatabase:
    """Another program holds the write lock of an SQLite file."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

    def lock(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._connection.close()


def _impatient(connection: Any, record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    # A process dies here, not a machine: what was committed is there without waiting for the disk.
    connection.execute("PRAGMA synchronous = OFF")
    record.info["synchronous"] = "OFF"
