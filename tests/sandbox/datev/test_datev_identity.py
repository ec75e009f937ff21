"""The identity provider, one sentence of the checklist at a time (datev.md 1.1 to 1.4 and 10)."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.datev.datacentre import Registration

CALLBACK = "http://localhost:8000/datev/callback"
VERIFIER = "v" * 50
BASIC = ("sandbox-confidential", "sandbox-secret")


def error_of(answer: requests.Response) -> str:
    """The OAuth error of a redirect."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["error"]


def exchange(datev: Any, code: str, environment: str = "production", **changes: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer: requests.Response = datev.token(environment, **(form | {"client_id": "sandbox-public"} | changes))
    return answer


def refresh(datev: Any, token: str, **changes: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "sandbox-public"}
    answer: requests.Response = datev.token(**(form | changes))
    return answer


@pytest.mark.parametrize("environment", ["production", "sandbox"])
def test_discovery_names_endpoints_that_work(stranger: Any, environment: str) -> None:
    login = "openid" if environment == "production" else "openidsandbox"
    found = requests.get(f"{stranger.base}/{login}/.well-known/openid-configuration", timeout=5).json()
    tokens = stranger.login(environment)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(found["userinfo_endpoint"], headers=bearer, timeout=5).json()["name"] == "Erika Muster"
    assert requests.post(found["token_endpoint"], timeout=5).status_code == 400
    assert found["authorization_endpoint"] == f"{stranger.base}/{login}/authorize"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"nonce": None}, "invalid_request"),
        ({"nonce": "n" * 19}, "invalid_request"),
        ({"state": "s" * 19}, "invalid_request"),
        ({"scope": "openid datev:everything"}, "invalid_scope"),
        ({"scope": "datev:accounting:clients"}, "invalid_scope"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": VERIFIER}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_authorize_sends_a_bad_wish_back_with_its_error(stranger: Any, changes: dict[str, str], error: str) -> None:
    answer = stranger.authorize(**changes)
    assert answer.status_code == 302
    assert error_of(answer) == error


@pytest.mark.parametrize("changes", [{"redirect_uri": CALLBACK + "/"}, {"client_id": "nobody"}])
def test_authorize_never_redirects_to_an_unregistered_address(stranger: Any, changes: dict[str, str]) -> None:
    answer = stranger.authorize(**changes)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_confidential_client_may_not_use_localhost_in_production(stranger: Any) -> None:
    assert stranger.authorize(client_id="sandbox-confidential").status_code == 400
    assert stranger.authorize("sandbox", client_id="sandbox-confidential").status_code == 302
    https = "https://connector.example/datev/callback"
    assert stranger.authorize(client_id="sandbox-confidential", redirect_uri=https).status_code == 302


def test_state_and_nonce_are_good_for_one_login(stranger: Any) -> None:
    once = {"state": "s" * 20, "nonce": "n" * 20}
    assert stranger.authorize(**once).status_code == 302
    assert error_of(stranger.authorize(**once)) == "invalid_request"


def test_without_automatic_consent_a_person_presses_a_button(stranger: Any) -> None:
    stranger.centre.behaviour.auto_consent = False
    page = stranger.authorize()
    assert page.status_code == 200
    assert "Zugriff erlauben" in page.text
    fields = dict(part.split('" value="') for part in page.text.replace('">', "").split('name="')[1:])
    fields = {name: value.split("<")[0] for name, value in fields.items()}
    pressed = requests.post(f"{stranger.base}/openid/authorize", data=fields, allow_redirects=False, timeout=5)
    assert pressed.status_code == 302
    assert "code=" in pressed.headers["location"]


def test_the_token_answer_has_every_field_and_an_id_token_with_the_nonce(stranger: Any) -> None:
    tokens = stranger.login(nonce="nonce-of-this-login-0001")
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    assert "datev:accounting:clients" in tokens["scope"].split()
    assert signed_claims(stranger, tokens["id_token"])["nonce"] == "nonce-of-this-login-0001"


def signed_claims(stranger: Any, token: str) -> dict[str, Any]:
    """The claims after the signature was checked with the published key."""
    key = requests.get(f"{stranger.base}/openid/jwks", timeout=5).json()["keys"][0]
    e, n = (int.from_bytes(decoded(key[name]), "big") for name in ("e", "n"))
    head, claims, signature = token.split(".")
    rsa.RSAPublicNumbers(e, n).public_key().verify(
        decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256()
    )
    return dict(json.loads(decoded(claims)))


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_verifier_must_fit_the_challenge(stranger: Any) -> None:
    assert exchange(stranger, stranger.code(), code_verifier="w" * 50).json()["error"] == "invalid_grant"


def test_a_code_works_once_and_its_second_use_ends_the_session(stranger: Any) -> None:
    code = stranger.code()
    tokens = exchange(stranger, code).json()
    assert exchange(stranger, code).json()["error"] == "invalid_grant"
    assert refresh(stranger, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_code_is_bound_to_its_redirect_address_and_environment_and_ages(stranger: Any) -> None:
    assert exchange(stranger, stranger.code(), redirect_uri="http://localhost:1/").status_code == 400
    assert exchange(stranger, stranger.code("sandbox")).status_code == 400
    late = stranger.code()
    stranger.advance(601)
    assert exchange(stranger, late).status_code == 400


def test_a_confidential_client_needs_basic_and_never_the_secret_in_the_body(stranger: Any) -> None:
    def attempt(basic: tuple[str, str] | None, **extra: str) -> requests.Response:
        code = stranger.code("sandbox", client_id="sandbox-confidential")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        answer: requests.Response = stranger.token("sandbox", basic=basic, **(form | extra))
        return answer

    in_body = attempt(None, client_id=BASIC[0], client_secret=BASIC[1])
    assert (in_body.status_code, in_body.json()["error"]) == (401, "invalid_client")
    assert in_body.headers["www-authenticate"].startswith("Basic")
    assert attempt(None, client_id=BASIC[0]).status_code == 401
    assert attempt((BASIC[0], "wrong")).status_code == 401
    granted = attempt(BASIC)
    assert granted.status_code == 200
    token = granted.json()["refresh_token"]
    wish = {"grant_type": "refresh_token", "refresh_token": token}
    assert stranger.token("sandbox", client_id=BASIC[0], **wish).status_code == 401
    assert stranger.token("sandbox", basic=BASIC, **wish).status_code == 200


def test_a_confidential_client_may_be_registered_to_refresh_by_its_id_alone(stranger: Any) -> None:
    stranger.centre.register(Registration("mixed", "geheim", (CALLBACK,), refresh_auth="client_id"))
    code = stranger.code("sandbox", client_id="mixed")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    token = stranger.token("sandbox", basic=("mixed", "geheim"), **form).json()["refresh_token"]
    wish = {"grant_type": "refresh_token", "refresh_token": token}
    assert stranger.token("sandbox", basic=("mixed", "geheim"), **wish).status_code == 401
    assert stranger.token("sandbox", client_id="mixed", **wish).status_code == 200


def test_a_public_client_must_not_send_a_secret_or_basic(stranger: Any) -> None:
    assert exchange(stranger, stranger.code(), client_secret="x").json()["error"] == "invalid_client"
    token = stranger.login()["refresh_token"]
    wish = {"grant_type": "refresh_token", "refresh_token": token}
    assert stranger.token(basic=("sandbox-public", ""), **wish).status_code == 401


def test_a_refresh_token_rotates_and_its_second_use_kills_the_family(stranger: Any) -> None:
    first = stranger.login()
    second = refresh(stranger, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(stranger, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(stranger, second["refresh_token"]).json()["error"] == "invalid_grant"
    bearer = {"Authorization": f"Bearer {second['access_token']}"}
    assert requests.get(f"{stranger.base}/userinfo", headers=bearer, timeout=5).status_code == 401


def test_the_session_ends_eleven_hours_after_the_login_whatever_was_refreshed(stranger: Any) -> None:
    token = stranger.login()["refresh_token"]
    for _ in range(10):
        stranger.advance(3600)
        token = refresh(stranger, token).json()["refresh_token"]
    stranger.advance(3600)
    assert refresh(stranger, token).json()["error"] == "invalid_grant"


def test_offline_access_outlives_the_day(stranger: Any) -> None:
    token = stranger.login(scope="openid offline_access")["refresh_token"]
    stranger.advance(30 * 86400)
    assert refresh(stranger, token).status_code == 200


def test_expires_in_can_be_switched_and_is_kept(stranger: Any) -> None:
    stranger.centre.behaviour.expires_in_s = 30
    assert stranger.login()["expires_in"] == 30
    assert stranger.clients().status_code == 200
    stranger.advance(30)
    assert stranger.clients().status_code == 401


def test_revoke_needs_a_hint_and_ends_exactly_that_token(stranger: Any) -> None:
    tokens = stranger.login()
    address = f"{stranger.base}/revoke"
    form = {"client_id": "sandbox-public", "token": tokens["access_token"]}
    assert requests.post(address, data=form, timeout=5).json()["error"] == "invalid_request"
    assert requests.post(address, data=form | {"token_type_hint": "access_token"}, timeout=5).status_code == 200
    assert stranger.clients().status_code == 401
    assert stranger.centre.live_sessions("sandbox-public") == 1
    form = {"client_id": "sandbox-public", "token": tokens["refresh_token"], "token_type_hint": "refresh_token"}
    assert requests.post(address, data=form, timeout=5).status_code == 200
    assert refresh(stranger, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert stranger.centre.live_sessions("sandbox-public") == 0


def test_a_confidential_client_revokes_by_basic(stranger: Any) -> None:
    code = stranger.code("sandbox", client_id="sandbox-confidential")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    token = stranger.token("sandbox", basic=BASIC, **form).json()["refresh_token"]
    form = {"token": token, "token_type_hint": "refresh_token"}
    address = f"{stranger.base}/openidsandbox/revoke"
    assert requests.post(address, data=form | {"client_id": BASIC[0]}, timeout=5).status_code == 401
    assert requests.post(address, data=form, auth=BASIC, timeout=5).status_code == 200
    assert stranger.centre.live_sessions(BASIC[0]) == 0


def test_userinfo_tells_the_name_only_with_profile(stranger: Any) -> None:
    bearer = {"Authorization": f"Bearer {stranger.login(scope='openid')['access_token']}"}
    assert set(requests.get(f"{stranger.base}/userinfo", headers=bearer, timeout=5).json()) == {"sub"}


def test_tokens_of_one_environment_are_worth_nothing_in_the_other(stranger: Any) -> None:
    stranger.login("sandbox")
    assert stranger.clients().status_code == 200
    stranger.platform = "platform"
    assert stranger.clients().status_code == 401


def test_the_token_endpoint_takes_only_forms_without_repeats(stranger: Any) -> None:
    address = f"{stranger.base}/token"
    assert requests.post(address, json={"grant_type": "refresh_token"}, timeout=5).status_code == 400
    twice = [("grant_type", "refresh_token"), ("grant_type", "refresh_token")]
    assert "twice" in requests.post(address, data=twice, timeout=5).json()["error_description"]
    wish = {"grant_type": "client_credentials", "client_id": "sandbox-public"}
    assert requests.post(address, data=wish, timeout=5).json()["error"] == "unsupported_grant_type"
