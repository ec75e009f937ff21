"""Brings a connection's alerts to the people it names; what cannot be delivered stays due and is said."""

from __future__ import annotations

from connector_resources.alerts.alert import Alert
from connector_resources.alerts.mail import MailServer, send_mail
from connector_resources.alerts.outbox import Outbox
from connector_resources.alerts.webhook import post_alert
from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError, RemoteError
from connector_resources.runtime import Runtime

MAIL = "mail"
WEBHOOK = "webhook"


def channels_of(connection: Connection) -> tuple[str, ...]:
    """How the connection's people are told."""
    alerts = connection.alerts
    return tuple(name for name, wanted in ((MAIL, alerts.emails), (WEBHOOK, alerts.webhook)) if wanted)


def deliver_due(runtime: Runtime, connection: Connection) -> list[str]:
    """Deliver what is due; the answer is what went wrong, as sentences with the next step. It never raises for that."""

    def deliver(channel: str, alert: Alert) -> str:
        try:
            _send(runtime, connection, channel, alert)
        except (RemoteError, ConfigurationError) as error:
            return f"{connection.name}: {error}" if not error.connection else str(error)
        return ""

    return Outbox(runtime.store.marks, connection.name).deliver(deliver)


def _send(runtime: Runtime, connection: Connection, channel: str, alert: Alert) -> None:
    alerts, vault = connection.alerts, runtime.store.vault
    if channel == WEBHOOK and alerts.webhook:
        post_alert(vault.read(connection.name, alerts.webhook), alert, sleep=runtime.sleep)
    if channel == MAIL and alerts.emails:
        password = vault.read(connection.name, alerts.smtp_password) if alerts.smtp_password else ""
        send_mail(MailServer.of(runtime.settings, password), alerts.emails, alert)
