"""Which credentials a connection needs: vault names with what they are for. Values live in the vault only."""

from __future__ import annotations

from connector_resources.connections.model import Connection
from connector_resources.erp.registry import erp_kind


def expected_credentials(connection: Connection) -> dict[str, str]:
    """Name -> purpose, for everything this connection may read from the vault."""
    gocardless = connection.gocardless
    names = {gocardless.access_token: "GoCardless access token"}
    names |= dict.fromkeys(gocardless.webhook_secrets, "GoCardless webhook endpoint secret")
    if gocardless.partner_app is not None:
        names[gocardless.partner_app.client_id] = "client id of the GoCardless partner app"
        names[gocardless.partner_app.client_secret] = "client secret of the GoCardless partner app"
    kind = erp_kind(connection.erp.kind)
    names |= {name: f"{kind.traits.label}: {name.replace('_', ' ')}" for name in kind.credentials(connection.erp)}
    if kind.notification is not None:
        names |= dict.fromkeys(kind.notification.secret_names, f"{kind.traits.label} webhook secret")
    return names
