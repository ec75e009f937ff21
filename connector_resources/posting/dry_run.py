"""What a run would post, with the exact requests, and nothing sent or recorded.

Everything happens in a scratch copy of the connection's part of the store, so even the events read for it are forgotten.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bookkeeping.postings import Posting
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import CustomerDirectory, LinkReport
from connector_resources.erp.contract import Complete, Hold, PlannedSubmission
from connector_resources.gocardless.reading import Reader
from connector_resources.posting.parties import with_erp_customers
from connector_resources.posting.planning import Planner, Scope
from connector_resources.posting.protocol import PASS_SIZE
from connector_resources.runtime import Runtime
from connector_resources.store.scratch import copy_connection
from connector_resources.store.store import Store


@dataclass(frozen=True, slots=True)
class DryRun:
    """The postings a run would add, the first request of each, and what would be held. `waiting` are event reasons."""

    postings: tuple[Posting, ...]
    submissions: tuple[PlannedSubmission, ...]
    holds: tuple[Hold, ...]
    nothing_to_book: tuple[Complete, ...]
    waiting: tuple[str, ...]
    links: LinkReport


def dry_run(runtime: Runtime, connection: Connection, scope: Scope) -> DryRun:
    """Read the days from GoCardless and the ERP, plan them, and forget it all. Raises what reading raises."""
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
            work = store.ledger.next_work(connection.name, connector.traits.kinds, limit=PASS_SIZE)
            work = with_erp_customers(store, connection.name, work)
            fresh = [item for item in work if not item.done]
            connector.prepare([item.posting for item in fresh])
            cut_off = max((item.posting.occurred_at for item in fresh), default=runtime.clock())
            answers = connector.plan(fresh, cut_off) if fresh else []
    return DryRun(
        tuple(item.posting for item in fresh),
        tuple(a for a in answers if isinstance(a, PlannedSubmission)),
        tuple(a for a in answers if isinstance(a, Hold)),
        tuple(a for a in answers if isinstance(a, Complete)),
        tuple(waiting),
        links,
    )


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
            yield store
