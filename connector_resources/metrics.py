"""What an operator wants to be alerted on, read from the store, as Prometheus metrics.

Read when asked, with a handful of queries over indexes; nothing is counted beside the store. Labels are names of
connections, states, codes and quotas: no customer, no document, no amount and no secret. It does not know of Dagster's runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from bookkeeping.postings import PostingKind
from connector_resources.gocardless.polling import WATERMARK
from connector_resources.proofs.proofs import TRAIL_VERIFIED
from connector_resources.store.schema import (
    DELIVERY_IS_UNREADABLE,
    DELIVERY_IS_WAITING,
    ENTITIES,
    INBOX_DELIVERIES,
    INBOX_EVENTS,
    LEASES,
    MARKS,
    POSTING_IS_HELD,
    POSTING_IS_UNFINISHED,
    POSTINGS,
    QUOTAS,
    SUBMISSION_IS_OPEN,
    SUBMISSIONS,
)
from connector_resources.store.store import Store

#: payouts of so many days are counted; older ones are the reports' business.
PAYOUT_DAYS = 35
_MICROSECONDS = 1_000_000
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class StoreCollector(Collector):
    """The metrics of one store, read anew at each scrape.

    Raises `StoreError` when it cannot be read: then the scrape fails, which is what alerts watch first.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        with self._store.database.snapshot() as reading:
            now = self._store.database.now()
            yield from (*_postings(reading, now), *_inbox(reading, now), *_marks(reading), *_payouts(reading, now))
            yield from _machinery(reading, now)


def registry_of(store: Store) -> CollectorRegistry:
    """A registry with the store's metrics and nothing else."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Described(store))
    return registry


class _Described(StoreCollector):
    def describe(self) -> Iterable[Metric]:
        """Nothing: the store need not be readable when the endpoint starts."""
        return ()


def _postings(reading: Connection, now: datetime) -> Iterator[Metric]:
    postings = GaugeMetricFamily("connector_postings", "Postings by state.", labels=["connection", "state"])
    for row in reading.execute(
        select(POSTINGS.c.connection, POSTINGS.c.state, func.count().label("number"))
        .group_by(POSTINGS.c.connection, POSTINGS.c.state)
    ):  # fmt: skip
        postings.add_metric([row.connection, row.state], row.number)
    yield postings
    held = GaugeMetricFamily(
        "connector_postings_held", "Postings a person must act on, by reason.", labels=["connection", "code"]
    )
    for row in reading.execute(
        select(POSTINGS.c.connection, POSTINGS.c.held_code, func.count().label("number"))
        .where(POSTING_IS_HELD).group_by(POSTINGS.c.connection, POSTINGS.c.held_code)
    ):  # fmt: skip
        held.add_metric([row.connection, row.held_code], row.number)
    yield held
    pending = GaugeMetricFamily(
        "connector_oldest_pending_seconds", "Age of the oldest posting that waits to be sent.", labels=["connection"]
    )
    for row in reading.execute(
        select(POSTINGS.c.connection, func.min(POSTINGS.c.planned_at).label("oldest"))
        .where(POSTING_IS_UNFINISHED).group_by(POSTINGS.c.connection)
    ):  # fmt: skip
        pending.add_metric([row.connection], _age_s(row.oldest, now))
    yield pending
    settled = GaugeMetricFamily(
        "connector_last_settled_timestamp_seconds", "When a posting was settled last.", labels=["connection"]
    )
    for row in reading.execute(
        select(POSTINGS.c.connection, func.max(POSTINGS.c.settled_at).label("newest")).group_by(POSTINGS.c.connection)
    ):
        if row.newest is not None:
            settled.add_metric([row.connection], _seconds(row.newest))
    yield settled


def _inbox(reading: Connection, now: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "connector_inbox_waiting", "Events received and not decided, the inbox's depth.", labels=["connection"]
    )
    oldest = GaugeMetricFamily(
        "connector_inbox_oldest_seconds", "How long the oldest of them has been waiting.", labels=["connection"]
    )
    events, webhooks = INBOX_EVENTS.c, INBOX_DELIVERIES.c
    undecided = (
        select(events.connection, func.count().label("number"), func.min(events.received_at).label("first"))
        .where(events.processed_at.is_(None)).group_by(events.connection)
    )  # fmt: skip
    untaken = (
        select(webhooks.connection, func.sum(webhooks.event_count).label("number"), func.min(webhooks.received_at).label("first"))
        .where(DELIVERY_IS_WAITING).group_by(webhooks.connection)
    )  # fmt: skip
    number: Counter[str] = Counter()
    first: dict[str, datetime] = {}
    for row in (*reading.execute(undecided), *reading.execute(untaken)):
        number[row.connection] += int(row.number)
        first[row.connection] = min(row.first, first.get(row.connection, row.first))
    for connection, count in number.items():
        waiting.add_metric([connection], count)
        oldest.add_metric([connection], _age_s(first[connection], now))
    yield waiting
    yield oldest
    unreadable = GaugeMetricFamily(
        "connector_webhooks_unreadable", "Webhooks whose events could not be taken out.", labels=["connection"]
    )
    for row in reading.execute(
        select(webhooks.connection, func.count().label("number"))
        .where(DELIVERY_IS_UNREADABLE, webhooks.body != b"").group_by(webhooks.connection)
    ):  # fmt: skip
        unreadable.add_metric([row.connection], row.number)
    yield unreadable


def _marks(reading: Connection) -> Iterator[Metric]:
    families = {
        WATERMARK: GaugeMetricFamily(
            "connector_last_poll_timestamp_seconds", "When GoCardless's events were polled last.", labels=["connection"]
        ),
        TRAIL_VERIFIED: GaugeMetricFamily(
            "connector_last_run_timestamp_seconds", "When a run came to its proofs last.", labels=["connection"]
        ),
    }
    wanted = select(MARKS.c.connection, MARKS.c.name, MARKS.c.updated_at).where(MARKS.c.name.in_(list(families)))
    for row in reading.execute(wanted):
        families[row.name].add_metric([row.connection], _seconds(row.updated_at))
    yield from families.values()


def _payouts(reading: Connection, now: datetime) -> Iterator[Metric]:
    """A payout is proven when its posting was planned: none is planned before its items add up."""
    first_day = (now - timedelta(days=PAYOUT_DAYS)).date()
    paid: dict[str, set[str]] = {}
    for row in reading.execute(
        select(ENTITIES.c.connection, ENTITIES.c.id, ENTITIES.c.body)
        .where(ENTITIES.c.resource_type == "payouts", ENTITIES.c.activity_day >= first_day)
    ):  # fmt: skip
        if orjson.loads(row.body).get("status") != "pending":
            paid.setdefault(row.connection, set()).add(row.id)
    proven: dict[str, set[str]] = {}
    planned = select(POSTINGS.c.connection, POSTINGS.c.subject).where(
        POSTINGS.c.kind == PostingKind.PAYOUT.value, POSTINGS.c.activity_day >= first_day - timedelta(days=7)
    )
    for name, payout in reading.execute(planned):
        proven.setdefault(name, set()).add(payout)
    family = GaugeMetricFamily(
        "connector_payouts", f"Payouts of the last {PAYOUT_DAYS} days by proof.", labels=["connection", "proof"]
    )
    for connection, ids in sorted(paid.items()):
        known = ids & proven.get(connection, set())
        family.add_metric([connection, "proven"], len(known))
        family.add_metric([connection, "unproven"], len(ids - known))
    yield family


def _machinery(reading: Connection, now: datetime) -> Iterator[Metric]:
    opened = GaugeMetricFamily(
        "connector_open_submissions", "Requests whose end is not recorded.", labels=["connection", "state"]
    )
    for row in reading.execute(
        select(SUBMISSIONS.c.connection, SUBMISSIONS.c.state, func.count().label("number"))
        .where(SUBMISSION_IS_OPEN).group_by(SUBMISSIONS.c.connection, SUBMISSIONS.c.state)
    ):  # fmt: skip
        opened.add_metric([row.connection, row.state], row.number)
    yield opened
    leases = GaugeMetricFamily("connector_lease_held", "1 while a process holds the lease.", labels=["lease"])
    for row in reading.execute(select(LEASES.c.name, LEASES.c.holder, LEASES.c.expires_at)):
        leases.add_metric([row.name], int(row.holder is not None and row.expires_at > now))
    yield leases
    capacity = GaugeMetricFamily("connector_quota_calls", "Calls that the quota holds when full.", labels=["quota"])
    left = GaugeMetricFamily("connector_quota_calls_left", "Calls that could be made right now.", labels=["quota"])
    blocked = GaugeMetricFamily(
        "connector_quota_blocked_seconds", "How long the remote system wants no calls.", labels=["quota"]
    )
    now_us = (now - _EPOCH) // timedelta(microseconds=1)
    for row in reading.execute(select(QUOTAS)):
        used = -(-max(0, row.full_at_us - now_us) // row.interval_us) if row.interval_us else 0
        capacity.add_metric([row.bucket], row.capacity)
        left.add_metric([row.bucket], max(0, row.capacity - used))
        blocked.add_metric([row.bucket], max(0, row.blocked_until_us - now_us) // _MICROSECONDS)
    yield capacity
    yield left
    yield blocked


def _age_s(moment: datetime, now: datetime) -> int:
    return max(0, (now - moment) // timedelta(seconds=1))


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)
