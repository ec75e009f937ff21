"""The stand-in as an ASGI application: `create_app(tenant)`. It knows the identity service's paths, the layers, and the
order in which a call is admitted; what a call does is in `odata/serving.py` and in the handlers of the projections.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultLayer
from sandbox.ifs_cloud import control
from sandbox.ifs_cloud.companies import SERVICE_USER
from sandbox.ifs_cloud.keycloak import TokenRefusal
from sandbox.ifs_cloud.odata import serving, wire
from sandbox.ifs_cloud.odata.batch import Batch
from sandbox.ifs_cloud.odata.literals import Zone
from sandbox.ifs_cloud.odata.service import Answer, Call, Service
from sandbox.ifs_cloud.refusals import Forbidden, MetadataOutdated, Refusal, Unknown
from sandbox.ifs_cloud.tenant import Tenant

_SERVICE = re.compile(
    r"/(?P<layer>main|int|b2b)/ifsapplications/(?P<kind>projection|entity)/v1/(?P<name>\w+)\.svc(?P<rest>/.*)?",
    re.DOTALL,
)
_REALM = re.compile(r"/auth/realms/(?P<realm>[^/]+)/(?P<rest>.*)")
_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class IfsCloudSandbox:
    """The application, with its tenant and its fault layer in reach of tests."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.faults = FaultLayer(self._serve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served, not {scope['type']}")
        request = Request(scope, receive)
        body = await request.body()
        response = await asyncio.to_thread(self._response, request, body)
        await response(scope, receive, send)
        if self.tenant.event_actions.waiting:
            asyncio.get_running_loop().run_in_executor(None, self.tenant.event_actions.deliver)

    def _response(self, request: Request, body: bytes) -> Response:
        path: str = request.scope["path"]
        if path.startswith("/_control"):
            with self.tenant.lock:
                status, payload = control.answer(self.tenant, self.faults, request.method, path, body)
            return Response(orjson.dumps(payload), status, media_type="application/json")
        realm = _REALM.fullmatch(path)
        if realm is not None:
            return self._identity(request, realm["realm"], realm["rest"], body)
        with self.tenant.lock:
            return _Exchange(self.tenant, request, body).response()

    def _identity(self, request: Request, realm: str, rest: str, body: bytes) -> Response:
        with self.tenant.lock:
            known = self.tenant.realm
            if realm != known.name:
                return _json({"error": "Realm does not exist"}, 404)
            if rest == ".well-known/openid-configuration":
                return _json(known.discovery(str(request.base_url).rstrip("/")))
            if rest != "protocol/openid-connect/token":
                return _json({"error": "RESTEASY003210: Could not find resource for full path"}, 404)
            if request.method != "POST":
                return _json({"error": "HTTP 405 Method Not Allowed"}, 405)
            headers = request.headers
            try:
                told = known.issue(headers.get("content-type", ""), headers.get("authorization", ""), body)
            except TokenRefusal as refusal:
                return _json(refusal.body, refusal.status)
        return _json(told, headers={"Cache-Control": "no-store"})


def create_app(tenant: Tenant) -> IfsCloudSandbox:
    """The stand-in of `tenant` as an ASGI application. `.faults` breaks requests, `.tenant` is its state."""
    return IfsCloudSandbox(tenant)


class _Exchange:
    """One call with a bearer on its way through the gates to its service and back."""

    def __init__(self, tenant: Tenant, request: Request, body: bytes) -> None:
        self._tenant = tenant
        self._request = request
        self._body = body
        self._raw_path = request.scope["raw_path"].decode("ascii")
        self._cookie = ""

    def response(self) -> Response:
        try:
            client = self._tenant.realm.client_of(self._request.headers.get("authorization", ""))
            self._tenant.limits.admit()
            self._admit()
            service, rest = self._service()
            self._check_csrf(service)
            self._tenant.refusals.check(self._request.method, self._raw_path)
            self._tenant.tick()
            answer = self._answer(service, self._call(client, service, rest), rest)
        except Refusal as refusal:
            answer = refused(self._tenant, refusal)
        response = Response(answer.body or None, answer.status, answer.headers, media_type=answer.kind or None)
        if self._cookie:
            response.set_cookie("XSRF-TOKEN", self._cookie)
        return response

    def _answer(self, service: Service, call: Call, rest: str) -> Answer:
        if rest == "/$batch" and call.method == "POST":
            return Batch(
                call,
                lambda part, path: serving.answer(service, part, path),
                lambda refusal: refused(self._tenant, refusal),
                self._tenant.transaction,
            ).answer()
        with self._tenant.transaction():
            return serving.answer(service, call, rest)

    def _admit(self) -> None:
        if self._tenant.outdated_for:
            self._tenant.outdated_for -= 1
            raise MetadataOutdated(self._tenant.switches.mi_modified_status)

    def _service(self) -> tuple[Service, str]:
        found = _SERVICE.fullmatch(self._raw_path)
        service = self._tenant.catalogue.find(found["layer"], found["kind"], found["name"]) if found else None
        if found is None or service is None:
            raise Unknown("The requested projection does not exist.")
        if not service.granted:
            raise Forbidden(f"The user is not granted the projection {service.name}.")
        return service, found["rest"] or "/"

    def _check_csrf(self, service: Service) -> None:
        """The double-submit guard of `main` and `b2b`: the cookie of the first GET must come back as a header."""
        if not self._tenant.switches.csrf or service.layer == "int":
            return
        cookie = self._request.cookies.get("XSRF-TOKEN", "")
        if self._request.method in _WRITES:
            if not cookie or self._request.headers.get("x-xsrf-token") != cookie:
                raise Forbidden("A security error occurred while processing the request.", code="CSRF_ERROR")
        elif not cookie:
            self._cookie = secrets.token_hex(16)

    def _call(self, client: str, service: Service, rest: str) -> Call:
        switches = self._tenant.switches
        host = str(self._request.base_url).rstrip("/")
        query = self._request.scope["query_string"].decode("ascii")
        if switches.encoded_dollar == "mangle":
            query = query.replace("%24", "_")
        aware = self._request.headers.get("x-ifs-time-zone-aware-request", "").lower() == "true"
        return Call(
            self._request.method,
            host + self._raw_path.rstrip("/"),
            dict(parse_qsl(query, keep_blank_values=True)),
            self._request.headers,
            self._body,
            (host + self._raw_path).removesuffix(rest),
            host,
            Zone(None if aware and switches.time_zone_aware else self._tenant.zone),
            switches,
            Zone(self._tenant.zone),
            self._tenant.members.get(client),
            SERVICE_USER,
        )


def refused(tenant: Tenant, refusal: Refusal) -> Answer:
    """The answer that tells a refusal, in the tenant's words and statuses."""
    switches = tenant.switches
    business = refusal.code == "DATABASE_ERROR"
    body = wire.error(
        refusal, language=switches.language, details=switches.details, code_as_text=switches.detail_code == "string"
    )
    status = switches.business_status if business else refusal.status
    return Answer(status, body, refusal.headers, "application/json")


def _json(payload: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(payload), status, headers, media_type="application/json")
