"""The authorization-code grant with state, nonce and PKCE: consent address, code exchange, refresh, revocation.

Requests are built and answers parsed by oauthlib; every call goes through our transport. Nothing is stored here.
Used by DATEV (datev.md section 1), Exact Online (exact_online.md section 1) and, without PKCE and refresh, by
GoCardless partner apps.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from oauthlib.common import add_params_to_qs, add_params_to_uri, generate_token
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from connector_resources.errors import ConsentExpired, NotSent, Refused, RemoteError, TokenRefused, TokenReplyLost
from connector_resources.transport.messages import Request, Response, Transport
from connector_resources.transport.redaction import register_secret
from connector_resources.transport.token_pair import TokenPair

#: how the client proves itself at the token endpoint: its id in the form, HTTP Basic, or id and secret in the form.
ClientAuth = Literal["client_id", "basic", "body"]

#: DATEV refuses state and nonce below 20 characters (datev.md 1.2).
STATE_CHARACTERS = 32
VERIFIER_CHARACTERS = 64
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A registered application and the addresses of its identity provider, all of them configuration."""

    client_id: str
    authorize_url: str
    token_url: str
    redirect_uri: str
    scopes: tuple[str, ...]
    revoke_url: str = ""
    client_secret: str = field(default="", repr=False)
    exchange_auth: ClientAuth = "basic"
    refresh_auth: ClientAuth = "client_id"
    pkce: bool = True


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent under way. Send the user to `url`; keep the rest, for this flow only, until the browser returns."""

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


def begin_consent(client: OAuthClient, extra: Mapping[str, str] | None = None) -> Consent:
    """The address a person opens to authorise; `extra` query parameters such as `enableWindowsSso` are added."""
    state, nonce = generate_token(STATE_CHARACTERS), generate_token(STATE_CHARACTERS)
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": state,
    }
    if client.scopes:
        parameters["scope"] = " ".join(client.scopes)
    verifier = ""
    if client.pkce:
        web = WebApplicationClient(client.client_id)
        verifier = web.create_code_verifier(VERIFIER_CHARACTERS)
        challenge = web.create_code_challenge(verifier, "S256")
        parameters |= {"nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256"}
    parameters |= extra or {}
    return Consent(add_params_to_uri(client.authorize_url, list(parameters.items())), state, nonce, verifier)


def code_from_redirect(consent: Consent, redirected_to: str, *, connection: str = "") -> str:
    """The code in the address the browser was sent back to. Raises `ConsentExpired` when it is not for this consent."""
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(redirected_to).query).items()}
    if not hmac.compare_digest(parameters.get("state", "").encode(), consent.state.encode()):
        problem = "the returned state belongs to another authorisation"
    elif "error" in parameters:
        problem = f"the identity provider answered {parameters['error'][:80]}"
    elif "code" not in parameters:
        problem = "the returned address holds no code"
    else:
        register_secret(parameters["code"])
        return parameters["code"]
    raise _must_authorise(f"The authorisation was not completed: {problem}.", connection)


def exchange_code(
    client: OAuthClient,
    transport: Transport,
    consent: Consent,
    code: str,
    *,
    now: Callable[[], datetime],
    connection: str = "",
) -> tuple[TokenPair, dict[str, Any]]:
    """Trade the code for tokens, once. Also answers with every field of the reply (GoCardless: `organisation_id`).

    Raises `ConsentExpired` when the code is refused or the id token carries another nonce; `TokenRefused` when the
    client itself is refused; `NotSent` when the identity provider could not be reached.
    """
    web = WebApplicationClient(client.client_id)
    body = web.prepare_request_body(
        code=code,
        redirect_uri=client.redirect_uri,
        include_client_id=client.exchange_auth != "basic",
        code_verifier=consent.verifier or None,
        client_secret=client.client_secret if client.exchange_auth == "body" else None,
    )
    reply = _call(client, transport, client.token_url, body, client.exchange_auth, connection)
    pair, fields = _parsed(web, reply, now(), None, connection)
    if client.pkce and "openid" in client.scopes:
        _require_nonce(fields.get("id_token"), consent.nonce, connection)
    return pair, fields


def refresh(
    client: OAuthClient, transport: Transport, pair: TokenPair, *, now: Callable[[], datetime], connection: str = ""
) -> TokenPair:
    """Redeem the refresh token; a reply without a new one keeps the old. Errors as `exchange_code`."""
    web = WebApplicationClient(client.client_id)
    body = web.prepare_refresh_body(refresh_token=pair.refresh_token)
    if client.refresh_auth != "basic":
        body = add_params_to_qs(body, [("client_id", client.client_id)])
    if client.refresh_auth == "body":
        body = add_params_to_qs(body, [("client_secret", client.client_secret)])
    reply = _call(client, transport, client.token_url, body, client.refresh_auth, connection)
    return _parsed(web, reply, now(), pair, connection)[0]


def revoke(client: OAuthClient, transport: Transport, token: str, hint: str, *, connection: str = "") -> None:
    """End one token. `hint` is `access_token` or `refresh_token`; DATEV demands it (datev.md 1.4). Errors as above."""
    register_secret(token)
    fields = [("token", token), ("token_type_hint", hint)] if hint else [("token", token)]
    if client.exchange_auth != "basic":
        fields.append(("client_id", client.client_id))
    if client.exchange_auth == "body":
        fields.append(("client_secret", client.client_secret))
    _call(client, transport, client.revoke_url, add_params_to_qs("", fields), client.exchange_auth, connection)


def explain_oauth(response: Response) -> tuple[str, str]:
    """The `error` and `error_description` of RFC 6749, 5.2, for the transport of a token endpoint."""
    try:
        body = response.json()
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    return str(body.get("error", ""))[:80], str(body.get("error_description", ""))


def reply_text(reply: Response) -> str:
    """The body of a token reply for the library to read, after it was read within bounds: the library knows none.

    Raises `ValueError` when it is not JSON within bounds.
    """
    return json.dumps(reply.json(), default=int)


def token_request_error(error: RemoteError, *, connection: str) -> Exception:
    """What a failed token call means for the request that needed the token: that one surely was not sent.

    A refused grant needs a person; a refused client needs a corrected setting. Everything else may be tried later, also
    a call without an answer (`TokenReplyLost`): if it did take effect the new tokens are lost, and only the next try can
    tell.
    """
    if error.code == "invalid_grant":
        return _must_authorise(f"{error.system} no longer accepts our consent (invalid_grant).", connection)
    if isinstance(error, (Refused, TokenRefused)):
        refused = TokenRefused(
            f"The token endpoint of {error.system} refused the client: {error.status} {error.code}.",
            system=error.system,
            status=error.status,
            code=error.code,
            connection=connection,
            next_step="check client id, secret, tenant and scopes, and the setting refresh_client_auth.",
        )
        refused.response = error.response
        return refused
    if isinstance(error, NotSent):
        return error
    unclear = TokenReplyLost(
        f"The token endpoint of {error.system} gave no clear answer ({error.status or 'none'}).",
        system=error.system,
        status=error.status,
        connection=connection,
    )
    unclear.response = error.response
    return unclear


def _call(
    client: OAuthClient, transport: Transport, url: str, body: str, auth: ClientAuth, connection: str
) -> Response:
    """Codes and rotating refresh tokens can be used once: a write, never repeated by the transport after it left."""
    headers: tuple[tuple[str, str], ...] = (("accept", "application/json"),)
    if client.client_secret:
        register_secret(client.client_secret)
    if auth == "basic":
        pair = f"{client.client_id}:{client.client_secret}".encode()
        headers += (("authorization", "Basic " + base64.b64encode(pair).decode()),)
    request = Request("POST", url, headers=headers, body=body.encode(), content_type=FORM, write=True)
    try:
        return transport.send(request)
    except RemoteError as error:
        failure = token_request_error(error, connection=connection)
    raise failure


def _parsed(
    web: WebApplicationClient, reply: Response, now: datetime, replaces: TokenPair | None, connection: str
) -> tuple[TokenPair, dict[str, Any]]:
    try:
        fields = dict(web.parse_request_body_response(reply_text(reply)))
        return TokenPair.from_reply(fields, now, replaces), fields
    except (OAuth2Error, ValueError, TypeError, AttributeError):
        problem = TokenReplyLost("The token endpoint's answer could not be understood.", connection=connection)
    problem.response = reply
    raise problem


def _require_nonce(id_token: object, nonce: str, connection: str) -> None:
    """The id token came straight from the provider; its nonce ties it to this consent (OpenID Connect 3.1.3.7)."""
    if not hmac.compare_digest(_claims(id_token).get("nonce", "").encode(), nonce.encode()):
        raise _must_authorise("The id token does not belong to this authorisation (nonce).", connection)


def _claims(id_token: object) -> dict[str, str]:
    parts = id_token.split(".") if isinstance(id_token, str) else []
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return {name: value for name, value in claims.items() if isinstance(value, str)} if isinstance(claims, dict) else {}


def _must_authorise(problem: str, connection: str) -> ConsentExpired:
    return ConsentExpired(problem, connection=connection, next_step=f"connector authorize {connection or 'NAME'}")
