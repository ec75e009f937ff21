"""Rate limits of remote systems, shared by every process through the database: one row a bucket.

The bucket is kept as one instant, the moment at which it will be full again if nobody takes anything (the generic cell
rate algorithm). All arithmetic is whole microseconds. A caller that must wait has its place in the queue reserved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

from sqlalchemy import BigInteger, Connection, bindparam, case, select, update

from connector_resources.store.engine import AnyRow, Database
from connector_resources.store.rows import insert_absent
from connector_resources.store.schema import QUOTAS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_quotas = QUOTAS.c

# Built once: every call to a remote system passes here, and building a statement takes longer than running it.
_ROW = select(QUOTAS).where(_quotas.bucket == bindparam("wanted_bucket"))
_LOCKED_ROW = _ROW.with_for_update()
_BLOCKED = select(_quotas.blocked_until_us).where(_quotas.bucket == bindparam("wanted_bucket"))
_NOW = bindparam("now_us", type_=BigInteger)
_EARLIEST = case((_quotas.blocked_until_us > _NOW, _quotas.blocked_until_us), else_=_NOW)
_LEVEL = case((_quotas.full_at_us > _EARLIEST, _quotas.full_at_us), else_=_EARLIEST)
_TAKE = (
    update(QUOTAS)
    .where(_quotas.bucket == bindparam("wanted_bucket"))
    .values(
        capacity=bindparam("capacity"),
        interval_us=bindparam("interval_us"),
        full_at_us=_LEVEL + bindparam("taken_us", type_=BigInteger),
    )
    .returning(_quotas.full_at_us, _quotas.blocked_until_us)
)
_LOWER = (
    update(QUOTAS)
    .where(_quotas.bucket == bindparam("wanted_bucket"))
    .values({name: bindparam(name) for name in ("full_at_us", "blocked_until_us")})
)


@dataclass(frozen=True, slots=True)
class _Level:
    """A bucket's row as it was at some moment. Neither instant ever goes back, whoever writes."""

    capacity: int
    interval_us: int
    full_at_us: int
    blocked_until_us: int


class Quotas:
    def __init__(self, database: Database) -> None:
        self._database = database
        #: by bucket, what this process saw last: what follows from that need not be asked for.
        self._seen: dict[str, _Level] = {}

    def take(self, bucket: str, *, capacity: int, refill_per_s: Decimal | Fraction, cost: int = 1) -> float:
        """Reserve `cost` calls; returns how many seconds the caller must sleep before it makes them, 0 for none.

        Never more than `capacity` calls fall due at once, and never more than `refill_per_s` each second after that. What
        a power cut loses of it is over before anybody calls again.
        """
        if not 0 < cost <= capacity or refill_per_s <= 0:
            raise ValueError(f"bucket {bucket}: cost {cost}, capacity {capacity}, refill {refill_per_s} make no sense")
        interval_us = ceil(1_000_000 / Fraction(refill_per_s))
        told = {
            "wanted_bucket": bucket,
            "capacity": capacity,
            "interval_us": interval_us,
            "taken_us": cost * interval_us,
        }
        with self._database.write(durable=False) as transaction:
            told["now_us"] = now_us = self._now_us()
            row = transaction.execute(_TAKE, told).one_or_none()
            if row is None:
                self._locked(transaction, bucket, capacity, interval_us)
                row = transaction.execute(_TAKE, told).one()
        self._seen[bucket] = _Level(capacity, interval_us, row.full_at_us, row.blocked_until_us)
        due_us = max(now_us, row.blocked_until_us, row.full_at_us - capacity * interval_us)
        return timedelta(microseconds=due_us - now_us).total_seconds()

    def observe(self, bucket: str, *, remaining: int, reset_in_s: float, slack: int = 0) -> None:
        """The server says how many calls are left in its window: our level is lowered to that, never raised.

        With none left nobody sends before the window ends. A bucket nobody has taken from yet is left alone unless
        blocked. What is known already costs one read at most, and none when this process knows it: a row only ever
        rises, so that what it was above it stays above. A level that is too high by `slack` calls at most is left, so that
        one that fills while the server's does not is not written down with every answer.
        """
        seen = self._seen.get(bucket)
        if seen is not None and self._lowered(seen, remaining, reset_in_s, slack) is None:
            return
        with self._database.read() as reading:
            known = reading.execute(_ROW, {"wanted_bucket": bucket}).one_or_none()
        if known is None and remaining > 0:
            return
        if known is not None:
            self._seen[bucket] = _level(known)
            if self._lowered(known, remaining, reset_in_s, slack) is None:
                return
        with self._database.write(durable=False) as transaction:
            lowered = self._lowered(self._locked(transaction, bucket, 0, 0), remaining, reset_in_s, slack)
            if lowered is not None:
                transaction.execute(_LOWER, {"wanted_bucket": bucket, **lowered})

    def block(self, bucket: str, seconds: float) -> None:
        """The server turned a call away: nobody sends for this long. A longer block that is already known stays."""
        with self._database.write() as transaction:
            self._locked(transaction, bucket, 0, 0)
            until_us = self._now_us() + _us(timedelta(seconds=seconds))
            later = case((_quotas.blocked_until_us > until_us, _quotas.blocked_until_us), else_=until_us)
            blocked = update(QUOTAS).where(_quotas.bucket == bucket).values(blocked_until_us=later)
            transaction.execute(blocked)

    def blocked_for(self, bucket: str) -> float:
        """Seconds for which nobody may send, 0 for a bucket that is open or unknown; nothing is reserved."""
        with self._database.read() as reading:
            until_us = reading.scalar(_BLOCKED, {"wanted_bucket": bucket}) or 0
        return timedelta(microseconds=max(0, until_us - self._now_us())).total_seconds()

    def _locked(self, transaction: Connection, bucket: str, capacity: int, interval_us: int) -> AnyRow:
        """The bucket's row, full when it is new; other processes wait until the transaction ends."""
        wanted = {"wanted_bucket": bucket}
        row = transaction.execute(_LOCKED_ROW, wanted).one_or_none()
        if row is None:
            full = {
                "bucket": bucket,
                "capacity": capacity,
                "interval_us": interval_us,
                "full_at_us": 0,
                "blocked_until_us": 0,
            }
            insert_absent(transaction, QUOTAS, [full], returning="bucket")
            row = transaction.execute(_LOCKED_ROW, wanted).one()
        return row

    def _lowered(self, row: AnyRow | _Level, remaining: int, reset_in_s: float, slack: int) -> dict[str, int] | None:
        """What the server's word makes of `row`; None when that says nothing new."""
        now_us = self._now_us()
        used = max(0, row.capacity - max(0, remaining))
        # A level that is full by now is full, whatever moment is written down for it.
        full_at_us = max(row.full_at_us, now_us + used * row.interval_us) if used else row.full_at_us
        blocked_until_us = row.blocked_until_us
        if remaining <= 0:
            blocked_until_us = max(blocked_until_us, now_us + _us(timedelta(seconds=reset_in_s)))
        if full_at_us - row.full_at_us <= slack * row.interval_us and blocked_until_us == row.blocked_until_us:
            return None
        return {"full_at_us": full_at_us, "blocked_until_us": blocked_until_us}

    def _now_us(self) -> int:
        return _us(self._database.now() - _EPOCH)


def _level(row: AnyRow) -> _Level:
    return _Level(row.capacity, row.interval_us, row.full_at_us, row.blocked_until_us)


def _us(span: timedelta) -> int:
    return span // _MICROSECOND
