"""Consents that nothing else uses: kept alive day by day, and a failing run with the next step before one is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from connector_resources.erp.exact_online.resource import TOKENS, token_shelf
from connector_resources.errors import ConsentExpired
from sensors.consents import consent_job, daily_consents, keeps_consent
from tests.sites import Site, exact_online_site, visma_site

TOKEN_PATH = "/oauth2/token"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with exact_online_site(tmp_path) as opened:
        yield opened


def keep(site: Site) -> dg.ExecuteInProcessResult:
    job = consent_job([site.at.connection])
    return job.execute_in_process(resources={"runtime": site.at.runtime}, raise_on_error=False)


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [each for each in result.all_events if each.is_step_failure]
    assert event.step_failure_data.user_failure_data is not None
    return str(event.step_failure_data.user_failure_data.description)


def refreshes(site: Site) -> int:
    return sum(path.endswith(TOKEN_PATH) for _, path in site.at.erp.faults.requests) - 1


def test_an_idle_connection_keeps_its_consent_for_months(site: Site) -> None:
    for _ in range(40):
        site.merchant.tick(timedelta(days=1))
        assert keep(site).success
    assert refreshes(site) == 40 // 6
    with site.at.runtime.erp(site.at.connection) as connector:
        assert all(line.ok for line in connector.ping().lines[:2])


def test_without_it_the_consent_is_gone_after_thirty_days(site: Site) -> None:
    site.merchant.tick(timedelta(days=31))
    with site.at.runtime.erp(site.at.connection) as connector, pytest.raises(ConsentExpired):
        list(connector.customers())


def test_a_connection_that_is_used_is_left_alone(site: Site) -> None:
    for _ in range(8):
        site.merchant.tick(timedelta(days=1))
        with site.at.runtime.erp(site.at.connection) as connector:
            list(connector.customers())
        used = refreshes(site)
        assert keep(site).success
        assert refreshes(site) == used


def test_a_consent_that_cannot_be_used_is_warned_of_before_it_ends(site: Site) -> None:
    site.break_next("error_before", TOKEN_PATH, status=503, times=1000)
    warned = []
    for day in range(1, 12):
        site.merchant.tick(timedelta(days=1))
        result = keep(site)
        if not result.success:
            warned.append(day)
            assert "[polder]" in failure(result)
            assert re.search(r"the consent ends on 2026-07-03, in \d+ days", failure(result))
            assert "Next step: connector ping polder" in failure(result)
    assert warned == list(range(6, 12))
    site.at.erp.faults.clear()
    assert keep(site).success


def test_a_consent_that_has_ended_fails_with_the_command_that_renews_it(site: Site) -> None:
    site.merchant.tick(timedelta(days=31))
    assert failure(keep(site)) == "[polder] The consent has ended. Next step: connector authorize polder"
    site.at.runtime.store.vault.remove("polder", TOKENS)
    assert failure(keep(site)) == "[polder] No consent is stored. Next step: connector authorize polder"


def test_a_lost_reply_is_told_with_the_connection(site: Site) -> None:
    site.merchant.tick(timedelta(days=8))
    site.break_next("drop_after", TOKEN_PATH)
    said = failure(keep(site))
    assert "was lost" in said
    assert "connector authorize polder" in said
    pair = token_shelf(site.at.runtime.context(site.at.connection)).read()
    assert pair is not None
    assert pair.refused


def test_the_job_runs_daily_and_only_for_connections_with_such_a_consent(site: Site, tmp_path: Path) -> None:
    assert keeps_consent(site.at.connection)
    with visma_site(tmp_path / "visma") as other:
        assert not keeps_consent(other.at.connection)
    schedule = daily_consents(consent_job([site.at.connection]))
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "consents"
