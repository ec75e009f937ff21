"""The HTTP front of a world: routing, admission, idempotency and error bodies. What a call does is in the resource
modules.

`create_app(world)` is an ASGI application for `sandbox.serve.running`; its `faults` break requests on demand, its
paths under `/_control` steer the world and are for tests and the demo only.
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultLayer
from sandbox.gocardless import (
    billing_flows,
    billing_requests,
    creditors,
    customer_bank_accounts,
    customers,
    events,
    instalment_schedules,
    mandates,
    oauth,
    payments,
    payout_reading,
    redirect_flows,
    reference_data,
    refunds,
    simulators,
    subscriptions,
    webhook_log,
)
from sandbox.gocardless.auth import authenticate, require_version, require_write
from sandbox.gocardless.calls import Call, Endpoint, Reply
from sandbox.gocardless.control import control_routes
from sandbox.gocardless.idempotency import remember, require_unused
from sandbox.gocardless.problems import ApiProblem, invalid_usage
from sandbox.gocardless.rate_limit import RateLimits
from sandbox.gocardless.world import Token, World

ENDPOINTS: tuple[Endpoint, ...] = (
    *payments.ENDPOINTS,
    *events.ENDPOINTS,
    *payout_reading.ENDPOINTS,
    *mandates.ENDPOINTS,
    *customers.ENDPOINTS,
    *refunds.ENDPOINTS,
    *creditors.ENDPOINTS,
    *customer_bank_accounts.ENDPOINTS,
    *subscriptions.ENDPOINTS,
    *instalment_schedules.ENDPOINTS,
    *billing_requests.ENDPOINTS,
    *billing_flows.ENDPOINTS,
    *redirect_flows.ENDPOINTS,
    *webhook_log.ENDPOINTS,
    *reference_data.ENDPOINTS,
    *simulators.ENDPOINTS,
    *oauth.ENDPOINTS,
)

MAX_BODY_BYTES = 1_000_000


class SandboxApp:
    """The ASGI application. `faults` also counts every request that is not a control call."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.faults = FaultLayer(_starlette(world, self))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)


def create_app(world: World) -> SandboxApp:
    """A GoCardless API on `world`; both API hosts and the connect host of GoCardless are this one server."""
    return SandboxApp(world)


def _starlette(world: World, app: SandboxApp) -> Starlette:
    limits = RateLimits(world)
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    routes = [
        Route(path, _Door(world, limits, methods), methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
        for path, methods in by_path.items()
    ]
    missing = Route(
        "/{anything:path}", _Door(world, limits, {}), methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    )
    return Starlette(routes=[*control_routes(world, lambda: app.faults), *routes, missing])


class _Door:
    """Everything between the socket and a handler, for one path."""

    def __init__(self, world: World, limits: RateLimits, methods: dict[str, Endpoint]) -> None:
        self._world = world
        self._limits = limits
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        reply = self._answer(request, body)
        response = Response(reply.body, reply.status, reply.headers, media_type=reply.content_type)
        await response(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Reply:
        request_id = str(uuid.uuid4())
        headers: dict[str, str] = {}
        with self._world.lock:
            try:
                endpoint = self._methods.get(request.method)
                if endpoint is not None and endpoint.open:
                    return self._open(endpoint, request, body)
                budget = endpoint.budget if endpoint else "general"
                headers, refusal = self._limits.spend(budget)
                if refusal is not None:
                    raise refusal
                reply = self._admitted(endpoint, request, body)
            except ApiProblem as problem:
                reply = _refusal(problem, request_id)
            finally:
                self._world.acting_token = None
        reply.headers.update(headers)
        reply.headers["X-Request-Id"] = request_id
        return reply

    def _open(self, endpoint: Endpoint, request: Request, body: bytes) -> Reply:
        kind = request.headers.get("content-type", "")
        document: Any = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        if "json" in kind:
            document = _parse(body)
        return endpoint.handler(self._call(request, Token("", scope="none"), document))

    def _admitted(self, endpoint: Endpoint | None, request: Request, body: bytes) -> Reply:
        token = authenticate(self._world, request.headers.get("authorization"))
        require_version(request.headers.get("gocardless-version"))
        if endpoint is None:
            raise _no_such_route(self._methods, request)
        if endpoint.is_write:
            require_write(token)
        call = self._call(request, token, _document(request, body))
        self._world.acting_token = token
        key = request.headers.get("idempotency-key") if endpoint.idempotent else None
        if endpoint.checked_before_key is not None and self._world.settings.refund_replay == "body_first":
            endpoint.checked_before_key(call)
        require_unused(self._world, key)
        reply = endpoint.handler(call)
        if reply.created is not None:
            remember(self._world, key, reply.created)
        return reply

    def _call(self, request: Request, token: Token, document: Any) -> Call:
        base_url = str(request.base_url).rstrip("/")
        return Call(self._world, token, request.path_params, dict(request.query_params), document, base_url)


def _document(request: Request, body: bytes) -> Any:
    if request.method in ("GET", "DELETE") or not body.strip():
        return None
    if len(body) > MAX_BODY_BYTES:
        raise invalid_usage(413, "request_entity_too_large", "the request body is too large")
    if "application/json" not in request.headers.get("content-type", ""):
        raise invalid_usage(415, "invalid_content_type", "the Content-Type must be application/json")
    return _parse(body)


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as problem:
        raise invalid_usage(400, "invalid_document_structure", "the body is not JSON") from problem


def _no_such_route(methods: dict[str, Endpoint], request: Request) -> ApiProblem:
    if methods:
        return invalid_usage(405, "method_not_allowed", f"{request.method} is not allowed here")
    return invalid_usage(404, "path_not_found", f"there is no path {request.url.path}")


def _refusal(problem: ApiProblem, request_id: str) -> Reply:
    return Reply(problem.status, orjson.dumps(problem.body(request_id)))
