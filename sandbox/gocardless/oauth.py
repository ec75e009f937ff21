"""Partner OAuth: a consent page, codes that work once, long-lived tokens without refresh, revocation (section 1.3)."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from urllib.parse import urlencode

import orjson

from sandbox.gocardless.calls import Call, Endpoint, Reply
from sandbox.gocardless.world import OAuthApp, Token, World

SCOPES = ("read_write", "read_only")
CODE_LIFETIME = timedelta(minutes=10)


def consent(call: Call) -> Reply:
    """The page on which the merchant agrees. A wrong app or address is told here, everything else to the address."""
    app, answer = _asked(call)
    if app is None:
        return answer
    return Reply(200, _consent_page(app), content_type="text/html")


def _consent_page(app: OAuthApp) -> bytes:
    text = f"<html><body><h1>{escape(app.client_id)} wants access</h1>"
    return (text + '<form method="post"><button>Allow</button></form></body></html>').encode()


def agree(call: Call) -> Reply:
    """The merchant agreed (or, with `deny=1`, did not): back to the app with a code or an error."""
    app, answer = _asked(call)
    if app is None:
        return answer
    query = call.query
    if dict(call.document or {}).get("deny"):
        return _back(call, {"error": "access_denied"})
    code = call.world.ids.letters("oauth code", 16)
    app.codes[code] = (query["redirect_uri"], query["scope"], call.world.now())
    return _back(call, {"code": code})


def _asked(call: Call) -> tuple[OAuthApp | None, Reply]:
    query = call.query
    app = call.world.oauth_apps.get(query.get("client_id", ""))
    if app is None or query.get("redirect_uri") not in app.redirect_uris:
        return None, _refuse(400, "invalid_request", "unknown client_id or redirect_uri")
    if query.get("response_type") != "code":
        return None, _back(call, {"error": "unsupported_response_type"})
    if query.get("scope") not in SCOPES:
        return None, _back(call, {"error": "invalid_scope"})
    return app, Reply(200, b"")


def _back(call: Call, answer: dict[str, str]) -> Reply:
    if "state" in call.query:
        answer["state"] = call.query["state"]
    target = call.query["redirect_uri"]
    joined = f"{target}{'&' if '?' in target else '?'}{urlencode(answer)}"
    return Reply(302, b"", content_type="text/html", headers={"Location": joined})


def exchange(call: Call) -> Reply:
    """A code for a token. A used, expired or foreign code is `invalid_grant`."""
    form = dict(call.document or {})
    app = _client(call.world, form)
    if app is None:
        return _refuse(401, "invalid_client", "unknown client or wrong secret")
    if form.get("grant_type") != "authorization_code":
        return _refuse(400, "unsupported_grant_type", "only authorization_code is supported")
    found = app.codes.pop(str(form.get("code")), None)
    if found is None or found[0] != form.get("redirect_uri") or call.world.now() - found[2] > CODE_LIFETIME:
        return _refuse(
            400, "invalid_grant", "the code is unknown, was used, has expired, or belongs to another address"
        )
    value = f"partner_{call.world.ids.letters('oauth token', 16)}"
    call.world.tokens[value] = Token(value, scope=found[1], app=app.client_id)
    answer = {
        "access_token": value, "token_type": "bearer", "scope": found[1], "organisation_id": call.world.organisation_id,
    }  # fmt: skip
    return Reply(200, orjson.dumps(answer))


def revoke(call: Call) -> Reply:
    form = dict(call.document or {})
    app = _client(call.world, form)
    if app is None:
        return _refuse(401, "invalid_client", "unknown client or wrong secret")
    token = call.world.tokens.get(str(form.get("token")))
    if token is not None and token.app == app.client_id:
        token.state = "revoked"
    return Reply(200, b"{}")


def _client(world: World, form: dict[str, str]) -> OAuthApp | None:
    app = world.oauth_apps.get(str(form.get("client_id")))
    return app if app is not None and app.client_secret == form.get("client_secret") else None


def _refuse(status: int, error: str, description: str) -> Reply:
    return Reply(status, orjson.dumps({"error": error, "error_description": description}))


ENDPOINTS = (
    Endpoint("GET", "/oauth/authorize", consent, open=True),
    Endpoint("POST", "/oauth/authorize", agree, open=True),
    Endpoint("POST", "/oauth/access_token", exchange, open=True),
    Endpoint("POST", "/oauth/revoke", revoke, open=True),
)
