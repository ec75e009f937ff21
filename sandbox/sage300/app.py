"""The stand-in as an ASGI application: `create_app(company)`. It knows IIS and the order in which a request is admitted;
what a request does is in `dispatch.py`, what records do in the modules named after them.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultLayer
from sandbox.sage300 import addresses, control, dispatch, wire
from sandbox.sage300.company import Company
from sandbox.sage300.refusals import (
    InternalServerError,
    Page,
    Refusal,
    ResourceNotFound,
    TooManyRequests,
    Unauthorized,
)

_COOKIE = "ASP.NET_SessionId"


class Sage300Sandbox:
    """The application, with its company and its fault layer in reach of tests."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.faults = FaultLayer(self._serve)
        #: how many are being answered at this moment.
        self.requests_under_way = 0
        self._last_request: datetime | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served, not {scope['type']}")
        request = Request(scope, receive)
        body = await request.body()
        if scope["path"].startswith("/_control"):
            response = await asyncio.to_thread(self._control, request, body)
        else:
            await self._wake()
            self.requests_under_way += 1
            try:
                response = await asyncio.to_thread(self._response, request, body)
            finally:
                self.requests_under_way -= 1
        await response(scope, receive, send)

    async def _wake(self) -> None:
        """The application pool sleeps after idle minutes: sessions are gone and the next request is slow (1.5)."""
        now, switches = self.company.clock.now(), self.company.switches
        if self._last_request is None or now - self._last_request >= timedelta(minutes=switches.idle_minutes):
            self.company.gate.sessions.clear()
            if switches.cold_start_s:
                await asyncio.sleep(switches.cold_start_s)
        self._last_request = now

    def recycle(self) -> None:
        """The administrator, or IIS, recycles the application pool."""
        self._last_request = None

    def _control(self, request: Request, body: bytes) -> Response:
        with self.company.lock:
            status, payload = control.answer(self, request.method, request.scope["path"], body)
        return Response(orjson.dumps(payload), status, media_type="application/json")

    def _response(self, request: Request, body: bytes) -> Response:
        try:
            self._pass_iis(request, body)
            return self._admitted(request, body)
        except Page as page:
            return _page(page)
        except Refusal as refusal:
            return self._refused(refusal)

    def _pass_iis(self, request: Request, body: bytes) -> None:
        """What the web server refuses before the application sees it."""
        switches = self.company.switches
        if self._is_quiet():
            raise Page(503, "Service Unavailable")
        if len(body) > switches.max_body_bytes:
            raise Page(413, "413 - Request Entity Too Large")
        if len(request.scope["query_string"]) > switches.max_query_chars:
            raise Page(404, "404.15 - The request filtering module denies a query string that is too long.")
        if switches.webdav and request.method in ("PATCH", "PUT", "DELETE"):
            raise Page(405, "405 - HTTP verb used to access this page is not allowed.")
        if 0 < switches.concurrent_requests < self.requests_under_way:
            raise TooManyRequests("There are too many concurrent requests.")

    def _is_quiet(self) -> bool:
        now = self.company.local_time().time()
        for span in self.company.switches.quiet_hours:
            start, end = (time.fromisoformat(part) for part in span.split("-"))
            if start <= now < end if start <= end else (now >= start or now < end):
                return True
        return False

    def _admitted(self, request: Request, body: bytes) -> Response:
        path: str = request.scope["path"]
        if request.method == "GET" and path.strip("/") == addresses.APP:
            return HTMLResponse("<html><body><h1>Sage 300 Web API</h1><button>Swagger UI</button></body></html>")
        company = self.company
        address = addresses.parse(path, request.scope.get("raw_path") or path.encode(), company.switches)
        with company.lock:
            user = company.gate.sign_on(request.headers.get("authorization", ""))
            if company.switches.content_type_required and not request.headers.get("content-type"):
                raise InternalServerError("An unexpected error has occurred.")
            if address.company not in {company.company_id, *company.siblings}:
                raise ResourceNotFound(f"The company '{address.company}' was not found.")
            if address.module not in company.modules:
                raise ResourceNotFound(f"The module '{address.module}' was not found.")
            company.gate.check_rights(user, address.company, address.module, address.resource)
            session = company.gate.open_session(request.cookies.get(_COOKIE, ""))
            call = dispatch.Call(request.method, dict(request.query_params), body)
            answer = dispatch.answer(company, address, call)
        response = Response(answer.content, answer.status)
        if answer.content:
            response.headers["Content-Type"] = answer.content_type
        response.set_cookie(_COOKIE, session, httponly=True)
        return response

    def _refused(self, refusal: Refusal) -> Response:
        if isinstance(refusal, Unauthorized) and self.company.switches.html_unauthorised:
            return _page(Page(401, "401 - Unauthorized: Access is denied due to invalid credentials."))
        headers = {"WWW-Authenticate": 'Basic realm="Sage300WebApi"'} if isinstance(refusal, Unauthorized) else {}
        content = wire.error(refusal.code, str(refusal))
        return Response(content, refusal.status, headers, media_type=wire.JSON_TYPE)


def create_app(company: Company) -> Sage300Sandbox:
    """The stand-in of `company` as an ASGI application. `.faults` breaks requests, `.company` is its state."""
    return Sage300Sandbox(company)


def _page(page: Page) -> Response:
    return HTMLResponse(
        f"<html><head><title>{page.title}</title></head><body><h2>{page.title}</h2></body></html>", page.status
    )
