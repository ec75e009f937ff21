"""A connection between a merchant and an Exact Online division that collects, judged by both stand-ins' own books."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests
import yaml

from bookkeeping.postings import ERP_KINDS
from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.erp.exact_online.authorisation import authorise
from connector_resources.gocardless.reading import Reader
from connector_resources.posting.planning import Scope
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from sandbox.exact_online.app import create_app as create_exact_online
from sandbox.exact_online.division import Division
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import READ_WRITE_TOKEN
from sandbox.serve import running
from tests.evenings import DAY, MORNING, evening_world
from tests.merchant import Merchant

LAST = date(2026, 6, 30)
ACCOUNTS = {
    "receivable": "1300", "fees": "4500", "input_vat": "1510", "suspense": "2990", "sales_returns": "8000",
    "payout_transit": "2990", "fx_transit": "2010", "fx_difference": "9500", "other_income": "8000",
}  # fmt: skip
REDIRECT = "http://127.0.0.1:8123/callback"


@dataclass
class Polder:
    """A connection between the merchant and a division with the customers 10001 and 10002."""

    runtime: Runtime
    merchant: Merchant
    division: Division
    sandbox: Any
    gocardless: Any
    naps: list[float] = field(default_factory=list)

    @property
    def connection(self) -> Any:
        return self.runtime.connection("polder")

    def read(self) -> None:
        """Everything that GoCardless has."""
        scope = Scope(DAY, LAST, only_new=False)
        with self.runtime.gocardless(self.connection) as client:
            reader = Reader(self.runtime.store, client, self.connection)
            for name in ("events", "mandates", "payments", "refunds", "customers", "payouts"):
                getattr(reader, name)(scope)
            reader.payout_items(scope)

    def link(self) -> None:
        """Read both sides' customers, and nothing more."""
        self.read()
        with self.runtime.erp(self.connection) as connector:
            CustomerDirectory(self.runtime.store, self.connection, connector).link_all(self.runtime.clock())

    def run(self) -> CollectionReport:
        """What the day job does, a minute later."""
        self.merchant.tick()
        self.read()
        scope = Scope(DAY, LAST, only_new=False)
        runtime, connection = self.runtime, self.connection
        with runtime.erp(connection) as connector:
            CustomerDirectory(runtime.store, connection, connector).link_all(runtime.clock())
            planner = runtime.planner(connection)
            planner.plan_payments(scope)
            planner.plan_refunds(scope)
            planner.plan_master_data(scope)
            planner.plan_payouts(scope)
            report = runtime.protocol(connection, connector).run(ERP_KINDS)
            assert report.stopped == "", report.stopped
            read_open_invoices(runtime.store, "polder", connector)
        return collect(runtime, connection)

    def payments(self) -> dict[str, Record]:
        with self.merchant.world.lock:
            return {p.body["metadata"]["mlc_ref"]: p for p in self.merchant.world.payments.ordered}

    def reasons(self, report: CollectionReport) -> dict[str, str]:
        return {each.invoice.number: each.code for each in report.not_eligible}

    def payment_reference(self, number: int) -> str:
        with self.division.lock:
            rows = self.division.tables["Terms"].where("InvoiceNumber", number)
            return next((row["PaymentReference"] for row in rows if row.get("PaymentReference")), "")

    def writes(self) -> int:
        return sum(method != "GET" and "/token" not in path for method, path in self.sandbox.faults.requests)

    def due(self, number: int, minor: int = 12_100, *, customer: int = 1) -> None:
        """An invoice that is due on `DAY`."""
        dated = DAY - timedelta(days=14)
        self.division.add_invoice(number, str(10_000 + customer), minor, dated=dated, due=DAY)


@contextlib.contextmanager
def open_polder(
    home: Path, *, world: dict[str, Any] | None = None, erp: dict[str, Any] | None = None, **sections: Any
) -> Iterator[Polder]:
    """The connection `polder`, consented. `erp` and `sections` change its file, `world` the GoCardless stand-in."""
    merchant = Merchant(evening_world(MORNING, **(world or {})))
    clock = merchant.world.clock
    division = Division(clock=clock).standard_chart(years=(2025, 2026))
    for number in (1, 2):
        division.add_account(str(10_000 + number), f"Load Customer {number}", Email=f"load{number}@example.com")
    gocardless, exact = create_gocardless(merchant.world), create_exact_online(division)
    with running(gocardless) as gocardless_address, running(exact) as exact_address:
        document = {
            "gocardless": {"environment": "sandbox", "base_url": gocardless_address},
            "books": {"time_zone": "Europe/Amsterdam", "cut_over": "2026-06-01"},
            "customers": {"metadata_keys": ["customer_number"]},
            "collections": {"enabled": True},
            "erp": {
                "kind": "exact_online",
                "base_url": exact_address,
                "accounts": ACCOUNTS,
                "currencies": {"EUR": {"bank_journal": "23", "clearing_account": "1230", "transit_account": "2000"}},
                "general_journal": "90",
                "sales_journal": "70",
                "write_payment_reference": True,
                **(erp or {}),
            },
            **sections,
        }
        (home / "connections").mkdir()
        (home / "connections" / "polder.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        with Runtime.open(Settings(home=home), clock=clock.now) as runtime:
            opened = Polder(runtime, merchant, division, exact, gocardless)

            def sleep(seconds: float) -> None:
                opened.naps.append(seconds)
                clock.advance(timedelta(seconds=seconds))

            runtime.sleep = sleep
            for name, value in {
                "gocardless_access_token": READ_WRITE_TOKEN,
                "exact_client_id": "3f0c1c5e-8a51-4a3a-9f0e-0a4d0f5b7a11",
                "exact_client_secret": "sandbox-secret",
            }.items():
                runtime.store.vault.write("polder", name, value)
            consent = authorise(opened.connection.erp, runtime.context(opened.connection), REDIRECT)
            page = requests.get(consent.url, allow_redirects=False, timeout=10)
            consent.complete(page.headers["location"])
            yield opened


__all__ = ["ACCOUNTS", "DAY", "LAST", "REDIRECT", "Polder", "open_polder"]
