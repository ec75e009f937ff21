"""The token endpoint of Visma Connect and the check of bearer tokens (section 1).

A token is JWT-like and opaque, bound to one tenant, and short-lived by the company's clock. The customer (contract)
tenant gets a token too; it is worth nothing at the API.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from sandbox.visma.refusals import Unauthorised

if TYPE_CHECKING:
    from sandbox.visma.company import Company

SCOPE = "vismanet_erp_service_api"


@dataclass(frozen=True, slots=True)
class Client:
    """A service application with the scope suffixes that the company approved."""

    client_id: str
    secret: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Token:
    client_id: str
    tenant_id: str
    scopes: frozenset[str]
    expires_at: datetime


class TokenRefusal(Exception):
    """400 of the token endpoint; the message is the OAuth error code."""


class Tokens:
    """Issues and checks access tokens. Parallel tokens of one client live side by side."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._issued: dict[str, Token] = {}

    def issue(self, content_type: str, body: bytes) -> dict[str, Any]:
        """The answer to a client-credentials request. Raises `TokenRefusal` with the OAuth error code."""
        if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/x-www-form-urlencoded":
            raise TokenRefusal("invalid_request")
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "client_credentials":
            raise TokenRefusal("unsupported_grant_type" if form.get("grant_type") else "invalid_request")
        client = self._company.clients.get(form.get("client_id", ""))
        if client is None or not hmac.compare_digest(client.secret, form.get("client_secret", "")):
            raise TokenRefusal("invalid_client")
        scopes = form.get("scope", "").split()
        allowed = {f"{SCOPE}:{suffix}" for suffix in client.scopes}
        if not scopes or not set(scopes) <= allowed:
            raise TokenRefusal("invalid_scope")
        if form.get("tenant_id") not in (self._company.tenant_id, self._company.customer_tenant_id):
            raise TokenRefusal("invalid_tenant")
        lifetime_s = self._company.switches.token_lifetime_s
        expires_at = self._company.clock.now() + timedelta(seconds=lifetime_s)
        token = Token(client.client_id, form["tenant_id"], frozenset(scopes), expires_at)
        return {
            "access_token": self._sealed(token),
            "expires_in": lifetime_s,
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }

    def check(self, authorization: str) -> Token:
        """The token behind an Authorization header. Raises `Unauthorised`."""
        kind, _, value = authorization.partition(" ")
        token = self._issued.get(value) if kind.lower() == "bearer" else None
        if token is None:
            raise Unauthorised("Access denied due to missing or invalid token.")
        if token.expires_at <= self._company.clock.now():
            raise Unauthorised("Access denied: the token has expired.")
        if token.tenant_id != self._company.tenant_id:
            raise Unauthorised("Access denied: the tenant has no access to this API.")
        return token

    def revoke_all(self) -> None:
        """Every token handed out so far gets 401 from now on."""
        self._issued.clear()

    def _sealed(self, token: Token) -> str:
        payload = {
            "iss": "https://connect.visma.com",
            "client_id": token.client_id,
            "tenant_id": token.tenant_id,
            "scope": sorted(token.scopes),
            "exp": int(token.expires_at.timestamp()),
            "jti": self._company.new_id(),
        }
        parts = [_b64(json.dumps(each).encode()) for each in ({"alg": "RS256", "typ": "at+jwt"}, payload)]
        signature = _b64(hashlib.sha256(".".join(parts).encode()).digest())
        value = ".".join((*parts, signature))
        self._issued[value] = token
        return value


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
