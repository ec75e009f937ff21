"""Assembles a GoCardless client: transport, token from the vault, and the quota shared by all processes. No Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from connector_resources.gocardless.client import API_VERSION, GoCardlessClient
from connector_resources.gocardless.errors import explain, is_whole_json
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.known_limits import Limit
from connector_resources.transport.quota import SharedQuota, gocardless_allowance, gocardless_general_limit, spread
from connector_resources.transport.tokens import StaticToken

if TYPE_CHECKING:
    from connector_resources.erp.building import BuildContext

USER_AGENT = "ml-connector"


class Access(Protocol):
    """What a connection file says about reaching GoCardless: `connections.model.GoCardlessSection`."""

    @property
    def api_base(self) -> str: ...

    @property
    def access_token(self) -> str:
        """The vault name of the token, not the token."""
        ...

    @property
    def requests_per_minute(self) -> int: ...


def build_client(section: Access, context: BuildContext) -> GoCardlessClient:
    """A client for one connection. Raises `ConfigurationError` for a base address that is not https.

    Missing credentials show at the first call, as `MissingCredential`.
    """
    return GoCardlessClient(
        HttpTransport(
            "gocardless",
            section.api_base,
            connection=context.connection,
            explain=explain,
            is_readable=is_whole_json,
            tokens=StaticToken(context.store.vault, context.connection, section.access_token),
            quota=_quota(section.requests_per_minute, context),
            headers={"gocardless-version": API_VERSION, "accept": "application/json", "user-agent": USER_AGENT},
            counter=context.counter,
            now=context.clock,
            random=context.rng.random,
            sleep=context.sleep,
        )
    )


def _quota(requests_per_minute: int, context: BuildContext) -> SharedQuota:
    """Few of the minute's calls at once, the others spread: no minute ever holds more than the limit."""
    at_once, refill_per_s = spread(requests_per_minute, 60)
    limit = Limit(
        "limit of a minute", f"gocardless:{context.connection}", at_once, refill_per_s, requests_per_minute, 60
    )
    return SharedQuota(
        context.store.quotas,
        limit.bucket,
        capacity=limit.capacity,
        refill_per_s=limit.refill_per_s,
        hear=context.limits.keep("gocardless", limit),
        read_headers=gocardless_allowance,
        concerns=gocardless_general_limit,
        now=context.clock,
    )
