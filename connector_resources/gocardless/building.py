"""Assembles a GoCardless client: transport, token from the vault, and the quota shared by all processes. No Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from connector_resources.gocardless.client import API_VERSION, GoCardlessClient
from connector_resources.gocardless.errors import explain, is_whole_json
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.known_limits import Limit
from connector_resources.transport.quota import (
    SharedQuota,
    gocardless_allowance,
    gocardless_general_limit,
    kept_back,
    spread,
)
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


#: places of the quota taken in one visit to the store, a hundredth of the limit at most: one visit for each page would take
#: a seventh as long as reading the page.
TOGETHER = 8


def _quota(requests_per_minute: int, context: BuildContext) -> SharedQuota:
    """All of the minute's calls at once where there is so much to do: every answer tells how many are left of it.

    While none tells, few at once and the others spread: no minute then holds more than the limit.
    """
    kept, (untold, refill_per_s) = kept_back(requests_per_minute), spread(requests_per_minute, 60)
    calls = requests_per_minute - kept
    limit = Limit("limit of a minute", f"gocardless:{context.connection}", calls, refill_per_s, calls, 60)
    return SharedQuota(
        context.store.quotas,
        limit.bucket,
        capacity=limit.capacity,
        refill_per_s=limit.refill_per_s,
        hear=context.limits.keep("gocardless", limit),
        read_headers=gocardless_allowance,
        concerns=gocardless_general_limit,
        now=context.clock,
        kept=kept,
        untold=untold,
        together=max(1, min(TOGETHER, requests_per_minute // 100)),
    )
