"""Events may come late, twice and in any order: through however many runs, the books end the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest

from sandbox.clock import SandboxClock
from sandbox.exact_online.app import ExactOnlineSandbox
from sandbox.gocardless.world import World
from sandbox.ifs_cloud.app import IfsCloudSandbox
from sandbox.sage300.app import Sage300Sandbox
from tests.evenings import MORNING
from tests.merchant import Merchant
from tests.sites import Site, exact_online_site, ifs_cloud_site, sage300_site, visma_site

NEXT_DAY = timedelta(days=1)
SITES = {"visma": visma_site, "exact_online": exact_online_site, "ifs_cloud": ifs_cloud_site, "sage300": sage300_site}


@pytest.fixture(scope="module")
def merchant() -> Merchant:
    """A merchant paid in euros only, with one of every life cycle behind him."""
    world = World(SandboxClock(MORNING), seed=1, default_creditor=False)
    world.builder.creditor("Euro Merchant", "DE", accounts=("EUR",), fx_payout_currency="EUR")
    merchant = Merchant(world)
    late_failure = merchant.collected(1_100, customer=1)
    retried = merchant.collected(2_200, customer=2)
    charged_back = merchant.collected(3_300, customer=3)
    refunded = merchant.collected(4_400, customer=4)
    merchant.collected(5_500, customer=5)
    merchant.tick(NEXT_DAY)
    merchant.fail(retried)
    merchant.retry(retried)
    merchant.collect(retried)
    first = merchant.pay_out()
    merchant.tick(NEXT_DAY)
    merchant.fail(late_failure)
    merchant.charge_back(charged_back)
    merchant.cancel_chargeback(charged_back)
    refund = merchant.refund(refunded, 1_000)
    merchant.bounce_refund(refund)
    merchant.bounce_payout(first)
    merchant.tick(NEXT_DAY)
    merchant.pay_out_again(first)
    merchant.collected(6_600, customer=1)
    merchant.pay_out()
    merchant.collected(7_700, customer=6, currency="GBP")
    converted = merchant.pay_out("GBP")
    merchant.tick(NEXT_DAY)
    merchant.confirm_rate(converted)
    return merchant


@pytest.fixture(scope="module", params=list(SITES))
def open_site(request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[Site]]:
    return SITES[request.param]


@pytest.fixture(scope="module")
def in_order(
    open_site: Callable[..., AbstractContextManager[Site]], merchant: Merchant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Every event delivered in the order it happened, a run after each few."""
    with open_site(tmp_path_factory.mktemp("in_order"), merchant=merchant, customers=6) as site:
        deliver(site, batches(site.events(), 9))
        assert site.unfinished() == {}
        yield site


def batches(events: list[Any], size: int) -> list[list[Any]]:
    return [events[start : start + size] for start in range(0, len(events), size)]


def deliver(site: Site, webhooks: list[list[Any]]) -> None:
    for events in webhooks:
        site.deliver(*events)
        report = site.run_inbox()
        assert report.stopped == ""


def erp_balances(site: Site) -> tuple[Any, Any]:
    if isinstance(site.at.erp, IfsCloudSandbox):
        told = site.tenant.books["10"].told()
        return told["balances"], told["receivable"]
    if isinstance(site.at.erp, Sage300Sandbox):
        return site.sage300.books.source_balances(), site.sage300.books.receivables()
    books = site.division.books if isinstance(site.at.erp, ExactOnlineSandbox) else site.company.books
    return books.balances(), books.receivables()


def without_zeros(balances: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {currency: {name: m for name, m in accounts.items() if m} for currency, accounts in balances.items()}


@pytest.mark.parametrize("seed", [2, 13, 31])
def test_any_order_of_all_events_ends_in_the_same_books(merchant, open_site, in_order, tmp_path, seed):
    shuffled = random.Random(seed)
    with open_site(tmp_path, merchant=merchant, customers=6) as site:
        events = site.events()
        shuffled.shuffle(events)
        webhooks = batches(events, shuffled.randrange(10, 25))
        webhooks.append(shuffled.sample(events, 5))
        deliver(site, webhooks)

        assert site.waiting() == []
        assert site.balances() == in_order.balances()
        assert site.unfinished() == {}
        for mine, theirs in zip(erp_balances(site), erp_balances(in_order), strict=True):
            assert without_zeros(mine) == without_zeros(theirs)
        assert site.trail_is_whole()


def test_a_day_that_was_never_delivered_is_read_whole_and_ends_in_the_same_books(
    merchant, open_site, in_order, tmp_path
):
    with open_site(tmp_path, merchant=merchant, customers=6) as site:
        site.run()

        assert site.waiting() == []
        assert site.balances() == in_order.balances()
        for mine, theirs in zip(erp_balances(site), erp_balances(in_order), strict=True):
            assert without_zeros(mine) == without_zeros(theirs)


def test_replaying_the_day_plans_and_sends_nothing(in_order):
    planned, sent = in_order.at.states(), in_order.writes()

    report = in_order.run()

    assert (report.submissions, in_order.at.states(), in_order.writes()) == (0, planned, sent)
