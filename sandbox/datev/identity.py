"""The identity provider: authorize, token, revoke, userinfo, discovery. Sheet: datev.md sections 1.1 to 1.4.

It enforces what DATEV demands of applications: PKCE with S256, state and nonce of 20 characters used once, exact
redirect addresses, the right client authentication, rotating one-use refresh tokens. It knows no passwords.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.datev.datacentre import Code, DataCentre, Registration, Session, Token, expiry
from sandbox.datev.id_tokens import SigningKey

SHORTEST_STATE = 20
CODE_LIFETIME_S = 600
CLIENT_SCOPE = re.compile(r"datev:iam:client:[1-9]\d{3,6}-[1-9]\d{0,4}")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

#: environment -> (path of authorize and discovery, path of token, revoke and userinfo)
PATHS = {"production": ("/openid", ""), "sandbox": ("/openidsandbox", "/openidsandbox")}


class IdentityError(Exception):
    """An OAuth error answer. With `challenge` the answer names Basic as the expected authentication."""

    def __init__(self, status: int, error: str, description: str, *, challenge: bool = False) -> None:
        self.status, self.error, self.description, self.challenge = status, error, description, challenge
        super().__init__(description)

    def response(self) -> Response:
        headers = {"cache-control": "no-store"}
        if self.challenge:
            headers["www-authenticate"] = 'Basic realm="DATEV"'
        body = orjson.dumps({"error": self.error, "error_description": self.description})
        return Response(body, self.status, headers, "application/json")


class Identity:
    """The endpoints of one environment (`production` or `sandbox`). Both share one `Issued` and one signing key."""

    def __init__(self, datacentre: DataCentre, environment: str, key: SigningKey) -> None:
        self.datacentre = datacentre
        self.environment = environment
        self.key = key
        self.issued = datacentre.issued

    async def authorize(self, request: Request) -> Response:
        """GET: redirect with a code (automatic consent) or a page with a button; POST: the button."""
        if request.method == "POST":
            params = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        else:
            params = dict(request.query_params)
        registration = self.datacentre.registrations.get(params.get("client_id", ""))
        if registration is None:
            return _page(400, "Unknown client_id")
        redirect_uri = params.get("redirect_uri", "")
        wrong = self._redirect_fault(registration, redirect_uri)
        if wrong:
            return _page(400, wrong)
        try:
            scopes = self._checked(registration, params)
        except IdentityError as refused:
            answer = {"error": refused.error, "error_description": refused.description}
            return _back(redirect_uri, answer | {"state": params.get("state", "")})
        if request.method == "GET" and not self.datacentre.behaviour.auto_consent:
            return _consent_page(params, registration, scopes)
        for name in ("state", "nonce"):
            self.issued.seen.add((name, params[name]))
        code = self._new_code(registration, params, scopes)
        return _back(redirect_uri, {"code": code, "state": params["state"]})

    async def token(self, request: Request) -> Response:
        try:
            form = await _form(request)
            grant = form.get("grant_type", "")
            if grant == "authorization_code":
                registration = self._authenticated(request, form, basic_if_confidential=True)
                return self._exchange(request, registration, form)
            if grant == "refresh_token":
                registration = self._authenticated(request, form, basic_if_confidential=False)
                return self._refresh(request, registration, form)
            raise IdentityError(400, "unsupported_grant_type", f"grant_type {grant!r} is not offered")
        except IdentityError as refused:
            return refused.response()

    async def revoke(self, request: Request) -> Response:
        """RFC 7009, but `token_type_hint` is mandatory (datev.md 1.4). An unknown token is answered 200."""
        try:
            form = await _form(request)
            registration = self._authenticated(request, form, basic_if_confidential=True)
            hint = form.get("token_type_hint")
            if hint not in ("access_token", "refresh_token"):
                raise IdentityError(400, "invalid_request", "token_type_hint is missing or unknown")
            if not form.get("token"):
                raise IdentityError(400, "invalid_request", "token is missing")
        except IdentityError as refused:
            return refused.response()
        tokens = self.issued.access if hint == "access_token" else self.issued.refresh
        token = tokens.get(form["token"])
        if token is not None and token.session.registration.client_id == registration.client_id:
            token.dead = True
            if hint == "refresh_token":
                token.session.alive = False
        return Response(status_code=200)

    async def userinfo(self, request: Request) -> Response:
        session = session_of_bearer(self.datacentre, request, self.environment)
        if session is None:
            return Response(status_code=401, headers={"www-authenticate": 'Bearer error="invalid_token"'})
        facts = {"sub": session.user.subject}
        if "profile" in session.scopes:
            facts["name"] = session.user.name
        if "email" in session.scopes:
            facts["email"] = session.user.email
        return Response(orjson.dumps(facts), media_type="application/json")

    async def discovery(self, request: Request) -> Response:
        base = _base(request)
        login, api = PATHS[self.environment]
        document = {
            "issuer": base + login,
            "authorization_endpoint": f"{base}{login}/authorize",
            "token_endpoint": f"{base}{api}/token",
            "revocation_endpoint": f"{base}{api}/revoke",
            "userinfo_endpoint": f"{base}{api}/userinfo",
            "jwks_uri": f"{base}{login}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"],
        }
        return Response(orjson.dumps(document), media_type="application/json")

    async def jwks(self, request: Request) -> Response:
        return Response(orjson.dumps({"keys": [self.key.public_jwk()]}), media_type="application/json")

    def _redirect_fault(self, registration: Registration, redirect_uri: str) -> str:
        if redirect_uri not in registration.redirect_uris:
            return "redirect_uri is not registered for this client_id"
        parts = urlsplit(redirect_uri)
        host = parts.hostname or ""
        local = host == "localhost" or re.fullmatch(r"[\d.]+|.*:.*", host) is not None
        # From 2026-03-01 applications that break this in production are locked (datev.md 1.2).
        if self.environment == "production" and not registration.public and (parts.scheme != "https" or local):
            return "redirect_uri of a confidential client must be https and no localhost or IP address in production"
        return ""

    def _checked(self, registration: Registration, params: dict[str, str]) -> frozenset[str]:
        if params.get("response_type") != "code":
            raise IdentityError(400, "unsupported_response_type", "response_type must be code")
        for name in ("state", "nonce"):
            value = params.get(name, "")
            if len(value) < SHORTEST_STATE:
                raise IdentityError(400, "invalid_request", f"{name} must have at least {SHORTEST_STATE} characters")
            if (name, value) in self.issued.seen:
                raise IdentityError(400, "invalid_request", f"{name} was used before")
        if params.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(params.get("code_challenge", "")):
            raise IdentityError(400, "invalid_request", "a code_challenge of method S256 is required")
        scopes = frozenset(params.get("scope", "").split())
        unknown = {s for s in scopes if s not in registration.scopes and not CLIENT_SCOPE.fullmatch(s)}
        if "openid" not in scopes or unknown:
            raise IdentityError(
                400, "invalid_scope", "openid is missing or unknown scope: " + " ".join(sorted(unknown))
            )
        return scopes

    def _new_code(self, registration: Registration, params: dict[str, str], scopes: frozenset[str]) -> str:
        now, behaviour = self.datacentre.now(), self.datacentre.behaviour
        lifetime = behaviour.offline_session_s if "offline_access" in scopes else behaviour.session_s
        session = Session(
            registration,
            self.datacentre.user,
            scopes,
            self.environment,
            now,
            expiry(now, lifetime),
            params["nonce"],
        )
        code = self.datacentre.new_token()
        challenge, lives_until = params["code_challenge"], expiry(now, CODE_LIFETIME_S)
        self.issued.codes[code] = Code(session, params["redirect_uri"], challenge, lives_until)
        return code

    def _authenticated(self, request: Request, form: dict[str, str], *, basic_if_confidential: bool) -> Registration:
        """The registration that calls. `basic_if_confidential` is False for a refresh: the registration decides."""
        refused = IdentityError(401, "invalid_client", "Client authentication failed", challenge=True)
        basic = _basic(request.headers.get("authorization", ""))
        client_id = basic[0] if basic else form.get("client_id", "")
        registration = self.datacentre.registrations.get(client_id)
        if registration is None or "client_secret" in form or form.get("client_id", client_id) != client_id:
            raise refused
        needs_basic = not registration.public and (basic_if_confidential or registration.refresh_auth == "basic")
        if needs_basic != (basic is not None):
            raise refused
        if basic and not hmac.compare_digest(basic[1].encode(), (registration.secret or "").encode()):
            raise refused
        return registration

    def _exchange(self, request: Request, registration: Registration, form: dict[str, str]) -> Response:
        code = self.issued.codes.get(form.get("code", ""))
        if code is None or code.session.environment != self.environment:
            raise IdentityError(400, "invalid_grant", "The code is unknown")
        if code.used:
            self._kill(code.session)
            raise IdentityError(400, "invalid_grant", "The code was used before")
        code.used = True
        if code.session.registration.client_id != registration.client_id:
            raise IdentityError(400, "invalid_grant", "The code belongs to another client")
        if self.datacentre.now() >= code.expires_at:
            raise IdentityError(400, "invalid_grant", "The code is expired")
        if form.get("redirect_uri") != code.redirect_uri:
            raise IdentityError(400, "invalid_grant", "redirect_uri differs from the authorize step")
        verifier = form.get("code_verifier", "")
        if not VERIFIER.fullmatch(verifier) or _challenge(verifier) != code.challenge:
            raise IdentityError(400, "invalid_grant", "code_verifier does not fit the code_challenge")
        self.datacentre.sessions.append(code.session)
        return self._token_answer(request, code.session)

    def _refresh(self, request: Request, registration: Registration, form: dict[str, str]) -> Response:
        token = self.issued.refresh.get(form.get("refresh_token", ""))
        session = token.session if token else None
        if token is None or session is None or session.registration.client_id != registration.client_id:
            raise IdentityError(400, "invalid_grant", "The refresh token is unknown")
        if session.environment != self.environment:
            raise IdentityError(400, "invalid_grant", "The refresh token is unknown")
        if token.dead:
            # Redeeming a refresh token twice kills the whole session (datev.md 1.3).
            self._kill(session)
            raise IdentityError(400, "invalid_grant", "The refresh token was used before")
        if not session.alive or self.datacentre.now() >= session.ends_at:
            raise IdentityError(400, "invalid_grant", "The session has ended")
        token.dead = True
        return self._token_answer(request, session)

    def _token_answer(self, request: Request, session: Session) -> Response:
        now, lifetime = self.datacentre.now(), self.datacentre.behaviour.expires_in_s
        access, refresh = self.datacentre.new_token(), self.datacentre.new_token()
        self.issued.access[access] = Token(session, expiry(now, lifetime))
        # The end of the session is absolute: refreshing does not move it (datev.md 1.3).
        self.issued.refresh[refresh] = Token(session, session.ends_at)
        claims = {
            "iss": _base(request) + PATHS[self.environment][0],
            "aud": session.registration.client_id,
            "sub": session.user.subject,
            "nonce": session.nonce,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + lifetime,
        }
        body = {
            "access_token": access,
            "refresh_token": refresh,
            "id_token": self.key.signed(claims),
            "token_type": "Bearer",
            "expires_in": lifetime,
            "scope": " ".join(sorted(session.scopes)),
        }
        return Response(orjson.dumps(body), 200, {"cache-control": "no-store"}, "application/json")

    def _kill(self, session: Session) -> None:
        session.alive = False
        for token in (*self.issued.access.values(), *self.issued.refresh.values()):
            if token.session is session:
                token.dead = True


def session_of_bearer(datacentre: DataCentre, request: Request, environment: str) -> Session | None:
    """The live session behind the request's bearer token, or None."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    token = datacentre.issued.access.get(value.strip()) if scheme.lower() == "bearer" else None
    if token is None or token.dead or token.session.environment != environment:
        return None
    return token.session if datacentre.now() < token.expires_at else None


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise IdentityError(400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded")
    pairs = parse_qsl((await request.body()).decode("ascii", "replace"), keep_blank_values=True)
    form = dict(pairs)
    if len(form) != len(pairs):
        raise IdentityError(400, "invalid_request", "a parameter is given twice")
    return form


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ("", "")
    return (name, secret)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return RedirectResponse(redirect_uri + joint + urlencode(answer), 302)


def _page(status: int, message: str) -> Response:
    return HTMLResponse(f"<!doctype html><title>DATEV Login</title><p>{html.escape(message)}</p>", status)


def _consent_page(params: dict[str, str], registration: Registration, scopes: Iterable[str]) -> Response:
    fields = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in params.items()
    )
    wishes = "".join(f"<li>{html.escape(scope)}</li>" for scope in sorted(scopes))
    return HTMLResponse(
        f"<!doctype html><title>DATEV Login</title><h1>{html.escape(registration.name)}</h1>"
        f'<ul>{wishes}</ul><form method="post">{fields}<button>Zugriff erlauben</button></form>'
    )
