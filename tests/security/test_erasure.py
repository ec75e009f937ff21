"""A customer is forgotten in every byte of the store, on each ledger, and the trail still verifies."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connector.cli import main
from connector_resources.errors import StoreError
from connector_resources.posting.planning import Scope
from connector_resources.store.schema import METADATA
from tests import sites
from tests.evenings import MORNING, evening_world
from tests.merchant import Merchant

NAME, EMAIL = "Zoë Canary & Søns", "zoe.canary@private.example"
#: a part of the name that is the same in every code page and spelling.
NEEDLES = ("Canary", "zoe.canary", "ZOE.CANARY", "CANARY & S")
SITES = {
    "visma": sites.visma_site, "datev": sites.datev_site, "exact_online": sites.exact_online_site,
    "sage300": sites.sage300_site, "ifs_cloud": sites.ifs_cloud_site,
}  # fmt: skip

#: in every run those whose requests are unlike; the others are left to `make leaks`.
LEDGERS = [pytest.param(erp, marks=[] if erp in ("visma", "datev") else pytest.mark.load) for erp in SITES]


def merchant_with(name: str, email: str) -> Merchant:
    """A merchant whose customer 1 is that person, unknown to the ledger, and whose customer 2 is another."""
    merchant = Merchant(evening_world(MORNING))
    world = merchant.world
    with world.lock:
        fields = {
            "company_name": name, "email": email, "country_code": "DE", "address_line1": "Canary Wharf 7", "city": "Ulm",
            "postal_code": "89073",
        }  # fmt: skip
        customer = world.builder.customer(fields, {"customer_number": "10001"})
        account = world.builder.bank_account(
            customer.id, name, "DE1EUR", country_code="DE", currency="EUR", ending="11"
        )
        mandate = world.builder.mandate(account, world.creditors.ordered[0].id, status="active")
        merchant.mandates[1, "EUR"] = mandate
    merchant.tick()
    return merchant


def site_of(erp: str, home: Path) -> AbstractContextManager[sites.Site]:
    settings: dict[str, Any] = {"merchant": merchant_with(NAME, EMAIL)}
    if erp != "datev":
        settings |= {"customers": 2}
    return SITES[erp](home, **settings)


def customer_id(site: sites.Site) -> str:
    with site.merchant.world.lock:
        return str(site.merchant.world.customers.ordered[0].id)


def found(site: sites.Site) -> set[str]:
    """The tables in which something of the person stands."""
    tables: set[str] = set()
    with site.at.runtime.store.database.read() as reading:
        for table in METADATA.tables.values():
            for row in reading.execute(table.select()):
                text = " ".join(v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in row)
                if any(needle in text for needle in NEEDLES):
                    tables.add(table.name)
    return tables


@pytest.mark.parametrize("erp", LEDGERS)
def test_nothing_of_a_forgotten_customer_is_left_in_any_byte_and_the_trail_verifies(erp: str, tmp_path: Path) -> None:
    with site_of(erp, tmp_path) as site:
        site.merchant.collected(customer=1)
        site.run()
        site.run()
        store, person = site.at.runtime.store, customer_id(site)
        _withdraw_what_is_held(site)
        assert "entities" in found(site)
        before = store.trail.head(site.name)[0]
        states = site.at.states()

        erased = store.erasure.forget(site.name, person, by="Ada")

        assert found(site) == set()
        assert person in erased.gocardless_customers
        assert site.trail_is_whole()
        assert store.trail.head(site.name)[0] == before + 1
        assert site.at.states() == states
        assert [row.posting.key for row in store.ledger.of_day(site.name, sites.DAY, sites.LAST)]
        assert store.trail.about(site.name, [min({*erased.gocardless_customers, *erased.erp_customers})])
        files = list(tmp_path.glob("connector.sqlite*"))
        assert files
        assert not [path.name for path in files if b"zoe.canary" in path.read_bytes()]


def _withdraw_what_is_held(site: sites.Site) -> None:
    ledger = site.at.runtime.store.ledger
    keys = [row.posting.key for row in ledger.held(site.name)]
    if keys:
        ledger.withdraw(site.name, keys, by="Ada", note="a customer who wants to be forgotten")


def test_a_customer_with_open_postings_is_not_forgotten(tmp_path: Path) -> None:
    with site_of("visma", tmp_path) as site:
        site.merchant.collected(customer=1)
        scope = Scope(sites.DAY, sites.LAST, False)
        site.at.read(scope)
        site.at.link()
        assert site.at.plan(scope) > 0
        person = customer_id(site)
        with pytest.raises(StoreError, match="not finished"):
            site.at.runtime.store.erasure.forget(site.name, person, by="Ada")
        assert "entities" in found(site)


def test_nobody_is_forgotten_under_a_name_that_is_not_known(tmp_path: Path) -> None:
    with site_of("visma", tmp_path) as site, pytest.raises(StoreError, match="no customer"):
        site.at.runtime.store.erasure.forget(site.name, "CU0000000000", by="Ada")


def test_the_commands_do_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with site_of("visma", tmp_path) as site:
        site.merchant.collected(customer=2)
        site.deliver(*site.events())
        site.run()
        person = customer_id(site)
        monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
        told = CliRunner().invoke(main, ["forget", site.name, person, "--yes"])
        assert told.exit_code == 0, told.output
        assert "is forgotten" in told.output
        assert CliRunner().invoke(main, ["forget", site.name, person], input="n\n").exit_code != 0
        pruned = CliRunner().invoke(main, ["prune", site.name, "--older-than", "1"])
        assert pruned.exit_code == 0, pruned.output


def test_old_bodies_are_emptied_and_their_hashes_and_events_stay(tmp_path: Path) -> None:
    with site_of("visma", tmp_path) as site:
        site.merchant.collected(customer=1)
        site.deliver(*site.events())
        erasure, now = site.at.runtime.store.erasure, site.at.runtime.clock()
        assert erasure.prune(site.name, now + timedelta(days=1)) == 0, "nobody has taken the events yet"
        site.at.runtime.store.deliveries.take()
        assert erasure.prune(site.name, now - timedelta(days=1)) == 0
        assert erasure.prune(site.name, now + timedelta(days=1)) == 1
        assert erasure.prune(site.name, now + timedelta(days=1)) == 0
        assert site.waiting()
        assert site.trail_is_whole()
        assert site.run() is not None
