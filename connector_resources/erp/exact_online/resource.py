"""Builds the Exact Online connector of a connection: consent from the vault, shared quotas, transports, division, client."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from urllib.parse import urlsplit

from connector_resources.erp.building import BuildContext
from connector_resources.erp.exact_online.checks import Consent
from connector_resources.erp.exact_online.client import SYSTEM, ExactOnlineClient
from connector_resources.erp.exact_online.connector import ExactOnlineConnector
from connector_resources.erp.exact_online.division import DivisionChoice
from connector_resources.erp.exact_online.gate import GatedTransport
from connector_resources.erp.exact_online.odata import explain
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.payout_books import StoredBooks
from connector_resources.transport.authorization_code import OAuthClient, explain_oauth
from connector_resources.transport.exchange import Limits
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.known_limits import Limit
from connector_resources.transport.messages import Response
from connector_resources.transport.quota import (
    Allowance,
    SeveralQuotas,
    SharedQuota,
    exact_day_allowance,
    exact_minute_allowance,
)
from connector_resources.transport.tokens import RefreshRules, RotatingTokens, TokenShelf

#: under which name the tokens of a consent lie in the vault.
TOKENS = "exact_online_tokens"
#: sections 1.4 to 1.6. A lost reply is tried once more when Exact gives out tokens again (570 s after the last) and before
#: the old refresh token is dead in any reading (about ten minutes).
REFRESH_RULES = RefreshRules(
    margin_s=30,
    earliest_s=570,
    lost_reply_waits_s=(2, 5, 15),
    lost_reply_life_s=580,
    too_early="not expired",
    spent="Old refresh token used",
)
#: of the 200 token calls a day, so many may be made at once; the rest is spread over the day.
TOKEN_CALLS_AT_ONCE, TOKEN_CALLS_PER_DAY = 40, 160
#: four token calls with their pauses must end before the lease does.
TOKEN_LIMITS = Limits(connect_s=5.0, read_s=20.0, total_s=25.0)
DATA_LIMITS = Limits(connect_s=10.0, read_s=60.0)
SETTLED = frozenset({"posted", "delivered"})


def build_connector(settings: ExactOnlineSettings, context: BuildContext) -> ExactOnlineConnector:
    """The connector of one connection. Nothing is read or sent before it is used.

    Raises `MissingCredential` when the app's client id is not in the vault.
    """
    client, choice = build_client(settings, context)
    return ExactOnlineConnector(
        context.connection,
        settings,
        client,
        choice,
        lambda: consent_of(context),
        lambda: context.store.customers.erp_all(context.connection),
        StoredBooks(context.connection, context.store),
        context.store.marks,
        context.clock,
        context.sleep,
    )


def build_client(settings: ExactOnlineSettings, context: BuildContext) -> tuple[ExactOnlineClient, DivisionChoice]:
    """The client, and the choice of the division that it must use. Raises `MissingCredential`."""
    choice = DivisionChoice(context.connection, settings, context.store.marks, lambda: _has_booked(context))
    transport = build_transport(settings, context, choice)
    return ExactOnlineClient(transport, connection=context.connection, terms=settings.terms_per_filter), choice


def build_transport(settings: ExactOnlineSettings, context: BuildContext, choice: DivisionChoice) -> GatedTransport:
    """The transport to the site, with token, gate, and the limits that all processes share."""
    bucket = _bucket(settings, context, choice)
    inner = HttpTransport(
        SYSTEM,
        settings.site,
        connection=context.connection,
        explain=explain,
        tokens=build_tokens(settings, context),
        quota=_quota(settings, context, bucket),
        headers={"accept": "application/json", "user-agent": "ml-connector (Exact Online)"},
        limits=DATA_LIMITS,
        counter=context.counter,
        ca_file=context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )
    return GatedTransport(
        inner,
        context.store.quotas,
        bucket,
        connection=context.connection,
        errors_per_hour=settings.errors_per_hour,
        maintenance_wait_s=settings.maintenance_wait_s,
        now=context.clock,
        sleep=context.sleep,
    )


def build_tokens(settings: ExactOnlineSettings, context: BuildContext) -> RotatingTokens:
    """Tokens of the person's consent, refreshed by one process at a time."""
    return RotatingTokens(
        lambda: oauth_client(settings, context),
        token_transport(settings, context),
        token_shelf(context),
        now=context.clock,
        rules=REFRESH_RULES,
        sleep=context.sleep,
    )


def oauth_client(settings: ExactOnlineSettings, context: BuildContext) -> OAuthClient:
    """The registered app with its addresses (section 1.2 and 1.3). Raises `MissingCredential`."""
    return OAuthClient(
        client_id=_client_id(settings, context),
        client_secret=context.store.vault.read(context.connection, settings.client_secret),
        authorize_url=f"{settings.site}/api/oauth2/auth",
        token_url=settings.token_address,
        redirect_uri=settings.redirect_uri,
        # Permissions are ticked in the App Center; the consent page takes no scopes.
        scopes=(),
        exchange_auth="body",
        refresh_auth="body",
        pkce=False,
    )


def credential_names(settings: ExactOnlineSettings) -> tuple[str, ...]:
    """The vault names of the app's id and secret."""
    return settings.client_id, settings.client_secret


def token_shelf(context: BuildContext) -> TokenShelf:
    """Where the connection's tokens lie."""
    return TokenShelf(context.store.vault, context.store.leases, context.connection, TOKENS)


def token_transport(settings: ExactOnlineSettings, context: BuildContext) -> HttpTransport:
    """To the token endpoint, without a bearer token; counted with the other calls, and limited by the day."""
    parts = urlsplit(settings.token_address)
    quota = SharedQuota(
        context.store.quotas,
        f"{SYSTEM}:{_app(settings, context)}:tokens",
        capacity=TOKEN_CALLS_AT_ONCE,
        refill_per_s=Fraction(TOKEN_CALLS_PER_DAY, 86_400),
        read_headers=lambda _response, _now: None,
        now=context.clock,
    )
    return HttpTransport(
        SYSTEM,
        f"{parts.scheme}://{parts.netloc}",
        connection=context.connection,
        explain=explain_oauth,
        quota=quota,
        limits=TOKEN_LIMITS,
        counter=context.counter,
        ca_file=context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )


def consent_of(context: BuildContext) -> Consent | None:
    """How the stored consent stands; None when there is none."""
    pair = token_shelf(context).read()
    if pair is None:
        return None
    return Consent(pair.granted_at, pair.obtained_at, context.clock(), pair.refused, pair.refresh_started_at)


def _quota(settings: ExactOnlineSettings, context: BuildContext, bucket: str) -> SeveralQuotas:
    """A quarter of the minute's calls at once. The minute's end is known from the answers: until then no more (section 5).

    So a small run waits for nothing, and a large one has the whole limit of each minute.
    """
    a_minute, a_day = settings.calls_per_minute, settings.calls_per_day
    quotas = context.store.quotas
    # Of the minute one call is kept back.
    minute = Limit("limit of a minute", f"{bucket}:minute", a_minute // 4, Fraction(a_minute, 60), a_minute - 1, 60)
    day = Limit("limit of a day", f"{bucket}:day", a_day, Fraction(a_day, 86_400), a_day, 86_400)
    return SeveralQuotas(
        [
            SharedQuota(
                quotas,
                minute.bucket,
                capacity=minute.capacity,
                refill_per_s=minute.refill_per_s,
                hear=context.limits.keep(SYSTEM, minute),
                read_headers=_one_kept_back,
                now=context.clock,
            ),
            SharedQuota(
                quotas,
                day.bucket,
                capacity=day.capacity,
                refill_per_s=day.refill_per_s,
                hear=context.limits.keep(SYSTEM, day),
                read_headers=exact_day_allowance,
                now=context.clock,
            ),
        ]
    )


def _one_kept_back(response: Response, now: datetime) -> Allowance | None:
    """What is left of the minute but for one call: somebody else's may be under way that is not counted yet."""
    told = exact_minute_allowance(response, now)
    return told and replace(told, remaining=max(0, told.remaining - 1))


def _bucket(settings: ExactOnlineSettings, context: BuildContext, choice: DivisionChoice) -> str:
    """App and division share limits, whichever connections use them (section 9)."""
    return f"{SYSTEM}:{_app(settings, context)}:{choice.known or context.connection}"


def _app(settings: ExactOnlineSettings, context: BuildContext) -> str:
    return hashlib.sha256(_client_id(settings, context).encode()).hexdigest()[:16]


def _client_id(settings: ExactOnlineSettings, context: BuildContext) -> str:
    return context.store.vault.read(context.connection, settings.client_id).strip()


def _has_booked(context: BuildContext) -> bool:
    return any(row.state in SETTLED for row in context.store.ledger.counts(context.connection))
