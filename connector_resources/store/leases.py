"""Leases: one process at a time may work on a named thing, on any number of machines; a crash frees it after its time.

Each holder gets a fence, a number that only grows. Writers compare it inside their transaction, so that a holder who
was paused longer than its lease can do no harm when it wakes. Holders renew between pieces of work; no thread does it
for them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from connector_resources.errors import LeaseBusy, LeaseLost
from connector_resources.store.engine import Database
from connector_resources.store.rows import insert_absent
from connector_resources.store.schema import LEASES

#: how often a waiting process asks again.
POLL_EVERY_S = 0.1

# Built once: the lease is asked before every single write to a remote system.
_CURRENT = select(LEASES.c.fence, LEASES.c.expires_at).where(LEASES.c.name == bindparam("wanted_name"))
_FREE = LEASES.c.holder.is_(None) | (LEASES.c.expires_at <= bindparam("now"))
_TAKE = (
    update(LEASES)
    .where(LEASES.c.name == bindparam("wanted_name"), _FREE)
    .values(holder=bindparam("new_holder"), fence=LEASES.c.fence + 1, expires_at=bindparam("until"))
    .returning(LEASES.c.fence)
)
_OWN = update(LEASES).where(
    LEASES.c.name == bindparam("wanted_name"),
    LEASES.c.holder == bindparam("own_holder"),
    LEASES.c.fence == bindparam("own_fence"),
)
_RENEW = _OWN.values(expires_at=bindparam("until"))
_RELEASE = _OWN.values(holder=None)
_FENCE = select(LEASES.c.fence).where(LEASES.c.name == bindparam("wanted_name")).with_for_update(read=True)


def _lasts(database: Database) -> bool:
    """Whether a lease must be on disk to count: whoever holds one in SQLite is on its machine, and gone after a power cut.

    What the holder writes durably carries the lease to the disk with it.
    """
    return not database.is_sqlite


class Lease:
    """A lease that is held. `fence` is higher than that of every earlier holder of the same name."""

    def __init__(self, database: Database, name: str, holder: str, fence: int, ttl_s: float) -> None:
        self.name = name
        self.fence = fence
        self._database = database
        self._holder = holder
        self._ttl_s = ttl_s

    def __repr__(self) -> str:
        return f"Lease({self.name!r}, fence={self.fence})"

    def renew(self) -> None:
        """Hold it for another full time from now. Raises `LeaseLost` when another process took it."""
        expires_at = self._database.now() + timedelta(seconds=self._ttl_s)
        with self._database.write(durable=_lasts(self._database)) as transaction:
            renewed = transaction.execute(_RENEW, {**self._own(), "until": expires_at}).rowcount
        if not renewed:
            raise lease_lost(self.name)

    def require(self) -> None:
        """Make sure of at least half of its full time from now. Raises `LeaseLost` when another process took it.

        Costs one read. A lease that is about to run out, or did while this process stood still, is renewed: what is
        sent next must not meet another process that has just been let in.
        """
        with self._database.read() as reading:
            current = reading.execute(_CURRENT, {"wanted_name": self.name}).one()
        if current.fence != self.fence:
            raise lease_lost(self.name)
        if current.expires_at < self._database.now() + timedelta(seconds=self._ttl_s / 2):
            self.renew()

    def release(self) -> None:
        """Let the next process in at once. A lease that was lost meanwhile is left to its new holder."""
        with self._database.write(durable=_lasts(self._database)) as transaction:
            transaction.execute(_RELEASE, self._own())

    def _own(self) -> dict[str, Any]:
        return {"wanted_name": self.name, "own_holder": self._holder, "own_fence": self.fence}


class Leases:
    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def hold(self, name: str, *, ttl_s: float, wait_s: float = 0) -> Iterator[Lease]:
        """Hold `name` inside the block. Raises `LeaseBusy` when another process still holds it after `wait_s`."""
        waited_s = 0.0
        while (lease := self._take(name, ttl_s)) is None:
            if waited_s >= wait_s:
                raise LeaseBusy(
                    f"another process is at work on {name}",
                    subject=name,
                    next_step="wait until it has finished; a crashed one frees it when its lease runs out",
                )
            pause_s = min(POLL_EVERY_S, wait_s - waited_s)
            self._database.sleep(pause_s)
            waited_s += pause_s
        try:
            yield lease
        finally:
            lease.release()

    def _take(self, name: str, ttl_s: float) -> Lease | None:
        now = self._database.now()
        holder = uuid.uuid4().hex
        with self._database.write(durable=_lasts(self._database)) as transaction:
            insert_absent(
                transaction, LEASES, [{"name": name, "holder": None, "fence": 0, "expires_at": now}], returning="name"
            )
            told = {
                "wanted_name": name,
                "now": now,
                "new_holder": holder,
                "until": now + timedelta(seconds=ttl_s),
            }
            fence = transaction.execute(_TAKE, told).scalar_one_or_none()
        return None if fence is None else Lease(self._database, name, holder, fence, ttl_s)


def require_fence(transaction: Connection, name: str, fence: int) -> None:
    """Raise `LeaseLost` when the lease `name` was given to another holder since `fence`.

    The row stays locked until `transaction` ends, so that nobody takes the lease over in between.
    """
    current = transaction.scalar(_FENCE, {"wanted_name": name})
    if current is not None and current > fence:
        raise lease_lost(name)


def lease_lost(name: str) -> LeaseLost:
    return LeaseLost(
        f"another process has taken over {name}",
        subject=name,
        next_step="stop here; what this process left open is looked up by the one that took over",
    )
