"""A person's consent at Exact Online (exact_online.md 1.2 to 1.5): the page to open, the token pair that comes of it, and
keeping it alive when nothing else uses the connection.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from connector_resources.erp.authorisation import Authorisation, ConsentState
from connector_resources.erp.building import BuildContext
from connector_resources.erp.exact_online.checks import CONSENT_LIFE, LONGEST_IDLE
from connector_resources.erp.exact_online.resource import (
    build_tokens,
    consent_of,
    oauth_client,
    token_shelf,
    token_transport,
)
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.errors import ConnectorError, ConsentExpired
from connector_resources.transport.authorization_code import begin_consent, code_from_redirect, exchange_code

#: looked at once a day: used before the ping would complain.
KEPT_AFTER = LONGEST_IDLE - timedelta(days=1)


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


def has_consent(_settings: ExactOnlineSettings, context: BuildContext) -> bool:
    """Whether a consent is stored that Exact has not refused and that has not ended for lack of use."""
    consent = consent_of(context)
    return consent is not None and not consent.refused and consent.ends_at > consent.now


def keep_consent(settings: ExactOnlineSettings, context: BuildContext) -> ConsentState:
    """Refresh the token of a connection that was idle for days, because an unused consent ends after 30 (section 1.5).

    Raises nothing: what went wrong is the state's problem, with the day on which the consent ends if it stays so.
    """
    name = context.connection
    again = f"connector authorize {name}"
    consent = consent_of(context)
    if consent is None:
        return ConsentState(None, f"[{name}] No consent is stored. Next step: {again}", again)
    if consent.refused or consent.ends_at <= consent.now:
        return ConsentState(consent.ends_at, f"[{name}] The consent has ended. Next step: {again}", again)
    if consent.now - consent.renewed_at < KEPT_AFTER:
        return ConsentState(consent.ends_at)
    try:
        build_tokens(settings, context).token()
    except ConsentExpired as error:
        return ConsentState(consent.ends_at, str(error), error.next_step)
    except ConnectorError as error:
        todo = error.next_step or f"connector ping {name}"
        told = "" if error.next_step else f" Next step: {todo}"
        left = (consent.ends_at - consent.now).days
        what = f"Without use the consent ends on {consent.ends_at:%Y-%m-%d}, in {left} days. {error}{told}"
        return ConsentState(consent.ends_at, what, todo)
    kept = consent_of(context)
    return ConsentState(kept.ends_at if kept else None)
