"""A person's consent at Exact Online (exact_online.md 1.2, 1.3): the page to open, and the token pair that comes of it."""

from __future__ import annotations

from dataclasses import replace

from connector_resources.erp.authorisation import Authorisation
from connector_resources.erp.building import BuildContext
from connector_resources.erp.exact_online.checks import CONSENT_LIFE
from connector_resources.erp.exact_online.resource import oauth_client, token_shelf, token_transport
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.transport.authorization_code import begin_consent, code_from_redirect, exchange_code


def authorise(settings: ExactOnlineSettings, context: BuildContext, redirect_uri: str) -> Authorisation:
    """Begin a consent. A `redirect_uri` in the settings wins: Exact compares it with the registered one.

    Raises `MissingCredential`.
    """
    client = replace(oauth_client(settings, context), redirect_uri=settings.redirect_uri or redirect_uri)
    consent = begin_consent(client)
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
        ends = pair.obtained_at + CONSENT_LIFE
        return f"{name}: Exact Online has given consent; left unused it ends on {ends:%Y-%m-%d}."

    return Authorisation(consent.url, client.redirect_uri, complete)
