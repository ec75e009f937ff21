"""The webhook receiver: verifies the raw bytes, stores them, answers. Nothing else happens here.

A batch is durable before the 2xx, as the bytes it came in; its events are taken out of them by whoever needs them next, first
of all the sensor that waits for them. Whatever cannot be stored is answered so that the sender tries again. No detail of a
refusal is told to the sender; the log names the connection and the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bookkeeping.settings import activity_day
from connector_resources.connections.model import API_BASE, Connection
from connector_resources.erp.registry import erp_kind
from connector_resources.errors import ConnectorError, WebhookRefused
from connector_resources.gocardless.webhook import open_envelope, organisation_of, verify_signature
from connector_resources.store.deliveries import Delivery
from connector_resources.store.marks import ERP_NOTIFIED
from connector_resources.store.store import Store
from sensors.group_commit import GroupCommit

#: 250 events of GoCardless are far below this.
MAX_BODY_BYTES = 4 * 1024 * 1024
#: ERPs announce one change at a time; some of their signatures are found by reading the whole body.
MAX_NOTICE_BYTES = 256 * 1024

log = structlog.get_logger("receiver")


def create_receiver(store: Store, connections: Mapping[str, Connection]) -> Starlette:
    """The ASGI application. Routes: `/webhooks/gocardless[/<connection>]`, `/webhooks/erp/<connection>`, `/health`."""
    receiver = _Receiver(store, connections)
    application = Starlette(
        routes=[
            Route("/webhooks/gocardless/{connection}", receiver.gocardless, methods=["POST"]),
            Route("/webhooks/gocardless", receiver.gocardless_app, methods=["POST"]),
            Route("/webhooks/erp/{connection}", receiver.erp, methods=["POST"]),
            Route("/health", receiver.health, methods=["GET"]),
        ],
        exception_handlers={WebhookRefused: _refused, ConnectorError: _not_stored, SQLAlchemyError: _not_stored},
    )
    # A redirect to the address without the slash would repeat the caller's own Host header to it.
    application.router.redirect_slashes = False
    return application


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A webhook as it came; without a connection it is a partner app's, shared by several."""

    connection: Connection | None
    raw: bytes
    signature: str | None


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The webhook secrets of each connection, read once for all arrivals that are looked at together."""

    read: Callable[[Connection, Sequence[str]], list[str]]
    _known: dict[str, list[str]] = field(default_factory=dict)

    def of(self, connection: Connection) -> list[str]:
        if connection.name not in self._known:
            self._known[connection.name] = self.read(connection, connection.gocardless.webhook_secrets)
        return self._known[connection.name]


class _Receiver:
    def __init__(self, store: Store, connections: Mapping[str, Connection]) -> None:
        self._store = store
        self._connections = connections
        self._kept = GroupCommit(self._keep)

    async def gocardless(self, request: Request) -> Response:
        """A GoCardless webhook for one connection."""
        connection = self._known(request.path_params["connection"])
        _check_environment(request, connection)
        raw = await _body(request, connection.name)
        await self._kept.add(_Arrival(connection, raw, request.headers.get("webhook-signature")))
        log.info("webhook stored", connection=connection.name, bytes=len(raw))
        return Response(status_code=204)

    async def gocardless_app(self, request: Request) -> Response:
        """A partner app's shared webhook: each event goes to the connection of its organisation."""
        raw = await _body(request, "")
        await self._kept.add(_Arrival(None, raw, request.headers.get("webhook-signature")))
        log.info("shared webhook stored", bytes=len(raw))
        return Response(status_code=204)

    async def erp(self, request: Request) -> Response:
        """A notification of the ERP: it only makes the next poll happen now; its content is never trusted."""
        connection = self._known(request.path_params["connection"])
        raw = await _body(request, connection.name, MAX_NOTICE_BYTES)
        status = await run_in_threadpool(self._notice_erp, connection, raw, dict(request.headers))
        return Response(status_code=status)

    async def health(self, _request: Request) -> Response:
        highest = await run_in_threadpool(self._store.inbox.highest_seq)
        return JSONResponse({"ok": True, "highest_inbox_row": highest})

    def _known(self, name: str) -> Connection:
        connection = self._connections.get(name)
        if connection is None:
            raise WebhookRefused(f"a webhook came for the unknown connection {name[:60]!r}", status=404)
        return connection

    def _keep(self, arrivals: Sequence[_Arrival]) -> list[Exception | None]:
        """Store those that are signed, in one transaction; why each of the others is not stored.

        Raises `StoreError` when none could be stored.
        """
        refused: list[Exception | None] = []
        verified: list[Delivery] = []
        secrets = _Secrets(self._secrets)
        for each in arrivals:
            try:
                verified += self._verified(each, secrets)
                refused.append(None)
            except (ConnectorError, SQLAlchemyError) as error:
                refused.append(error)
        try:
            self._store.deliveries.keep(verified)
        except (ConnectorError, SQLAlchemyError) as error:
            return [why or error for why in refused]
        return refused

    def _verified(self, arrival: _Arrival, secrets: _Secrets) -> list[Delivery]:
        connection = arrival.connection
        if connection is None:
            return self._shared(arrival, secrets)
        if not verify_signature(arrival.raw, arrival.signature, secrets.of(connection)):
            raise WebhookRefused(
                "the signature does not fit the body and any active secret",
                status=connection.webhook.invalid_signature_status,
                connection=connection.name,
                next_step="compare the secret of the endpoint in the GoCardless dashboard with the vault's",
            )
        webhook_id, entries = open_envelope(arrival.raw)
        return [Delivery(connection.name, arrival.raw, webhook_id, len(entries), connection.books.time_zone)]

    def _shared(self, arrival: _Arrival, secrets: _Secrets) -> list[Delivery]:
        signed_by = [
            c
            for c in self._connections.values()
            if c.gocardless.partner_app
            and c.gocardless.organisation
            and verify_signature(arrival.raw, arrival.signature, secrets.of(c))
        ]
        if not signed_by:
            raise WebhookRefused("no connection of a partner app has a secret that fits the body", status=401)
        webhook_id, entries = open_envelope(arrival.raw)
        named = Counter(map(organisation_of, entries))
        if strangers := named.keys() - {c.gocardless.organisation for c in signed_by}:
            log.warning("events of organisations without a connection", organisations=sorted(strangers))
        return [
            Delivery(c.name, arrival.raw, webhook_id, named[whose], c.books.time_zone, whose)
            for c in signed_by
            if (whose := str(c.gocardless.organisation)) in named
        ]

    def _secrets(self, connection: Connection, names: Sequence[str]) -> list[str]:
        """The values of those secrets that the vault holds; the log names the others."""
        held = self._store.vault.read_held(connection.name, names)
        if missing := [name for name in names if name not in held]:
            log.warning("webhook secrets are missing in the vault", connection=connection.name, names=missing)
        return list(held.values())

    def _notice_erp(self, connection: Connection, raw: bytes, headers: Mapping[str, str]) -> int:
        notice = erp_kind(connection.erp.kind).notification
        if notice is None:
            raise WebhookRefused("this ERP sends no webhooks", status=404, connection=connection.name)
        vault = self._store.vault
        active = [name for name in notice.secret_names if vault.has(connection.name, name)]
        secrets = self._secrets(connection, active or notice.secret_names[:1])
        if not notice.verify(connection.erp, raw, headers, secrets):
            raise WebhookRefused("the ERP notification's signature is wrong", status=401, connection=connection.name)
        identity = notice.identity(raw, headers)
        if identity:
            self._store.marks.set(connection.name, ERP_NOTIFIED, identity)
            log.info("erp notification noted", connection=connection.name)
        return notice.answered_with


def day_of(connection: Connection) -> Callable[[datetime], date]:
    """The activity day of a moment, in the connection's time zone."""
    settings = connection.book_settings
    return lambda moment: activity_day(moment, settings)


def _check_environment(request: Request, connection: Connection) -> None:
    """A live webhook for a sandbox connection, or the reverse, is refused: GoCardless names its API in `Origin`."""
    origin = request.headers.get("origin", "")
    other = API_BASE["live" if connection.gocardless.environment == "sandbox" else "sandbox"]
    if origin.rstrip("/") == other:
        raise WebhookRefused(
            f"it comes from {other}, but the connection is for the {connection.gocardless.environment} environment",
            status=403,
            connection=connection.name,
            next_step="register this address in the other environment's dashboard, or correct gocardless.environment",
        )


async def _body(request: Request, connection: str, most_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The raw body, at most `most_bytes`, whether its length is declared or it comes in chunks."""
    declared = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        # Two lengths: a proxy in front and this server may disagree on where the body ends (RFC 9112, 6.3).
        raise WebhookRefused("the body has two lengths", status=400, connection=connection)
    if not (declared.isascii() and declared.isdigit()) or len(declared) > 12 or int(declared) > most_bytes:
        raise WebhookRefused("the body is larger than any webhook", status=413, connection=connection)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most_bytes:
                raise WebhookRefused("the body is larger than any webhook", status=413, connection=connection)
            parts.append(part)
    except ClientDisconnect as error:
        raise WebhookRefused("the sender hung up before the body was complete", status=400) from error
    return b"".join(parts)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, WebhookRefused)
    log.warning("webhook refused", connection=error.connection, reason=str(error), status=error.status)
    return Response(status_code=error.status)


async def _not_stored(_request: Request, error: Exception) -> Response:
    # A database error's text may hold parts of statements: only our own errors are written to be read.
    reason = str(error) if isinstance(error, ConnectorError) else type(error).__name__
    log.error("webhook not stored, the sender will try again", reason=reason)
    return Response(status_code=503, headers={"Retry-After": "60"})
