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
    alerts = connection.alerts
    names |= {alerts.webhook: "address of the webhook that gets alerts"} if alerts.webhook else {}
    names |= {alerts.smtp_password: "password of the mail server that sends alerts"} if alerts.smtp_password else {}
    kind = erp_kind(connection.erp.kind)
    names |= {name: f"{kind.traits.label}: {name.replace('_', ' ')}" for name in kind.credentials(connection.erp)}
    if kind.notification is not None:
        names |= dict.fromkeys(kind.notification.secret_names, f"{kind.traits.label} webhook secret")
    return names


def needed_for_webhooks_only(connection: Connection) -> frozenset[str]:
    """Those of `expected_credentials` without which everything works but the receiver."""
    notification = erp_kind(connection.erp.kind).notification
    return frozenset((*connection.gocardless.webhook_secrets, *(notification.secret_names if notification else ())))
