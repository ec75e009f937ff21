"""Alerts by e-mail, through the mail server that the environment names."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from connector_resources.alerts.alert import Alert
from connector_resources.errors import ConfigurationError, NotSent
from connector_resources.settings import Settings
from connector_resources.transport.addresses import LOOPBACK

TIMEOUT_S = 20.0
SYSTEM = "mail server"
Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True, repr=False)
class MailServer:
    """Where mail is handed in. `trusted` are certificates of a private authority; without it the machine's are used."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = ""
    trusted: ssl.SSLContext | None = None

    @classmethod
    def of(cls, settings: Settings, password: str = "") -> MailServer:
        """The server of the environment. Raises `ConfigurationError` when there is none, or it would leak the password."""
        if not settings.smtp_host or not settings.mail_from:
            raise ConfigurationError(
                "alerts are to be mailed, but the environment names no mail server",
                next_step="set CONNECTOR_SMTP_HOST and CONNECTOR_MAIL_FROM, or remove alerts.emails",
            )
        server = cls(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_security,
            settings.mail_from,
            settings.smtp_user or "",
            password,
        )
        if server.security == "none" and server.host not in LOOPBACK:
            raise ConfigurationError(
                f"the mail server {server.host} would get alerts and passwords unencrypted",
                next_step="set CONNECTOR_SMTP_SECURITY to starttls or tls",
            )
        return server

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port}, {self.security})"


def send_mail(server: MailServer, recipients: Sequence[str], alert: Alert) -> None:
    """Hand the alert in for all recipients. Raises `NotSent` when the server does not take it."""
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = ", ".join(recipients)
    # A line break would begin a header of its own.
    message["Subject"] = " ".join(alert.subject.split())
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid("alert", domain=server.sender.rpartition("@")[2].rstrip(">"))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(alert.text())
    try:
        with _opened(server) as session:
            if server.user and server.password:
                session.login(server.user, server.password)
            refused = session.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise _not_sent(server, _said(error)) from None
    if refused:
        raise _not_sent(server, f"it refused {', '.join(sorted(refused))}")


def _opened(server: MailServer) -> smtplib.SMTP:
    trusted = server.trusted or ssl.create_default_context()
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=trusted)
    session = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    if server.security == "starttls":
        try:
            session.starttls(context=trusted)
        except (OSError, smtplib.SMTPException):
            session.close()
            raise
    return session


def _said(error: Exception) -> str:
    """What happened, without what was sent: some servers repeat the log-in in their answer."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"it refused {', '.join(sorted(error.recipients))}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__


def _not_sent(server: MailServer, why: str) -> NotSent:
    return NotSent(
        f"the mail server {server.host}:{server.port} did not take an alert: {why}.",
        system=SYSTEM,
        next_step="check CONNECTOR_SMTP_HOST, CONNECTOR_SMTP_SECURITY, the log-in and alerts.emails; it is tried again",
    )
