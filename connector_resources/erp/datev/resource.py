"""Builds the DATEV connector of a connection: consent from the vault, transports, settings. The one place that wires it.

The Dagster side reaches it through the runtime resource, the command line through the registry: both call
`build_connector`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from connector_resources.erp.building import BuildContext
from connector_resources.erp.datev.client import SYSTEM, DatevClient
from connector_resources.erp.datev.connector import DatevConnector
from connector_resources.erp.datev.ping import Consent
from connector_resources.erp.datev.problems import explain_datev
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.erp.payout_books import StoredBooks
from connector_resources.transport.authorization_code import OAuthClient, explain_oauth
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.tokens import RotatingTokens, TokenShelf

#: under which name the tokens of a consent lie in the vault.
TOKENS = "datev_tokens"
#: DATEV recommends it for the consent page (datev.md 1.2).
AUTHORIZE_EXTRA = {"enableWindowsSso": "true"}


def build_connector(settings: DatevSettings, context: BuildContext) -> DatevConnector:
    """The connector of one connection. Raises `MissingCredential` when the app's client id is not in the vault."""
    shelf = token_shelf(context)
    tokens = RotatingTokens(
        lambda: oauth_client(settings, context), token_transport(settings, context), shelf, now=context.clock
    )
    transport = HttpTransport(
        SYSTEM,
        settings.address("extf_files"),
        connection=context.connection,
        explain=explain_datev,
        tokens=tokens,
        headers={"X-DATEV-Client-Id": _client_id(settings, context)},
        allowed_hosts=_hosts(settings),
        counter=context.counter,
        ca_file=context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )
    client = DatevClient(transport, settings, context.connection)
    books = StoredBooks(context.connection, context.store)
    return DatevConnector(context.connection, settings, client, lambda: consent_of(settings, context), books)


def oauth_client(settings: DatevSettings, context: BuildContext) -> OAuthClient:
    """The registered app with its addresses, for `connector authorize`, refresh and revocation (datev.md 1).

    The secret is read only where it is used: a public app has none. Raises `MissingCredential`.
    """
    secret = "" if settings.public_app else context.store.vault.read(context.connection, settings.client_secret)
    return OAuthClient(
        client_id=_client_id(settings, context),
        authorize_url=settings.address("authorize"),
        token_url=settings.address("token"),
        redirect_uri=settings.redirect_uri,
        scopes=settings.scopes,
        revoke_url=settings.address("revoke"),
        client_secret=secret,
        exchange_auth="client_id" if settings.public_app else "basic",
        refresh_auth=settings.refresh_client_auth,
    )


def credential_names(settings: DatevSettings) -> tuple[str, ...]:
    """The vault names of the app's id and, unless it is a public app, its secret."""
    return (settings.client_id,) if settings.public_app else (settings.client_id, settings.client_secret)


def token_shelf(context: BuildContext) -> TokenShelf:
    """Where the connection's tokens lie."""
    return TokenShelf(context.store.vault, context.store.leases, context.connection, TOKENS)


def token_transport(settings: DatevSettings, context: BuildContext) -> HttpTransport:
    """To the token and revocation endpoints, without a bearer token; counted with the other calls."""
    return HttpTransport(
        SYSTEM,
        settings.address("token"),
        connection=context.connection,
        explain=explain_oauth,
        allowed_hosts=(urlsplit(settings.address("revoke")).netloc,),
        counter=context.counter,
        ca_file=context.ca_file,
        now=context.clock,
        random=context.rng.random,
        sleep=context.sleep,
    )


def consent_of(settings: DatevSettings, context: BuildContext) -> Consent | None:
    """When the stored consent was given and ends; None when there is none."""
    pair = token_shelf(context).read()
    if pair is None:
        return None
    return Consent(pair.granted_at, pair.granted_at + settings.consent_life, context.clock(), pair.refused)


def _client_id(settings: DatevSettings, context: BuildContext) -> str:
    return context.store.vault.read(context.connection, settings.client_id).strip()


def _hosts(settings: DatevSettings) -> tuple[str, ...]:
    """Every DATEV service has its own host; the token goes to these and no other."""
    services = ["clients", "userinfo"]
    services += ["documents"] if settings.documents else []
    services += ["dxso_jobs"] if settings.dxso else []
    return tuple(urlsplit(settings.address(service)).netloc for service in services)
