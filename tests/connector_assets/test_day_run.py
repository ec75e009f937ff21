"""The day job through a real Dagster instance: what it posts, what it shows, and that doing it again adds nothing."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import dagster as dg

from connector_assets.names import CONNECTION_TAG
from sandbox.faults import Fault
from tests.evenings import DAY

DAY_BEFORE = DAY - timedelta(days=1)
POSTED = {"customer posted": 4, "payout posted": 1, "receipt posted": 8}
ALL_CHECKS = dict.fromkeys(
    (
        "balanced",
        "clearing_balance",
        "erp_agrees",
        "nothing_missed",
        "nothing_unposted",
        "payouts_proven",
        "trail_verifies",
    ),
    True,
)
#: eight receipts with a ledger batch each, and the payout's journal.
DOCUMENTS = 8 + 8 + 1
#: what is still in transit at the end: the second day's payments.
IN_TRANSIT = sum(5000 + number for number in range(1, 5))


def test_a_range_of_days_is_one_run_that_posts_everything(house: Any) -> None:
    outcome = house.run(DAY_BEFORE, DAY)

    assert (outcome.success, outcome.failure, outcome.failed_checks) == (True, "", ())
    assert house.installation.states() == POSTED
    assert house.books()["EUR"]["1985"] == IN_TRANSIT
    assert house.checks(outcome) == ALL_CHECKS
    (run,) = house.instance.get_runs()
    assert run.tags[CONNECTION_TAG] == "nordic"
    for room, name in (("gocardless", "events"), ("postings", "receipts"), ("erp", "documents")):
        done = house.instance.get_materialized_partitions(dg.AssetKey(["nordic", room, name]))
        assert done == {"2026-06-02", "2026-06-03"}


def test_a_day_posts_the_receipts_that_its_payout_needs(house: Any) -> None:
    """The payout's payments were confirmed on the day before, which nobody has run."""
    outcome = house.run(DAY)

    assert outcome.success
    assert house.installation.states() == POSTED
    assert house.books()["EUR"]["1985"] == IN_TRANSIT


def test_the_metadata_shows_counts_totals_and_tables(house: Any) -> None:
    shown = house.materialised(house.run(DAY))

    assert len(shown) == 17
    assert shown["gocardless/payments"]["payments of these days"] == 4
    assert shown["gocardless/payments"]["total EUR"] == "200.10 EUR"
    assert "https://manage-sandbox.gocardless.com/payments/PM" in shown["gocardless/payments"]["sample"]
    assert shown["gocardless/events"]["GoCardless calls"] > 0
    assert shown["postings/receipts"]["receipt pending EUR"] == "200.10 EUR"
    assert shown["postings/payouts"]["new postings"] == 1
    assert shown["erp/customers"]["new links"] == 4
    assert shown["erp/documents"]["requests sent"] > 0
    assert shown["erp/documents"]["remote calls"] >= shown["erp/documents"]["requests sent"]
    assert shown["erp/payout_journals"]["payout posted"] == 1
    assert "| payout |" in shown["erp/payout_journals"]["postings"]
    assert shown["reports/reconciliation"]["proven"] == 1


def test_materialising_a_partition_again_adds_nothing(house: Any) -> None:
    house.run(DAY_BEFORE, DAY)
    books, documents = house.books(), house.documents()

    for outcome in (house.run(DAY), house.run(DAY_BEFORE, DAY), house.run(DAY, new_only=True)):
        assert outcome.success
        assert house.checks(outcome) == ALL_CHECKS

    assert (house.books(), house.documents()) == (books, documents)
    assert house.installation.states() == POSTED


def test_two_runs_at_once_post_nothing_twice(house: Any) -> None:
    """Two processes, as two workers would be; one waits for the other where both would write."""
    command = [sys.executable, "-m", "connector", "run", "nordic", "--day", DAY.isoformat()]
    with subprocess.Popen(command) as one, subprocess.Popen(command) as two:
        assert [one.wait(timeout=90), two.wait(timeout=90)] == [0, 0]

    assert house.installation.states() == POSTED
    assert house.books()["EUR"]["1985"] == IN_TRANSIT
    assert house.documents() == DOCUMENTS


def test_a_run_for_what_is_new_takes_the_events_of_webhooks(house: Any) -> None:
    installation = house.installation
    events = [event.body for event in installation.world.events]
    installation.runtime.store.inbox.drop_polled("nordic", events, day_of=lambda moment: moment.date())

    assert house.run(DAY_BEFORE, DAY, new_only=True).success

    assert installation.states() == POSTED
    listed = installation.gocardless.faults.requests.count(("GET", "/events"))
    assert listed <= 2, "a full read lists the events of each resource type"


def _break_the_payout(house: Any) -> Any:
    """The stand-in now answers with items that do not sum to the payout; the result mends it."""
    desk = house.installation.world.payout_desk
    (payout,) = house.installation.world.payouts
    whole = desk.items[payout.id]
    desk.items[payout.id] = whole[1:]

    def mend() -> None:
        desk.items[payout.id] = whole

    return mend


def test_an_unproven_payout_stops_the_journals_but_not_the_receipts(house: Any) -> None:
    _break_the_payout(house)

    outcome = house.run(DAY_BEFORE, DAY)

    assert not outcome.success
    assert house.checks(outcome)["payouts_proven"] is False
    assert any("payouts_proven" in line for line in outcome.failed_checks)
    assert house.installation.states() == {"customer posted": 4, "receipt posted": 8}
    shown = house.materialised(outcome)
    assert "erp/documents" in shown
    assert not {"postings/payouts", "erp/payout_journals"} & set(shown)


def test_a_payout_that_is_proven_later_is_posted_by_the_same_day(house: Any) -> None:
    mend = _break_the_payout(house)
    house.run(DAY_BEFORE, DAY)
    mend()

    outcome = house.run(DAY)

    assert outcome.success
    assert house.checks(outcome)["payouts_proven"] is True
    assert house.installation.states() == POSTED


def test_a_refused_token_fails_the_run_once_with_the_next_step(house: Any) -> None:
    house.installation.runtime.store.vault.write("nordic", "client_secret", "a-secret-nobody-knows")

    outcome = house.run(DAY)

    assert not outcome.success
    assert outcome.failure.startswith("nordic__erp__customers: ")
    assert "a-secret-nobody-knows" not in outcome.failure


def test_a_missing_credential_is_not_retried(house: Any) -> None:
    house.installation.runtime.store.vault.remove("nordic", "gocardless_access_token")

    outcome = house.run(DAY)

    assert outcome.failure.startswith("nordic__gocardless__events: [nordic] the vault holds no gocardless_access_token")
    assert "connector credentials set nordic gocardless_access_token" in outcome.failure
    retried = [e for e in house.events(outcome) if e.dagster_event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY]
    assert retried == []


def test_a_write_that_is_not_answered_is_found_again_and_not_repeated(house: Any) -> None:
    house.installation.erp.faults.add(Fault("drop_after", method="POST", path="/customerPayment|/payment"))

    assert house.run(DAY_BEFORE, DAY).success

    assert house.installation.states() == POSTED
    assert house.documents() == DOCUMENTS
