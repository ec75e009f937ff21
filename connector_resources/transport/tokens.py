"""The token sources: a fixed token, client credentials, and rotating refresh tokens. All fetch at most once at a time.

Tokens are shared by all processes through the vault; a lease makes sure that only one of them talks to the token
endpoint. No token appears in an error, a log line or a repr.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from urllib.parse import quote

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error

from connector_resources.errors import (
    ConsentExpired,
    LeaseBusy,
    NotSent,
    RemoteError,
    TokenRefused,
    TokenReplyLost,
)
from connector_resources.transport.authorization_code import (
    FORM,
    OAuthClient,
    refresh,
    reply_text,
    token_request_error,
)
from connector_resources.transport.messages import Request, Transport
from connector_resources.transport.redaction import register_secret
from connector_resources.transport.token_pair import TokenPair

log = logging.getLogger(__name__)

#: longer than one token call can take with all its retries, so that a lease never ends in the middle of one.
LEASE_TTL_S = 180
LEASE_WAIT_S = 90


class Vault(Protocol):
    """The part of the store's vault that is used here."""

    def read(self, connection: str, name: str) -> str: ...

    def write(self, connection: str, name: str, value: str) -> None: ...

    def has(self, connection: str, name: str) -> bool: ...


class Leases(Protocol):
    """The part of the store's leases that is used here."""

    def hold(self, name: str, *, ttl_s: float, wait_s: float = 0) -> AbstractContextManager[Any]: ...


@dataclass(frozen=True, slots=True)
class TokenShelf:
    """Where the tokens of one connection lie and who may replace them: vault entry `name` and a lease of that name."""

    vault: Vault
    leases: Leases
    connection: str
    name: str

    def read(self) -> TokenPair | None:
        """The stored pair; None when there is none or it cannot be read."""
        if not self.vault.has(self.connection, self.name):
            return None
        try:
            return TokenPair.from_text(self.vault.read(self.connection, self.name))
        except ValueError:
            return None

    def write(self, pair: TokenPair) -> None:
        self.vault.write(self.connection, self.name, pair.to_text())

    def lease(self) -> AbstractContextManager[Any]:
        return self.leases.hold(f"token:{self.connection}:{self.name}", ttl_s=LEASE_TTL_S, wait_s=LEASE_WAIT_S)


class StaticToken:
    """A long-lived token from the vault (GoCardless). Read at first use; read again when it is refused."""

    def __init__(self, vault: Vault, connection: str, name: str) -> None:
        self._vault = vault
        self._connection = connection
        self._name = name
        self._token = ""

    def token(self) -> str:
        """Raises `MissingCredential`."""
        if not self._token:
            self._token = self._read()
        return self._token

    def renew(self, refused: str) -> str:
        """The vault's value if it was replaced meanwhile, else `TokenRefused`: there is nothing to renew it with."""
        self._token = self._read()
        if self._token == refused:
            raise TokenRefused(
                f"The access token was refused, and the vault holds no other ({self._name}).",
                status=401,
                connection=self._connection,
                next_step=f"connector credentials set {self._connection} {self._name}",
            )
        return self._token

    def _read(self) -> str:
        value = self._vault.read(self._connection, self._name).strip()
        register_secret(value)
        return value


class ClientCredentialsTokens:
    """Tokens of the client-credentials grant, form encoded (visma.md section 1, ifs_cloud.md section 1).

    transport  to the token endpoint's host, with `authorization_code.explain_oauth`
    client     client id and secret, read anew for each fetch, so that a rotated secret is found
    auth       id and secret in the form (`body`), or by HTTP Basic
    extra      further form fields, such as Visma's `tenant_id`
    margin_s   a token is replaced that long before it expires
    """

    def __init__(
        self,
        transport: Transport,
        token_url: str,
        client: Callable[[], tuple[str, str]],
        shelf: TokenShelf,
        *,
        scope: str,
        now: Callable[[], datetime],
        auth: Literal["body", "basic"] = "body",
        extra: dict[str, str] | None = None,
        margin_s: int = 90,
    ) -> None:
        self._transport = transport
        self._token_url = token_url
        self._client = client
        self._scope = scope
        self._auth = auth
        self._extra = dict(extra or {})
        self._keeper = _Keeper(shelf, now, margin_s, self._fetch)
        self._now = now
        self._connection = shelf.connection

    def token(self) -> str:
        """Raises `MissingCredential`, `TokenRefused` (client, tenant or scope refused), `NotSent`."""
        return self._keeper.token()

    def renew(self, refused: str) -> str:
        return self._keeper.renew(refused)

    def _fetch(self, _present: TokenPair | None) -> TokenPair:
        client_id, client_secret = self._client()
        register_secret(client_secret)
        backend = BackendApplicationClient(client_id)
        headers: tuple[tuple[str, str], ...] = (("accept", "application/json"),)
        if self._auth == "basic":
            headers += (("authorization", _basic(client_id, client_secret)),)
            body = backend.prepare_request_body(scope=self._scope, include_client_id=False, **self._extra)
        else:
            body = backend.prepare_request_body(
                scope=self._scope, include_client_id=True, client_secret=client_secret, **self._extra
            )
        # Asking twice for a token changes nothing there, so that the transport may repeat it like a read.
        request = Request("POST", self._token_url, headers=headers, body=body.encode(), content_type=FORM)
        try:
            reply = self._transport.send(request)
            return TokenPair.from_reply(backend.parse_request_body_response(reply_text(reply)), self._now())
        except RemoteError as error:
            failure = token_request_error(error, connection=self._connection)
        except (OAuth2Error, ValueError, TypeError, AttributeError):
            failure = NotSent("The token endpoint's answer could not be understood.", connection=self._connection)
        raise failure


def _basic(client_id: str, client_secret: str) -> str:
    """Both parts are form encoded first, so that a colon in the id splits nothing (RFC 6749 section 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    encoded = base64.b64encode(pair.encode()).decode()
    register_secret(encoded)
    return f"Basic {encoded}"


@dataclass(frozen=True, slots=True)
class RefreshRules:
    """What an identity provider asks of refreshes. The defaults are DATEV's; Exact Online's stand in its folder.

    margin_s            a token is replaced that long before it expires
    earliest_s          a refresh sooner than this after the last one is refused: none is asked for, not even for a token
                        that was turned away
    lost_reply_waits_s  a refresh without a clear answer is repeated with the same refresh token after these pauses
    lost_reply_life_s   when it turns out that the lost call did succeed, the old refresh token is tried once more that
                        long after it; 0 where a lost reply is never tried again
    too_early, spent    what the answers to a too early refresh and to a used refresh token contain
    """

    margin_s: int = 60
    earliest_s: int = 0
    lost_reply_waits_s: tuple[float, ...] = ()
    lost_reply_life_s: int = 0
    too_early: str = ""
    spent: str = ""

    def is_too_early(self, error: RemoteError) -> bool:
        return _says(error, self.too_early)

    def is_spent(self, error: RemoteError) -> bool:
        return _says(error, self.spent)


class RotatingTokens:
    """Access tokens of a person's consent, with single-use refresh tokens (datev.md 1.3, exact_online.md 1.4 and 1.5).

    One refresh at a time over all processes; the new pair is committed to the vault before it is used. A refused
    refresh token is noted, so that nobody asks again before a person has authorised again.
    """

    def __init__(
        self,
        client: Callable[[], OAuthClient],
        transport: Transport,
        shelf: TokenShelf,
        *,
        now: Callable[[], datetime],
        rules: RefreshRules | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._transport = transport
        self._shelf = shelf
        self._now = now
        self._rules = rules or RefreshRules()
        self._sleep = sleep
        self._lost_at: datetime | None = None
        self._keeper = _Keeper(shelf, now, self._rules.margin_s, self._refresh)

    def token(self) -> str:
        """Raises `ConsentExpired` (next step: authorise), `TokenRefused` (client refused), `NotSent`.

        Waits when a lost reply can still be made up for: the alternative is that a person has to consent again.
        """
        try:
            return self._keeper.token()
        except _ReplyStillLost as lost:
            log.warning("%s", lost)
            self._sleep(max((lost.ready_at - self._now()).total_seconds(), 0))
        return self._keeper.token()

    def renew(self, refused: str) -> str:
        return self._keeper.renew(refused)

    def _refresh(self, present: TokenPair | None) -> TokenPair:
        if present is None or present.refused or not present.refresh_token:
            raise self._consent_expired("There is no valid consent")
        self._require_age(present)
        self._lost_at = present.refresh_started_at
        if self._rules.lost_reply_life_s:
            # Durable before the call: whoever comes after a crash knows that a reply may be lost.
            present = present.refreshing(present.refresh_started_at or self._now())
            self._shelf.write(present)
        try:
            return self._redeemed(present).refreshing(None)
        except ConsentExpired as error:
            self._shelf.write(present.dead())
            raise self._explained(error) from None
        except TokenRefused as error:
            if self._rules.is_spent(error):
                self._shelf.write(present.dead())
                raise self._explained(self._consent_expired("The refresh token was used before")) from error
            if self._rules.is_too_early(error):
                raise self._superseded(present) from error
            raise

    def _redeemed(self, present: TokenPair) -> TokenPair:
        """One refresh; after a lost reply again, with the same refresh token."""
        for wait_s in self._rules.lost_reply_waits_s:
            try:
                return self._redeem(present)
            except TokenReplyLost as lost:
                self._lost_at = self._lost_at or self._now()
                log.warning("%s It is asked again in %s s.", lost, wait_s)
                self._sleep(wait_s)
        return self._redeem(present)

    def _redeem(self, present: TokenPair) -> TokenPair:
        return refresh(self._client(), self._transport, present, now=self._now, connection=self._shelf.connection)

    def _require_age(self, present: TokenPair) -> None:
        now, rules = self._now(), self._rules
        if present.refresh_started_at is not None and present.refresh_started_at == present.obtained_at:
            ready_at = present.obtained_at + timedelta(seconds=rules.lost_reply_life_s)
            if now < ready_at:
                raise _ReplyStillLost(ready_at, self._shelf)
        elif now < present.obtained_at + timedelta(seconds=rules.earliest_s):
            age_s = int((now - present.obtained_at).total_seconds())
            raise TokenRefused(
                f"The access token is {age_s} s old and was refused; a new one is given out {rules.earliest_s} s after "
                "the last at the earliest.",
                status=401,
                connection=self._shelf.connection,
                next_step=f"try again in {rules.earliest_s - age_s} s; if it is refused then as well: "
                f"connector authorize {self._shelf.connection}",
            )

    def _superseded(self, present: TokenPair) -> NotSent:
        """The provider issued tokens that never reached us. The refresh token we hold may be good for one more try."""
        first_try = present.refresh_started_at != present.obtained_at
        issued_at = (present.refresh_started_at if first_try else None) or self._now()
        self._shelf.write(replace(present, obtained_at=issued_at, refresh_started_at=issued_at))
        ready_at = issued_at + timedelta(seconds=self._rules.lost_reply_life_s)
        return _ReplyStillLost(ready_at, self._shelf)

    def _explained(self, error: ConsentExpired) -> ConsentExpired:
        if self._lost_at is None:
            return error
        return self._consent_expired(
            f"The reply to a refresh at {self._lost_at:%Y-%m-%d %H:%M:%S} UTC was lost and could not be made up for: there "
            "is no valid consent any more"
        )

    def _consent_expired(self, what: str) -> ConsentExpired:
        name = self._shelf.connection
        return ConsentExpired(
            f"{what} for {self._shelf.name}.", connection=name, next_step=f"connector authorize {name}"
        )


class _ReplyStillLost(TokenReplyLost):
    """Tokens were issued that never reached us; the old refresh token is tried once more at `ready_at`."""

    def __init__(self, ready_at: datetime, shelf: TokenShelf) -> None:
        self.ready_at = ready_at
        super().__init__(
            f"The reply to a token refresh was lost; {shelf.name} is refreshed again at {ready_at:%H:%M:%S} UTC.",
            connection=shelf.connection,
            next_step=f"run `connector ping {shelf.connection}` at that time; if it says that consent has ended: "
            f"connector authorize {shelf.connection}",
        )


def _says(error: RemoteError, text: str) -> bool:
    return bool(text) and error.response is not None and text.encode() in error.response.body


class _Keeper:
    """What both kinds share: memory first, then the shelf, then one fetch under the lease. Safe in several threads."""

    def __init__(
        self,
        shelf: TokenShelf,
        now: Callable[[], datetime],
        margin_s: int,
        fetch: Callable[[TokenPair | None], TokenPair],
    ) -> None:
        self._shelf = shelf
        self._now = now
        self._margin_s = margin_s
        self._fetch = fetch
        self._lock = threading.Lock()
        self._pair: TokenPair | None = None

    def token(self) -> str:
        with self._lock:
            if self._pair is None or not self._fresh(self._pair):
                self._pair = self._replacement(refused="")
            return self._pair.access_token

    def renew(self, refused: str) -> str:
        with self._lock:
            if self._pair is None or self._pair.access_token == refused:
                self._pair = self._replacement(refused)
            return self._pair.access_token

    def _replacement(self, refused: str) -> TokenPair:
        stored = self._shelf.read()
        if stored is not None and stored.access_token != refused and self._fresh(stored):
            return stored
        try:
            with self._shelf.lease():
                return self._replacement_under_lease(refused)
        except LeaseBusy as busy:
            raise NotSent(
                f"Another process has been renewing {self._shelf.name} for too long.", connection=self._shelf.connection
            ) from busy

    def _replacement_under_lease(self, refused: str) -> TokenPair:
        # Whoever held the lease before has most likely done the work.
        stored = self._shelf.read()
        if stored is not None and stored.access_token != refused and self._fresh(stored):
            return stored
        pair = self._fetch(stored)
        self._shelf.write(pair)
        return pair

    def _fresh(self, pair: TokenPair) -> bool:
        return pair.is_fresh(self._now(), self._margin_s)
