"""The token sources: a fixed token, client credentials, and rotating refresh tokens. All fetch at most once at a time.

Tokens are shared by all processes through the vault; a lease makes sure that only one of them talks to the token
endpoint. No token appears in an error, a log line or a repr.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error

from connector_resources.errors import ConsentExpired, LeaseBusy, NotSent, RemoteError, TokenRefused
from connector_resources.transport.authorization_code import FORM, OAuthClient, refresh, token_request_error
from connector_resources.transport.messages import Request, Transport
from connector_resources.transport.redaction import register_secret
from connector_resources.transport.token_pair import TokenPair

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
    """Tokens of the client-credentials grant, form encoded with the secret in the body (visma.md section 1).

    transport  to the token endpoint's host, with `authorization_code.explain_oauth`
    client     client id and secret, read anew for each fetch, so that a rotated secret is found
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
        extra: dict[str, str] | None = None,
        margin_s: int = 90,
    ) -> None:
        self._transport = transport
        self._token_url = token_url
        self._client = client
        self._scope = scope
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
        body = backend.prepare_request_body(
            scope=self._scope, include_client_id=True, client_secret=client_secret, **self._extra
        )
        # Asking twice for a token changes nothing there, so that the transport may repeat it like a read.
        request = Request(
            "POST", self._token_url, headers=(("accept", "application/json"),), body=body.encode(), content_type=FORM
        )
        try:
            reply = self._transport.send(request)
            return TokenPair.from_reply(backend.parse_request_body_response(reply.body.decode()), self._now())
        except RemoteError as error:
            failure = token_request_error(error, connection=self._connection)
        except (OAuth2Error, ValueError, TypeError, AttributeError):
            failure = NotSent("The token endpoint's answer could not be understood.", connection=self._connection)
        raise failure


class RotatingTokens:
    """Access tokens of a person's consent, with single-use refresh tokens (datev.md 1.3).

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
        margin_s: int = 60,
    ) -> None:
        self._client = client
        self._transport = transport
        self._shelf = shelf
        self._now = now
        self._keeper = _Keeper(shelf, now, margin_s, self._refresh)

    def token(self) -> str:
        """Raises `ConsentExpired` (next step: authorise), `TokenRefused` (client refused), `NotSent`."""
        return self._keeper.token()

    def renew(self, refused: str) -> str:
        return self._keeper.renew(refused)

    def _refresh(self, present: TokenPair | None) -> TokenPair:
        if present is None or present.refused or not present.refresh_token:
            raise self._consent_expired("There is no valid consent")
        try:
            return refresh(self._client(), self._transport, present, now=self._now, connection=self._shelf.connection)
        except ConsentExpired:
            self._shelf.write(present.dead())
            raise

    def _consent_expired(self, what: str) -> ConsentExpired:
        name = self._shelf.connection
        return ConsentExpired(
            f"{what} for {self._shelf.name}.", connection=name, next_step=f"connector authorize {name}"
        )


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
