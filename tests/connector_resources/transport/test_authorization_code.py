"""Consent, code exchange and revocation: DATEV's way with PKCE and nonce, GoCardless's way without."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connector_resources.errors import ConsentExpired, NotSent, TokenRefused
from connector_resources.gocardless.partner_oauth import (
    begin_partner_consent,
    complete_partner_consent,
    partner_client,
    revoke_partner_token,
)
from connector_resources.transport.authorization_code import (
    Consent,
    OAuthClient,
    begin_consent,
    code_from_redirect,
    exchange_code,
    explain_oauth,
    revoke,
)
from connector_resources.transport.http_transport import HttpTransport, Retries

SECRET = "client-secret-canary"
CODE = "code-canary-1234"


@pytest.fixture
def endpoint(provider: Any) -> Any:
    transport = HttpTransport(
        "datev", provider.base_url, explain=explain_oauth, retries=Retries(attempts=2), sleep=lambda _s: None
    )
    yield transport
    transport.close()


@pytest.fixture
def datev(provider: Any) -> OAuthClient:
    return OAuthClient(
        client_id="our-client",
        client_secret=SECRET,
        authorize_url="https://login.example/openid/authorize",
        token_url=f"{provider.base_url}/token",
        revoke_url=f"{provider.base_url}/revoke",
        redirect_uri="https://ours.example/cb",
        scopes=("openid", "datev:accounting:extf-files-import"),
    )


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def id_token(**claims: Any) -> str:
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b"{}", json.dumps(claims).encode(), b"sig")
    )


def test_the_consent_address_holds_everything_datev_demands(datev: OAuthClient) -> None:
    consent = begin_consent(datev, {"enableWindowsSso": "true"})
    query = query_of(consent.url)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(consent.verifier.encode()).digest()).rstrip(b"=").decode()
    assert consent.url.startswith("https://login.example/openid/authorize?")
    assert query == {
        "response_type": "code",
        "client_id": "our-client",
        "redirect_uri": "https://ours.example/cb",
        "scope": "openid datev:accounting:extf-files-import",
        "state": consent.state,
        "nonce": consent.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "enableWindowsSso": "true",
    }
    assert min(len(consent.state), len(consent.nonce)) >= 20
    assert len(consent.verifier) >= 43


def test_each_consent_has_values_of_its_own(datev: OAuthClient) -> None:
    consents = [begin_consent(datev) for _ in range(20)]
    for values in zip(*((c.state, c.nonce, c.verifier) for c in consents), strict=True):
        assert len(set(values)) == 20


def test_the_code_is_taken_only_from_its_own_consent(datev: OAuthClient) -> None:
    consent = begin_consent(datev)
    assert code_from_redirect(consent, f"https://ours.example/cb?code={CODE}&state={consent.state}") == CODE
    for wrong in (f"code={CODE}", f"code={CODE}&state=", f"code={CODE}&state={'x' * 32}", f"code={CODE}&state=ü"):
        with pytest.raises(ConsentExpired, match="another authorisation") as caught:
            code_from_redirect(consent, f"https://ours.example/cb?{wrong}")
        assert CODE not in str(caught.value)
    with pytest.raises(ConsentExpired, match="access_denied"):
        code_from_redirect(consent, f"https://ours.example/cb?error=access_denied&state={consent.state}")
    with pytest.raises(ConsentExpired, match="no code"):
        code_from_redirect(consent, f"https://ours.example/cb?state={consent.state}")


def test_the_code_is_exchanged_with_verifier_and_basic_authentication(
    datev: OAuthClient, endpoint: HttpTransport, provider: Any, clock: Any
) -> None:
    consent = begin_consent(datev)
    provider.extra = {"id_token": id_token(nonce=consent.nonce)}
    pair, _ = exchange_code(datev, endpoint, consent, CODE, now=clock)
    assert (pair.access_token, pair.refresh_token) == ("access-token-0001", "refresh-token-0001")
    assert pair.expires_at is not None
    assert (pair.expires_at - clock()).total_seconds() == 900
    assert provider.forms == [
        {
            "grant_type": "authorization_code",
            "code": CODE,
            "redirect_uri": "https://ours.example/cb",
            "code_verifier": consent.verifier,
        }
    ]
    basic = base64.b64encode(f"our-client:{SECRET}".encode()).decode()
    assert provider.headers[0]["authorization"] == f"Basic {basic}"


@pytest.mark.parametrize(
    "token", [None, "", "a.b", "a.!.c", id_token(nonce="another"), id_token(), id_token(nonce=7), "x." + "W10" + ".y"]
)
def test_an_id_token_with_another_nonce_is_refused(
    token: str | None, datev: OAuthClient, endpoint: HttpTransport, provider: Any, clock: Any
) -> None:
    provider.extra = {"id_token": token} if token is not None else {}
    with pytest.raises(ConsentExpired, match="nonce"):
        exchange_code(datev, endpoint, begin_consent(datev), CODE, now=clock)


def test_a_used_code_needs_a_new_consent(
    datev: OAuthClient, endpoint: HttpTransport, provider: Any, clock: Any
) -> None:
    provider.refusal = {"error": "invalid_grant", "error_description": f"{CODE} was used"}
    with pytest.raises(ConsentExpired, match="connector authorize acme") as caught:
        exchange_code(datev, endpoint, begin_consent(datev), CODE, now=clock, connection="acme")
    assert CODE not in str(caught.value)


def test_an_unclear_exchange_is_made_once(
    datev: OAuthClient, endpoint: HttpTransport, provider: Any, clock: Any
) -> None:
    from sandbox.faults import Fault

    provider.layer.add(Fault("drop_after", times=9))
    with pytest.raises(NotSent):
        exchange_code(datev, endpoint, begin_consent(datev), CODE, now=clock)
    assert len(provider.layer.requests) == 1


@pytest.mark.parametrize("body", ["[]", "7", "null", "{}", "token=1", '{"access_token": null}'])
def test_a_reply_without_a_token_is_not_understood(
    body: str, datev: OAuthClient, endpoint: HttpTransport, provider: Any, clock: Any
) -> None:
    from sandbox.faults import Fault

    provider.layer.add(Fault("error_before", status=200, body=body))
    with pytest.raises(NotSent, match="could not be understood"):
        exchange_code(datev, endpoint, begin_consent(datev), CODE, now=clock)


def test_revoking_names_the_kind_of_token(datev: OAuthClient, endpoint: HttpTransport, provider: Any) -> None:
    revoke(datev, endpoint, "refresh-token-canary", "refresh_token")
    assert provider.forms == [{"token": "refresh-token-canary", "token_type_hint": "refresh_token"}]
    assert provider.headers[0]["authorization"].startswith("Basic ")


def test_a_consent_and_a_client_do_not_show_their_secrets(datev: OAuthClient) -> None:
    consent = replace(begin_consent(datev), url="")
    assert all(secret not in repr(consent) for secret in (consent.state, consent.nonce, consent.verifier))
    assert SECRET not in repr(datev)


# --- GoCardless partner apps -------------------------------------------------------------------------------------------


@pytest.fixture
def partner(provider: Any) -> OAuthClient:
    provider.expires_in, provider.rotates = 0, False
    return partner_client("app-id", SECRET, provider.base_url, "https://ours.example/cb")


def completed(partner: OAuthClient, endpoint: HttpTransport, consent: Consent, clock: Any) -> Any:
    back = f"https://ours.example/cb?code={CODE}&state={consent.state}"
    return complete_partner_consent(partner, endpoint, consent, back, now=clock, connection="acme")


def test_a_merchant_is_connected(partner: OAuthClient, endpoint: HttpTransport, provider: Any, clock: Any) -> None:
    consent = begin_partner_consent(partner, email="boss@example.com", initial_view="login")
    query = query_of(consent.url)
    assert query.pop("state") == consent.state
    assert query == {
        "response_type": "code",
        "client_id": "app-id",
        "redirect_uri": "https://ours.example/cb",
        "scope": "read_write",
        "prefill[email]": "boss@example.com",
        "initial_view": "login",
    }
    provider.extra = {"organisation_id": "OR123", "scope": "read_write"}
    token = completed(partner, endpoint, consent, clock)
    assert (token.access_token, token.organisation_id, token.scope) == ("access-token-0001", "OR123", "read_write")
    assert provider.forms == [
        {
            "grant_type": "authorization_code",
            "client_id": "app-id",
            "client_secret": SECRET,
            "code": CODE,
            "redirect_uri": "https://ours.example/cb",
        }
    ]
    assert "access-token-0001" not in repr(token)


def test_a_token_without_organisation_is_not_taken(partner: OAuthClient, endpoint: HttpTransport, clock: Any) -> None:
    with pytest.raises(NotSent, match="organisation"):
        completed(partner, endpoint, begin_partner_consent(partner), clock)


def test_a_refused_app_is_told(partner: OAuthClient, endpoint: HttpTransport, provider: Any, clock: Any) -> None:
    provider.refusal, provider.refusal_status = {"error": "invalid_client"}, 401
    with pytest.raises(TokenRefused, match="invalid_client"):
        completed(partner, endpoint, begin_partner_consent(partner), clock)


def test_a_merchant_is_disconnected(partner: OAuthClient, endpoint: HttpTransport, provider: Any) -> None:
    revoke_partner_token(partner, endpoint, "access-token-canary")
    assert provider.forms == [{"token": "access-token-canary", "client_id": "app-id", "client_secret": SECRET}]
    assert provider.layer.requests == [("POST", "/oauth/revoke")]
