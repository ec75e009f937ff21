"""The stand-in as an ASGI application: `create_app(company)`. It reads requests, checks token, limits, scope and
company, finds the handler, and turns answers and refusals into HTTP. What the endpoints do is in the modules named
after them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from sandbox.faults import FaultLayer
from sandbox.visma import background, control, formats, limits
from sandbox.visma.calls import Answer, Call, Upload
from sandbox.visma.company import Company
from sandbox.visma.endpoints import ROUTES
from sandbox.visma.refusals import Forbidden, Invalid, Malformed, Refusal, TooMany, Unknown
from sandbox.visma.tokens import SCOPE, Token, TokenRefusal

_SCOPES = {"GET": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}


class VismaSandbox:
    """The application, with its company and its fault layer in reach of tests."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.faults = FaultLayer(self._serve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served, not {scope['type']}")
        request = Request(scope, receive)
        body = await request.body()
        path = scope["path"]
        if path.startswith("/_control"):
            with self.company.lock:
                status, payload = control.answer(self.company, self.faults, request.method, path, body)
            response = Response(formats.dumps(payload), status, media_type="application/json")
        elif path.lower() == "/connect/token":
            response = self._token(request, body)
        else:
            files = await _files(scope, request.headers, body)
            with self.company.lock:
                response = _Exchange(self.company, request, body, files).response()
        await response(scope, receive, send)
        if self.company.switches.deliver_webhooks and self.company.webhooks.outbox:
            asyncio.get_running_loop().run_in_executor(None, self.company.webhooks.deliver)

    def _token(self, request: Request, body: bytes) -> Response:
        if request.method != "POST":
            return Response(None, 405)
        try:
            with self.company.lock:
                payload = self.company.tokens.issue(request.headers.get("content-type", ""), body)
        except TokenRefusal as refusal:
            return Response(formats.dumps({"error": str(refusal)}), 400, media_type="application/json")
        return Response(
            formats.dumps(payload), 200, media_type="application/json", headers={"Cache-Control": "no-store"}
        )


def create_app(company: Company) -> VismaSandbox:
    """The stand-in of `company` as an ASGI application. `.faults` breaks requests, `.company` is its state."""
    return VismaSandbox(company)


@dataclass(slots=True)
class _Exchange:
    """One request on its way through the gateway to its handler and back."""

    company: Company
    request: Request
    body: bytes
    files: tuple[Upload, ...]
    client_id: str = "anonymous"

    def response(self) -> Response:
        request_id = self.company.new_id()
        try:
            token = self.company.tokens.check(self.request.headers.get("authorization", ""))
            self.client_id = token.client_id
            answer = self._admitted(token)
        except Refusal as refusal:
            answer = self._refused(refusal, request_id)
        headers = {"Ipp-Request-Id": request_id, **self.company.limits.headers(self.client_id)}
        if answer.location:
            headers["Location"] = self._location(answer.location)
        if answer.etag:
            headers["ETag"] = answer.etag
        if answer.retry_after_s:
            headers["Retry-After"] = str(answer.retry_after_s)
        return self._http(answer, headers)

    def _admitted(self, token: Token) -> Answer:
        fingerprint = limits.fingerprint(token.client_id, self.request.method, str(self.request.url), self.body)
        self.company.limits.admit(token.client_id, fingerprint)
        self.company.tick()
        try:
            return self._handled(token)
        except Refusal:
            self.company.limits.failed(fingerprint)
            raise

    def _handled(self, token: Token) -> Answer:
        raw_path = self.request.scope.get("raw_path", b"").decode() or self.request.scope["path"]
        route, values = ROUTES.find(self.request.method, raw_path)
        if route is None:
            raise Unknown("Resource not found.")
        suffix = self.company.switches.action_scope if route.action else _SCOPES[self.request.method]
        if f"{SCOPE}:{suffix}" not in token.scopes:
            raise Forbidden(f"Insufficient scope: {SCOPE}:{suffix} is required.")
        self._check_content_type()
        call = self._call(values)
        if call.blind and self.request.method != "GET":
            raise Forbidden("The user has no access to this company.")
        if not route.unqueued and background.wanted(call):
            answer = background.queue(self.company, call, lambda: route.handler(self.company, call))
        else:
            answer = route.handler(self.company, call)
        self.company.ignored_parameters |= set(call.query) - call.read_parameters - {"pagenumber", "pagesize"}
        self.company.ignored_fields |= call.ignored_fields
        return answer

    def _check_content_type(self) -> None:
        kind = self.request.headers.get("content-type", "").split(";")[0].strip().lower()
        if self.body and kind not in ("application/json", "text/json", "multipart/form-data"):
            raise Malformed(f"The request entity's media type '{kind}' is not supported.")

    def _call(self, values: dict[str, str]) -> Call:
        query: dict[str, str] = {}
        for name, value in self.request.query_params.multi_items():
            query.setdefault(name.lower(), value)
        return Call(
            method=self.request.method,
            url=str(self.request.url),
            path=values,
            query=query,
            headers=self.request.headers,
            body=self.body,
            base_url=str(self.request.base_url).rstrip("/"),
            client_id=self.client_id,
            files=self.files,
            blind=self._blind(),
        )

    def _blind(self) -> bool:
        given = self.request.headers.get("ipp-company-id")
        if given is None and self.company.switches.company_id_required:
            raise Malformed("The header ipp-company-id is required.")
        wrong = given is not None and given != self.company.company_id
        return wrong and self.company.switches.wrong_company_id_hides_everything

    def _refused(self, refusal: Refusal, request_id: str) -> Answer:
        status = refusal.status
        as_500 = self.company.switches.business_errors_as_500 and isinstance(refusal, Invalid)
        if as_500 and self.request.method == "POST":
            status = 500
        answer = Answer(status, refusal.body(request_id))
        if isinstance(refusal, TooMany):
            answer.retry_after_s = refusal.retry_after_s
        return answer

    def _location(self, path: str) -> str:
        base = self.company.switches.location_base or str(self.request.base_url).rstrip("/")
        return base + (path.lower() if self.company.switches.location_lower_case else path)

    def _http(self, answer: Answer, headers: dict[str, str]) -> Response:
        if answer.status == 204 and not self.company.switches.location_on_update:
            headers.pop("Location", None)
        if answer.content is not None:
            return Response(answer.content, answer.status, headers, media_type=answer.content_type)
        if answer.payload is None:
            return Response(None, answer.status, headers)
        return Response(formats.dumps(answer.payload), answer.status, headers, media_type=answer.content_type)


async def _files(scope: Scope, headers: Headers, body: bytes) -> tuple[Upload, ...]:
    """The file parts of a multipart body, read by Starlette's parser from the bytes already received."""
    if not headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return ()

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    uploads = []
    async with Request(scope, replay).form() as form:
        for _, part in form.multi_items():
            if not isinstance(part, str) and part.filename:
                kind = part.content_type or "application/octet-stream"
                uploads.append(Upload(part.filename, await part.read(), kind))
    return tuple(uploads)
