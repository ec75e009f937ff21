"""Customers of GoCardless and IFS are found by their e-mail, and kept alike on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bookkeeping.postings import GOCARDLESS_KINDS
from sandbox.clock import SandboxClock
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import World
from sandbox.ifs_cloud.switches import Switches
from sandbox.ifs_cloud.tenant import Tenant
from tests.evenings import DAY, MORNING
from tests.installations import Installation, ifs_cloud_installation
from tests.merchant import Merchant

LAST = DAY + timedelta(days=27)
EMAIL = "load1@example.com"
STREET = {"address_line1": "Storgatan 1", "city": "Stockholm", "postal_code": "11122"}


@dataclass
class Alike:
    """Customer 1 of the merchant and C1 of company 10 are the same, and neither names the other."""

    at: Installation
    tenant: Tenant
    merchant: Merchant

    def run(self) -> None:
        self.merchant.tick(timedelta(hours=1))
        report = self.at.run(DAY, LAST)
        runtime, connection = self.at.runtime, self.at.connection
        with runtime.gocardless_target(connection) as target:
            told = runtime.protocol(connection, target).run(GOCARDLESS_KINDS)
        assert (report.stopped, report.held, told.stopped, told.held) == ("", [], "", [])

    def payer(self) -> Record:
        """The customer in GoCardless."""
        account = self.merchant.world.customer_bank_accounts.get(
            self.merchant.mandate(1).links["customer_bank_account"]
        )
        assert account is not None
        found = self.merchant.world.customers.get(str(account.links["customer"]))
        assert found is not None
        return found

    def in_gocardless(self, **values: Any) -> None:
        with self.merchant.world.lock:
            self.payer().change(**values)

    def said_in_ifs(self) -> tuple[str, str, str]:
        """E-mail, street and city."""
        row = self.tenant.table("CustomerInfoAddress")[("C1", "01")]
        return self.tenant.table("CommMethod")[("C1", 1)]["Value"], row["Address1"], row["City"]

    def patches(self) -> int:
        return sum(1 for method, _ in self.at.erp.faults.requests if method == "PATCH")


@pytest.fixture
def alike(tmp_path: Path) -> Iterator[Callable[..., Alike]]:
    """Opens the connection with these settings under `customers`."""
    with ExitStack() as stack:

        def opened(erp_settings: dict[str, Any] | None = None, **customers: Any) -> Alike:
            world = World(SandboxClock(MORNING), seed=1)
            tenant = Tenant(world.clock, Switches(calls_per_minute=1_000_000))
            tenant.add_company("10", "EUR")
            tenant.add_customer("C1", "Load Customer One", email=EMAIL, country="DE")
            tenant.add_customer("C2", "Somebody Else", email="else@example.com", country="DE")
            at = stack.enter_context(
                ifs_cloud_installation(tmp_path, world, tenant, erp_settings=erp_settings, customers=customers)
            )
            made = Alike(at, tenant, Merchant(world))
            made.payer()
            made.run()
            return made

        yield opened


def link(alike: Alike) -> tuple[str, str]:
    found = alike.at.runtime.store.customers.get(alike.at.connection.name, [alike.payer().id])
    made = found[alike.payer().id]
    return made.erp_customer, made.method


def test_a_payer_is_found_by_the_e_mail_and_told_its_number(alike: Callable[..., Alike]) -> None:
    both = alike(to_gocardless="number")
    assert link(both) == ("10:C1", "email")
    assert both.payer().body["metadata"]["erp_customer"] == "10:C1"


@pytest.mark.parametrize("way", ["sets", "arrays"])
def test_what_changes_in_gocardless_reaches_e_mail_and_address_in_ifs_and_does_not_come_back(
    alike: Callable[..., Alike], way: str
) -> None:
    both = alike({"customer_details": way}, to_gocardless="details", to_erp="details")
    both.in_gocardless(email="new@example.com", address_line1="Nygatan 2", city="Lund")
    both.run()
    assert both.said_in_ifs() == ("new@example.com", "Nygatan 2", "Lund")
    written = both.patches()
    both.run()
    both.run()
    assert both.patches() == written == 2
    assert (both.payer().body["email"], both.payer().body["city"]) == ("new@example.com", "Lund")


def test_what_changes_in_ifs_reaches_gocardless_and_does_not_come_back(alike: Callable[..., Alike]) -> None:
    both = alike(to_gocardless="details", to_erp="details")
    both.tenant.clerk.change_email("C1", "accounts@example.com")
    both.tenant.clerk.change_address("C1", City="Malmö")
    both.run()
    body = both.payer().body
    assert (body["email"], body["city"]) == ("accounts@example.com", "Malmö")
    both.run()
    assert both.patches() == 0
    assert both.said_in_ifs() == ("accounts@example.com", "Storgatan 1", "Malmö")


def test_what_differed_when_they_were_linked_stays_as_it_is(alike: Callable[..., Alike]) -> None:
    both = alike(to_gocardless="details", to_erp="details")
    before = dict(both.payer().body)
    both.run()
    assert both.said_in_ifs() == (EMAIL, STREET["address_line1"], STREET["city"])
    assert {name: both.payer().body[name] for name in STREET} == {name: before[name] for name in STREET}


def test_nothing_of_the_details_is_written_where_only_the_link_is_wanted(alike: Callable[..., Alike]) -> None:
    both = alike()
    both.in_gocardless(email="new@example.com", city="Lund")
    both.run()
    assert both.said_in_ifs() == (EMAIL, "Storgatan 1", "Stockholm")
