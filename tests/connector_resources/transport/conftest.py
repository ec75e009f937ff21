"""A small HTTP service behind the sandbox's fault layer, and transports to it with injected sleep and chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey
from connector_resources.transport.http_transport import HttpTransport
from sandbox.faults import Fault, FaultLayer
from sandbox.serve import running


@dataclass
class Service:
    """What the service saw. `effects` counts requests that took effect; `accepted` are the tokens it lets in."""

    base_url: str = ""
    layer: FaultLayer = field(default_factory=lambda: FaultLayer(Starlette()))
    effects: int = 0
    seen: list[dict[str, str]] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)

    def fault(self, kind: str, times: int = 1, **details: Any) -> None:
        self.layer.add(Fault(kind, times=times, **details))

    @property
    def attempts(self) -> int:
        return len(self.layer.requests)

    def app(self) -> Starlette:
        async def thing(request: HttpRequest) -> Response:
            self.seen.append({name.lower(): value for name, value in request.headers.items()})
            if self.accepted and request.headers.get("authorization", "") not in {f"Bearer {t}" for t in self.accepted}:
                return JSONResponse({"error": "who are you"}, status_code=401)
            self.effects += 1
            body = await request.body()
            return JSONResponse({"ok": True, "body": body.decode(), "query": str(request.url.query), "pad": "x" * 2000})

        async def status(request: HttpRequest) -> Response:
            headers = dict(request.query_params)
            return JSONResponse({"why": "told to"}, status_code=int(request.path_params["code"]), headers=headers)

        async def away(_request: HttpRequest) -> Response:
            return RedirectResponse("/thing", status_code=302)

        async def drip(_request: HttpRequest) -> Response:
            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(400):
                    yield b" "
                    await asyncio.sleep(0.01)

            return StreamingResponse(pieces(), media_type="application/json")

        async def big(_request: HttpRequest) -> Response:
            return Response(b"9" * 300_000, media_type="application/json")

        return Starlette(
            routes=[
                Route("/thing", thing, methods=["GET", "POST", "PUT"]),
                Route("/status/{code}", status, methods=["GET", "POST"]),
                Route("/away", away, methods=["GET", "POST"]),
                Route("/drip", drip),
                Route("/big", big, methods=["GET", "POST"]),
            ]
        )


@pytest.fixture(scope="module")
def running_service() -> Iterator[Service]:
    service = Service()
    service.layer = FaultLayer(service.app())
    with running(service.layer) as base_url:
        service.base_url = base_url
        yield service


@pytest.fixture
def service(running_service: Service) -> Service:
    """The service with nothing left of the test before."""
    running_service.layer.clear()
    running_service.layer.requests.clear()
    running_service.effects = 0
    running_service.seen.clear()
    running_service.accepted.clear()
    return running_service


@pytest.fixture
def slept() -> list[float]:
    """Every wait, instead of waiting."""
    return []


@pytest.fixture
def connect(service: Service, slept: list[float]) -> Iterator[Callable[..., HttpTransport]]:
    """Builds transports to the service; keyword arguments go to `HttpTransport`."""
    built: list[HttpTransport] = []

    def build(**settings: Any) -> HttpTransport:
        settings.setdefault("sleep", slept.append)
        settings.setdefault("random", lambda: 1.0)
        settings.setdefault("connection", "acme")
        transport = HttpTransport("erp", settings.pop("base_url", service.base_url), **settings)
        built.append(transport)
        return transport

    yield build
    for transport in built:
        transport.close()


@dataclass
class IdentityProvider:
    """A token endpoint. Refresh tokens are single use: redeeming one twice kills the session, as at DATEV."""

    base_url: str = ""
    layer: FaultLayer = field(default_factory=lambda: FaultLayer(Starlette()))
    expires_in: int = 900
    rotates: bool = True
    refusal: dict[str, str] | None = None
    refusal_status: int = 400
    delay_s: float = 0.0
    forms: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    issued: int = 0
    live_refresh: str = ""
    session_dead: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    def reset(self) -> None:
        fresh = IdentityProvider(self.base_url, self.layer)
        for name in (
            "expires_in",
            "rotates",
            "refusal",
            "refusal_status",
            "delay_s",
            "issued",
            "session_dead",
            "extra",
        ):
            setattr(self, name, getattr(fresh, name))
        self.layer.clear()
        self.layer.requests.clear()
        self.forms.clear()
        self.headers.clear()
        self.live_refresh = "refresh-token-0000"

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])

    async def _answer(self, request: HttpRequest) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.forms.append(form)
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.delay_s)
        if self.refusal is not None:
            return JSONResponse(self.refusal, status_code=self.refusal_status)
        if request.url.path.endswith("revoke"):
            return Response(status_code=200)
        refresh_token = form.get("refresh_token")
        if refresh_token is not None and (self.session_dead or refresh_token != self.live_refresh):
            self.session_dead = self.rotates
            return JSONResponse({"error": "invalid_grant", "error_description": refresh_token}, 400)
        self.issued += 1
        reply: dict[str, Any] = {"access_token": f"access-token-{self.issued:04d}", "token_type": "Bearer"}
        if self.expires_in:
            reply["expires_in"] = self.expires_in
        if form.get("grant_type") != "client_credentials" and self.rotates:
            self.live_refresh = f"refresh-token-{self.issued:04d}"
            reply["refresh_token"] = self.live_refresh
        return JSONResponse(reply | self.extra)


@pytest.fixture(scope="module")
def running_provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    provider.layer = FaultLayer(provider.app())
    with running(provider.layer) as base_url:
        provider.base_url = base_url
        yield provider


@pytest.fixture
def provider(running_provider: IdentityProvider) -> IdentityProvider:
    running_provider.reset()
    return running_provider


@dataclass
class Clock:
    """Time that moves only when told."""

    moment: datetime = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault_key_text() -> str:
    return VaultKey.generate()[1]


@pytest.fixture
def store(tmp_path: Path, vault_key_text: str) -> Iterator[Store]:
    """A real store in a SQLite file, on the machine's time."""
    key = VaultKey.from_text(vault_key_text, source="the test")
    with Store.open(f"sqlite:///{tmp_path}/store.sqlite", clock=lambda: datetime.now(UTC), vault_key=key) as opened:
        opened.migrate()
        yield opened
