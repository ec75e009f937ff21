"""Refreshes at providers with rules of their own: not too early, and a lost answer made up for or reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from connector_resources.errors import ConsentExpired, NotSent, TokenRefused, TokenReplyLost
from connector_resources.store.store import Store
from connector_resources.transport.authorization_code import OAuthClient, begin_consent, explain_oauth
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.token_pair import TokenPair
from connector_resources.transport.tokens import RefreshRules, RotatingTokens, TokenShelf
from sandbox.faults import Fault

RULES = RefreshRules(
    margin_s=30,
    earliest_s=570,
    lost_reply_waits_s=(2, 5),
    lost_reply_life_s=580,
    too_early="not expired",
    spent="Old refresh token used",
)
EARLY = {"error": "access_denied", "error_description": "Rate limit exceeded: access_token not expired"}
SPENT = {"error": "unauthorized_client", "error_description": "Old refresh token used."}


@pytest.fixture
def endpoint(provider: Any) -> Iterator[HttpTransport]:
    transport = HttpTransport("exact", provider.base_url, explain=explain_oauth, sleep=lambda _s: None)
    yield transport
    transport.close()


@pytest.fixture
def where(store: Store, clock: Any, provider: Any) -> TokenShelf:
    """A shelf with a pair of 600 s, fetched now."""
    provider.expires_in = 600
    shelf = TokenShelf(store.vault, store.leases, "acme", "exact_tokens")
    expires_at = clock() + timedelta(seconds=600)
    shelf.write(TokenPair("access-token-first", clock(), clock(), expires_at, "refresh-token-0000"))
    return shelf


Make = Callable[..., RotatingTokens]


@pytest.fixture
def make(provider: Any, endpoint: HttpTransport, where: TokenShelf, clock: Any, slept: list[float]) -> Make:
    client = OAuthClient(
        "our-client", f"{provider.base_url}/auth", f"{provider.base_url}/token", "http://localhost/cb", (),
        client_secret="canary-secret", exchange_auth="body", refresh_auth="body", pkce=False,
    )  # fmt: skip

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(int(seconds))

    def build(sleep: Callable[[float], None] = sleep) -> RotatingTokens:
        return RotatingTokens(lambda: client, endpoint, where, now=clock, rules=RULES, sleep=sleep)

    return build


def test_a_token_is_used_until_the_earliest_refresh_and_not_longer(make: Make, clock: Any, provider: Any) -> None:
    tokens = make()
    clock.advance(569)
    assert tokens.token() == "access-token-first"
    assert provider.forms == []
    clock.advance(1)
    assert tokens.token() == "access-token-0001"
    assert len(provider.forms) == 1


def test_a_token_that_was_turned_away_early_is_not_refreshed(make: Make, clock: Any, provider: Any) -> None:
    clock.advance(100)
    with pytest.raises(TokenRefused, match="try again in 470 s"):
        make().renew("access-token-first")
    assert provider.forms == []


def test_the_start_of_a_refresh_is_durable_before_the_call(
    make: Make, clock: Any, provider: Any, where: TokenShelf
) -> None:
    clock.advance(600)
    provider.layer.add(Fault("error_before", status=502, times=3))
    with pytest.raises(TokenReplyLost):
        make().token()
    stored = where.read()
    assert stored is not None
    assert stored.refresh_started_at is not None
    assert stored.refresh_token == "refresh-token-0000"
    assert make().token() == "access-token-0001"
    done = where.read()
    assert done is not None
    assert done.refresh_started_at is None


@pytest.mark.parametrize("kind", ["drop_before", "error_before", "html"])
def test_a_refresh_without_a_clear_answer_is_asked_again_with_the_same_token(
    kind: str, make: Make, clock: Any, provider: Any, slept: list[float]
) -> None:
    clock.advance(600)
    provider.layer.add(Fault(kind, status=502, times=2))
    assert make().token() == "access-token-0001"
    assert slept == [2, 5]


def test_a_lost_answer_is_made_up_for_when_the_provider_gives_out_tokens_again(
    make: Make, clock: Any, provider: Any, where: TokenShelf, slept: list[float]
) -> None:
    clock.advance(600)
    provider.layer.add(Fault("drop_before"))
    provider.refusal = EARLY

    def heal(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(int(seconds))
        if seconds > 60:
            provider.refusal = None

    assert make(sleep=heal).token() == "access-token-0001"
    assert slept[-1] == 578
    stored = where.read()
    assert stored is not None
    assert (stored.refresh_started_at, stored.refresh_token) == (None, "refresh-token-0001")


def test_while_a_lost_answer_is_waited_for_nobody_asks(
    make: Make, clock: Any, provider: Any, where: TokenShelf
) -> None:
    clock.advance(600)
    provider.refusal = EARLY
    with pytest.raises(NotSent, match="connector ping acme"):
        make().renew("access-token-first")
    asked = len(provider.forms)
    clock.advance(300)
    with pytest.raises(NotSent, match="connector ping acme"):
        make().renew("access-token-first")
    assert len(provider.forms) == asked
    stored = where.read()
    assert stored is not None
    assert not stored.refused


def test_a_used_refresh_token_after_a_lost_answer_says_when_it_was_lost(make: Make, clock: Any, provider: Any) -> None:
    clock.advance(600)
    provider.layer.add(Fault("drop_before"))
    provider.refusal, provider.refusal_status = SPENT, 401
    with pytest.raises(ConsentExpired, match=r"refresh at 2026-03-02 09:10:00 UTC was lost.*connector authorize acme"):
        make().token()
    asked = len(provider.forms)
    with pytest.raises(ConsentExpired, match="connector authorize acme"):
        make().token()
    assert len(provider.forms) == asked


def test_a_used_refresh_token_without_a_lost_answer_speaks_of_none(make: Make, clock: Any, provider: Any) -> None:
    clock.advance(600)
    provider.refusal, provider.refusal_status = SPENT, 401
    with pytest.raises(ConsentExpired) as caught:
        make().token()
    assert "lost" not in str(caught.value)


def test_a_client_without_scopes_asks_for_none(make: Make) -> None:
    client = OAuthClient("c", "https://x.example/auth", "https://x.example/token", "https://us.example", (), pkce=False)
    assert "scope" not in begin_consent(client).url


def test_a_pair_that_was_stored_before_refreshes_were_noted_can_be_read() -> None:
    text = (
        '{"access_token": "a", "refresh_token": "r", "obtained_at": "2026-03-02T09:00:00+00:00", '
        '"granted_at": "2026-03-02T09:00:00+00:00", "expires_at": null, "refused": false}'
    )
    assert TokenPair.from_text(text).refresh_started_at is None
