"""The stand-in as one ASGI application: every DATEV host becomes a path prefix, so that addresses are configuration.

https://login.datev.de/openid/…                        /openid/…
https://api.datev.de/token                             /token
https://sandbox-api.datev.de/token                     /openidsandbox/token
https://accounting-clients.api.datev.de/platform/v2    /accounting-clients/platform/v2
… and `platform-sandbox` for `platform` in the sandbox environment (datev.md 1.1)
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.datev.clients import ClientsApi
from sandbox.datev.control import Control
from sandbox.datev.datacentre import DataCentre
from sandbox.datev.documents import DocumentsApi
from sandbox.datev.dxso import DxsoApi
from sandbox.datev.extf_import import ImportApi
from sandbox.datev.gateway import Refusal, problem
from sandbox.datev.id_tokens import SigningKey
from sandbox.datev.identity import PATHS, Identity
from sandbox.datev.jobs import JobsApi
from sandbox.faults import FaultLayer

PLATFORMS = ("platform", "platform-sandbox")


class DatevApp:
    """The application: `faults` is the layer in front of it, `datacentre` its state."""

    def __init__(self, datacentre: DataCentre) -> None:
        self.datacentre = datacentre
        control = Control(datacentre)
        self.faults = FaultLayer(_TransactionIds(_starlette(datacentre, control), datacentre))
        control.faults = self.faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)


def create_app(datacentre: DataCentre) -> DatevApp:
    """All of DATEV's online services over one state."""
    return DatevApp(datacentre)


class _TransactionIds:
    """Adds the headers DATEV asks callers to log: X-Global-Transaction-ID and V-Cap-Request-ID (datev.md 1.6)."""

    def __init__(self, app: ASGIApp, datacentre: DataCentre) -> None:
        self.app = app
        self.datacentre = datacentre

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-global-transaction-id"] = self.datacentre.new_uuid()
                headers["v-cap-request-id"] = self.datacentre.new_uuid()
            await send(message)

        await self.app(scope, receive, with_ids)


def _starlette(datacentre: DataCentre, control: Control) -> Starlette:
    async def refused(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        return refusal.response

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(datacentre, error.status_code, error.detail)

    routes = [*control.routes(), *_identity_routes(datacentre)]
    for platform in PLATFORMS:
        routes += _booking_routes(datacentre, platform)
        routes += _document_routes(datacentre, platform)
        routes += _dxso_routes(datacentre, platform)
    return Starlette(routes=routes, exception_handlers={Refusal: refused, HTTPException: http_error})


def _identity_routes(datacentre: DataCentre) -> list[Route]:
    routes, key = [], SigningKey()
    for environment, (login, api) in PATHS.items():
        identity = Identity(datacentre, environment, key)
        routes += [
            Route(f"{login}/.well-known/openid-configuration", identity.discovery),
            Route(f"{login}/jwks", identity.jwks),
            Route(f"{login}/authorize", identity.authorize, methods=["GET", "POST"]),
            Route(f"{api}/token", identity.token, methods=["POST"]),
            Route(f"{api}/revoke", identity.revoke, methods=["POST"]),
            Route(f"{api}/userinfo", identity.userinfo),
        ]
    return routes


def _booking_routes(datacentre: DataCentre, platform: str) -> list[Route]:
    clients, jobs, imports = ClientsApi(datacentre), JobsApi(datacentre), ImportApi(datacentre)
    companies = f"/accounting-clients/{platform}/v2/clients"
    files = f"/accounting-extf-files/{platform}/v3/clients/{{client_id}}/extf-files"
    return [
        Route(companies, clients.list),
        Route(f"{companies}/{{client_id}}", clients.one),
        Route(f"{files}/import", imports.receive, methods=["POST"]),
        Route(f"{files}/jobs", jobs.list),
        Route(f"{files}/jobs/{{job_id}}", jobs.one),
    ]


def _document_routes(datacentre: DataCentre, platform: str) -> list[Route]:
    api = DocumentsApi(datacentre)
    companies = f"/accounting-documents/{platform}/v2/clients"
    one = f"{companies}/{{client_id}}"
    return [
        Route(companies, api.clients),
        Route(one, api.client),
        Route(f"{one}/document-types", api.document_types),
        Route(f"{one}/duo-version", api.duo_version),
        Route(f"{one}/documents", api.upload, methods=["POST"]),
        Route(f"{one}/documents/stapled", api.staple, methods=["PUT"]),
        Route(f"{one}/documents/{{document_id}}", api.upload, methods=["PUT"]),
    ]


def _dxso_routes(datacentre: DataCentre, platform: str) -> list[Route]:
    api = DxsoApi(datacentre)
    companies = f"/accounting-dxso-jobs/{platform}/v2/clients"
    one = f"{companies}/{{client_id}}"
    jobs = f"{one}/dxso-jobs"
    return [
        Route(companies, api.clients),
        Route(one, api.client),
        Route(jobs, api.create, methods=["POST"]),
        Route(f"{jobs}/{{job_id}}", api.one, methods=["GET"]),
        Route(f"{jobs}/{{job_id}}", api.finish, methods=["PUT"]),
        Route(f"{jobs}/{{job_id}}", api.cancel, methods=["DELETE"]),
        Route(f"{jobs}/{{job_id}}/files", api.add_file, methods=["POST"]),
        Route(f"{jobs}/{{job_id}}/protocol-entries", api.protocol, methods=["GET"]),
    ]
