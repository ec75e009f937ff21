"""A person's consent at DATEV (datev.md 1.2, 1.3): the page to open, and the token pair that comes of it."""

from __future__ import annotations

from dataclasses import replace

from connector_resources.erp.authorisation import Authorisation
from connector_resources.erp.building import BuildContext
from connector_resources.erp.datev.resource import (
    AUTHORIZE_EXTRA,
    TOKENS,
    consent_of,
    oauth_client,
    token_shelf,
    token_transport,
)
from connector_resources.erp.datev.settings import DatevSettings
from connector_resources.transport.authorization_code import (
    begin_consent,
    code_from_redirect,
    exchange_code,
    revoke,
)


def authorise(settings: DatevSettings, context: BuildContext, redirect_uri: str) -> Authorisation:
    """Begin a consent. A `redirect_uri` in the settings wins: DATEV compares it with the registered one, byte by byte.

    Raises `MissingCredential`.
    """
    client = replace(oauth_client(settings, context), redirect_uri=settings.redirect_uri or redirect_uri)
    consent = begin_consent(client, AUTHORIZE_EXTRA)
    name = context.connection

    def complete(redirected_to: str) -> str:
        code = code_from_redirect(consent, redirected_to, connection=name)
        transport, shelf = token_transport(settings, context), token_shelf(context)
        try:
            with shelf.lease():
                pair, _ = exchange_code(client, transport, consent, code, now=context.clock, connection=name)
                shelf.write(pair)
        finally:
            transport.close()
        ends = pair.granted_at + settings.consent_life
        return f"{name}: DATEV has given consent; it ends at {ends:%Y-%m-%d %H:%M} UTC by DATEV's word."

    return Authorisation(consent.url, client.redirect_uri, complete)


def has_consent(settings: DatevSettings, context: BuildContext) -> bool:
    """Whether a consent is stored that DATEV has not refused and that has not ended by its word."""
    consent = consent_of(settings, context)
    return consent is not None and not consent.refused and consent.ends_at > context.clock()


def end_consent(settings: DatevSettings, context: BuildContext, credential: str) -> bool:
    """Revoke the stored tokens at DATEV, the refresh token first (datev.md 1.4). False for any other credential.

    Raises `TokenRefused`, `TokenReplyLost`, `NotSent`: then the tokens may still be good.
    """
    shelf = token_shelf(context)
    if credential != TOKENS:
        return False
    client, transport = oauth_client(settings, context), token_transport(settings, context)
    try:
        with shelf.lease():
            pair = shelf.read()
            if pair is None or pair.refused:
                return False
            for token, hint in ((pair.refresh_token, "refresh_token"), (pair.access_token, "access_token")):
                if token:
                    revoke(client, transport, token, hint, connection=context.connection)
    finally:
        transport.close()
    return True
