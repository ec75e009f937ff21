"""Consent, codes, and the refresh tokens that are used once and not too early."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sandbox.faults import Fault


def test_consent_leads_back_to_the_application_with_code_and_unchanged_state(api: Any) -> None:
    answer = api.authorize()
    assert answer.status_code == 302
    address = urlsplit(answer.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "http://127.0.0.1:8123/callback"
    query = parse_qs(address.query)
    assert query["state"] == ["s 1"]
    assert len(query["code"][0]) > 30


def test_the_consent_page_waits_for_the_person_when_auto_consent_is_off(api: Any) -> None:
    api.division.switches.auto_consent = False
    asked = api.authorize()
    assert (asked.status_code, "Agree" in asked.text) == (200, True)
    agreed = requests.post(asked.url, data={"decision": "agree"}, timeout=10, allow_redirects=False)
    assert "code=" in agreed.headers["Location"]
    denied = requests.post(asked.url, data={"decision": "deny"}, timeout=10, allow_redirects=False)
    assert parse_qs(urlsplit(denied.headers["Location"]).query)["error"] == ["access_denied"]


@pytest.mark.parametrize(
    "changes",
    [{"client_id": "unknown"}, {"redirect_uri": "https://elsewhere.example/callback"}, {"response_type": "token"}],
)
def test_a_wrong_consent_request_is_answered_here_and_sent_nowhere(api: Any, changes: dict[str, str]) -> None:
    answer = api.authorize(**changes)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_client_id_in_braces_is_the_same_client(api: Any) -> None:
    assert api.authorize(client_id="{3F0C1C5E-8a51-4a3a-9f0e-0a4d0f5b7a11}").status_code == 302


def test_the_lifetime_in_the_token_answer_is_a_string(api: Any) -> None:
    answer = api.exchange(api.code())
    assert answer.status_code == 200
    assert answer.json()["expires_in"] == "600"
    assert answer.json()["token_type"] == "bearer"
    assert len(answer.json()["access_token"]) > 250
    assert "!" in answer.json()["refresh_token"]


def test_a_code_is_good_once(api: Any) -> None:
    code = api.code()
    assert api.exchange(code).status_code == 200
    assert api.exchange(code).status_code == 400


def test_a_code_dies_after_three_minutes(api: Any, pass_time: Any) -> None:
    code = api.code()
    pass_time(181)
    assert api.exchange(code).status_code == 400


def test_a_code_needs_the_redirect_uri_it_was_made_for(api: Any) -> None:
    assert api.exchange(api.code(), redirect_uri="http://127.0.0.1:9/callback").json()["error"] == "invalid_grant"


def test_client_authentication_is_in_the_form_body(api: Any) -> None:
    assert api.exchange(api.code(), client_secret="wrong").json()["error"] == "invalid_client"
    as_json = requests.post(f"{api.host}/api/oauth2/token", json={"grant_type": "refresh_token"}, timeout=10)
    assert as_json.status_code == 400


def test_a_refresh_before_570_seconds_is_refused_with_a_reason_and_changes_nothing(api: Any, pass_time: Any) -> None:
    pass_time(569)
    refused = api.refresh()
    assert refused.status_code == 400
    assert refused.json() == {
        "error": "access_denied",
        "error_description": "Rate limit exceeded: access_token not expired",
    }
    assert refused.headers["Reason"].startswith("TooEarlyToRefreshTokens")
    pass_time(1)
    assert api.refresh().status_code == 200


def test_a_refresh_rotates_and_the_spent_token_is_refused_with_401(api: Any, pass_time: Any) -> None:
    first = api.tokens["refresh_token"]
    pass_time(570)
    api.use(api.refresh().json())
    assert api.tokens["refresh_token"] != first
    pass_time(570)
    spent = api.refresh(first)
    assert spent.status_code == 401
    assert "Old refresh token used" in spent.json()["error_description"]
    assert api.refresh().status_code == 200, "the live token is untouched"


def test_a_spent_token_can_be_an_invalid_grant(api: Any, pass_time: Any) -> None:
    api.division.switches.spent_token_answer = "invalid_grant"
    first = api.tokens["refresh_token"]
    pass_time(600)
    api.refresh()
    refused = api.refresh(first)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


def test_of_two_racing_refreshes_one_wins(api: Any, pass_time: Any) -> None:
    pass_time(600)
    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda _: api.refresh(), range(2)))
    assert statuses == [200, 401]


def test_a_response_lost_after_rotation_costs_the_connection_when_the_old_token_dies_at_once(
    api: Any, pass_time: Any
) -> None:
    pass_time(600)
    api.app.faults.add(Fault("drop_after", "POST", "/token"))
    with pytest.raises(requests.ConnectionError):
        api.refresh()
    assert api.refresh().status_code == 401


def test_the_old_token_can_live_until_the_new_one_is_used(api: Any, pass_time: Any) -> None:
    """The way back after a lost answer: the early refusal tells that it succeeded, 600 s later the old token works."""
    api.division.switches.old_refresh_token = "until_new_used"
    pass_time(600)
    api.app.faults.add(Fault("drop_after", "POST", "/token"))
    with pytest.raises(requests.ConnectionError):
        api.refresh()
    assert "not expired" in api.refresh().json()["error_description"]
    pass_time(600)
    old = api.tokens["refresh_token"]
    answer = api.refresh()
    assert answer.status_code == 200
    api.use(answer.json())
    assert api.get(f"{api.host}/api/v1/current/Me").status_code == 200
    pass_time(570)
    assert api.refresh(old).status_code == 401, "the newer issue was used"


def test_the_old_token_does_not_live_longer_than_about_ten_minutes(api: Any, pass_time: Any) -> None:
    api.division.switches.old_refresh_token = "until_new_used"
    pass_time(600)
    old = api.tokens["refresh_token"]
    api.refresh()
    pass_time(700)
    assert api.refresh(old).status_code == 401


@pytest.mark.parametrize(("days", "status"), [(29, 200), (31, 400)])
def test_an_idle_refresh_token_dies_after_thirty_days(api: Any, pass_time: Any, days: int, status: int) -> None:
    pass_time(days * 86400)
    assert api.refresh().status_code == status


def test_two_hundred_token_calls_a_day_are_allowed(api: Any, pass_time: Any) -> None:
    api.division.switches.token_calls_per_day = 3
    assert [api.refresh().status_code for _ in range(3)] == [400, 400, 429]
    pass_time(86400)
    assert api.refresh().status_code == 200


@pytest.mark.parametrize(("trouble", "status", "body"), [("fault", 500, "faultstring"), ("empty", 200, "")])
def test_the_gateway_can_fail_before_the_token_is_spent(
    api: Any, pass_time: Any, trouble: str, status: int, body: str
) -> None:
    pass_time(600)
    requests.post(f"{api.host}/_control/token_trouble", json={"next": [trouble]}, timeout=10)
    failed = api.refresh()
    assert (failed.status_code, body in failed.text) == (status, True)
    assert api.refresh().status_code == 200


def test_an_access_token_dies_at_600_seconds_in_the_middle_of_paging(api: Any, pass_time: Any) -> None:
    for number in range(70):
        api.division.add_account(str(1000 + number))
    first = api.get("crm/Accounts", {"$select": "ID", "$filter": "Status eq 'C'"})
    pass_time(600)
    assert api.get(first.json()["d"]["__next"]).status_code == 401
    api.use(api.refresh().json())
    assert len(api.get(first.json()["d"]["__next"]).json()["d"]["results"]) == 12


def test_a_missing_bearer_is_401_or_leads_to_the_login_page(api: Any) -> None:
    bare = requests.get(f"{api.base}/crm/Accounts", timeout=10, allow_redirects=False)
    assert bare.status_code == 401
    api.division.switches.login_redirect = True
    bare = requests.get(f"{api.base}/crm/Accounts", timeout=10, allow_redirects=False)
    assert (bare.status_code, bare.headers["Location"]) == (302, f"{api.host}/docs/Login.aspx")
