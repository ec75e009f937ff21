"""An ERP whose customers cannot be read is told of changes in GoCardless all the same, and GoCardless gets its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bookkeeping.postings import GOCARDLESS_KINDS
from tests.sites import Site, datev_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    section = {"metadata_keys": ["debtor"], "to_gocardless": "number", "to_erp": "details"}
    with datev_site(tmp_path, customers=section) as site:
        yield site


def run(site: Site) -> None:
    site.run()
    with site.at.runtime.gocardless_target(site.at.connection) as target:
        site.at.runtime.protocol(site.at.connection, target).run(GOCARDLESS_KINDS)


def payer(site: Site):
    world = site.merchant.world
    with world.lock:
        (customer,) = world.customers.ordered
    return customer


def test_the_allocated_debtor_number_is_told_and_edits_reach_the_debtor(site):
    site.merchant.collected(1_000)
    run(site)
    ((number, before),) = site.books().parties.items()
    assert payer(site).body["metadata"] == {"customer_number": "10001", "debtor": str(number)}
    with site.merchant.world.lock:
        payer(site).change(company_name="Nordlys Drift AS", city="Oslo")
    site.merchant.tick()
    run(site)
    ((again, after),) = site.books().parties.items()
    assert again == number
    assert {column: after[column] for column in after if after[column] != before.get(column)} == {
        2: "Nordlys Drift AS",
        8: "Nordlys Drift A",
        19: "Oslo",
    }
    files = len(site.books().files)
    run(site)
    assert len(site.books().files) == files
