"""What a run would post, with the exact requests, and nothing sent or recorded.

Everything happens in a scratch copy of the connection's part of the store, so even the events read for it are forgotten. Only
tokens and rate limits are the real ones: a refresh token that is used up is used up for everybody.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bookkeeping.postings import Posting, PostingKind
from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import CustomerDirectory, LinkReport
from connector_resources.erp.contract import Complete, ErpConnector, Hold, PlannedSubmission
from connector_resources.erp.registry import erp_kind
from connector_resources.erp.request_calls import CallTable
from connector_resources.forecast.expected_calls import writing_calls
from connector_resources.forecast.finishing import Forecast, SystemCalls, forecast
from connector_resources.gocardless.reading import Reader
from connector_resources.posting.next_work import next_work
from connector_resources.posting.planning import Planner, Scope
from connector_resources.posting.protocol import PASS_SIZE
from connector_resources.runtime import Runtime
from connector_resources.store.scratch import copy_connection
from connector_resources.store.states import UNFINISHED
from connector_resources.store.store import Store
from connector_resources.subscriptions.reading import read_recurring_charges
from connector_resources.subscriptions.run import SubscriptionReport, subscribe


@dataclass(frozen=True, slots=True)
class DryRun:
    """The postings a run would add, the first request of each, and what would be held.

    `waiting` says what events wait for, and postings that a run would leave until a person acts.
    `collections` is what would be collected and why each other open item would not; None where nothing is collected.
    `subscriptions` is what would be asked of GoCardless first so that they follow the ERP's recurring charges.
    """

    postings: tuple[Posting, ...]
    submissions: tuple[PlannedSubmission, ...]
    holds: tuple[Hold, ...]
    nothing_to_book: tuple[Complete, ...]
    waiting: tuple[str, ...]
    links: LinkReport
    #: when a run that starts now would be finished.
    forecast: Forecast
    collections: CollectionReport | None = None
    subscriptions: SubscriptionReport | None = None


@dataclass(frozen=True, slots=True)
class _Requests:
    """What planning gives for one system."""

    postings: list[Posting]
    submissions: list[PlannedSubmission]
    holds: list[Hold]
    nothing_to_book: list[Complete]
    #: until everything that waits is settled, what one look does not show included.
    calls: int

    def and_also(self, other: _Requests) -> _Requests:
        return _Requests(
            self.postings + other.postings,
            self.submissions + other.submissions,
            self.holds + other.holds,
            self.nothing_to_book + other.nothing_to_book,
            self.calls + other.calls,
        )


def dry_run(runtime: Runtime, connection: Connection, scope: Scope) -> DryRun:
    """Read the days from GoCardless and the ERP, plan them, and forget it all. Raises what reading raises."""
    before = runtime.counter.by_system
    costs = erp_kind(connection.erp.kind).calls(connection.erp)
    ordered = 0
    with _scratch(runtime, connection) as store:
        trial = replace(runtime, store=store)
        with trial.gocardless(connection) as client:
            reader = Reader(store, client, connection)
            for read in (reader.events, reader.mandates, reader.payments, reader.refunds, reader.customers):
                read(scope)
            reader.payouts(scope)
            reader.payout_items(scope)
        with trial.erp(connection) as connector:
            links = CustomerDirectory(store, connection, connector).link_all(runtime.clock())
            planner = trial.planner(connection)
            waiting = _plan(planner, scope)
            planned = _first_requests(trial, connection, connector, costs)
            posted = planned.calls
            waiting += [each.reason for each in store.ledger.waiting_on(connection.name) if each.waits_for_a_person]
            if connection.collections.enabled:
                read_open_invoices(store, connection.name, connector)
            if connection.subscriptions.enabled:
                read_recurring_charges(store, connection.name, connector)
        subscriptions = subscribe(trial, connection, send=False) if connection.subscriptions.enabled else None
        collections = collect(trial, connection, send=False) if connection.collections.enabled else None
        if collections is not None or subscriptions is not None:
            with trial.gocardless_target(connection) as target:
                orders = _first_requests(trial, connection, target, CallTable())
                ordered = orders.calls
                planned = planned.and_also(orders)
    return DryRun(
        tuple(planned.postings),
        tuple(planned.submissions),
        tuple(planned.holds),
        tuple(planned.nothing_to_book),
        tuple(waiting),
        links,
        forecast(runtime, _needed(runtime, connection, before, posted, ordered, costs)),
        collections,
        subscriptions,
    )


def _first_requests(trial: Runtime, connection: Connection, target: ErpConnector, costs: CallTable) -> _Requests:
    """What a system would get first of everything that waits for it."""
    work = next_work(trial.store, connection.name, target.traits.kinds, limit=PASS_SIZE, looking_ahead=True)
    fresh = [item for item in work if not item.done]
    target.prepare([item.posting for item in fresh])
    cut_off = max((item.posting.occurred_at for item in fresh), default=trial.clock())
    answers = target.plan(fresh, cut_off) if fresh else []
    postings = [item.posting for item in fresh]
    submissions = [a for a in answers if isinstance(a, PlannedSubmission)]
    return _Requests(
        postings,
        submissions,
        [a for a in answers if isinstance(a, Hold)],
        [a for a in answers if isinstance(a, Complete)],
        writing_calls(costs, postings, submissions, _waiting(trial, connection, target)),
    )


def _waiting(trial: Runtime, connection: Connection, target: ErpConnector) -> Counter[PostingKind]:
    """How many postings wait for a system, by kind."""
    waiting: Counter[PostingKind] = Counter()
    for row in trial.store.ledger.counts(connection.name):
        if row.state in UNFINISHED and row.kind in target.traits.kinds:
            waiting[PostingKind(row.kind)] += row.count
    return waiting


def _needed(
    runtime: Runtime, connection: Connection, before: Mapping[str, int], posted: int, ordered: int, costs: CallTable
) -> list[SystemCalls]:
    """In the order in which they are called first. A run reads what was read here."""
    traits = erp_kind(connection.erp.kind).traits
    read = {system: calls - before.get(system, 0) for system, calls in runtime.counter.by_system.items()}
    return [
        SystemCalls("gocardless", "GoCardless", read.get("gocardless", 0), ordered),
        SystemCalls(traits.erp, traits.label, read.get(traits.erp, 0), posted, costs.continuing),
    ]


def _plan(planner: Planner, scope: Scope) -> list[str]:
    reports = [
        planner.plan_payments(scope),
        planner.plan_refunds(scope),
        planner.plan_master_data(scope),
        planner.plan_payouts(scope),
    ]
    return [decision.reason for report in reports for decision in report.waiting]


@contextmanager
def _scratch(runtime: Runtime, connection: Connection) -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="connector-plan-") as folder:
        url = f"sqlite:///{Path(folder) / 'scratch.sqlite'}"
        with Store.open(url, clock=runtime.clock, vault_key=runtime.vault_key) as store:
            store.migrate()
            copy_connection(runtime.store, store, connection.name)
            store.share_access_of(runtime.store)
            yield store
