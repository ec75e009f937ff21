"""Mandates and customers of GoCardless and Exact Online kept alike, by the runs that a day makes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from connector_resources.customers.registration import update_customers
from sandbox.faults import Fault

TELLING = {"metadata_keys": ["customer_number"], "to_gocardless": "details", "to_erp": "details"}


def bank_account(polder: Any) -> None:
    division = polder.division
    with division.lock:
        division.tables["BankAccounts"].add(
            {
                "ID": division.new_id(), "Account": division.account("10001")["ID"], "BankAccount": "NL91ABNA0417164300",
                "Main": True, "Blocked": False,
            }
        )  # fmt: skip


def kept(polder: Any) -> dict[str, date | None]:
    """Mandates in Exact: reference -> day of cancellation."""
    with polder.division.lock:
        rows = list(polder.division.tables["DirectDebitMandates"])
    assert {row["Main"] for row in rows} <= {0}
    return {row["Reference"]: ended.date() if (ended := row.get("CancellationDate")) else None for row in rows}


def tell_gocardless(polder: Any) -> None:
    """What the asset `customer_updates` does."""
    report = update_customers(polder.runtime, polder.connection)
    assert (report.held, report.stopped) == ([], "")


@pytest.mark.parametrize("end", ["cancel", "fail", "expire"])
def test_a_mandate_that_ended_is_cancelled_in_exact_and_back_when_it_is_reinstated(polder: Any, end: str) -> None:
    bank_account(polder)
    mandate = polder.merchant.mandate(1)
    polder.run()
    assert kept(polder) == {mandate.id: None}

    states = polder.merchant.world.mandate_states
    with polder.merchant.world.lock:
        if end == "fail":
            mandate.body["status"] = "submitted"
        getattr(states, end)(mandate)
    polder.run()
    assert kept(polder) == {mandate.id: date(2026, 6, 3)}

    if end != "fail":
        with polder.merchant.world.lock:
            states.reinstate(mandate)
        polder.run()
        assert kept(polder) == {mandate.id: None}


def test_a_mandate_that_was_replaced_gives_way_to_the_new_one(polder: Any) -> None:
    bank_account(polder)
    old = polder.merchant.mandate(1)
    polder.run()
    with polder.merchant.world.lock:
        new = polder.merchant.world.mandate_states.replace(old)
    polder.run()
    polder.run()
    assert kept(polder) == {old.id: date(2026, 6, 3), new.id: None}


def test_a_change_at_gocardless_reaches_exact_and_one_in_exact_gocardless(open_polder: Any) -> None:
    with open_polder(customers=TELLING) as polder:
        polder.merchant.mandate(1)
        polder.run()
        assert polder.division.account("10001")["SearchCode"].startswith("CU")
        world = polder.merchant.world
        with world.lock:
            (customer,) = world.customers.ordered
            customer.change(email="neu@example.com", city="Utrecht")
        polder.merchant.tick()
        reread(polder)
        polder.run()
        row = polder.division.account("10001")
        assert (row["Email"], row["City"]) == ("neu@example.com", "Utrecht")

        polder.division.clerk.edit_account("10001", AddressLine1="Kade 7")
        polder.run()
        tell_gocardless(polder)
        assert customer.body["address_line1"] == "Kade 7"
        assert (customer.body["email"], customer.body["city"]) == ("neu@example.com", "Utrecht")

        before = polder.writes()
        reread(polder)
        polder.run()
        tell_gocardless(polder)
        assert polder.writes() == before


def reread(polder: Any) -> None:
    """GoCardless tells no change of a customer; the nightly sweep reads customers again."""
    runtime, connection = polder.runtime, polder.connection
    with runtime.gocardless(connection) as client:
        for page in client.list_pages("customers"):
            runtime.store.entities.put("polder", "customers", page, day_of=lambda moment: moment.date())


def test_only_the_evidence_that_is_believed_links_a_customer(open_polder: Any) -> None:
    with open_polder(customers={"metadata_keys": ["customer_number"], "match_by": ["link", "email"]}) as polder:
        polder.division.clerk.edit_account("10002", Email="")
        for number in (1, 2):
            polder.merchant.mandate(number)
        polder.run()
        store = polder.runtime.store
        linked = {number: len(links) for number, links in store.customers.by_erp("polder", ["10001", "10002"]).items()}
        assert linked == {"10001": 1}, "10002 is named in the metadata and by name alone"


REGISTERING = {"metadata_keys": ["customer_number"], "register_new": True}


def customers(polder: Any) -> list[Any]:
    with polder.merchant.world.lock:
        return list(polder.merchant.world.customers.ordered)


def test_new_customers_of_exact_are_registered_once_and_linked_both_ways(open_polder: Any) -> None:
    with open_polder(customers=REGISTERING) as polder:
        polder.division.add_account("10003", "Zonder Adres B.V.")
        polder.division.add_account("10004", "Prospect B.V.", Email="p@example.com", Status="P")
        tell_gocardless(polder)
        assert {c.body["company_name"]: c.body["metadata"]["customer_number"] for c in customers(polder)} == {
            "Load Customer 1": "10001", "Load Customer 2": "10002",
        }  # fmt: skip
        polder.run()
        made = {c.body["metadata"]["customer_number"]: c.id for c in customers(polder)}
        assert polder.division.account("10001")["SearchCode"] == made["10001"]
        links = polder.runtime.store.customers.by_erp("polder", ["10001"])["10001"]
        assert [(link.gocardless_customer, link.method) for link in links] == [(made["10001"], "registered")]

        tell_gocardless(polder)
        polder.division.add_account("10005", "Later B.V.", Email="later@example.com", City="Utrecht")
        tell_gocardless(polder)
        assert len(customers(polder)) == 3
        assert customers(polder)[-1].body["city"] == "Utrecht"


def test_whoever_gocardless_may_know_is_not_registered_again(open_polder: Any) -> None:
    with open_polder(customers={**REGISTERING, "match_by": ["link"]}) as polder:
        polder.merchant.mandate(1)
        tell_gocardless(polder)
        assert sorted(c.body["company_name"] for c in customers(polder)) == ["Load Customer 1", "Load Customer 2"]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error_after"])
def test_an_unanswered_registration_is_made_once(open_polder: Any, kind: str) -> None:
    with open_polder(customers=REGISTERING) as polder:
        polder.gocardless.faults.add(Fault(kind, method="POST", path="/customers$", status=502))
        tell_gocardless(polder)
        tell_gocardless(polder)
        assert len(customers(polder)) == 2
        assert sorted(polder.runtime.store.customers.by_erp("polder", ["10001", "10002"])) == ["10001", "10002"]


def test_nobody_is_registered_unless_the_connection_says_so(polder: Any) -> None:
    tell_gocardless(polder)
    assert customers(polder) == []
