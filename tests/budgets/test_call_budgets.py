"""How many calls a day may cost, counted by the stand-ins themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from bookkeeping.settings import activity_day
from connector_resources.posting.planning import Scope
from connector_resources.store.schema import INBOX_EVENTS
from sandbox.gocardless.load import Loaded, load_confirmed_payments, load_payout
from sandbox.gocardless.world import World
from tests.call_budgets import DATEV, GOCARDLESS, VISMA
from tests.evenings import EVENING, MORNING, datacentre, evening_company, evening_world
from tests.installations import Installation, datev_installation, visma_installation
from tests.merchant import Merchant

PAYMENTS = 1_000
#: midnight in Oslo and Berlin between the first and the second half of the payments.
YESTERDAY = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
PROCESSED_EVENTS = 100_000


@pytest.fixture(scope="module")
def two_days() -> tuple[World, Loaded]:
    """A payment of each of the customers yesterday, and one today; today's are paid out in the evening."""
    world = evening_world()
    loaded = load_confirmed_payments(
        world, 2 * PAYMENTS, customers=PAYMENTS, at=YESTERDAY, span=timedelta(hours=24), amount_minor=10_000
    )
    load_payout(world, loaded.payments[PAYMENTS:], items=2 * PAYMENTS, at=EVENING - timedelta(hours=1))
    return world, loaded


@contextmanager
def counted(site: Installation) -> Iterator[dict[str, int]]:
    """The calls made inside the block, by system."""
    calls: dict[str, int] = {}
    before = {"gocardless": len(site.gocardless.faults.requests), "erp": len(site.erp.faults.requests)}
    yield calls
    calls["gocardless"] = len(site.gocardless.faults.requests) - before["gocardless"]
    calls["erp"] = len(site.erp.faults.requests) - before["erp"]


def know_the_customers(site: Installation) -> None:
    """What the run of the day before has done already: customers read, linked and made known to the ERP."""
    yesterday = YESTERDAY.date()
    site.read(Scope(yesterday, yesterday, only_new=False))
    site.link()
    assert site.post().stopped == ""


def run_the_day(site: Installation) -> dict[str, int]:
    with counted(site) as calls:
        report = site.run()
    assert (report.stopped, report.held) == ("", [])
    assert report.settled == PAYMENTS + 1
    return calls


def test_a_day_of_a_thousand_payments_into_visma(two_days: tuple[World, Loaded], tmp_path: Path) -> None:
    world, _ = two_days
    company = evening_company(PAYMENTS, world.clock)
    with visma_installation(tmp_path, world, company, erp_settings={"write_attributes": False}) as site:
        know_the_customers(site)

        calls = run_the_day(site)

        assert calls["gocardless"] <= GOCARDLESS.calls(PAYMENTS)
        assert calls["erp"] <= VISMA.calls(PAYMENTS)
        assert company.books.balance("1985", "EUR") == 0


def test_a_day_of_a_thousand_payments_into_datev(two_days: tuple[World, Loaded], tmp_path: Path) -> None:
    world, _ = two_days
    with datev_installation(tmp_path, world, datacentre(world.clock)) as site:
        know_the_customers(site)

        calls = run_the_day(site)

        assert calls["gocardless"] <= GOCARDLESS.calls(PAYMENTS)
        assert calls["erp"] <= DATEV.calls(PAYMENTS)
        assert site.erp.datacentre.books("455148-1").balance("1360") == 0


def test_a_day_with_customers_whom_datev_does_not_know_yet(tmp_path: Path) -> None:
    """Their file goes first and is waited for; all bookings, those of known customers too, still are one file."""
    merchant = Merchant(evening_world(MORNING))
    with datev_installation(tmp_path, merchant.world, datacentre(merchant.world.clock)) as site:
        merchant.collected(customer=1)
        site.run()
        for customer in (1, 2, 3):
            merchant.collected(customer=customer)
        merchant.pay_out()

        with counted(site) as calls:
            report = site.run()

        assert (report.stopped, report.held) == ("", [])
        assert calls["erp"] <= DATEV.calls(3)
        files = site.erp.datacentre.books("455148-1").files
        assert [record.category for record in files] == [16, 21, 16, 21]


def fill_the_inbox(site: Installation, loaded: Loaded, start: datetime) -> None:
    """Events of the day that were processed long ago, strewn over twelve hours."""
    gap = timedelta(hours=12) / PROCESSED_EVENTS
    day = activity_day(start, site.connection.book_settings)
    rows = [
        {
            "connection": site.connection.name,
            "event_id": f"EV{number:010d}",
            "subject": loaded.payments[number % PAYMENTS],
            "resource_type": "payments",
            "action": "submitted",
            "created_at": start + gap * number,
            "activity_day": day,
            "received_at": start,
            "processed_at": start,
            "body": "{}",
        }
        for number in range(PROCESSED_EVENTS)
    ]
    with site.runtime.store.begin() as transaction:
        transaction.execute(insert(INBOX_EVENTS), rows)


def test_new_events_on_a_day_that_holds_a_hundred_thousand_cost_a_few_calls(
    two_days: tuple[World, Loaded], tmp_path: Path
) -> None:
    world, loaded = two_days
    today = YESTERDAY + timedelta(hours=12)
    with datev_installation(tmp_path, world, datacentre(world.clock)) as site:
        know_the_customers(site)
        fill_the_inbox(site, loaded, today)
        books = site.connection.book_settings
        fresh = [event.body for event in list(world.events)[-301:]]
        assert {event["resource_type"] for event in fresh} == {"payments", "payouts"}
        new = site.runtime.store.inbox.drop_polled(
            site.connection.name, fresh, day_of=lambda moment: activity_day(moment, books)
        )

        with counted(site) as calls:
            report = site.run(only_new=True)

        assert report.settled >= new
        assert calls["gocardless"] <= 10
