"""Quiet hours, one writer per company over all processes, and refusals of the server itself."""

from __future__ import annotations

from datetime import UTC, datetime, time
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector_resources.erp.sage300.gate import LOOK_AGAIN_S, SignOnGuard, quiet_until
from connector_resources.erp.sage300.resource import writer_of
from connector_resources.erp.sage300.settings import QuietHours
from connector_resources.errors import NotSent

ZONE = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("begins", "ends", "now", "until"),
    [
        ("22:00", "04:00", "2026-03-02T21:30", "2026-03-03T04:00"),
        ("22:00", "04:00", "2026-03-03T01:00", "2026-03-03T04:00"),
        ("22:00", "04:00", "2026-03-03T03:00", None),
        ("22:00", "04:00", "2026-03-02T20:59", None),
        ("02:00", "03:30", "2026-03-03T01:30", "2026-03-03T03:30"),
        ("02:00", "03:30", "2026-03-03T02:30", None),
    ],
)
def test_the_window_is_in_the_zone_of_the_books(begins: str, ends: str, now: str, until: str | None) -> None:
    hours = QuietHours(begins=time.fromisoformat(begins), ends=time.fromisoformat(ends))

    found = quiet_until(datetime.fromisoformat(now).replace(tzinfo=UTC), hours, ZONE)

    assert (found.strftime("%Y-%m-%dT%H:%M") if found else None) == until


def test_nothing_is_written_in_the_quiet_hours_and_all_of_it_afterwards(site: Any, given: SimpleNamespace) -> None:
    quiet = {"quiet_hours": {"begins": "10:00", "ends": "12:00"}}
    paid = given.receipt()

    stopped = site.post(paid, **quiet).stopped
    assert "until 2026-03-02 12:00 (Europe/Amsterdam)" in stopped
    assert site.receipts() == []

    site.company.clock.advance(given.hours(1.5))
    assert site.post(**quiet).stopped == ""
    assert site.state(paid) == "posted"


def test_reading_goes_on_in_the_quiet_hours(site: Any) -> None:
    connector = site.connector(quiet_hours={"begins": "10:00", "ends": "12:00"})

    assert {row.number for row in connector.customers()} == {"1200", "1300"}


def test_while_another_process_writes_to_the_company_nothing_is_sent(site: Any, given: SimpleNamespace) -> None:
    other = writer_of(site.settings())
    paid = given.receipt()

    with site.store.leases.hold(other, ttl_s=3600):
        report = site.post(paid)
        assert "Another process writes" in report.stopped
        assert site.receipts() == []

    assert site.post().stopped == ""
    assert site.state(paid) == "posted"


def test_two_connections_to_one_company_share_the_writer_and_other_companies_do_not(site: Any) -> None:
    one = site.settings()

    assert writer_of(one) == writer_of(site.settings(mode="payout_gl"))
    assert writer_of(one) != writer_of(site.settings(company="OTHER"))
    assert writer_of(one) != writer_of(site.settings(base_url="https://another.example/Sage300WebApi"))


def test_what_another_process_was_refused_is_known_here_within_seconds(site: Any) -> None:
    seconds = [100.0]
    mine, other = (SignOnGuard("harbour", site.store.marks, lambda: "v1", lambda: seconds[0]) for _ in range(2))
    mine.require()
    other.refused()

    seconds[0] += LOOK_AGAIN_S
    with pytest.raises(NotSent, match="refused this user and password before"):
        mine.require()


def test_what_this_process_was_refused_is_known_at_once(site: Any) -> None:
    guard = SignOnGuard("harbour", site.store.marks, lambda: "v1")
    guard.require()
    guard.refused()

    with pytest.raises(NotSent):
        guard.require()


def test_a_busy_server_is_asked_again(site: Any, given: SimpleNamespace) -> None:
    site.break_next("rate_limit", "ARCustomers", method="GET", times=2)

    assert site.post(given.receipt()).stopped == ""


def test_a_server_that_stays_away_stops_the_run_and_loses_nothing(site: Any, given: SimpleNamespace) -> None:
    site.break_next("html", "CSCompanyProfile", method="GET", times=20, status=503)
    paid = given.receipt()

    assert site.post(paid).stopped != ""
    site.sandbox.faults.clear()

    assert site.post().settled == 1


def test_a_write_that_the_user_may_not_do_stops_the_run_and_names_the_right(site: Any, given: SimpleNamespace) -> None:
    site.break_next("error_before", "ARReceiptAndAdjustmentBatches", method="POST", status=403)
    paid = given.receipt()

    report = site.post(paid)

    assert "does not let the user write ARReceiptAndAdjustmentBatches" in report.stopped
    assert "security group of AR" in report.stopped
    assert (site.held(), site.receipts()) == ({}, [])
    assert site.post().settled == 1


def test_a_read_that_the_user_may_not_do_stops_the_run_before_anything_is_sent(
    site: Any, given: SimpleNamespace
) -> None:
    site.company.add_user("GCTWO", "Pass", web_api={"AR", "GL", "CS", "BK"}, denied={"ARCustomers"})
    site.store.vault.write(given.CONNECTION, "sage300_username", "GCTWO")
    site.store.vault.write(given.CONNECTION, "sage300_password", "Pass")

    report = site.post(given.receipt())

    assert "refused a read" in report.stopped
    assert f"connector ping {given.CONNECTION}" in report.stopped
    assert (site.held(), site.receipts()) == ({}, [])
