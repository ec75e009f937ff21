"""Consents that a person gives in a browser: at the ERP, where it asks for one, and at GoCardless for partner apps."""

from __future__ import annotations

from connector_resources.connections.model import Connection
from connector_resources.erp.authorisation import Authorisation
from connector_resources.erp.registry import erp_kind
from connector_resources.errors import WrongCompany
from connector_resources.gocardless.partner_oauth import (
    PartnerToken,
    begin_partner_consent,
    complete_partner_consent,
    partner_client,
    revoke_partner_token,
)
from connector_resources.runtime import Runtime
from connector_resources.transport.authorization_code import explain_oauth
from connector_resources.transport.http_transport import HttpTransport

__all__ = ["Authorisation", "end_consent", "erp_authorisation", "partner_authorisation"]


def erp_authorisation(runtime: Runtime, connection: Connection, redirect_uri: str) -> Authorisation | None:
    """Begin the ERP's consent; None when this ERP asks for none. Raises `MissingCredential`."""
    begin = erp_kind(connection.erp.kind).authorise
    return None if begin is None else begin(connection.erp, runtime.context(connection), redirect_uri)


def end_consent(runtime: Runtime, connection: Connection, credential: str) -> bool:
    """Tell the remote system that the consent under this vault name is over; False when it is no consent, or has none to end.

    Raises `MissingCredential` without the app's own credentials, and `TokenRefused`, `TokenReplyLost`, `NotSent`.
    """
    vault, app = runtime.store.vault, connection.gocardless.partner_app
    if not vault.has(connection.name, credential):
        return False
    if app is not None and credential == connection.gocardless.access_token:
        transport = _partner_transport(runtime, connection)
        client = partner_client(
            vault.read(connection.name, app.client_id),
            vault.read(connection.name, app.client_secret),
            connection.gocardless.connect_base,
            "",
        )
        try:
            revoke_partner_token(client, transport, vault.read(connection.name, credential), connection=connection.name)
        finally:
            transport.close()
        return True
    end = erp_kind(connection.erp.kind).end_consent
    return end is not None and end(connection.erp, runtime.context(connection), credential)


def _partner_transport(runtime: Runtime, connection: Connection) -> HttpTransport:
    return HttpTransport(
        "gocardless",
        connection.gocardless.connect_base,
        connection=connection.name,
        explain=explain_oauth,
        counter=runtime.counter,
        now=runtime.clock,
        sleep=runtime.sleep,
    )


def partner_authorisation(runtime: Runtime, connection: Connection, redirect_uri: str) -> Authorisation | None:
    """Begin the merchant's consent for the partner app; None when the connection has none. Raises `MissingCredential`."""
    app = connection.gocardless.partner_app
    if app is None:
        return None
    vault, name = runtime.store.vault, connection.name
    client = partner_client(
        vault.read(name, app.client_id),
        vault.read(name, app.client_secret),
        connection.gocardless.connect_base,
        redirect_uri,
    )
    consent = begin_partner_consent(client)

    def complete(redirected_to: str) -> str:
        transport = _partner_transport(runtime, connection)
        try:
            token = complete_partner_consent(
                client, transport, consent, redirected_to, now=runtime.clock, connection=name
            )
        finally:
            transport.close()
        return _keep(runtime, connection, token)

    return Authorisation(consent.url, redirect_uri, complete)


def _keep(runtime: Runtime, connection: Connection, token: PartnerToken) -> str:
    expected, given = connection.gocardless.organisation, token.organisation_id
    if expected not in (None, given):
        raise WrongCompany(
            f"consent was given for organisation {given}, but the connection is for {expected}; nothing was stored.",
            connection=connection.name,
            next_step=f"log in as {expected}, or correct gocardless.organisation",
        )
    runtime.store.vault.write(connection.name, connection.gocardless.access_token, token.access_token)
    todo = "" if expected else f" Put `organisation: {given}` under gocardless in the connection file."
    return f"{connection.name}: GoCardless has given access to organisation {given} ({token.scope}).{todo}"
