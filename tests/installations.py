"""A whole installation for tests: stand-ins over real HTTP, a home with connection files, vault, store and runtime.

Nothing of the product is replaced: only addresses point at loopback.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from bookkeeping.postings import PostingKind
from connector_resources.connections.model import Connection
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.erp.building import BuildContext
from connector_resources.erp.datev.resource import oauth_client, token_shelf, token_transport
from connector_resources.erp.exact_online.authorisation import authorise as authorise_exact_online
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
from sandbox.exact_online.app import ExactOnlineSandbox
from sandbox.exact_online.app import create_app as create_exact_online
from sandbox.exact_online.division import Division
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.gocardless.world import READ_WRITE_TOKEN, World
from sandbox.ifs_cloud.app import IfsCloudSandbox
from sandbox.ifs_cloud.app import create_app as create_ifs_cloud
from sandbox.ifs_cloud.tenant import Tenant
from sandbox.sage300.app import Sage300Sandbox
from sandbox.sage300.app import create_app as create_sage300
from sandbox.sage300.company import Company as Sage300Company
from sandbox.serve import running
from sandbox.visma.app import VismaSandbox
from sandbox.visma.app import create_app as create_visma
from sandbox.visma.company import Company
from tests.erp_sections import (
    datev_section,
    exact_online_section,
    ifs_cloud_section,
    sage300_section,
    visma_section,
)
from tests.evenings import DAY

#: serves a stand-in, as `sandbox.serve.running` does, and yields its address.
Serve = Callable[..., contextlib.AbstractContextManager[str]]

WEBHOOK_SECRET = "test-webhook-secret"
EXACT_ONLINE_REDIRECT = "http://127.0.0.1:8123/callback"

BOOKS = {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"}


@dataclass(slots=True)
class Installation:
    """One connection with its stand-ins. `runtime` is open; `home` holds its connection file, key and database."""

    home: Path
    runtime: Runtime
    connection: Connection
    world: World
    gocardless: Any
    erp: VismaSandbox | DatevApp | ExactOnlineSandbox | Sage300Sandbox | IfsCloudSandbox
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
    serve: Serve = running,
    **overrides: Any,
) -> Iterator[Installation]:
    """A connection called `nordic` between `world` and `company`. `overrides` are sections of the connection file."""
    gocardless, erp = create_gocardless(world), create_visma(company)
    with serve(gocardless) as gocardless_address, serve(erp) as erp_address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": BOOKS,
            "customers": {"metadata_keys": ["customer_number", "erp_customer"]},
            "erp": {**visma_section(company, erp_address), **(erp_settings or {})},
            **overrides,
        }
        credentials = {"client_id": "isv_sandbox", "client_secret": "sandbox-secret"}
        with open_installation(home, "nordic", document, credentials, database_url, world.clock) as (
            runtime,
            connection,
            naps,
        ):
            yield Installation(home, runtime, connection, world, gocardless, erp, naps)


@contextlib.contextmanager
def datev_installation(
    home: Path,
    world: World,
    centre: DataCentre,
    *,
    database_url: str | None = None,
    erp_settings: dict[str, Any] | None = None,
    serve: Serve = running,
    **overrides: Any,
) -> Iterator[Installation]:
    """A connection called `kanzlei` between `world` and client 455148-1, with a person's consent already given."""
    gocardless, erp = create_gocardless(world), create_datev(centre)
    with serve(gocardless) as gocardless_address, serve(erp) as erp_address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": {**BOOKS, "time_zone": "Europe/Berlin"},
            "erp": {**datev_section(erp_address), **(erp_settings or {})},
            **overrides,
        }
        credentials = {"datev_client_id": "sandbox-public"}
        with open_installation(home, "kanzlei", document, credentials, database_url, world.clock) as (
            runtime,
            connection,
            naps,
        ):
            consent_to_datev(runtime, connection)
            yield Installation(home, runtime, connection, world, gocardless, erp, naps)


@contextlib.contextmanager
def exact_online_installation(
    home: Path,
    world: World,
    division: Division,
    *,
    database_url: str | None = None,
    erp_settings: dict[str, Any] | None = None,
    serve: Serve = running,
    **overrides: Any,
) -> Iterator[Installation]:
    """A connection called `polder` between `world` and `division`, with a person's consent already given."""
    gocardless, erp = create_gocardless(world), create_exact_online(division)
    with serve(gocardless) as gocardless_address, serve(erp, dated=False) as erp_address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": {**BOOKS, "time_zone": "Europe/Amsterdam"},
            "customers": {"metadata_keys": ["customer_number", "erp_customer"]},
            "erp": {**exact_online_section(erp_address), **(erp_settings or {})},
            **overrides,
        }
        credentials = {
            "exact_client_id": "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11",
            "exact_client_secret": "sandbox-secret",
        }
        with open_installation(home, "polder", document, credentials, database_url, world.clock) as (
            runtime,
            connection,
            naps,
        ):
            begun = authorise_exact_online(connection.erp, runtime.context(connection), EXACT_ONLINE_REDIRECT)
            page = requests.get(begun.url, allow_redirects=False, timeout=10)
            begun.complete(page.headers["location"])
            yield Installation(home, runtime, connection, world, gocardless, erp, naps)


@contextlib.contextmanager
def sage300_installation(
    home: Path,
    world: World,
    company: Sage300Company,
    *,
    database_url: str | None = None,
    erp_settings: dict[str, Any] | None = None,
    serve: Serve = running,
    **overrides: Any,
) -> Iterator[Installation]:
    """A connection called `harbour` between `world` and `company`, in mode ar_receipts unless the settings say otherwise."""
    gocardless, erp = create_gocardless(world), create_sage300(company)
    with serve(gocardless) as gocardless_address, serve(erp, dated=False) as erp_address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": {**BOOKS, "time_zone": "Europe/Amsterdam"},
            "customers": {"metadata_keys": ["customer_number", "erp_customer"]},
            "erp": {**sage300_section(erp_address), **(erp_settings or {})},
            **overrides,
        }
        credentials = {"sage300_username": company.user_id, "sage300_password": "Gocard1ess!"}
        with open_installation(home, "harbour", document, credentials, database_url, world.clock) as (
            runtime,
            connection,
            naps,
        ):
            yield Installation(home, runtime, connection, world, gocardless, erp, naps)


@contextlib.contextmanager
def ifs_cloud_installation(
    home: Path,
    world: World,
    tenant: Tenant,
    *,
    database_url: str | None = None,
    erp_settings: dict[str, Any] | None = None,
    serve: Serve = running,
    **overrides: Any,
) -> Iterator[Installation]:
    """A connection called `enterprise` between `world` and company 10 of `tenant`."""
    gocardless, erp = create_gocardless(world), create_ifs_cloud(tenant)
    with serve(gocardless) as gocardless_address, serve(erp, dated=False) as erp_address:
        creditor = world.creditors.ordered[0].id
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": {**BOOKS, "time_zone": "Europe/Stockholm"},
            "erp": {**ifs_cloud_section(erp_address, creditor), **(erp_settings or {})},
            **overrides,
        }
        credentials = {"ifs_client_id": "gc_connector", "ifs_client_secret": "sandbox-secret"}
        with open_installation(home, "enterprise", document, credentials, database_url, world.clock) as (
            runtime,
            connection,
            naps,
        ):
            yield Installation(home, runtime, connection, world, gocardless, erp, naps)


def consent_to_datev(runtime: Runtime, connection: Connection) -> None:
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
def open_installation(
    home: Path,
    name: str,
    document: dict[str, Any],
    credentials: dict[str, str],
    database_url: str | None,
    clock: SandboxClock,
) -> Iterator[tuple[Runtime, Connection, list[float]]]:
    """A home with one connection file and its credentials, its runtime open; the list takes the waits, which move the clock."""
    directory = home / "connections"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        clock.advance(timedelta(seconds=seconds))

    with Runtime.open(Settings(home=home, database_url=database_url), clock=clock.now) as runtime:
        runtime.sleep = sleep
        vault = runtime.store.vault
        for key, value in {
            "gocardless_access_token": READ_WRITE_TOKEN,
            "gocardless_webhook_secret": WEBHOOK_SECRET,
            **credentials,
        }.items():
            vault.write(name, key, value)
        yield runtime, runtime.connection(name), naps
