"""Token sources against a real token endpoint and a real vault: fetched once, shared, rotated without loss."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.errors import ConsentExpired, MissingCredential, NotSent, RemoteError, TokenRefused, Uncertain
from connector_resources.store.store import Store
from connector_resources.transport.authorization_code import ClientAuth, OAuthClient, explain_oauth
from connector_resources.transport.http_transport import HttpTransport, Retries
from connector_resources.transport.redaction import redact
from connector_resources.transport.token_pair import TokenPair
from connector_resources.transport.tokens import ClientCredentialsTokens, RotatingTokens, StaticToken, TokenShelf

SECRET = "client-secret-canary"
REFRESH = "refresh-token-0000"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def endpoint(provider: Any) -> Any:
    transport = HttpTransport(
        "datev", provider.base_url, explain=explain_oauth, retries=Retries(attempts=2), sleep=lambda _s: None
    )
    yield transport
    transport.close()


def oauth_client(provider: Any, refresh_auth: ClientAuth = "client_id") -> OAuthClient:
    return OAuthClient(
        client_id="our-client",
        client_secret=SECRET,
        authorize_url=f"{provider.base_url}/authorize",
        token_url=f"{provider.base_url}/token",
        redirect_uri="http://localhost/cb",
        scopes=("openid",),
        refresh_auth=refresh_auth,
    )


def shelf(store: Store) -> TokenShelf:
    return TokenShelf(store.vault, store.leases, "acme", "datev_tokens")


def consented(store: Store, clock: Any, expires_in_s: int = 900) -> TokenShelf:
    """A stored pair as a person's consent leaves it."""
    pair = TokenPair("access-token-first", clock(), clock(), clock() + timedelta(seconds=expires_in_s), REFRESH)
    where = shelf(store)
    where.write(pair)
    return where


@pytest.fixture
def rotating(provider: Any, endpoint: HttpTransport, store: Store, clock: Any) -> Callable[..., RotatingTokens]:
    def build(**settings: Any) -> RotatingTokens:
        return RotatingTokens(lambda: oauth_client(provider, **settings), endpoint, shelf(store), now=clock)

    return build


@pytest.fixture
def credentials(
    provider: Any, endpoint: HttpTransport, store: Store, clock: Any
) -> Callable[[], ClientCredentialsTokens]:
    def build() -> ClientCredentialsTokens:
        return ClientCredentialsTokens(
            endpoint,
            f"{provider.base_url}/connect/token",
            lambda: ("isv_ours", SECRET),
            TokenShelf(store.vault, store.leases, "acme", "visma_token"),
            scope="erp:read erp:create",
            extra={"tenant_id": "tenant-guid"},
            now=clock,
        )

    return build


# --- static ----------------------------------------------------------------------------------------------------------


def test_a_static_token_comes_from_the_vault_without_blanks(store: Store) -> None:
    store.vault.write("acme", "gocardless_access_token", " live-token-one\n")
    assert StaticToken(store.vault, "acme", "gocardless_access_token").token() == "live-token-one"


def test_a_replaced_static_token_is_found_when_the_old_one_is_refused(store: Store) -> None:
    store.vault.write("acme", "gocardless_access_token", "live-token-one")
    tokens = StaticToken(store.vault, "acme", "gocardless_access_token")
    first = tokens.token()
    with pytest.raises(TokenRefused, match="connector credentials set acme gocardless_access_token"):
        tokens.renew(first)
    store.vault.write("acme", "gocardless_access_token", "live-token-two")
    assert tokens.renew(first) == tokens.token() == "live-token-two"


def test_a_missing_static_token_is_named(store: Store) -> None:
    with pytest.raises(MissingCredential, match="gocardless_access_token"):
        StaticToken(store.vault, "acme", "gocardless_access_token").token()


# --- client credentials ----------------------------------------------------------------------------------------------


def test_client_credentials_are_sent_as_a_form(credentials: Any, provider: Any) -> None:
    assert credentials().token() == "access-token-0001"
    assert provider.forms == [
        {
            "grant_type": "client_credentials",
            "client_id": "isv_ours",
            "client_secret": SECRET,
            "scope": "erp:read erp:create",
            "tenant_id": "tenant-guid",
        }
    ]
    assert provider.headers[0]["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in provider.headers[0]


def test_a_token_is_kept_until_its_margin_and_shared_with_other_processes(
    credentials: Any, provider: Any, clock: Any
) -> None:
    one, other = credentials(), credentials()
    assert one.token() == other.token() == one.token() == "access-token-0001"
    clock.advance(900 - 91)
    assert one.token() == "access-token-0001"
    clock.advance(2)
    assert one.token() == other.token() == "access-token-0002"
    assert provider.issued == 2


def test_a_short_lived_token_is_still_used(credentials: Any, provider: Any, clock: Any) -> None:
    provider.expires_in = 4
    tokens = credentials()
    assert tokens.token() == tokens.token() == "access-token-0001"
    clock.advance(3)
    assert tokens.token() == "access-token-0002"


def test_a_refused_token_is_fetched_anew_or_taken_from_another_process(credentials: Any, provider: Any) -> None:
    one, other = credentials(), credentials()
    first = one.token()
    other.token()
    assert one.renew(first) == "access-token-0002"
    assert other.renew(first) == "access-token-0002"
    assert provider.issued == 2


@pytest.mark.parametrize("code", ["invalid_client", "invalid_tenant", "invalid_scope", "unauthorized_client"])
@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_client_is_a_refused_token_and_not_asked_again(
    code: str, status: int, credentials: Any, provider: Any, endpoint: HttpTransport
) -> None:
    provider.refusal, provider.refusal_status = {"error": code}, status
    with pytest.raises(TokenRefused, match=code) as caught:
        credentials().token()
    assert (caught.value.code, endpoint.calls) == (code, 1)


@pytest.mark.parametrize("kind", ["drop_after", "error_after", "html", "truncate", "rate_limit"])
def test_fetching_is_repeated_like_a_read(kind: str, credentials: Any, provider: Any) -> None:
    from sandbox.faults import Fault

    provider.layer.add(Fault(kind))
    assert credentials().token().startswith("access-token-")
    assert len(provider.layer.requests) == 2


# --- rotating refresh tokens -----------------------------------------------------------------------------------------


def test_a_fresh_stored_token_needs_no_call(rotating: Any, store: Store, clock: Any, provider: Any) -> None:
    consented(store, clock)
    assert rotating().token() == "access-token-first"
    assert provider.layer.requests == []


def test_refreshing_stores_the_new_pair_before_it_is_used(rotating: Any, store: Store, clock: Any) -> None:
    where = consented(store, clock)
    granted_at = clock()
    clock.advance(900 - 59)
    assert rotating().token() == "access-token-0001"
    stored = where.read()
    assert stored is not None
    assert (stored.access_token, stored.refresh_token) == ("access-token-0001", "refresh-token-0001")
    assert stored.granted_at == granted_at


@pytest.mark.parametrize("auth", ["client_id", "basic", "body"])
def test_the_client_proves_itself_as_configured(
    auth: ClientAuth, rotating: Any, store: Store, clock: Any, provider: Any
) -> None:
    consented(store, clock, expires_in_s=1)
    clock.advance(2)
    rotating(refresh_auth=auth).token()
    form, headers = provider.forms[0], provider.headers[0]
    basic = "Basic " + base64.b64encode(f"our-client:{SECRET}".encode()).decode()
    assert headers.get("authorization") == (basic if auth == "basic" else None)
    assert form.get("client_id") == (None if auth == "basic" else "our-client")
    assert form.get("client_secret") == (SECRET if auth == "body" else None)
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", REFRESH)


def test_threads_that_all_need_a_new_token_make_one_call(
    rotating: Any, store: Store, clock: Any, provider: Any
) -> None:
    consented(store, clock)
    provider.delay_s = 0.1
    sources = [rotating() for _ in range(4)]
    barrier = threading.Barrier(8)

    def renew(number: int) -> str:
        barrier.wait()
        return str(sources[number % 4].renew("access-token-first"))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(renew, range(8))) == {"access-token-0001"}
    assert len(provider.forms) == 1
    assert not provider.session_dead


PROCESS = """
import sys
from datetime import UTC, datetime
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from connector_resources.transport.authorization_code import OAuthClient, explain_oauth
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.tokens import RotatingTokens, TokenShelf

url, key, base = sys.argv[1:4]
now = lambda: datetime.now(UTC)
store = Store.open(url, clock=now, vault_key=VaultKey.from_text(key, source="the test"))
client = OAuthClient("our-client", base, base + "/token", "http://localhost/cb", ("openid",))
shelf = TokenShelf(store.vault, store.leases, "acme", "datev_tokens")
tokens = RotatingTokens(lambda: client, HttpTransport("datev", base, explain=explain_oauth), shelf, now=now)
print("ready", flush=True)
sys.stdin.readline()
print(tokens.renew("access-token-first"), flush=True)
"""


def test_processes_that_all_need_a_new_token_make_one_call(
    store: Store, tmp_path: Path, vault_key_text: str, clock: Any, provider: Any
) -> None:
    consented(store, clock)
    provider.delay_s = 0.2
    arguments = [sys.executable, "-c", PROCESS, f"sqlite:///{tmp_path}/store.sqlite", vault_key_text, provider.base_url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    processes = [subprocess.Popen(arguments, **pipes) for _ in range(2)]
    try:
        assert all(process.stdout.readline() == "ready\n" for process in processes)  # type: ignore[union-attr]
        for process in processes:
            process.stdin.write("go\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        answers = [process.communicate(timeout=30)[0].strip() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert answers == ["access-token-0001"] * 2
    assert len(provider.forms) == 1


def test_a_refused_refresh_token_needs_a_person_and_is_not_offered_again(
    rotating: Any, store: Store, clock: Any, provider: Any
) -> None:
    consented(store, clock)
    provider.session_dead = True
    clock.advance(1000)
    for tokens in (rotating(), rotating()):
        for _ in range(2):
            with pytest.raises(ConsentExpired, match="connector authorize acme"):
                tokens.token()
    assert len(provider.forms) == 1
    consented(store, clock)
    assert rotating().token() == "access-token-first"


def test_without_consent_nobody_is_asked(rotating: Any, provider: Any) -> None:
    with pytest.raises(ConsentExpired, match="connector authorize acme"):
        rotating().token()
    assert provider.forms == []


def test_a_wrong_client_authentication_names_the_setting_and_keeps_the_consent(
    rotating: Any, store: Store, clock: Any, provider: Any
) -> None:
    where = consented(store, clock, expires_in_s=1)
    clock.advance(2)
    provider.refusal, provider.refusal_status = {"error": "invalid_client"}, 401
    with pytest.raises(TokenRefused, match="refresh_client_auth"):
        rotating().token()
    stored = where.read()
    assert stored is not None
    assert (stored.refused, stored.refresh_token) == (False, REFRESH)


@pytest.mark.parametrize("kind", ["drop_before", "error_before", "html"])
def test_a_lost_refresh_is_sent_once_and_never_counts_as_a_posting(
    kind: str, rotating: Any, store: Store, clock: Any, provider: Any
) -> None:
    """What needed the token was not sent: the error says so, and the next try finds the unused refresh token."""
    from sandbox.faults import Fault

    consented(store, clock, expires_in_s=1)
    clock.advance(2)
    provider.layer.add(Fault(kind, times=1))
    tokens = rotating()
    with pytest.raises(NotSent) as caught:
        tokens.token()
    assert not isinstance(caught.value, Uncertain)
    assert len(provider.layer.requests) == 1
    assert tokens.token() == "access-token-0001"


def test_a_provider_that_does_not_rotate_keeps_its_refresh_token(
    rotating: Any, store: Store, clock: Any, provider: Any
) -> None:
    where = consented(store, clock, expires_in_s=1)
    provider.rotates = False
    clock.advance(2)
    rotating().token()
    stored = where.read()
    assert stored is not None
    assert stored.refresh_token == REFRESH


def test_a_stored_value_that_is_no_token_pair_asks_for_consent(rotating: Any, store: Store) -> None:
    store.vault.write("acme", "datev_tokens", "a text canary-not-a-pair")
    with pytest.raises(ConsentExpired) as caught:
        rotating().token()
    assert "canary-not-a-pair" not in "".join(traceback.format_exception(caught.value))


# --- secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["invalid_grant", "invalid_client", "drop_after", "html", "error_after", "truncate"])
def test_no_token_and_no_secret_is_shown(
    kind: str, rotating: Any, store: Store, clock: Any, provider: Any, caplog: pytest.LogCaptureFixture
) -> None:
    from sandbox.faults import Fault

    caplog.set_level(logging.DEBUG)
    consented(store, clock, expires_in_s=1)
    clock.advance(2)
    if kind.startswith("invalid"):
        provider.refusal = {"error": kind, "error_description": f"bad token {REFRESH} secret {SECRET}"}
    else:
        provider.layer.add(Fault(kind, times=9))
    tokens = rotating(refresh_auth="body")
    with pytest.raises((RemoteError, ConsentExpired)) as caught:
        tokens.token()
    shown = ["".join(traceback.format_exception(caught.value)), repr(vars(caught.value)), caplog.text, repr(tokens)]
    shown += [repr(oauth_client(provider)), repr(shelf(store)), repr(shelf(store).read())]
    for secret in (REFRESH, SECRET, "access-token-first", "refresh-token-0001", "access-token-0001"):
        assert all(secret not in text for text in shown)


def test_tokens_that_were_read_are_removed_from_every_text(rotating: Any, store: Store, clock: Any) -> None:
    consented(store, clock, expires_in_s=1)
    clock.advance(2)
    token = rotating().token()
    assert token not in redact(f"strange place {token}")
    assert "refresh-token-0001" not in redact("strange place refresh-token-0001")
