"""Consent, authorization codes, access tokens and the rotating refresh tokens of section 1 of the fact sheet.

One user owns the division; every application registered here may be agreed to by that user. Times are the division's.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from sandbox.exact_online.refusals import Unauthorised

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

CODE_LIFETIME = timedelta(minutes=3)
ACCESS_LIFETIME = timedelta(seconds=600)
EARLIEST_REFRESH = timedelta(seconds=570)
REFRESH_LIFETIME = timedelta(days=30)
#: what `Tokens.gateway_trouble` may hold: the gateway's own fault body, or nothing at all.
TROUBLE = ("fault", "empty")
#: expired tokens are remembered this long, so that the errors of their bearers can be counted.
_REMEMBERED = timedelta(hours=1)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class TokenRefusal(Exception):
    """A refused token or consent request: an OAuth error with its status and, for an early refresh, the `Reason`."""

    def __init__(self, error: str, description: str, status: int = 400, reason: str = "") -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class App:
    """A registration in the App Center. The webhook secret is the application's, not a subscription's."""

    client_id: str
    secret: str
    redirect_uris: tuple[str, ...]
    webhook_secret: str

    def accepts(self, redirect_uri: str) -> bool:
        """The registered address, or on this machine the registered path at any port."""
        return any(_same_address(redirect_uri, known) for known in self.redirect_uris)

    def accepts_callback(self, url: str) -> bool:
        """Callbacks must be https on a redirect URI's host; on this machine http is let through (section 7.1)."""
        given = urlsplit(url)
        same_host = any(urlsplit(known).hostname == given.hostname for known in self.redirect_uris)
        return same_host and (given.scheme == "https" or given.hostname in _LOOPBACK)


@dataclass(slots=True)
class _Code:
    app: App
    redirect_uri: str
    made_at: datetime


@dataclass(slots=True)
class _Grant:
    """One consent: its live refresh token, and the one before it while that may still be used."""

    app: App
    refresh_token: str = ""
    refreshed_at: datetime | None = None
    previous: str = ""
    spent: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Access:
    """What a bearer may do: it speaks for this application."""

    client_id: str
    grant: _Grant
    expires_at: datetime
    #: the refresh token issued along with it.
    with_refresh: str


class Tokens:
    """All grants of the division's user."""

    def __init__(self, division: Division) -> None:
        self._division = division
        self.apps: dict[str, App] = {}
        self._codes: dict[str, _Code] = {}
        self._grants: list[_Grant] = []
        self._access: dict[str, Access] = {}
        self._calls: dict[tuple[str, str], int] = {}
        #: the next token calls fail before anything happens, with these bodies.
        self.gateway_trouble: deque[str] = deque()

    def register(self, app: App) -> App:
        self.apps[_bare(app.client_id)] = app
        return app

    # -- consent ----------------------------------------------------------------------------------------------------

    def check_consent(self, client_id: str, redirect_uri: str, response_type: str) -> App:
        """The application asking. Raises `TokenRefusal`: nothing is sent to an address that is not registered."""
        app = self.apps.get(_bare(client_id))
        if app is None:
            raise TokenRefusal("invalid_client", "The client is not registered in this region.")
        if not app.accepts(redirect_uri):
            raise TokenRefusal("invalid_request", "The redirect_uri does not match the registered one.")
        if response_type != "code":
            raise TokenRefusal("unsupported_response_type", "Only response_type code is supported.")
        return app

    def agree(self, app: App, redirect_uri: str) -> str:
        """The person agrees: a code for the callback. It holds characters that must be decoded there."""
        code = f"stampNL001.{secrets.token_urlsafe(24)}!{secrets.token_urlsafe(8)}=="
        self._codes[code] = _Code(app, redirect_uri, self._division.now())
        return code

    # -- the token endpoint -----------------------------------------------------------------------------------------

    def issue(self, content_type: str, body: bytes) -> dict[str, str]:
        """Answer one token request. Raises `TokenRefusal`."""
        if content_type.split(";", maxsplit=1)[0].strip().lower() != "application/x-www-form-urlencoded":
            raise TokenRefusal("invalid_request", "The body must be form-encoded.")
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        app = self.apps.get(_bare(form.get("client_id", "")))
        if app is None or not secrets.compare_digest(app.secret.encode(), form.get("client_secret", "").encode()):
            raise TokenRefusal("invalid_client", "Client authentication failed.")
        self._count(app)
        match form.get("grant_type"):
            case "authorization_code":
                return self._exchange(app, form)
            case "refresh_token":
                return self._refresh(app, form.get("refresh_token", ""))
            case _:
                raise TokenRefusal("unsupported_grant_type", "Unknown grant_type.")

    def _count(self, app: App) -> None:
        key = (app.client_id, self._division.now().date().isoformat())
        self._calls[key] = self._calls.get(key, 0) + 1
        if self._calls[key] > self._division.switches.token_calls_per_day:
            raise TokenRefusal("access_denied", "Rate limit exceeded: too many token calls today", 429)

    def _exchange(self, app: App, form: dict[str, str]) -> dict[str, str]:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.app is not app:
            raise TokenRefusal("invalid_grant", "The authorization code is unknown or was used before.")
        if self._division.now() > code.made_at + CODE_LIFETIME:
            raise TokenRefusal("invalid_grant", "The authorization code has expired.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise TokenRefusal("invalid_grant", "The redirect_uri is not the one of the authorization request.")
        grant = _Grant(app)
        self._grants.append(grant)
        return self._issued(grant)

    def _refresh(self, app: App, token: str) -> dict[str, str]:
        grant = self._grant_of(app, token)
        now = self._division.now()
        assert grant.refreshed_at is not None
        if token != grant.refresh_token and not self._still_good(grant, token, now):
            raise self._spent()
        if now > grant.refreshed_at + REFRESH_LIFETIME:
            raise TokenRefusal("invalid_grant", "The refresh token has expired.")
        if now < grant.refreshed_at + EARLIEST_REFRESH:
            raise TokenRefusal(
                "access_denied",
                "Rate limit exceeded: access_token not expired",
                reason="TooEarlyToRefreshTokens: the access token has not expired yet",
            )
        return self._issued(grant)

    def _grant_of(self, app: App, token: str) -> _Grant:
        for grant in self._grants:
            if grant.app is app and (token == grant.refresh_token or token in grant.spent):
                return grant
        raise TokenRefusal("invalid_grant", "The refresh token is unknown.")

    def _still_good(self, grant: _Grant, token: str, now: datetime) -> bool:
        """The token before the live one, as long as nothing of the newer issue was used (section 1.5)."""
        assert grant.refreshed_at is not None
        switches = self._division.switches
        lenient = switches.old_refresh_token == "until_new_used" and token == grant.previous
        return lenient and now <= grant.refreshed_at + timedelta(seconds=switches.old_token_grace_s)

    def _spent(self) -> TokenRefusal:
        if self._division.switches.spent_token_answer == "invalid_grant":
            return TokenRefusal("invalid_grant", "Old refresh token used.")
        return TokenRefusal("unauthorized_client", "Old refresh token used.", 401)

    def _issued(self, grant: _Grant) -> dict[str, str]:
        now = self._division.now()
        if grant.refresh_token:
            grant.spent.add(grant.refresh_token)
            grant.previous = grant.refresh_token
        grant.refresh_token = f"{secrets.token_urlsafe(180)}!{secrets.token_urlsafe(40)}-"
        grant.refreshed_at = now
        access = f"{secrets.token_urlsafe(200)}!{secrets.token_urlsafe(40)}_"
        self._access = {known: held for known, held in self._access.items() if held.expires_at > now - _REMEMBERED}
        self._access[access] = Access(grant.app.client_id, grant, now + ACCESS_LIFETIME, grant.refresh_token)
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": str(int(ACCESS_LIFETIME.total_seconds())),
            "refresh_token": grant.refresh_token,
        }

    # -- data calls -------------------------------------------------------------------------------------------------

    def owner(self, authorization: str) -> str:
        """The application a live or lately expired bearer belongs to, or an empty text."""
        held = self._access.get(authorization.partition(" ")[2].strip())
        return held.client_id if held else ""

    def check(self, authorization: str) -> Access:
        """Who is calling. Raises `Unauthorised` without a live bearer. Using a new token ends the old refresh token."""
        scheme, _, token = authorization.partition(" ")
        held = self._access.get(token.strip()) if scheme.lower() == "bearer" else None
        if held is None or self._division.now() >= held.expires_at:
            raise Unauthorised("Unauthorized: the access token is missing, unknown or expired.")
        if held.with_refresh == held.grant.refresh_token:
            held.grant.previous = ""
        return held


def _bare(client_id: str) -> str:
    """The App Center shows client ids in braces, which may be part of what is sent."""
    return client_id.strip("{}").lower()


def _same_address(given: str, known: str) -> bool:
    if given == known:
        return True
    first, second = urlsplit(given), urlsplit(known)
    here = first.hostname in _LOOPBACK and first.hostname == second.hostname
    return here and (first.scheme, first.path, first.query) == (second.scheme, second.path, second.query)
