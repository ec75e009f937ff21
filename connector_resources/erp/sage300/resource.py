"""Builds the Sage 300 connector of a connection: credentials from the vault, transport, one writer per company, client."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from bookkeeping.settings import activity_day
from connector_resources.erp.building import BuildContext
from connector_resources.erp.sage300.addresses import JSON
from connector_resources.erp.sage300.carried import CarriedItems
from connector_resources.erp.sage300.client import SYSTEM, Sage300Client
from connector_resources.erp.sage300.company import CompanyChoice
from connector_resources.erp.sage300.connector import Sage300Connector
from connector_resources.erp.sage300.gate import GatedTransport, SignOnGuard
from connector_resources.erp.sage300.odata import explain
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.errors import ConfigurationError
from connector_resources.transport.back_off import Retries
from connector_resources.transport.exchange import Limits
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.redaction import register_secret

CONNECT_S, READ_S = 10.0, 120.0
#: section 5: 2, 4, 8, 16, 32 s, six tries in all.
RETRIES = Retries(attempts=6, base_s=2.0, cap_s=32.0, max_wait_s=90.0)
SETTLED = frozenset({"posted", "delivered"})


def build_connector(settings: Sage300Settings, context: BuildContext) -> Sage300Connector:
    """The connector of one connection. Nothing is read or sent before it is used.

    Raises `MissingCredential`, and `ConfigurationError` for credentials that HTTP Basic cannot carry.
    """
    store, name = context.store, context.connection
    guard = SignOnGuard(name, store.marks, lambda: _version(settings, context))
    transport = GatedTransport(
        _http(settings, context),
        guard,
        store.leases,
        connection=name,
        writer=writer_of(settings),
        write_timeout_s=settings.write_timeout_s,
        quiet_hours=settings.quiet_hours,
        zone=context.books.time_zone,
        now=context.clock,
        sleep=context.sleep,
    )
    return Sage300Connector(
        name,
        settings,
        Sage300Client(transport, settings, connection=name),
        CompanyChoice(name, settings, store.marks, lambda: _has_booked(context)),
        guard,
        CarriedItems(name, store.entities, store.ledger, store.customers),
        now=context.clock,
        today=lambda: activity_day(context.clock(), context.books),
        sleep=context.sleep,
    )


def credential_names(settings: Sage300Settings) -> tuple[str, ...]:
    """The vault names of the Web API user's id and password."""
    return settings.username, settings.password


def writer_of(settings: Sage300Settings) -> str:
    """The lease of whoever writes to this company, the same for all connections to it (section 1.6)."""
    where = f"{settings.base_url.lower()}{settings.root}"
    return f"{SYSTEM}:{settings.company}:{hashlib.sha256(where.encode()).hexdigest()[:16]}"


def _http(settings: Sage300Settings, context: BuildContext) -> HttpTransport:
    limits = Limits(connect_s=CONNECT_S, read_s=READ_S, total_s=settings.write_timeout_s + READ_S)
    return HttpTransport(
        SYSTEM,
        settings.base_url,
        connection=context.connection,
        explain=explain,
        headers={
            "accept": JSON,
            "authorization": _basic(settings, context.store.vault.read, context.connection),
            "user-agent": "ml-connector (Sage 300)",
        },
        limits=limits,
        retries=RETRIES,
        counter=context.counter,
        ca_file=settings.ca_bundle or context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )


def _basic(settings: Sage300Settings, read: Callable[[str, str], str], connection: str) -> str:
    """The header of HTTP Basic. The user is upper-cased always, the password unless the settings keep it (section 1.2)."""
    user, password = read(connection, settings.username).strip(), read(connection, settings.password)
    # Looked at before the case is changed: a sharp s would become two letters.
    if not user or ":" in user or not (user + password).isascii():
        raise ConfigurationError(
            "The user id of Sage 300 is empty or has a colon, or user or password hold letters outside of ASCII.",
            connection=connection,
            next_step=f"connector credentials set {connection} {settings.username}",
        )
    sent = password.upper() if settings.credential_case == "upper" else password
    sealed = base64.b64encode(f"{user.upper()}:{sent}".encode()).decode()
    register_secret(sealed)
    return f"Basic {sealed}"


def _version(settings: Sage300Settings, context: BuildContext) -> str:
    """Changes whenever a credential or its case does; tells nothing of them."""
    names = set(credential_names(settings))
    stored = [
        f"{info.name}@{info.updated_at.isoformat()}"
        for info in context.store.vault.names(context.connection)
        if info.name in names
    ]
    return " ".join([settings.credential_case, settings.base_url, settings.company, *sorted(stored)])


def _has_booked(context: BuildContext) -> bool:
    return any(row.state in SETTLED for row in context.store.ledger.counts(context.connection))
