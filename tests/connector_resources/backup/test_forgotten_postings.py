"""After an older backup is restored, what was sent since is looked up before anything is sent: no ledger gets it twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from connector_resources.store.backup import back_up
from tests.restoring import back_in_time
from tests.sites import Site, datev_site


def customer_ids(site: Site) -> set[str]:
    return {str(body["id"]) for body in site.at.runtime.store.entities.all(site.name, "customers")}


def first_day(site: Site) -> None:
    for customer in (1, 2):
        site.merchant.mandate(customer)
        site.merchant.collected(10_000 + customer, customer=customer)
    site.merchant.pay_out()


def second_day(site: Site) -> None:
    first = site.merchant.collected(20_001, customer=1)
    second = site.merchant.collected(20_002, customer=2)
    site.merchant.refund(first, 500)
    site.merchant.pay_out()
    site.merchant.charge_back(second)


def test_a_day_that_the_restored_store_forgot_is_not_booked_again(site: Site, tmp_path: Path) -> None:
    first_day(site)
    assert site.run_new().held == []
    backup = tmp_path / "store.backup"
    back_up(site.at.runtime.store.database, backup)
    second_day(site)
    assert site.run_new().held == []
    books, balances, writes = site.documents(), site.ledger_balances(), len(site.writes())

    back_in_time(site, backup)
    report = site.run_new()

    assert report.stopped == ""
    assert report.held == []
    assert (site.documents(), site.ledger_balances()) == (books, balances)
    assert site.unfinished() == {}
    assert site.trail_is_whole()
    assert report.adopted > 0
    assert report.adopted >= report.in_doubt
    # Sage 300's forms are fetched by POST; they write nothing.
    assert [path for _, path in site.writes()[writes:] if "$template" not in path] == []


@pytest.mark.parametrize("site", ["visma"], indirect=True)
def test_what_happened_after_the_restore_is_booked_as_ever(site: Site, tmp_path: Path) -> None:
    first_day(site)
    site.run_new()
    backup = tmp_path / "store.backup"
    back_up(site.at.runtime.store.database, backup)
    second_day(site)
    site.run_new()
    back_in_time(site, backup)
    site.run_new()
    site.merchant.tick(timedelta(hours=2))

    site.merchant.collected(30_003, customer=1)
    report = site.run_new()

    assert (report.stopped, report.held, report.in_doubt) == ("", [], 0)
    assert site.unfinished() == {}


def test_what_was_sent_in_other_company_is_held_and_never_doubled(site: Site, tmp_path: Path) -> None:
    first_day(site)
    site.run_new()
    backup = tmp_path / "store.backup"
    back_up(site.at.runtime.store.database, backup)
    paid = [site.merchant.collected(20_001, customer=1)]
    site.run_new()
    paid.append(site.merchant.collected(20_002, customer=2))
    site.run_new()
    unsent = site.merchant.collected(20_003, customer=1)
    before = site.documents()
    back_in_time(site, backup)

    site.run_new()

    missing = before - site.documents()
    assert not missing
    added = site.documents() - before
    assert all(unsent.id in str(document) or str(20_003) in str(document) for document in added), added
    held = site.held()
    assert set(held.values()) <= {"cannot_tell"}
    if not added:
        assert held.keys() == {each.id for each in (*paid, unsent)}


@pytest.mark.parametrize("site", ["datev", "sage300"], indirect=True)
def test_a_person_who_looked_brings_what_is_held_to_its_end(site: Site, tmp_path: Path) -> None:
    first_day(site)
    site.run_new()
    backup = tmp_path / "store.backup"
    back_up(site.at.runtime.store.database, backup)
    site.merchant.collected(20_001, customer=1)
    back_in_time(site, backup)
    before = site.documents()
    site.run_new()

    site.release()
    report = site.run_new()

    assert (report.stopped, report.held) == ("", [])
    assert site.unfinished() == {}
    assert (site.documents() - before).total() >= 1
    assert not before - site.documents()


@pytest.mark.parametrize("site", ["datev", "exact_online"], indirect=True)
def test_what_was_withdrawn_because_it_is_there_stays_unsent(site: Site, tmp_path: Path) -> None:
    first_day(site)
    site.run_new()
    backup = tmp_path / "store.backup"
    back_up(site.at.runtime.store.database, backup)
    there = site.merchant.collected(20_001, customer=1)
    site.run_new()
    missing = site.merchant.collected(20_002, customer=2)
    before = site.documents()
    back_in_time(site, backup)
    site.run_new()
    ledger = site.at.runtime.store.ledger
    keys = {row.posting.subject: row.posting.key for row in ledger.held(site.name)}

    if there.id in keys:
        ledger.withdraw(site.name, [keys[there.id]], by="Ada", note="booked on the day")
    if missing.id in keys:
        ledger.release(site.name, [keys[missing.id]], by="Ada", note="not there")
    site.run_new()

    assert site.unfinished() == {}
    added = site.documents() - before
    assert added
    assert not any(there.id in str(document) for document in added)


def test_after_a_restore_no_customer_number_is_handed_out_before_a_person_says_which_is_free(tmp_path: Path) -> None:
    with datev_site(tmp_path) as site:
        first_day(site)
        site.run_new()
        backup = tmp_path / "store.backup"
        back_up(site.at.runtime.store.database, backup)
        known = customer_ids(site)
        site.merchant.mandate(3)
        site.merchant.collected(20_001, customer=3)
        site.run_new()
        third = (customer_ids(site) - known).pop()
        number = site.at.runtime.store.customers.get(site.name, [third])[third].erp_customer
        books = site.documents()
        back_in_time(site, backup)
        site.merchant.tick(timedelta(hours=2))
        site.merchant.mandate(4)
        site.merchant.collected(30_001, customer=4)

        site.run_new()
        assert site.documents() == books
        assert set(site.held().values()) == {"customer_unmapped"}
        customers = site.at.runtime.store.customers
        customers.put(site.name, third, number, "by hand")
        customers.continue_numbers_at(site.name, int(number) + 1, by="Ada")
        site.run_new()

        ledger = site.at.runtime.store.ledger
        held = [row.posting for row in ledger.held(site.name)]
        there = [each.key for each in held if each.party and each.party.gocardless_customer == third]
        ledger.withdraw(site.name, there, by="Ada", note="delivered before")
        ledger.release(site.name, [each.key for each in held if each.key not in there], by="Ada", note="not there")
        site.run_new()

        (fourth,) = customer_ids(site) - known - {third}
        assert customers.get(site.name, [fourth])[fourth].erp_customer == str(int(number) + 1)
        added = site.documents() - books
        assert added
        assert all(number not in map(str, row) for row in added), "the third customer's rows came once"
        assert site.unfinished() == {}
        assert not books - site.documents()
