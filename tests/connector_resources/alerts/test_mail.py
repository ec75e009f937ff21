"""Alerts by e-mail, handed in at a real mail server on this machine."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from connector_resources.alerts.mail import MailServer, send_mail
from connector_resources.errors import ConfigurationError, NotSent
from connector_resources.settings import Settings

SENDER = "connector@nordic.example"
PASSWORD = "canary-mail"
TO = ("finance@nordic.example", "it@nordic.example")


def server(office: Any, **changed: Any) -> MailServer:
    return MailServer(**{"host": "localhost", "port": office.port, "security": "none", "sender": SENDER, **changed})


def test_a_mail_reaches_everybody_with_reason_next_step_and_link(office: Any, alert: Any) -> None:
    send_mail(server(office), TO, alert("EV1:payout", "EV2:receipt"))

    ((recipients, mail),) = office.mails
    assert recipients == list(TO)
    assert mail["Subject"] == "[nordic] 2 postings are held"
    assert (mail["From"], mail["To"]) == (SENDER, ", ".join(TO))
    text = mail.get_payload(decode=True).decode()
    for part in (
        "EV1:payout: The period is closed.",
        "Next step: Open period 202605.",
        "https://dagster.example/runs/1",
    ):
        assert part in text


def test_the_password_goes_over_an_encrypted_line_only(
    office: Any, alert: Any, trust: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    office.certificate, trusted = trust
    send_mail(server(office, security="starttls", user="alerts", password=PASSWORD, trusted=trusted), TO, alert())

    assert len(office.mails) == 1
    verbs = [line.split()[0].upper() for line in office.lines]
    assert verbs.index("STARTTLS") < verbs.index("AUTH") < verbs.index("DATA")


def test_a_server_without_encryption_gets_no_password_when_it_was_asked_for(office: Any, alert: Any) -> None:
    with pytest.raises(NotSent, match="did not take an alert"):
        send_mail(server(office, security="starttls", user="alerts", password=PASSWORD), TO, alert())
    assert not any(line.upper().startswith(("AUTH", "DATA")) for line in office.lines)


def test_a_certificate_that_nobody_knows_is_not_trusted(
    office: Any, alert: Any, trust: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    office.certificate, _ = trust
    with pytest.raises(NotSent, match="did not take an alert"):
        send_mail(server(office, security="starttls", user="alerts", password=PASSWORD), TO, alert())
    assert office.mails == []


def test_a_refused_log_in_is_told_without_the_password(
    office: Any, alert: Any, trust: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    office.certificate, trusted = trust
    wrong = server(office, security="starttls", user="alerts", password="canary-wrong-4711", trusted=trusted)
    with pytest.raises(NotSent, match="it answered 535") as refused:
        send_mail(wrong, TO, alert())
    assert "canary" not in f"{refused.value!r} {wrong!r}"
    assert "alerts.emails" in refused.value.next_step


def test_refused_recipients_are_named(office: Any, alert: Any) -> None:
    office.refuses = "550 unknown"
    with pytest.raises(NotSent, match=r"it refused finance@nordic\.example, it@nordic\.example"):
        send_mail(server(office), TO, alert())


def test_a_server_that_is_away_is_told_with_the_next_step(office: Any, alert: Any) -> None:
    with pytest.raises(NotSent, match="did not take an alert") as away:
        send_mail(server(office, port=1), TO, alert())
    assert "CONNECTOR_SMTP_HOST" in away.value.next_step


def test_the_environment_must_name_a_server_and_protect_what_leaves_the_machine() -> None:
    with pytest.raises(ConfigurationError, match="names no mail server"):
        MailServer.of(Settings())
    given = {"smtp_host": "mail.example", "mail_from": SENDER}
    assert MailServer.of(Settings(**given), PASSWORD).security == "starttls"
    with pytest.raises(ConfigurationError, match="unencrypted"):
        MailServer.of(Settings(**given, smtp_security="none"))


def test_a_line_break_in_a_reason_makes_no_header(office: Any, alert: Any) -> None:
    send_mail(server(office), TO, alert(connection="nordic\r\nBcc: thief@example.com"))
    ((recipients, mail),) = office.mails
    assert recipients == list(TO)
    assert mail["Bcc"] is None
