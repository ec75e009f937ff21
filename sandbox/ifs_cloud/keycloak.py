"""The identity service: client credentials at the realm's token end point, and tokens that really expire (section 1)."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, unquote

from sandbox.clock import SandboxClock
from sandbox.ifs_cloud.refusals import Unauthorised
from sandbox.ifs_cloud.switches import Switches


class TokenRefusal(Exception):
    """A refused token request, in Keycloak's own form."""

    def __init__(self, status: int, error: str, description: str = "") -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **({"error_description": description} if description else {})}


@dataclass(slots=True)
class _Token:
    client_id: str
    expires: datetime
    refreshes_until: datetime


class Realm:
    """Clients and their tokens. Tokens do not invalidate one another."""

    def __init__(self, name: str, clock: SandboxClock, switches: Switches) -> None:
        self.name = name
        self._clock = clock
        self._switches = switches
        self._secrets: dict[str, str] = {}
        self._tokens: dict[str, _Token] = {}
        self._refresh: dict[str, _Token] = {}
        #: token requests that were answered with a token.
        self.issued = 0

    def add_client(self, client_id: str, secret: str) -> None:
        """A confidential client with a service account. A known id gets a new secret (rotation)."""
        self._secrets[client_id] = secret

    def revoke(self) -> None:
        """Make every token invalid, as a restart of the identity service may."""
        self._tokens.clear()
        self._refresh.clear()

    def issue(self, content_type: str, authorization: str, body: bytes) -> dict[str, object]:
        """The token answer. Raises `TokenRefusal`."""
        if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/x-www-form-urlencoded":
            raise TokenRefusal(400, "invalid_request", "Missing form parameter: grant_type")
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        client_id = self._client(form, authorization)
        grant = form.get("grant_type", "")
        if grant == "refresh_token":
            known = self._refresh.get(form.get("refresh_token", ""))
            if known is None or known.client_id != client_id or known.refreshes_until <= self._clock.now():
                raise TokenRefusal(400, "invalid_grant", "Invalid refresh token")
        elif grant != "client_credentials":
            raise TokenRefusal(400, "unsupported_grant_type", "Unsupported grant_type")
        scope = form.get("scope", "")
        if set(scope.split()) - {"openid", "microprofile-jwt", "email", "profile", "audience"} or (
            self._switches.scope_required and "openid" not in scope.split()
        ):
            raise TokenRefusal(400, "invalid_scope", f"Invalid scopes: {scope}")
        return self._issued(client_id)

    def client_of(self, authorization: str) -> str:
        """The client of a bearer header. Raises `Unauthorised`."""
        kind, _, token = authorization.partition(" ")
        known = self._tokens.get(token.strip())
        if kind.lower() != "bearer" or known is None or known.expires <= self._clock.now():
            raise Unauthorised("The access token is missing, invalid or expired.")
        return known.client_id

    def discovery(self, root: str) -> dict[str, str]:
        """What `.well-known/openid-configuration` says, as far as it concerns tokens."""
        issuer = f"{root}/auth/realms/{self.name}"
        return {"issuer": issuer, "token_endpoint": f"{issuer}/protocol/openid-connect/token"}

    def _client(self, form: dict[str, str], authorization: str) -> str:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        by_header = authorization.lower().startswith("basic ")
        if self._switches.client_auth not in ("any", "basic" if by_header else "body"):
            raise TokenRefusal(401, "unauthorized_client", "Invalid client or Invalid client credentials")
        if by_header:
            try:
                pair = base64.b64decode(authorization[6:], validate=True).decode()
            except ValueError as problem:
                raise TokenRefusal(401, "invalid_client", "Invalid client credentials") from problem
            client_id, _, secret = (unquote(part) for part in pair.partition(":"))
        if client_id not in self._secrets:
            raise TokenRefusal(401, "invalid_client", "Invalid client or Invalid client credentials")
        if not secrets.compare_digest(self._secrets[client_id].encode(), secret.encode()):
            raise TokenRefusal(401, "unauthorized_client", "Invalid client or Invalid client credentials")
        return client_id

    def _issued(self, client_id: str) -> dict[str, object]:
        lifetime = self._switches.expires_in_s
        now = self._clock.now()
        entry = _Token(client_id, now + timedelta(seconds=lifetime), now + timedelta(seconds=1800))
        access = secrets.token_urlsafe(32)
        self._tokens[access] = entry
        self.issued += 1
        answer: dict[str, object] = {
            "access_token": access,
            "expires_in": lifetime,
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": "openid audience microprofile-jwt email profile",
        }
        if self._switches.refresh_tokens:
            refresh = secrets.token_urlsafe(32)
            self._refresh[refresh] = entry
            answer |= {"refresh_token": refresh, "refresh_expires_in": 1800, "session_state": secrets.token_hex(16)}
        return answer
