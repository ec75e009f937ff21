"""A process that dies between any two steps, two processes at once, a lease that was lost: nothing is sent twice."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bookkeeping.postings import PostingKind
from connector_resources.erp.contract import Outcome, PlannedSubmission
from connector_resources.errors import LeaseLost
from connector_resources.posting.planning import Scope
from connector_resources.posting.protocol import LEASE_TTL_S
from tests.evenings import DAY
from tests.poster import DEAD
from tests.sites import LAST, Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site, visma_site

ROOT = Path(__file__).parents[3]


def command(site: Site, *options: str) -> list[str]:
    now = site.at.runtime.clock().isoformat()
    return [sys.executable, "-m", "tests.poster", str(site.at.home), site.name, now, *options]


def post_elsewhere(site: Site, *options: str) -> int:
    return subprocess.run(command(site, *options), cwd=ROOT, timeout=60, check=False).returncode


def plan(site: Site) -> None:
    """Everything but posting."""
    scope = Scope(DAY, LAST, only_new=False)
    site.at.read(scope)
    site.at.link()
    site.at.plan(scope)


SITES = {
    "visma": visma_site,
    "datev": datev_site,
    "exact_online": exact_online_site,
    "ifs_cloud": ifs_cloud_site,
    "sage300": sage300_site,
}


@pytest.fixture(params=list(SITES))
def planned(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Two receipts, their customers and mandates, and a payout: planned and not posted."""
    with SITES[request.param](tmp_path) as site:
        site.merchant.collected(10_000, customer=1)
        site.merchant.collected(20_000, customer=2)
        site.merchant.pay_out()
        plan(site)
        yield site


def assert_posted_once(site: Site) -> None:
    assert site.unfinished() == {}
    assert max(site.documents().values()) == 1, site.documents()
    assert site.clearing() == 0
    assert site.trail_is_whole()


@pytest.mark.parametrize("planned", ["datev"], indirect=True)
def test_a_job_that_a_killed_process_polled_is_polled_on_by_the_next(planned):
    assert post_elsewhere(planned, "--die", "before_poll") == DEAD
    planned.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
    report = planned.at.post()
    assert (report.stopped, report.held) == ("", [])
    assert_posted_once(planned)


@pytest.mark.parametrize("point", ["before_send", "after_send", "before_verify"])
def test_what_a_killed_process_left_open_is_finished_once_by_the_next(planned, point):
    assert post_elsewhere(planned, "--die", point) == DEAD
    # The dead process still holds the lease; time frees it.
    planned.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
    # Two sites put everything into one or two requests: there is no third to die at.
    if planned.name not in ("kanzlei", "enterprise") and point != "before_verify":
        assert post_elsewhere(planned, "--die", point, "--count", "3") == DEAD
        planned.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
    report = planned.at.post()
    assert (report.stopped, report.held) == ("", [])
    assert_posted_once(planned)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("open_site", "point"),
    [
        (visma_site, "before_verify"),
        (exact_online_site, "before_send"),
        (exact_online_site, "after_send"),
        (exact_online_site, "before_verify"),
        (sage300_site, "before_send"),
        (sage300_site, "after_send"),
        (sage300_site, "before_verify"),
    ],
)
def test_a_busy_evening_of_which_every_process_dies_at_its_next_step_is_posted_once(tmp_path, open_site, point):
    """Receipts taken back, credit notes and their payments: each process comes one step further than the one before."""
    with open_site(tmp_path / "undisturbed") as site:
        busy_evening(site)
        site.at.post()
        expected = site.documents()
    with open_site(tmp_path / "deadly") as site:
        busy_evening(site)
        for step in itertools.count(1):
            code = post_elsewhere(site, "--die", point, "--count", str(step))
            site.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
            if code != DEAD:
                break
        assert step > 2
        # What never arrived three times is for a person, who finds nothing of it.
        assert set(site.held().values()) <= {"cannot_tell"}
        site.release()
        site.at.post()
        assert site.unfinished() == {}
        assert site.documents() == expected
        assert site.trail_is_whole()


def busy_evening(site: Site) -> None:
    """Planned and not posted: a late failure, a refund, a payout, all of receipts that stand."""
    payments = [site.merchant.collected(10_000 * number, customer=number) for number in (1, 2)]
    assert site.run().stopped == ""
    site.merchant.fail(payments[0])
    site.merchant.refund(payments[1], 7_000)
    site.merchant.pay_out()
    plan(site)


def test_two_processes_posting_one_connection_at_once_post_everything_once(planned, tmp_path):
    start = tmp_path / "start"
    both = [subprocess.Popen(command(planned, "--wait-for", str(start)), cwd=ROOT) for _ in range(2)]
    start.touch()
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert_posted_once(planned)


class TakenOver:
    """A connector during whose first write the lease runs out and another process takes it."""

    def __init__(self, site: Site, connector: Any) -> None:
        self.sent: list[str] = []
        self._site = site
        self._connector = connector
        self._other: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def submit(self, submission: PlannedSubmission) -> Outcome:
        self.sent.append(submission.reference)
        if self._other is None:
            self._site.merchant.tick(timedelta(seconds=LEASE_TTL_S + 1))
            self._other = self._site.at.runtime.store.leases.hold(f"posting:{self._site.name}", ttl_s=LEASE_TTL_S)
            self._other.__enter__()
        return self._connector.submit(submission)

    def other_ends(self) -> None:
        self._other.__exit__(None, None, None)


def test_who_loses_the_lease_sends_nothing_more_and_the_next_run_finishes(planned):
    runtime, connection = planned.at.runtime, planned.at.connection
    with runtime.erp(connection) as connector:
        interrupted: Any = TakenOver(planned, connector)
        with pytest.raises(LeaseLost):
            runtime.protocol(connection, interrupted).run(frozenset(PostingKind))
        assert len(interrupted.sent) == 1
        interrupted.other_ends()
    planned.at.post()
    assert_posted_once(planned)
