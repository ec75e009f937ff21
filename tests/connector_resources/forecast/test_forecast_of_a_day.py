"""What `connector plan` says of the finishing time, against when a run has really finished, the systems' limits being on.

Time is simulated: it goes ahead only while the connector waits, so that hours of it take seconds. Requests are real, over HTTP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bookkeeping.postings import PAYOUT_KINDS, PostingKind
from connector_resources.errors import RateLimited
from connector_resources.forecast.finishing import ANSWERS
from connector_resources.posting.dry_run import dry_run
from connector_resources.posting.planning import Scope
from connector_resources.store.engine import Database
from sandbox.clock import SandboxClock
from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.gocardless.world import World
from sandbox.serve import running
from tests.evenings import (
    DAY,
    EVENING,
    datacentre,
    evening_company,
    evening_division,
    evening_sage300,
    evening_tenant,
)
from tests.installations import (
    Installation,
    datev_installation,
    exact_online_installation,
    ifs_cloud_installation,
    sage300_installation,
    visma_installation,
)
from tests.merchant import Merchant

PAYMENTS, FEW, BACK = 200, 60, 30
TODAY = Scope(DAY, DAY, only_new=False)
#: of what it really takes.
ALLOWED = 0.1

Site = Callable[[Path, World], AbstractContextManager[Installation]]


def visma(home: Path, world: World, *, calls: int) -> AbstractContextManager[Installation]:
    """The file keeps its assumption of 15,000 calls an hour; how many there are is told by the company's answers alone."""
    company = evening_company(PAYMENTS, world.clock)
    company.switches.rate_limit = calls
    return visma_installation(home, world, company, serve=undated)


def exact_online(home: Path, world: World, *, calls: int) -> AbstractContextManager[Installation]:
    division = evening_division(PAYMENTS, world.clock)
    division.switches.calls_per_minute = calls
    return exact_online_installation(home, world, division, erp_settings={"calls_per_minute": calls}, serve=undated)


def ifs_cloud(home: Path, world: World, *, calls: int) -> AbstractContextManager[Installation]:
    tenant = evening_tenant(PAYMENTS, world.clock, calls_per_minute=calls)
    return ifs_cloud_installation(home, world, tenant, erp_settings={"calls_per_minute": calls}, serve=undated)


def sage300(home: Path, world: World) -> AbstractContextManager[Installation]:
    return sage300_installation(home, world, evening_sage300(FEW, world.clock), serve=undated)


def datev(home: Path, world: World) -> AbstractContextManager[Installation]:
    return datev_installation(home, world, datacentre(world.clock), serve=undated)


def undated(app: Any, **how: Any) -> AbstractContextManager[str]:
    """A header with the machine's time would contradict the simulated one."""
    return running(app, **{**how, "dated": False})


@contextmanager
def evening(home: Path, site: Site, payments: int = PAYMENTS) -> Iterator[Installation]:
    """A payment of each of so many new customers, and their payout. Waiting moves everybody's clock."""
    clock = SandboxClock(EVENING)
    world = World(clock, seed=1, wall_clock=clock.now)
    loaded = load_confirmed_payments(
        world, payments, customers=payments, at=EVENING - timedelta(hours=9), amount_minor=10_000
    )
    load_payout(world, loaded.payments, items=2 * payments, at=EVENING - timedelta(hours=1))
    with site(home, world) as opened:

        def sleep(seconds: float) -> None:
            clock.advance(timedelta(seconds=seconds))

        opened.runtime.sleep = sleep
        database: Database = opened.runtime.store.database
        database.sleep = sleep
        yield opened


def run_to_the_end(site: Installation) -> int:
    """Everything the day job does, again when it had to stop; how often it had to."""
    stops = 0
    steps: list[Callable[[], int]] = [
        partial(_unless_limited, lambda: site.read(TODAY)),
        partial(_unless_limited, site.link),
        partial(_unless_limited, lambda: site.plan(TODAY)),
        partial(_post, site, frozenset(PostingKind) - PAYOUT_KINDS),
        partial(_post, site, PAYOUT_KINDS),
    ]
    for step in steps:
        while wait_s := step():
            stops += 1
            site.runtime.sleep(wait_s)
    return stops


def _unless_limited(step: Callable[[], object]) -> int:
    try:
        step()
    except RateLimited as limited:
        return max(1, limited.retry_after_s)
    return 0


def _post(site: Installation, kinds: frozenset[PostingKind]) -> int:
    """0 when nothing is left, else how long to wait."""
    with site.runtime.erp(site.connection) as connector:
        report = site.runtime.protocol(site.connection, connector).run(kinds)
    assert report.held == []
    return max(1, report.retry_after_s) if report.stopped else 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("site", "used_before", "bound_by"),
    [
        pytest.param(partial(visma, calls=250), 0, "hourly quota", id="Visma.net, a fresh quota"),
        pytest.param(partial(visma, calls=250), 10, "hourly quota", id="Visma.net, a quota in use"),
        pytest.param(partial(exact_online, calls=60), 0, "limit of a minute", id="Exact Online"),
        pytest.param(partial(ifs_cloud, calls=30), 0, "limit of a minute", id="IFS Cloud"),
    ],
)
def test_a_day_is_finished_when_the_plan_said(tmp_path: Path, site: Site, used_before: int, bound_by: str) -> None:
    with evening(tmp_path, site) as opened:
        with opened.runtime.erp(opened.connection) as connector:
            for _ in range(used_before):
                connector.ping()
            opened.runtime.sleep(used_before * 60)

        said = dry_run(opened.runtime, opened.connection, TODAY).forecast
        calls_before = len(opened.erp.faults.requests)
        stops = run_to_the_end(opened)

        took_s = (opened.runtime.clock() - said.start).total_seconds()
        erp = said.systems[-1]
        calls = len(opened.erp.faults.requests) - calls_before
        assert opened.states() == {"customer posted": PAYMENTS, "receipt posted": PAYMENTS, "payout posted": 1}
        assert abs(said.seconds - took_s) <= ALLOWED * took_s
        assert abs(erp.needed.calls - calls) <= ALLOWED * calls
        assert (erp.bound_by, erp.stops) == (bound_by, stops)


@pytest.mark.parametrize("site", [pytest.param(sage300, id="Sage 300"), pytest.param(datev, id="DATEV")])
def test_where_nothing_is_limited_the_calls_are_foretold_all_the_same(tmp_path: Path, site: Site) -> None:
    with evening(tmp_path, site, FEW) as opened:
        erp = dry_run(opened.runtime, opened.connection, TODAY).forecast.systems[-1]
        calls_before = len(opened.erp.faults.requests)
        run_to_the_end(opened)

        calls = len(opened.erp.faults.requests) - calls_before
        assert abs(erp.needed.calls - calls) <= ALLOWED * calls
        assert (erp.bound_by, erp.stops) == (ANSWERS, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "site",
    [
        pytest.param(partial(visma, calls=100_000), id="Visma.net"),
        pytest.param(partial(exact_online, calls=1_000), id="Exact Online"),
        pytest.param(sage300, id="Sage 300"),
        pytest.param(partial(ifs_cloud, calls=1_000), id="IFS Cloud"),
    ],
)
def test_of_a_day_on_which_money_goes_back_the_calls_are_foretold_too(tmp_path: Path, site: Site) -> None:
    """A third of yesterday's payments is charged back, a third refunded; the rest is paid out."""
    world = World(SandboxClock(EVENING - timedelta(hours=35)), seed=1)
    merchant = Merchant(world)
    with site(tmp_path, world) as opened:
        payments = [merchant.collected(customer=1 + number) for number in range(BACK)]
        yesterday = opened.run(DAY - timedelta(days=1))
        assert (yesterday.stopped, yesterday.held) == ("", [])
        merchant.tick(timedelta(hours=24))
        for payment in payments[: BACK // 3]:
            merchant.charge_back(payment)
        for payment in payments[BACK // 3 : 2 * BACK // 3]:
            merchant.refund(payment, 5_000)
        merchant.tick(timedelta(hours=1))
        merchant.pay_out()
        merchant.tick(timedelta(hours=1))

        planned = dry_run(opened.runtime, opened.connection, TODAY)
        calls_before = len(opened.erp.faults.requests)
        run_to_the_end(opened)

        calls = len(opened.erp.faults.requests) - calls_before
        kinds = Counter(posting.kind for posting in planned.postings)
        assert kinds == {
            PostingKind.RECEIPT_REVERSAL: BACK // 3,
            PostingKind.REFUND: BACK // 3,
            PostingKind.PAYOUT: 1,
        }
        assert abs(planned.forecast.systems[-1].needed.calls - calls) <= ALLOWED * calls
