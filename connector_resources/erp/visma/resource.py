"""Builds the Visma connector of a connection: token from the vault's credentials, shared quota, transport, client."""

from __future__ import annotations

from fractions import Fraction
from urllib.parse import urlsplit

from connector_resources.erp.building import BuildContext
from connector_resources.erp.payout_books import StoredBooks
from connector_resources.erp.visma.client import SYSTEM, VISMA_HOSTS, VismaClient, explain
from connector_resources.erp.visma.connector import VismaConnector
from connector_resources.erp.visma.settings import VismaSettings
from connector_resources.transport.authorization_code import explain_oauth
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.known_limits import Limit
from connector_resources.transport.quota import SharedQuota, visma_allowance
from connector_resources.transport.tokens import ClientCredentialsTokens, TokenShelf

#: vault entry of the access token, which all processes share.
TOKEN_NAME = "visma_token"  # noqa: S105 - the name of a vault entry
APPLICATION_TYPE = "Visma.net Financials"


def build_connector(settings: VismaSettings, context: BuildContext) -> VismaConnector:
    """The connector of `context.connection`. Nothing is read or sent before it is used.

    Raises `ConfigurationError` when an address in the settings is not https.
    """
    client = VismaClient(
        build_transport(settings, context),
        connection=context.connection,
        hosts={urlsplit(settings.base_url).hostname or ""},
        page_size=settings.page_size,
    )
    books = StoredBooks(context.connection, context.store)
    return VismaConnector(settings, client, books, connection=context.connection, clock=context.clock)


def build_transport(settings: VismaSettings, context: BuildContext) -> HttpTransport:
    """The transport to Visma's service API, with token and with the quota that all processes share."""
    calls = settings.calls_per_hour
    limit = Limit("hourly quota", f"{SYSTEM}:{settings.tenant_id}", calls, Fraction(calls, 3600), calls, 3600)
    quota = SharedQuota(
        context.store.quotas,
        limit.bucket,
        capacity=limit.capacity,
        refill_per_s=limit.refill_per_s,
        hear=context.limits.keep(SYSTEM, limit),
        read_headers=visma_allowance,
        now=context.clock,
    )
    return HttpTransport(
        SYSTEM,
        settings.base_url,
        connection=context.connection,
        explain=explain,
        tokens=build_tokens(settings, context),
        quota=quota,
        headers=company_headers(settings),
        allowed_hosts=VISMA_HOSTS,
        counter=context.counter,
        ca_file=context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )


def build_tokens(settings: VismaSettings, context: BuildContext) -> ClientCredentialsTokens:
    """Client credentials, form encoded, for one company's tenant; there is no refresh token (section 1)."""
    parts = urlsplit(settings.token_url)
    transport = HttpTransport(
        SYSTEM,
        f"{parts.scheme}://{parts.netloc}",
        connection=context.connection,
        explain=explain_oauth,
        counter=context.counter,
        ca_file=context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )
    vault = context.store.vault
    return ClientCredentialsTokens(
        transport,
        settings.token_url,
        lambda: (
            vault.read(context.connection, settings.client_id),
            vault.read(context.connection, settings.client_secret),
        ),
        TokenShelf(vault, context.store.leases, context.connection, TOKEN_NAME),
        scope=" ".join(settings.scopes),
        now=context.clock,
        extra={"tenant_id": settings.tenant_id},
    )


def credential_names(settings: VismaSettings) -> tuple[str, ...]:
    """The vault names of the application's id and secret."""
    return settings.client_id, settings.client_secret


def company_headers(settings: VismaSettings) -> dict[str, str]:
    """What every call carries besides the token (section 1.1)."""
    headers = {"accept": "application/json", "user-agent": "ml-connector (Visma.net ERP)"}
    if settings.company_id:
        headers["ipp-company-id"] = settings.company_id
    if settings.sends_application_type:
        headers["ipp-application-type"] = APPLICATION_TYPE
    return headers
