"""A process that dies anywhere between reading an invoice and writing its result back: collected once, none forgotten."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from connector_resources.posting.protocol import LEASE_TTL_S
from sandbox.visma.clerk import Clerk
from tests.collector import DEAD

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
    now = desk.site.at.runtime.clock().isoformat()
    command = [sys.executable, "-m", "tests.collector", str(desk.site.at.home), desk.site.name, now, *options]
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
