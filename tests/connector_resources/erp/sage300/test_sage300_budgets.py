"""How many calls a day may cost, counted by the stand-in itself: a thousand payments and a payout of two thousand items.

Batches are made ready and posted as well, which costs most.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.posting.planning import Scope
from sandbox.gocardless.load import Loaded, load_confirmed_payments, load_payout
from sandbox.gocardless.world import World
from tests.call_budgets import SAGE300_PAYOUTS, SAGE300_RECEIPTS
from tests.evenings import EVENING, evening_sage300, evening_world
from tests.installations import Installation, sage300_installation

PAYMENTS = 1_000
#: midnight in Amsterdam between the first and the second half of the payments.
YESTERDAY = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
#: the customers were entered long ago.
LONG_AGO = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


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
def the_day(world: World, home: Path, **erp_settings: Any) -> Iterator[tuple[Installation, list[tuple[str, str]]]]:
    """The calls of a day's run, after the run of the day before; mandates are not written, as in the other budgets."""
    company = evening_sage300(PAYMENTS, world.clock, known_since=LONG_AGO)
    settings = {"mandate_store": "own", **erp_settings}
    with sage300_installation(home, world, company, erp_settings=settings) as site:
        for number in range(PAYMENTS + 1, 2 * PAYMENTS + 1):
            company.add_invoice(f"{10001 + number % PAYMENTS}", f"LOAD-{number}", 10_000 + number % 100)
        before = YESTERDAY.date()
        site.read(Scope(before, before, only_new=False))
        site.link()
        assert site.post().stopped == ""
        seen = len(site.erp.faults.requests)

        report = site.run()

        assert (report.stopped, report.held) == ("", [])
        assert report.settled == PAYMENTS + 1
        yield site, site.erp.faults.requests[seen:]


def test_receipts_and_a_payout_cost_at_most_120_calls(two_days: tuple[World, Loaded], tmp_path: Path) -> None:
    with the_day(two_days[0], tmp_path, mode="ar_receipts", post_mode="post") as (site, calls):
        assert len(calls) <= SAGE300_RECEIPTS.calls(PAYMENTS), calls
        batches = site.erp.company.tables["ARReceiptAndAdjustmentBatches"]
        entries = [entry for row in batches for entry in row["ReceiptsAdjustments"]]
        assert len({entry["CheckReceiptNumber"] for entry in entries}) == len(entries) == PAYMENTS
        assert [entry for entry in entries if not entry["AppliedReceiptsAdjustments"]] == []
        assert site.erp.company.books.balance("1099") == 0


def test_a_payout_with_all_its_payments_costs_at_most_15_calls(two_days: tuple[World, Loaded], tmp_path: Path) -> None:
    with the_day(two_days[0], tmp_path, mode="payout_gl", post_mode="post") as (site, calls):
        assert len(calls) <= SAGE300_PAYOUTS.calls(PAYMENTS), calls
        (journal,) = [
            entry
            for row in site.erp.company.tables["GLJournalBatches"]
            if row["Description"].startswith("GC ")
            for entry in row["JournalHeaders"]
        ]
        payments = [line for line in journal["JournalDetails"] if line["Reference"].startswith("PM")]
        assert len({line["Reference"] for line in payments}) == len(payments) == PAYMENTS
        assert all(line["Description"].startswith("AR 1") for line in payments)
