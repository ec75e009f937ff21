"""A day of a thousand due invoices: how many calls their collection costs, from the reading to the payout's entry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from sandbox.gocardless.load import load_confirmed_payments
from tests.evenings import DAY, MORNING, evening_division, evening_world
from tests.installations import Installation, exact_online_installation
from tests.merchant import Merchant

INVOICES = 1_000
FIRST_NUMBER = 26_700_000
#: of Exact, for reading and booking everything; of GoCardless, besides the payments that are made.
EXACT_CALLS, GOCARDLESS_READS = 40, 30


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    """A due invoice of each of a thousand customers, each with a mandate."""
    # The stand-in's own minute is one of real time, in which a test makes more calls than a day does.
    world = evening_world(MORNING, rate_limit=100_000)
    load_confirmed_payments(world, 0, customers=INVOICES, at=MORNING)
    division = evening_division(INVOICES, world.clock)
    for number in range(1, INVOICES + 1):
        division.add_invoice(FIRST_NUMBER + number, str(10_000 + number), 10_000 + number, due=DAY)
    # One call each, and not of what is counted here: ids in search codes, mandates, references on receivables.
    quiet = {"write_customer_link": False, "mandate_sync": "off"}
    with exact_online_installation(
        tmp_path, world, division, erp_settings=quiet, collections={"enabled": True}
    ) as opened:
        yield opened


def run_the_day(site: Installation, *, only_new: bool = False) -> CollectionReport:
    """Events, receipts and payouts, open invoices, collections: what the day job does."""
    report = site.run(only_new=only_new)
    assert (report.stopped, report.held) == ("", [])
    with site.runtime.erp(site.connection) as connector:
        read_open_invoices(site.runtime.store, site.connection.name, connector)
    return collect(site.runtime, site.connection)


def calls(site: Installation) -> tuple[int, int, int]:
    """Calls of Exact, payments made at GoCardless, other calls of GoCardless."""
    gocardless = site.gocardless.faults.requests
    made = sum(request == ("POST", "/payments") for request in gocardless)
    return len(site.erp.faults.requests), made, len(gocardless) - made


def writes(site: Installation) -> int:
    requests = [*site.erp.faults.requests, *site.gocardless.faults.requests]
    return sum(method != "GET" and not path.endswith("/token") for method, path in requests)


def confirm_and_pay_out(site: Installation) -> None:
    """Every payment is confirmed, and what GoCardless holds is paid out, within the day."""
    merchant, world = Merchant(site.world), site.world
    with world.lock:
        for payment in list(world.payments.ordered):
            world.payment_states.submit(payment)
            world.payment_states.confirm(payment)
    merchant.tick(timedelta(hours=6))
    merchant.pay_out()
    merchant.tick(timedelta(hours=1))


@pytest.mark.slow
def test_a_thousand_due_invoices_are_collected_and_booked_with_few_calls(site: Installation) -> None:
    before = calls(site)
    # What a sensor starts in the morning has no events to read again; the evening's run reads the whole day.
    morning = run_the_day(site, only_new=True)
    assert len(morning.orders) == INVOICES
    confirm_and_pay_out(site)
    evening = run_the_day(site)
    exact, made, others = (after - start for after, start in zip(calls(site), before, strict=True))

    assert (evening.orders, evening.held, made) == ((), [], INVOICES)
    assert exact <= EXACT_CALLS
    assert others <= GOCARDLESS_READS
    books = site.erp.division.books
    assert all(books.receivable(str(10_000 + number), "EUR") == 0 for number in range(1, INVOICES + 1))
    assert books.balance("1230", "EUR") == 0
    assert {row.state.value for row in site.runtime.store.collections.all("polder")} == {"collected"}

    written = writes(site)
    again = run_the_day(site)
    assert (again.orders, again.sent, writes(site)) == ((), 0, written)
