"""A process that dies anywhere between reading an invoice and writing its result back: collected once, none forgotten."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from connector_resources.posting.protocol import LEASE_TTL_S
from connector_resources.runtime import Runtime
from sandbox.visma.clerk import Clerk
from tests.collector import DEAD, POINTS

ROOT = Path(__file__).parents[3]
DEATHS = [
    ("mid_read", 2),
    ("planned", 1),
    ("before_send", 1),
    ("before_send", 2),
    ("after_send", 1),
    ("after_send", 3),
    ("before_verify", 1),
    # The first target only settles what an earlier run left behind; the second one sends.
    ("settled", 1),
    ("settled", 2),
]


def collect_elsewhere(desk, *options: str) -> int:
    return collect_in(desk.site.at.home, desk.site.name, desk.site.at.runtime, *options)


def collect_in(home: Path, name: str, runtime: Runtime, *options: str) -> int:
    command = [sys.executable, "-m", "tests.collector", str(home), name, runtime.clock().isoformat(), *options]
    return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode


@pytest.mark.parametrize(("point", "count"), DEATHS)
def test_every_invoice_is_collected_once_wherever_the_first_process_died(desk, point, count):
    amounts = {"900001": 10_000, "900002": 25_000, "900003": 4_000}
    for customer, (number, amount) in enumerate(amounts.items(), start=1):
        desk.site.merchant.mandate(customer)
        desk.invoice(number, amount, customer=customer)
    desk.site.run_new()

    died = collect_elsewhere(desk, "--die", point, "--count", str(count))
    assert died == DEAD
    # The dead process still holds the lease; time frees it.
    desk.site.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
    desk.run()

    assert desk.taken() == amounts
    assert set(desk.states().values()) == {"in_flight"}
    assert {row.payment_id for row in desk.rows().values()} == {payment.id for payment in desk.payments()}
    assert desk.site.trail_is_whole()


def test_an_invoice_paid_while_its_collection_waited_to_be_sent_is_not_collected(desk):
    desk.site.merchant.mandate(1)
    desk.site.merchant.mandate(2)
    desk.invoice("900001", customer=1)
    desk.invoice("900002", customer=2)
    desk.site.run_new()
    assert collect_elsewhere(desk, "--die", "planned") == DEAD
    desk.site.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
    Clerk(desk.site.company).pay_invoice("900001", 10_000)

    desk.run()

    assert desk.taken() == {"900002": 10_000}
    assert desk.states() == {"900001#1": "withdrawn", "900002#1": "in_flight"}


@pytest.mark.slow
@pytest.mark.parametrize("point", [point for point in POINTS if point != "never"])
def test_exact_online_invoices_are_collected_once_though_every_process_dies_one_step_further(polder, tmp_path, point):
    """From the reading of the invoices to the payment's reference on the receivable; GoCardless's books are the judge."""
    amounts = {20260001: 12_100, 20260002: 5_000}
    for customer, (number, amount) in enumerate(amounts.items(), start=1):
        polder.merchant.mandate(customer)
        polder.due(number, amount, customer=customer)
    polder.merchant.tick()
    name, runtime = polder.connection.name, polder.runtime
    deaths = 0
    polder.link()
    while collect_in(tmp_path, name, runtime, "--die", point, "--count", str(deaths + 1)) == DEAD:
        deaths += 1
        # The dead process still holds the lease; time frees it.
        polder.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
    assert deaths >= (2 if point != "planned" else 1)
    held = runtime.store.ledger.held(name)
    # What never arrived three times is for a person, who finds nothing of it.
    assert {row.held_code for row in held} <= {"cannot_tell"}
    runtime.store.ledger.release(name, [row.posting.key for row in held], by="Ada", note="nothing there")

    polder.run()

    payments = polder.payments()
    assert len(polder.merchant.world.payments.ordered) == len(payments) == len(amounts)
    assert {payments[f"{number}#1"].body["amount"] for number in amounts} == set(amounts.values())
    assert {number: polder.payment_reference(number) for number in amounts} == {
        number: payments[f"{number}#1"].id for number in amounts
    }
    assert {row.state.value for row in runtime.store.collections.all(name)} == {"in_flight"}
    assert runtime.store.trail.verify(name).ok
