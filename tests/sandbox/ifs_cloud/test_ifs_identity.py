"""The identity service: who gets a token, how long it lives, and what a call without one is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

PING = "UserRelatedData/CompanyFinances"


def test_a_token_comes_with_the_lifetime_it_really_has(api, tenant):
    answer = api.token().json()
    assert (answer["expires_in"], answer["token_type"]) == (180, "Bearer")
    assert api.get(PING).status_code == 200
    tenant.clock.advance(timedelta(seconds=179))
    assert api.get(PING).status_code == 200
    tenant.clock.advance(timedelta(seconds=1))
    assert api.problem(api.get(PING), 401) == "UNAUTHORIZED"


def test_a_new_token_leaves_the_old_one_valid(api):
    api.token()
    assert api.get(PING).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "unauthorized_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "openid nonsense"}, 400, "invalid_scope"),
    ],
)
def test_token_requests_are_refused_in_keycloaks_own_form(api, changes, status, error):
    answer = api.token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_scope_may_be_left_out_unless_the_tenant_wants_it(api, tenant):
    assert api.token(scope="").status_code == 200
    tenant.switches.change({"scope_required": True})
    assert api.token(scope="").json()["error"] == "invalid_scope"


def test_an_unknown_realm_is_404(api):
    answer = requests.post(f"{api.host}/auth/realms/other/protocol/openid-connect/token", data={}, timeout=10)
    assert (answer.status_code, answer.json()) == (404, {"error": "Realm does not exist"})


def test_discovery_names_the_token_endpoint(api):
    told = requests.get(f"{api.host}/auth/realms/acmeprod/.well-known/openid-configuration", timeout=10).json()
    assert told["token_endpoint"] == f"{api.host}/auth/realms/acmeprod/protocol/openid-connect/token"


def test_client_credentials_may_come_as_basic_authentication(api):
    url = f"{api.host}/auth/realms/acmeprod/protocol/openid-connect/token"
    form = {"grant_type": "client_credentials"}
    assert requests.post(url, data=form, auth=("gc_connector", "sandbox-secret"), timeout=10).status_code == 200
    assert requests.post(url, data=form, auth=("gc_connector", "wrong"), timeout=10).status_code == 401


def test_the_refresh_token_is_optional_and_works_while_it_lives(api, tenant):
    refresh = api.token().json()["refresh_token"]
    assert api.token(grant_type="refresh_token", refresh_token=refresh).status_code == 200
    tenant.clock.advance(timedelta(seconds=1800))
    assert api.token(grant_type="refresh_token", refresh_token=refresh).json()["error"] == "invalid_grant"
    tenant.switches.change({"refresh_tokens": False})
    assert "refresh_token" not in api.token().json()


def test_a_rotated_secret_takes_the_place_of_the_old_one(api, tenant):
    tenant.realm.add_client("gc_connector", "new-secret")
    assert api.token().status_code == 401
    assert api.token(client_secret="new-secret").status_code == 200


def test_revoked_tokens_are_refused(api):
    api.control("tokens", method="DELETE")
    assert api.get(PING).status_code == 401


def test_the_limit_of_the_minute_is_the_tenants(api, tenant):
    tenant.switches.change({"calls_per_minute": 3, "retry_after": True})
    assert [api.get(PING).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert api.get(PING).headers["Retry-After"] == "60"
    tenant.clock.advance(timedelta(seconds=60))
    assert api.get(PING).status_code == 200


def test_a_429_says_nothing_of_waiting_unless_it_is_switched_on(api, tenant):
    tenant.switches.change({"calls_per_minute": 0})
    assert "Retry-After" not in api.get(PING).headers


def test_the_double_submit_guard_wants_the_cookie_as_a_header(api, tenant):
    tenant.switches.change({"csrf": True})
    path = "CustomerHandling/CustomerInfoSet(CustomerId='C1')"
    etag = api.entity(path)["@odata.etag"]
    change = {"Name": "New name"}
    assert api.problem(api.send("PATCH", path, change, if_match=etag), 403) == "CSRF_ERROR"
    guard = api.session.cookies["XSRF-TOKEN"]
    assert api.send("PATCH", path, change, if_match=etag, x_xsrf_token=guard).status_code == 200
