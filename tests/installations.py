"""A whole installation for tests: stand-ins over real HTTP, a home with connection files, vault, store and runtime.

Nothing of the product is replaced: only addresses point at loopback.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import requests
import yaml

from bookkeeping.postings import PostingKind
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.erp.building import BuildContext
from connector_resources.erp.datev.resource import oauth_client, token_shelf, token_transport
from connector_resources.gocardless.reading import Reader
from connector_resources.posting.planning import Scope
from connector_resources.posting.protocol import PostingReport
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.transport.authorization_code import begin_consent, code_from_redirect, exchange_code
from sandbox.clock import SandboxClock
from sandbox.datev.app import DatevApp
from sandbox.datev.app import create_app as create_datev
from sandbox.datev.datacentre import DataCentre
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.gocardless.world import READ_WRITE_TOKEN, World
from sandbox.gocardless.world import Settings as GoCardlessSettings
from sandbox.serve import running
from sandbox.visma.app import VismaSandbox
from sandbox.visma.app import create_app as create_visma
from sandbox.visma.company import Company

DAY = date(2026, 6, 3)
MORNING = datetime(2026, 6, 3, 6, 0, tzinfo=UTC)
EVENING = datetime(2026, 6, 3, 21, 0, tzinfo=UTC)
WEBHOOK_SECRET = "test-webhook-secret"

BOOKS = {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"}


def visma_section(company: Company, address: str) -> dict[str, Any]:
    """The ERP section of a connection to the stand-in's company with its standard chart."""
    return {
        "kind": "visma",
        "tenant_id": company.tenant_id,
        "company_name": company.name,
        "base_url": address,
        "token_url": f"{address}/connect/token",
        "payment_method": "GC",
        "currencies": {
            "EUR": {"clearing_cash_account": "1985", "bank_account": "1920"},
            "GBP": {"clearing_cash_account": "1986", "bank_account": "1930"},
        },
        "accounts": {
            "fees": "7770",
            "surcharges": "7770",
            "partner_fees": "7770",
            "input_vat": "2710",
            "suspense": "2990",
            "sales_returns": "3000",
            "payout_transit": "1990",
            "fx_transit": "1990",
            "fx_difference": "8160",
            "rounding": "7798",
            "other_income": "3100",
        },
    }


def datev_section(address: str) -> dict[str, Any]:
    """The ERP section of a connection to the first client of the stand-in's tax adviser."""
    files, clients = "accounting-extf-files/platform/v3", "accounting-clients/platform/v2"
    return {
        "kind": "datev",
        "consultant_number": 455148,
        "client_number": 1,
        "chart": "skr03",
        "public_app": True,
        "redirect_uri": "https://connector.example/datev/callback",
        "time_zone": "Europe/Berlin",
        "exchange_rates": {"GBP": {"2026-06": "0.85"}},
        "addresses": {
            "authorize": f"{address}/openid/authorize",
            "token": f"{address}/token",
            "revoke": f"{address}/revoke",
            "userinfo": f"{address}/userinfo",
            "clients": f"{address}/{clients}",
            "extf_files": f"{address}/{files}",
        },
    }


@dataclass(slots=True)
class Installation:
    """One connection with its stand-ins. `runtime` is open; `home` holds its connection file, key and database."""

    home: Path
    runtime: Runtime
    connection: Connection
    world: World
    gocardless: Any
    erp: VismaSandbox | DatevApp
    naps: list[float] = field(default_factory=list)

    def read(self, scope: Scope) -> None:
        """Everything the source assets read, in their order."""
        with self.runtime.gocardless(self.connection) as client:
            reader = Reader(self.runtime.store, client, self.connection)
            for name in ("events", "mandates", "payments", "refunds", "subscriptions", "customers", "payouts"):
                getattr(reader, name)(scope)
            reader.payout_items(scope)

    def plan(self, scope: Scope) -> int:
        """Everything the posting assets plan; how many postings were new."""
        planner = self.runtime.planner(self.connection)
        reports = [
            planner.plan_payments(scope),
            planner.plan_refunds(scope),
            planner.plan_master_data(scope),
            planner.plan_payouts(scope),
        ]
        return sum(report.new_postings for report in reports)

    def link(self) -> None:
        with self.runtime.erp(self.connection) as connector:
            CustomerDirectory(self.runtime.store, self.connection, connector).link_all(self.runtime.clock())

    def post(self) -> PostingReport:
        with self.runtime.erp(self.connection) as connector:
            return self.runtime.protocol(self.connection, connector).run(frozenset(PostingKind))

    def run(self, first: date = DAY, last: date | None = None, *, only_new: bool = False) -> PostingReport:
        """Read, link, plan and post: what the day job does, without Dagster."""
        scope = Scope(first, last or first, only_new)
        self.read(scope)
        self.link()
        self.plan(scope)
        return self.post()

    def states(self) -> dict[str, int]:
        """`<kind> <state>` -> how many postings."""
        counts: dict[str, int] = {}
        for row in self.runtime.store.ledger.counts(self.connection.name):
            key = f"{row.kind} {row.state}"
            counts[key] = counts.get(key, 0) + row.count
        return counts


@contextlib.contextmanager
def visma_installation(
    home: Path,
    world: World,
    company: Company,
    *,
    database_url: str | None = None,
    erp_settings: dict[str, Any] | None = None,
    **overrides: Any,
) -> Iterator[Installation]:
    """A connection called `nordic` between `world` and `company`. `overrides` are sections of the connection file."""
    gocardless, erp = create_gocardless(world), create_visma(company)
    with running(gocardless) as gocardless_address, running(erp) as erp_address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": BOOKS,
            "customers": {"metadata_keys": ["customer_number", "erp_customer"]},
            "erp": {**visma_section(company, erp_address), **(erp_settings or {})},
            **overrides,
        }
        credentials = {"client_id": "isv_sandbox", "client_secret": "sandbox-secret"}
        clock = world.clock.now
        with _open(home, "nordic", document, credentials, database_url, clock) as (runtime, connection, naps):
            yield Installation(home, runtime, connection, world, gocardless, erp, naps)


@contextlib.contextmanager
def datev_installation(
    home: Path,
    world: World,
    centre: DataCentre,
    *,
    database_url: str | None = None,
    erp_settings: dict[str, Any] | None = None,
    **overrides: Any,
) -> Iterator[Installation]:
    """A connection called `kanzlei` between `world` and client 455148-1, with a person's consent already given."""
    gocardless, erp = create_gocardless(world), create_datev(centre)
    with running(gocardless) as gocardless_address, running(erp) as erp_address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": {**BOOKS, "time_zone": "Europe/Berlin"},
            "erp": {**datev_section(erp_address), **(erp_settings or {})},
            **overrides,
        }
        credentials = {"datev_client_id": "sandbox-public"}
        clock = world.clock.now
        with _open(home, "kanzlei", document, credentials, database_url, clock) as (runtime, connection, naps):
            _consent(runtime, connection)
            yield Installation(home, runtime, connection, world, gocardless, erp, naps)


def _consent(runtime: Runtime, connection: Connection) -> None:
    """What `connector authorize` does, with the stand-in's page answering by itself."""
    books = connection.book_settings
    context = BuildContext(connection.name, books, runtime.store, runtime.clock, rng=random.Random(1))
    client = oauth_client(connection.erp, context)
    consent = begin_consent(client)
    page = requests.get(consent.url, allow_redirects=False, timeout=10)
    code = code_from_redirect(consent, page.headers["location"])
    pair, _ = exchange_code(client, token_transport(connection.erp, context), consent, code, now=runtime.clock)
    token_shelf(context).write(pair)


@contextlib.contextmanager
def _open(
    home: Path,
    name: str,
    document: dict[str, Any],
    credentials: dict[str, str],
    database_url: str | None,
    clock: Callable[[], datetime],
) -> Iterator[tuple[Runtime, Connection, list[float]]]:
    directory = home / "connections"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    naps: list[float] = []
    with Runtime.open(Settings(home=home, database_url=database_url), clock=clock) as runtime:
        runtime.sleep = naps.append
        vault = runtime.store.vault
        for key, value in {
            "gocardless_access_token": READ_WRITE_TOKEN,
            "gocardless_webhook_secret": WEBHOOK_SECRET,
            **credentials,
        }.items():
            vault.write(name, key, value)
        yield runtime, runtime.connection(name), naps


def evening_world(at: datetime = EVENING, **settings: Any) -> World:
    """A GoCardless world whose clock stands at the evening of `DAY`; `settings` are fields of the world's."""
    return World(SandboxClock(at), seed=1, settings=GoCardlessSettings(**settings))


def evening_company(customers: int = 0, clock: SandboxClock | None = None) -> Company:
    """A Visma company with the standard chart and the customers 10001… that the loader's payments name."""
    company = Company(clock=clock or SandboxClock(EVENING)).standard_chart()
    for number in range(1, customers + 1):
        company.add_customer(f"{10000 + number}", f"Load Customer {number}", email=f"load{number}@example.com")
    return company


def datacentre(clock: SandboxClock | None = None) -> DataCentre:
    """DATEV with its default clients; a person's consent is given without a page."""
    return DataCentre(clock or SandboxClock(EVENING), random.Random(1))


__all__ = [
    "DAY",
    "EVENING",
    "MORNING",
    "Installation",
    "create_datev",
    "datacentre",
    "datev_installation",
    "evening_company",
    "evening_world",
    "visma_installation",
]
