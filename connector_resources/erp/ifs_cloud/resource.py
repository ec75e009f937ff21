"""Builds the IFS Cloud connector of a connection: token of the realm, shared quota, transports, client."""

from __future__ import annotations

from urllib.parse import urlsplit

from connector_resources.erp.building import BuildContext
from connector_resources.erp.ifs_cloud.client import IfsCloudClient
from connector_resources.erp.ifs_cloud.connector import IfsCloudConnector
from connector_resources.erp.ifs_cloud.gate import SYSTEM, GatedTransport
from connector_resources.erp.ifs_cloud.odata import explain
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings
from connector_resources.transport.authorization_code import explain_oauth
from connector_resources.transport.exchange import Limits
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.known_limits import Limit
from connector_resources.transport.quota import SharedQuota, spread
from connector_resources.transport.tokens import ClientCredentialsTokens, TokenShelf

#: vault entry of the access token, which all processes share.
TOKEN_NAME = "ifs_cloud_token"  # noqa: S105 - the name of a vault entry
#: a token is replaced that long before it expires, and sooner for one that lives shortly (section 1).
TOKEN_MARGIN_S = 60
DATA_LIMITS = Limits(connect_s=10.0, read_s=60.0)


def build_connector(settings: IfsCloudSettings, context: BuildContext) -> IfsCloudConnector:
    """The connector of one connection. Nothing is read or sent before it is used.

    Raises `ConfigurationError` when an address in the settings is not https.
    """
    client = IfsCloudClient(
        build_transport(settings, context),
        settings.projections,
        connection=context.connection,
        page_size=settings.page_size,
        use_select=settings.use_select,
    )
    return IfsCloudConnector(context.connection, settings, client, context.clock)


def build_transport(settings: IfsCloudSettings, context: BuildContext) -> GatedTransport:
    """The transport to the tenant, with token and with the limit that all processes share."""
    inner = HttpTransport(
        SYSTEM,
        settings.site,
        connection=context.connection,
        explain=explain,
        tokens=build_tokens(settings, context),
        quota=_quota(settings, context),
        headers=headers(settings),
        limits=DATA_LIMITS,
        counter=context.counter,
        ca_file=context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )
    return GatedTransport(
        inner, connection=context.connection, now=context.clock, random=context.rng.random, sleep=context.sleep
    )


def build_tokens(settings: IfsCloudSettings, context: BuildContext) -> ClientCredentialsTokens:
    """Client credentials of the realm; a new one is simply asked for, whatever the answer says of refreshing (section 1)."""
    parts = urlsplit(settings.token_address)
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
        settings.token_address,
        lambda: (
            vault.read(context.connection, settings.client_id),
            vault.read(context.connection, settings.client_secret),
        ),
        TokenShelf(vault, context.store.leases, context.connection, TOKEN_NAME),
        scope=settings.scope,
        auth=settings.client_auth,
        now=context.clock,
        margin_s=TOKEN_MARGIN_S,
    )


def credential_names(settings: IfsCloudSettings) -> tuple[str, ...]:
    """The vault names of the IAM client's id and secret."""
    return settings.client_id, settings.client_secret


def headers(settings: IfsCloudSettings) -> dict[str, str]:
    """What every call carries besides the token (sections 0.7 and 3)."""
    strings = ";IEEE754Compatible=true" if settings.decimals_as_strings else ""
    given = {
        "accept": f"application/json;odata.metadata=minimal{strings}",
        "user-agent": "ml-connector (IFS Cloud)",
    }
    if settings.tz_aware:
        given["x-ifs-time-zone-aware-request"] = "true"
    return given


def _quota(settings: IfsCloudSettings, context: BuildContext) -> SharedQuota:
    """Few of the minute's calls at once and the rest spread; tenants share it, whichever connections use them.

    IFS tells nothing in its headers (section 5).
    """
    at_once, refill_per_s = spread(settings.calls_per_minute, 60)
    limit = Limit("limit of a minute", f"{SYSTEM}:{urlsplit(settings.site).netloc}", at_once, refill_per_s)
    return SharedQuota(
        context.store.quotas,
        limit.bucket,
        capacity=limit.capacity,
        refill_per_s=limit.refill_per_s,
        hear=context.limits.keep(SYSTEM, limit),
        read_headers=lambda _response, _now: None,
        now=context.clock,
    )
