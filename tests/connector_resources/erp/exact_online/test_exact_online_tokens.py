"""Tokens against the stand-in's own rules: never early, one refresh at a time, lost answers, and consents that stay alive."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.exact_online.authorisation import authorise
from connector_resources.erp.exact_online.resource import TOKENS, build_tokens, token_shelf
from connector_resources.errors import ConsentExpired, NotSent
from sandbox.faults import Fault

TOKEN_PATH = "/oauth2/token"


def refreshes(site: Any) -> int:
    return sum(1 for _, path in site.sandbox.faults.requests if path.endswith("/token")) - 1


def test_consent_stores_a_pair_and_says_how_long_it_lasts(site: Any) -> None:
    assert "left unused it ends on 2026-04-01" in site.consent()
    pair = token_shelf(site.context()).read()
    assert pair is not None
    assert (pair.expires_at - pair.obtained_at).total_seconds() == 600
    assert pair.refresh_token


def test_a_foreign_answer_of_the_browser_stores_nothing(site: Any, given: SimpleNamespace) -> None:
    before = site.store.vault.read(given.CONNECTION, TOKENS)
    begun = authorise(site.settings(), site.context(), given.REDIRECT)
    with pytest.raises(ConsentExpired):
        begun.complete(f"{given.REDIRECT}?code=abc&state=somebody-elses")
    assert site.store.vault.read(given.CONNECTION, TOKENS) == before


def test_a_long_run_refreshes_once_in_ten_minutes_and_never_early(site: Any) -> None:
    tokens = build_tokens(site.settings(), site.context())
    for _ in range(61):
        tokens.token()
        site.division.clock.advance(timedelta(seconds=60))
    assert refreshes(site) == 60 * 60 // 600


def test_a_token_that_ends_between_two_pages_is_replaced(site: Any) -> None:
    for number in range(1200):
        site.division.add_account(str(20_000 + number), f"Customer {number}")
    site.division.between_pages.append(lambda: site.division.clock.advance(timedelta(seconds=601)))
    found = site.connector().customers()
    assert len(list(found)) == 1202
    assert refreshes(site) == 1


def test_a_refresh_whose_answer_was_lost_is_made_up_for(site: Any) -> None:
    """The reading of the sheet in which the old refresh token lives on until the new one is used."""
    site.division.switches.old_refresh_token = "until_new_used"
    site.division.clock.advance(timedelta(seconds=700))
    site.sandbox.faults.add(Fault("drop_after", path=TOKEN_PATH))
    assert site.connector().ping().ok
    assert 570 <= max(site.naps) <= 600
    pair = token_shelf(site.context()).read()
    assert pair is not None
    assert pair.refresh_started_at is None


@pytest.mark.parametrize("answer", ["401", "invalid_grant"])
def test_a_refresh_whose_answer_is_lost_for_good_needs_a_person(site: Any, answer: str) -> None:
    site.division.switches.spent_token_answer = answer
    site.division.clock.advance(timedelta(seconds=700))
    site.sandbox.faults.add(Fault("drop_after", path=TOKEN_PATH))
    tokens = build_tokens(site.settings(), site.context())
    with pytest.raises(ConsentExpired, match=r"was lost.*connector authorize polder"):
        tokens.token()
    line = site.connector().ping().lines[0]
    assert (line.ok, line.next_step) == (False, "connector authorize polder")
    site.consent()
    assert site.connector().ping().ok


@pytest.mark.parametrize("trouble", ["fault", "empty"])
def test_gateway_trouble_is_passed_over(site: Any, trouble: str) -> None:
    site.division.clock.advance(timedelta(seconds=700))
    site.division.tokens.gateway_trouble.extend([trouble] * 2)
    assert site.connector().ping().ok
    site.division.clock.advance(timedelta(seconds=700))
    site.division.tokens.gateway_trouble.extend([trouble] * 4)
    with pytest.raises(NotSent, match=r"no clear answer|could not be understood"):
        build_tokens(site.settings(), site.context()).token()


def test_a_connection_that_only_polls_customers_keeps_its_consent(site: Any) -> None:
    for _ in range(10):
        site.division.clock.advance(timedelta(days=7))
        list(site.connector().customers())
    assert site.connector().ping().ok


def test_the_ping_warns_of_a_connection_that_nobody_uses(site: Any) -> None:
    site.division.clock.advance(timedelta(days=20))
    line = site.connector().ping().lines[0]
    assert not line.ok
    assert "unused for 20 days" in line.detail
    assert "in 10 days" in line.detail
    assert "erp_poll" in line.next_step
    assert site.connector().ping().ok


def test_a_consent_that_was_not_used_for_thirty_days_has_ended(site: Any) -> None:
    site.division.clock.advance(timedelta(days=31))
    report = site.connector().ping()
    assert [line.ok for line in report.lines] == [False, False]
    assert {line.next_step for line in report.lines} == {"connector authorize polder"}


def test_without_any_consent_the_ping_says_so(site: Any, given: SimpleNamespace) -> None:
    site.store.vault.remove(given.CONNECTION, TOKENS)
    report = site.connector().ping()
    assert report.lines[0].detail == "no consent is stored"
    assert report.lines[0].next_step == "connector authorize polder"


def test_token_calls_stay_within_the_day_however_badly_things_go(site: Any) -> None:
    """Exact allows 200 a day; a provider that is down must not use them up."""
    site.sandbox.faults.add(Fault("error_before", path=TOKEN_PATH, times=10_000, status=502))
    site.division.clock.advance(timedelta(seconds=700))
    for _ in range(60):
        with pytest.raises(NotSent):
            build_tokens(site.settings(), site.context()).token()
        site.division.clock.advance(timedelta(minutes=20))
    assert refreshes(site) <= 200
