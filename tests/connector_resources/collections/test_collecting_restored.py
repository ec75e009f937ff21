"""After an older backup is restored no invoice is collected twice: what GoCardless has is found before anything is sent."""

from __future__ import annotations

from pathlib import Path

from connector_resources.store.backup import back_up
from tests.restoring import back_in_time


def test_a_collection_that_the_restored_store_forgot_is_found_and_not_ordered_again(desk, tmp_path: Path):
    desk.site.merchant.mandate(1)
    desk.run()
    back_up(desk.store.database, tmp_path / "store.backup")
    desk.invoice("900001", 12_500)
    assert [order.reference for order in desk.run().orders] == ["900001#1"]
    # Longer ago than a look-up of an ordinary crash reaches back.
    desk.days_later(12)
    before = desk.writes()

    back_in_time(desk.site, tmp_path / "store.backup")
    report = desk.run()

    assert desk.writes() == before
    assert desk.states() == {"900001#1": "in_flight"}
    assert desk.rows()["900001#1"].payment_id == desk.payment("900001#1").id
    assert (len(desk.payments()), report.held) == (1, [])


def test_a_collection_that_nobody_ordered_yet_is_ordered_once(desk, tmp_path: Path):
    desk.site.merchant.mandate(1)
    desk.run()
    back_up(desk.store.database, tmp_path / "store.backup")
    back_in_time(desk.site, tmp_path / "store.backup")
    desk.invoice("900001", 12_500)

    desk.run()
    desk.run()

    assert desk.taken() == {"900001": 12_500}
