"""Signs of life: every process that works on a run says so in the store again and again, for as long as it lives.

A process that was killed, or whose machine lost its power, cannot say that it is gone. It shows by a sign that does not change
any more. Signs say nothing of the postings: those are the lease's and the ledger's.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from connector_resources.posting.heartbeat import Heartbeat
from connector_resources.store.marks import Marks
from connector_resources.store.store import Store

#: how often a sign changes; whoever watches must look less often than that.
BEAT_S = 10.0
PREFIX = "run:"
#: signs belong to runs, not to a connection.
_NO_CONNECTION = ""


class SignsOfLife:
    """The signs of all processes that share the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextlib.contextmanager
    def at_work(self, run: str) -> Iterator[None]:
        """Inside the block the run's sign changes every `BEAT_S`; afterwards there is none."""
        sign = _Sign(self._store, PREFIX + run)
        sign.renew()
        try:
            with Heartbeat(sign, BEAT_S):
                yield
        finally:
            self.forget(run)

    def all(self) -> dict[str, str]:
        """The present sign of every run that has one. Two that are equal mean that nothing was heard in between."""
        signs = self._store.marks.starting_with(_NO_CONNECTION, PREFIX)
        return {name.removeprefix(PREFIX): sign for name, sign in signs.items()}

    def forget(self, run: str) -> None:
        self._store.marks.forget(_NO_CONNECTION, PREFIX + run)


class _Sign:
    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._marks: Marks = store.marks

    def renew(self) -> None:
        # No time: the clocks of machines differ, and those of stand-ins may stand still.
        self._marks.set(_NO_CONNECTION, self.name, uuid.uuid4().hex)
