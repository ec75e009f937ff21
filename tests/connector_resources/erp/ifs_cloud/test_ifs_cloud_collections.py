"""Two companies, two currencies, two creditors: due invoices become collections, results settle AR, failures stay open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector_resources.collections.payers import Payers
from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from sandbox.clock import SandboxClock
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import World
from sandbox.ifs_cloud.invoices import ledger_item
from sandbox.ifs_cloud.switches import Switches
from sandbox.ifs_cloud.tenant import Tenant
from tests.erp_sections import ifs_cloud_section
from tests.evenings import DAY, MORNING
from tests.installations import Installation, ifs_cloud_installation
from tests.merchant import Merchant

LAST = DAY + timedelta(days=27)
STATUS = {"target": "open_items", "state": "Cf_Gc_Status", "reason": "Cf_Gc_Reason", "payment": "Cf_Gc_Payment"}


@dataclass
class Group:
    """A connection with company 10 (EUR) and company 20 (GBP), and the merchant's two creditors."""

    at: Installation
    tenant: Tenant
    merchant: Merchant
    creditors: tuple[str, str]

    def payer(self, number: str, country: str, currency: str, creditor: int, customer: Record | None = None) -> Record:
        """A mandate with a creditor, of a new customer that carries an ERP number, or of one that is known."""
        builder = self.merchant.world.builder
        with self.merchant.world.lock:
            fields = {"company_name": f"Payer {number}", "country_code": country}
            owner = customer or builder.customer(fields, {"erp_customer": number})
            account = builder.bank_account(
                owner.id, "Payer", f"{country}{number}{currency}{creditor}", country_code=country, currency=currency,
                ending="11",
            )  # fmt: skip
            mandate = builder.mandate(account, self.creditors[creditor], status="active")
        self.merchant.tick()
        return mandate

    def customer_of(self, mandate: Record) -> Record:
        found = self.merchant.world.customers.get(mandate.body["links"]["customer"])
        assert found is not None
        return found

    def collect(self) -> CollectionReport:
        runtime, connection = self.at.runtime, self.at.connection
        with runtime.erp(connection) as connector:
            read_open_invoices(runtime.store, connection.name, connector)
        return collect(runtime, connection)

    def post(self) -> None:
        report = self.at.run(DAY, LAST)
        assert (report.stopped, report.held) == ("", [])

    def payments(self) -> dict[str, Record]:
        """By the invoice they are for."""
        world = self.merchant.world
        with world.lock:
            return {row.body["metadata"]["mlc_ref"].split("#")[0]: row for row in world.payments.ordered}

    def status(self, number: str) -> tuple[Any, ...]:
        row = ledger_item(self.tenant, number[:2], "CI", number)
        return row.get("Cf_Gc_Status"), row.get("Cf_Gc_Reason") or ""


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    world = World(SandboxClock(MORNING), seed=1, default_creditor=False)
    euro = world.builder.creditor("Acme EU", "DE", accounts=("EUR",)).id
    pound = world.builder.creditor("Acme UK", "GB", accounts=("GBP",)).id
    tenant = Tenant(world.clock, Switches(calls_per_minute=1_000_000))
    tenant.add_company("10", "EUR")
    tenant.add_company("20", "GBP")
    for number in ("C1", "C2"):
        tenant.add_customer(number, f"Customer {number}")
    for field in ("Cf_Gc_Status", "Cf_Gc_Reason", "Cf_Gc_Payment"):
        tenant.catalogue.add_field("LedgerItemEntity", "LedgerItemSet", "S50 U", field)
    companies = {}
    for code, creditor, currency in (("10", euro, "EUR"), ("20", pound, "GBP")):
        section = ifs_cloud_section("https://x", creditor)["companies"]["10"]
        accounts = {"cash_account": f"GC{currency}", "clearing_account": "1940", "bank_account": "1930"}
        companies[code] = {**section, "currencies": {currency: accounts}}
    settings = {"companies": companies, "invoice_status": STATUS, "marker": {"strategy": "pay_term", "values": ["DD"]}}
    collections = {"enabled": True, "mandate_setup": {"mode": "link", "redirect_uri": "https://merchant.example"}}
    with ifs_cloud_installation(tmp_path, world, tenant, erp_settings=settings, collections=collections) as at:
        yield Group(at, tenant, Merchant(world), (euro, pound))


def test_each_company_collects_through_its_creditor_and_results_settle_its_books(group: Group) -> None:
    first, second = group.payer("10:C1", "DE", "EUR", 0), group.payer("20:C1", "GB", "GBP", 1)
    group.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001", pay_term="DD", due=DAY)
    group.tenant.add_invoice("20", "C1", 8_000, invoice_no="20001", pay_term="DD", due=DAY)
    group.tenant.add_invoice("10", "C1", 700, invoice_no="10002", pay_term="30", due=DAY)
    report = group.collect()
    assert (report.held, report.stopped_because) == ([], "")
    assert {each.invoice.number: each.code for each in report.not_eligible} == {"10:CI-10002": "on_hold"}
    payments = group.payments()
    assert {
        name: (p.body["amount"], p.body["currency"], p.body["links"]["mandate"]) for name, p in payments.items()
    } == {
        "10:CI-10001": (12_100, "EUR", first.id),
        "20:CI-20001": (8_000, "GBP", second.id),
    }
    assert [group.status(number) for number in ("10001", "20001")] == [("in_flight", ""), ("in_flight", "")]
    group.merchant.collect(payments["10:CI-10001"])
    group.merchant.fail(payments["20:CI-20001"])
    group.post()
    group.collect()
    assert group.tenant.open_amount("10", "CI", "10001").minor == 0
    assert group.tenant.open_amount("20", "CI", "20001").minor == 8_000
    assert group.status("20001") == ("failed", "refer_to_payer")
    assert (group.tenant.books["10"].balance("1940", "EUR"), group.tenant.books["20"].balance("1940", "GBP")) == (
        12_100,
        0,
    )


def test_a_payment_taken_back_is_open_again_in_its_company(group: Group) -> None:
    group.payer("20:C1", "GB", "GBP", 1)
    group.tenant.add_invoice("20", "C1", 8_000, invoice_no="20001", pay_term="DD", due=DAY)
    group.collect()
    (payment,) = group.payments().values()
    group.merchant.collect(payment)
    group.post()
    assert group.tenant.open_amount("20", "CI", "20001").minor == 0
    group.merchant.charge_back(payment)
    group.post()
    report = group.collect()
    assert group.tenant.open_amount("20", "CI", "20001").minor == 8_000
    assert {each.invoice.number: each.code for each in report.not_eligible} == {"20:CI-20001": "charged_back"}
    assert group.status("20001")[0] == "charged_back"


def test_a_mandate_of_another_companys_creditor_is_never_used(group: Group) -> None:
    """The payer of company 10 has a newer mandate in euros with the creditor of company 20."""
    own = group.payer("10:C1", "DE", "EUR", 0)
    owner = group.customer_of(own)
    group.payer("10:C1", "DE", "EUR", 1, customer=owner)
    group.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001", pay_term="DD", due=DAY)
    group.collect()
    (payment,) = group.payments().values()
    assert payment.body["links"]["mandate"] == own.id


def test_a_payer_with_only_another_creditors_mandate_is_asked_to_set_one_up_with_ours(group: Group) -> None:
    group.payer("20:C2", "DE", "EUR", 0)
    group.tenant.add_invoice("20", "C2", 8_000, invoice_no="20001", pay_term="DD", due=DAY)
    report = group.collect()
    assert [each.code for each in report.not_eligible] == ["no_mandate"]
    assert group.payments() == {}
    rows = group.at.runtime.store.mandate_setups.all(group.at.connection.name)
    posting = group.at.runtime.store.ledger.get(group.at.connection.name, rows[0].posting_key)
    assert posting is not None
    assert posting.posting.facts["creditor"] == group.creditors[1]


def test_payers_have_the_mandates_of_their_companys_creditor_alone(group: Group) -> None:
    own = group.payer("10:C1", "DE", "EUR", 0)
    owner = group.customer_of(own)
    group.payer("10:C1", "DE", "EUR", 1, customer=owner)
    runtime, connection = group.at.runtime, group.at.connection
    group.at.run(DAY, LAST)
    payers = Payers(runtime.store, connection, None).of({"10:C1"})
    assert [mandate.id for mandate in payers["10:C1"].mandates] == [own.id]
