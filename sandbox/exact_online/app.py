"""The stand-in as an ASGI application: `create_app(division)`. It knows regions, the token endpoint and the order in which
a call is admitted; what a call does is in `dispatch.py`, what endpoints do in the modules named after them.

A region may be named by a path prefix (`/nl/api/...`) or by the `Host` header; without either, it is the division's own.
"""

from __future__ import annotations

import asyncio
from datetime import time
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.exact_online import consent, control, dispatch, match_sets, wire
from sandbox.exact_online.calls import Call
from sandbox.exact_online.division import REGIONS, Division
from sandbox.exact_online.oauth import TokenRefusal
from sandbox.exact_online.refusals import Blocked, Forbidden, Refusal, TooMany, Unauthorised, Unknown
from sandbox.exact_online.schema import AMSTERDAM
from sandbox.faults import FaultLayer

_MAINTENANCE = (time(4), time(4, 30))


class ExactOnlineSandbox:
    """The application, with its division and its fault layer in reach of tests."""

    def __init__(self, division: Division) -> None:
        self.division = division
        self.faults = FaultLayer(self._serve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served, not {scope['type']}")
        request = Request(scope, receive)
        body = await request.body()
        # Handlers wait for the lock and, on subscriptions, for callbacks: not in the event loop.
        response = await asyncio.to_thread(self._response, request, body)
        await response(scope, receive, send)
        if self.division.switches.deliver_webhooks and self.division.webhooks.waiting:
            asyncio.get_running_loop().run_in_executor(None, self.division.webhooks.deliver)

    def _response(self, request: Request, body: bytes) -> Response:
        path: str = request.scope["path"]
        if path.startswith("/_control"):
            with self.division.lock:
                status, payload = control.answer(self.division, self.faults, request.method, path, body)
            return Response(orjson.dumps(payload), status, media_type="application/json")
        if self._in_maintenance():
            return HTMLResponse("<html><body><h1>Exact Online is being maintained</h1></body></html>", 503)
        region, rest = self._region(request, path)
        home = region == self.division.region
        lowered = rest.lower()
        if lowered == "/api/oauth2/auth":
            return self._consent(request, body, home)
        if lowered == "/api/oauth2/token":
            return self._token(request, body, home)
        return _Exchange(self.division, request, body, rest, home).response()

    def _in_maintenance(self) -> bool:
        now = self.division.now().astimezone(AMSTERDAM).time()
        return self.division.switches.maintenance_window and _MAINTENANCE[0] <= now < _MAINTENANCE[1]

    def _region(self, request: Request, path: str) -> tuple[str, str]:
        first, _, rest = path.lstrip("/").partition("/")
        if first in REGIONS:
            return first, f"/{rest}"
        host = (request.headers.get("host") or "").partition(":")[0].lower()
        named = next((region for region, known in REGIONS.items() if known == host), self.division.region)
        return named, path

    def _consent(self, request: Request, body: bytes, home: bool) -> Response:
        if not home:
            return HTMLResponse("<html><body><h1>The client is not registered in this region.</h1></body></html>", 400)
        decision = parse_qs(body.decode(errors="replace")).get("decision", [""])[0] if request.method == "POST" else ""
        with self.division.lock:
            return consent.page(self.division, dict(request.query_params), decision=decision)

    def _token(self, request: Request, body: bytes, home: bool) -> Response:
        if request.method != "POST":
            return Response(None, 405)
        tokens = self.division.tokens
        with self.division.lock:
            if tokens.gateway_trouble:
                return _gateway(tokens.gateway_trouble.popleft())
            try:
                if not home:
                    raise TokenRefusal("invalid_client", "The client is not registered in this region.")
                payload = tokens.issue(request.headers.get("content-type", ""), body)
            except TokenRefusal as refusal:
                told = {"error": refusal.error, "error_description": refusal.description}
                headers = {"Reason": refusal.reason} if refusal.reason else {}
                return Response(orjson.dumps(told), refusal.status, headers, media_type="application/json")
        headers = {"Cache-Control": "no-store"}
        return Response(orjson.dumps(payload), 200, headers, media_type="application/json")


def create_app(division: Division) -> ExactOnlineSandbox:
    """The stand-in of `division` as an ASGI application. `.faults` breaks requests, `.division` is its state."""
    return ExactOnlineSandbox(division)


def _gateway(trouble: str) -> Response:
    if trouble == "empty":
        return Response(b"", 200)
    fault = {"fault": {"faultstring": "Execution failed", "detail": {"errorcode": "steps.oauth.v2.Failed"}}}
    return Response(orjson.dumps(fault), 500, media_type="application/json")


class _Exchange:
    """One call with a bearer on its way through the limits to its handler and back."""

    def __init__(self, division: Division, request: Request, body: bytes, path: str, home: bool) -> None:
        self._division = division
        self._request = request
        self._body = body
        self._path = path
        self._home = home
        self._client_id = ""
        self._root = str(request.base_url).rstrip("/") + request.scope["path"].removesuffix(path)

    def response(self) -> Response:
        try:
            self._admit()
            answer = self._answered()
        except Refusal as refusal:
            return self._refused(refusal)
        with self._division.lock:
            answer.headers.update(self._division.limits.headers(self._client_id))
        return answer

    def _admit(self) -> None:
        with self._division.lock:
            if not self._home:
                raise Unauthorised("Unauthorized: the access token belongs to another region.")
            authorization = self._request.headers.get("authorization", "")
            self._client_id = self._division.tokens.owner(authorization)
            self._division.tokens.check(authorization)
            self._division.limits.admit(self._client_id)

    def _answered(self) -> Response:
        if self._path.lower() == "/docs/xmlupload.aspx":
            return self._uploaded()
        call = Call(
            self._request.method,
            dict(self._request.query_params),
            self._request.headers,
            self._body,
            self._root,
            "",
            self._client_id,
        )
        return dispatch.answer(self._division, call, self._path)

    def _uploaded(self) -> Response:
        query = self._request.query_params
        if self._request.method != "POST" or query.get("Topic") != "MatchSets":
            raise Unknown("The topic is not available.")
        if query.get("_Division_") != str(self._division.code):
            raise Forbidden("Forbidden - Division not accessible.")
        with self._division.lock:
            return Response(match_sets.upload(self._division, self._body), 200, media_type="text/xml; charset=utf-8")

    def _refused(self, refusal: Refusal) -> Response:
        if isinstance(refusal, Unauthorised) and self._division.switches.login_redirect:
            return RedirectResponse(f"{self._root}/docs/Login.aspx", 302)
        switches = self._division.switches
        as_json = "application/json" in self._request.headers.get("accept", "").lower()
        content, kind = wire.error(refusal.message(switches.language), switches.language, as_json=as_json)
        with self._division.lock:
            if self._client_id and not isinstance(refusal, Blocked):
                self._division.limits.failed(self._client_id, _endpoint(self._path), refusal.status)
            over = isinstance(refusal, TooMany) or not self._client_id
            headers = refusal.headers if over else self._division.limits.headers(self._client_id)
        return Response(content, refusal.status, {**headers, **refusal.headers}, media_type=kind)


def _endpoint(path: str) -> str:
    """What errors are counted by: the path without its key."""
    return path.partition("(")[0]
