"""Exact Online's due invoices through GoCardless and back: the receipt, the late failure, the item opened again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
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
from sandbox.exact_online.clerk import Clerk
from sandbox.exact_online.division import Division
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import READ_WRITE_TOKEN
from sandbox.serve import running
from tests.installations import DAY, MORNING, evening_world
from tests.merchant import Merchant

LAST = date(2026, 6, 30)
ACCOUNTS = {
    "receivable": "1300", "fees": "4500", "input_vat": "1510", "suspense": "2990", "sales_returns": "8000",
    "payout_transit": "2990", "fx_transit": "9500", "other_income": "8000",
}  # fmt: skip
REDIRECT = "http://127.0.0.1:8123/callback"


@dataclass
class Polder:
    """A connection between the merchant and a division with the customers 10001 and 10002."""

    runtime: Runtime
    merchant: Merchant
    division: Division
    sandbox: Any
    naps: list[float] = field(default_factory=list)

    @property
    def connection(self) -> Any:
        return self.runtime.connection("polder")

    def run(self) -> CollectionReport:
        """What the day job does, a minute later."""
        self.merchant.tick()
        scope = Scope(DAY, LAST, only_new=False)
        runtime, connection = self.runtime, self.connection
        with runtime.gocardless(connection) as client:
            reader = Reader(runtime.store, client, connection)
            for name in ("events", "mandates", "payments", "refunds", "customers"):
                getattr(reader, name)(scope)
        with runtime.erp(connection) as connector:
            CustomerDirectory(runtime.store, connection, connector).link_all(runtime.clock())
            planner = runtime.planner(connection)
            planner.plan_payments(scope)
            planner.plan_master_data(scope)
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


@pytest.fixture
def polder(tmp_path: Path) -> Iterator[Polder]:
    merchant = Merchant(evening_world(MORNING))
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
            },
        }
        (tmp_path / "connections").mkdir()
        (tmp_path / "connections" / "polder.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        with Runtime.open(Settings(home=tmp_path), clock=clock.now) as runtime:
            opened = Polder(runtime, merchant, division, exact)

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


def test_a_due_invoice_is_collected_settled_and_told_to_exact(polder):
    polder.merchant.mandate(1)
    polder.division.add_invoice(20260001, "10001", 12_100, dated=DAY - timedelta(days=14), due=DAY)
    polder.division.add_invoice(20260002, "10002", 5_000, dated=DAY - timedelta(days=14), due=DAY)

    report = polder.run()

    payment = polder.payments()["20260001#1"]
    assert payment.body["amount"] == 12_100
    assert polder.payment_reference(20260001) == payment.id
    assert polder.reasons(report) == {"20260002": "no_gocardless_customer"}
    assert (report.held, report.stopped_because) == ([], "")

    polder.merchant.collect(payment)
    polder.run()
    assert "20260001" not in {i.number for i in polder.runtime.store.receivables.open("polder")}
    assert [row.state.value for row in polder.runtime.store.collections.all("polder")] == ["collected"]


def test_a_run_without_news_writes_to_neither_side(polder):
    polder.merchant.mandate(1)
    polder.division.add_invoice(20260001, "10001", 12_100, dated=DAY - timedelta(days=14), due=DAY)
    polder.run()
    polder.run()
    before = (polder.writes(), len(polder.payments()), polder.runtime.store.trail.head("polder"))

    polder.run()

    assert (polder.writes(), len(polder.payments()), polder.runtime.store.trail.head("polder")) == before


def test_a_late_failure_opens_the_invoice_again_and_it_is_collected_once_more(polder):
    polder.merchant.mandate(1)
    polder.division.add_invoice(20260001, "10001", 12_100, dated=DAY - timedelta(days=14), due=DAY)
    polder.run()
    polder.merchant.collect(polder.payments()["20260001#1"])
    polder.run()
    polder.merchant.fail(polder.payments()["20260001#1"])

    assert polder.reasons(polder.run()) == {"20260001": "waits_to_retry"}
    polder.merchant.tick(timedelta(days=5))
    polder.run()

    again = polder.payments()["20260001#2"]
    assert (again.body["amount"], again.status) == (12_100, "pending_submission")
    assert len(polder.payments()) == 2


def test_an_invoice_of_exacts_own_collection_is_left_to_exact(polder):
    polder.merchant.mandate(1)
    polder.division.add_invoice(20260001, "10001", 12_100, dated=DAY - timedelta(days=14), due=DAY)
    Clerk(polder.division).select_for_collection(20260001)

    assert polder.reasons(polder.run()) == {"20260001": "on_hold"}
    assert polder.payments() == {}


def test_an_invoice_paid_otherwise_in_exact_has_its_payment_cancelled(polder):
    polder.merchant.mandate(1)
    polder.division.add_invoice(20260001, "10001", 12_100, dated=DAY - timedelta(days=14), due=DAY)
    polder.run()
    Clerk(polder.division).pay_invoice(20260001, 12_100, on=DAY)

    report = polder.run()

    assert [stop.code for stop in report.stopped] == ["paid_otherwise"]
    assert polder.payments()["20260001#1"].status == "cancelled"
