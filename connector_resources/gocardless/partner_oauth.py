"""Connects a merchant through a GoCardless partner app: consent address, code exchange, revocation (gocardless.md 1.3).

The token is long-lived and has no refresh token; the caller seals it in the vault like a direct access token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from connector_resources.errors import NotSent
from connector_resources.transport.authorization_code import (
    Consent,
    OAuthClient,
    begin_consent,
    code_from_redirect,
    exchange_code,
    revoke,
)
from connector_resources.transport.messages import Transport


@dataclass(frozen=True, slots=True)
class PartnerToken:
    """The merchant's token. `organisation_id` (OR…) routes the app's shared webhook to this connection."""

    access_token: str = field(repr=False)
    organisation_id: str
    scope: str


def partner_client(
    client_id: str, client_secret: str, connect_url: str, redirect_uri: str, *, revoke_url: str = ""
) -> OAuthClient:
    """A partner app at `connect_url`. `revoke_url` differs between sources: by default it lies beside the others."""
    base = connect_url.rstrip("/")
    return OAuthClient(
        client_id=client_id,
        client_secret=client_secret,
        authorize_url=f"{base}/oauth/authorize",
        token_url=f"{base}/oauth/access_token",
        revoke_url=revoke_url or f"{base}/oauth/revoke",
        redirect_uri=redirect_uri,
        scopes=("read_write",),
        exchange_auth="body",
        pkce=False,
    )


def begin_partner_consent(client: OAuthClient, *, email: str = "", initial_view: str = "") -> Consent:
    """The address the merchant opens. `initial_view` is `signup` or `login`; `email` is filled in for them."""
    named = {"prefill[email]": email, "initial_view": initial_view}
    return begin_consent(client, {name: value for name, value in named.items() if value})


def complete_partner_consent(
    client: OAuthClient,
    transport: Transport,
    consent: Consent,
    redirected_to: str,
    *,
    now: Callable[[], datetime],
    connection: str = "",
) -> PartnerToken:
    """The merchant's token, from the address the browser came back to.

    Raises `ConsentExpired` for a refusal, a foreign state, or a code that was used; `TokenRefused` when the app itself
    is refused; `NotSent` when GoCardless could not be reached or did not name the organisation.
    """
    code = code_from_redirect(consent, redirected_to, connection=connection)
    pair, fields = exchange_code(client, transport, consent, code, now=now, connection=connection)
    organisation_id = fields.get("organisation_id")
    if not isinstance(organisation_id, str) or not organisation_id:
        raise NotSent("GoCardless granted a token without naming the organisation.", connection=connection)
    scope = fields.get("scope") or ""
    return PartnerToken(pair.access_token, organisation_id, scope if isinstance(scope, str) else " ".join(scope))


def revoke_partner_token(client: OAuthClient, transport: Transport, access_token: str, *, connection: str = "") -> None:
    """Disconnect the merchant; payments already created are still collected. Raises `TokenRefused`, `NotSent`."""
    revoke(client, transport, access_token, "", connection=connection)
