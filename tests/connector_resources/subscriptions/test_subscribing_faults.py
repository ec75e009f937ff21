"""Trouble between us and GoCardless, and processes that die: each charge has one subscription in the end, as it says."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bookkeeping.money import Money
from connector_resources.posting.protocol import LEASE_TTL_S
from tests.subscriber import DEAD

ROOT = Path(__file__).parents[3]
FAULTS = ("drop_before", "drop_after", "error_before", "error_after", "html", "html_after", "truncate")
#: how a request is recognised by its path and method.
WRITES = {
    "create": ("POST", "/subscriptions$"),
    "amend": ("PUT", "/subscriptions/SB"),
    "pause": ("POST", "/actions/pause"),
    "resume": ("POST", "/actions/resume"),
    "cancel": ("POST", "/actions/cancel"),
}


def settled(desk) -> None:
    """Two more runs: the second one must find nothing to do."""
    desk.run()
    before = desk.writes()
    report = desk.run()
    assert desk.writes() == before
    assert {each.code for each in report.left} <= {"followed", "on_hold", "charge_ended"}
    assert desk.site.held() == {}
    assert desk.site.unfinished() == {}
    assert desk.site.trail_is_whole()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_unanswered_creation_makes_one_subscription(desk, fault):
    desk.bill()
    desk.break_next(fault, path=WRITES["create"][1], method="POST", status=500)

    desk.run()
    settled(desk)

    assert desk.statuses() == {"RC1#1": "active"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("write", ["amend", "pause", "resume", "cancel"])
def test_an_unanswered_change_is_made_once(desk, write, fault):
    desk.bill()
    desk.run()
    if write == "resume":
        desk.bill(on_hold=True)
        desk.run()
    method, path = WRITES[write]
    changed = {
        "amend": {"amount": Money(2_500, "EUR")}, "pause": {"on_hold": True}, "resume": {}, "cancel": {"active": False},
    }  # fmt: skip
    desk.bill(**changed[write])
    desk.break_next(fault, path=path, method=method, status=500)

    desk.run()
    settled(desk)

    expected = {"amend": "active", "pause": "paused", "resume": "active", "cancel": "cancelled"}
    assert desk.statuses() == {"RC1#1": expected[write]}
    (made,) = desk.subscriptions()
    assert made.body["amount"] == (2_500 if write == "amend" else 2_000)
    assert made.hidden.get("amendments", 0) == (1 if write == "amend" else 0)
    assert desk.rows()["RC1#1"].amendments == (1 if write == "amend" else 0)


def test_a_subscription_of_our_key_that_says_something_else_is_never_accepted(desk):
    desk.bill()
    # The reply to the creation is lost, and so is what the look-up would find: somebody has changed the metadata.
    desk.break_next("drop_after", path=WRITES["create"][1], method="POST")
    desk.run_once_without_recovery()
    (made,) = desk.subscriptions()
    made.change(metadata={"mlc_ref": "somebody else"}, amount=1)

    desk.run()

    assert len(desk.subscriptions()) == 1
    assert set(desk.site.held().values()) == {"exists_differently"}
    assert desk.states() == {"RC1#1": "held"}


#: the first target only settles what an earlier run left behind; the second one sends.
DEATHS = [("planned", 1), ("before_send", 2), ("after_send", 1), ("before_verify", 1), ("settled", 2)]


def subscribe_elsewhere(desk, *options: str) -> int:
    now = desk.site.at.runtime.clock().isoformat()
    command = [sys.executable, "-m", "tests.subscriber", str(desk.site.at.home), desk.site.name, now, *options]
    return subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode


def lease_runs_out(desk) -> None:
    desk.site.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))


@pytest.mark.parametrize(("point", "count"), DEATHS)
def test_every_charge_gets_one_subscription_wherever_the_first_process_died(desk, point, count):
    desk.site.merchant.mandate(2)
    desk.site.run_new()
    desk.bill()
    desk.bill("RC2", customer=2)
    desk.read()

    assert subscribe_elsewhere(desk, "--die", point, "--count", str(count)) == DEAD
    lease_runs_out(desk)
    settled(desk)

    assert desk.statuses() == {"RC1#1": "active", "RC2#1": "active"}


@pytest.mark.parametrize(("point", "count"), [*DEATHS, ("before_send", 1), ("after_send", 2)])
def test_a_replacement_never_runs_beside_what_it_replaces_wherever_the_process_died(desk, point, count):
    desk.bill()
    desk.run()
    desk.bill(interval=2)
    desk.read()

    assert subscribe_elsewhere(desk, "--die", point, "--count", str(count)) == DEAD
    lease_runs_out(desk)
    settled(desk)

    assert desk.statuses() == {"RC1#1": "cancelled", "RC1#2": "active"}
    cancelled_at, made_at = desk.moments("cancelled", "created")
    assert cancelled_at <= made_at


def test_what_changed_before_it_was_sent_is_planned_anew(desk):
    desk.site.run_new()
    desk.bill()
    desk.read()
    assert subscribe_elsewhere(desk, "--die", "planned") == DEAD
    lease_runs_out(desk)
    desk.bill(amount=Money(4_000, "EUR"))

    settled(desk)

    assert desk.states() == {"RC1#1": "withdrawn", "RC1#2": "active"}
    assert [each.body["amount"] for each in desk.subscriptions()] == [4_000]


def test_a_change_that_is_not_wanted_any_more_is_not_sent(desk):
    desk.bill()
    desk.run()
    desk.bill(active=False)
    desk.read()
    assert subscribe_elsewhere(desk, "--die", "planned") == DEAD
    lease_runs_out(desk)
    desk.bill()

    settled(desk)

    assert desk.statuses() == {"RC1#1": "active"}
    assert [path for _, path in desk.writes() if path.endswith("/cancel")] == []
