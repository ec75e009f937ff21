"""A home with one connection whose ledger and GoCardless lie at any address, with every credential in place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from connector_resources.erp.datev.resource import TOKENS as DATEV_TOKENS
from connector_resources.erp.exact_online.resource import TOKENS as EXACT_TOKENS
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.transport.token_pair import TokenPair
from sandbox.visma.company import Company
from tests.erp_sections import (
    datev_section,
    exact_online_section,
    ifs_cloud_section,
    sage300_section,
    visma_section,
)
from tests.installations import BOOKS

ERPS = ("visma", "datev", "exact_online", "sage300", "ifs_cloud")
NAME = "acme"

#: of every ledger: its credentials by vault name. Each value is told apart from all others.
CREDENTIALS = {
    name: f"secret-value-of-{name}"
    for name in (
        "gocardless_access_token", "gocardless_webhook_secret", "client_id", "client_secret", "datev_client_id",
        "exact_client_id", "exact_client_secret", "sage300_password", "ifs_client_id", "ifs_client_secret",
    )
} | {"sage300_username": "ADMIN", "sage300_password": "SecretOfSage300"}  # fmt: skip
ACCESS_TOKEN = "access-token-that-was-given-earlier"


def section_of(erp: str, address: str) -> dict[str, Any]:
    """The ERP section of a connection file that leads to `address`."""
    sections = {
        "visma": lambda: visma_section(Company(), address),
        "datev": lambda: datev_section(address),
        "exact_online": lambda: exact_online_section(address),
        "sage300": lambda: sage300_section(address),
        "ifs_cloud": lambda: ifs_cloud_section(address, "CR123"),
    }
    return sections[erp]()


@contextlib.contextmanager
def open_runtime(home: Path, erp: str, address: str, **overrides: Any) -> Iterator[Runtime]:
    """`overrides` are sections of the connection file. Consents were given already; nothing ever sleeps."""
    directory = home / "connections"
    directory.mkdir(parents=True)
    document = {
        "gocardless": {"environment": "sandbox", "base_url": address},
        "books": BOOKS,
        "erp": section_of(erp, address),
        **overrides,
    }
    (directory / f"{NAME}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with Runtime.open(Settings(home=home), clock=lambda: datetime.now(UTC)) as runtime:
        runtime.sleep = lambda _seconds: None
        for name, value in CREDENTIALS.items():
            runtime.store.vault.write(NAME, name, value)
        now = runtime.clock()
        pair = TokenPair(ACCESS_TOKEN, now, now, now + timedelta(hours=1), "refresh-token-that-was-given")
        for name in (DATEV_TOKENS, EXACT_TOKENS):
            runtime.store.vault.write(NAME, name, pair.to_text())
        yield runtime
