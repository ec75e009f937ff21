"""An alert, and the servers that take it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector_resources.alerts.alert import Alert, AlertItem
from tests.alert_servers import Hook, PostOffice, alert_hook, mail_office


def alert_of(*subjects: str, connection: str = "nordic") -> Alert:
    """An alert of held postings, one for each of `subjects`."""
    items = [
        AlertItem(subject, "The period is closed.", "Open period 202605.") for subject in subjects or ("EV1:payout",)
    ]
    return Alert.about("held", connection, f"{len(items)} postings are held", items, "https://dagster.example/runs/1")


@pytest.fixture
def alert() -> Any:
    """`alert(*subjects)`: an alert of held postings."""
    return alert_of


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with mail_office() as opened:
        yield opened


@pytest.fixture
def hook() -> Iterator[Hook]:
    with alert_hook() as opened:
        yield opened


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server of `localhost` shows, and what a client needs to trust it; nobody else does."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path_factory.mktemp("certificate")
    certificate, private = files / "certificate.pem", files / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, private)
    return server, ssl.create_default_context(cafile=str(certificate))
