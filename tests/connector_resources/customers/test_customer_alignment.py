"""Customers are kept alike on both sides: each change is told once to the other side, and never sent back."""

from __future__ import annotations

import pytest

from connector_resources.posting.planning import Scope
from connector_resources.proofs.proofs import nothing_unposted
from sandbox.gocardless.world import READ_ONLY_TOKEN, READ_WRITE_TOKEN
from tests.evenings import DAY
from tests.sites import LAST

BOTH = {"to_gocardless": "details", "to_erp": "details"}
SCOPE = Scope(DAY, LAST, only_new=False)
ADDRESS = {"address_line1": "Havnegata 2", "city": "Oslo", "postal_code": "0150"}


def started(both_sides, *numbers, **settings):
    """Three (or these) payers that both sides know as they are."""
    sides = both_sides(**settings)
    for number in numbers or (1, 2, 3):
        sides.payer(number)
    sides.run()
    return sides


# --- the ERP number in GoCardless ------------------------------------------------------------------------------------


def test_the_erp_number_is_written_beside_the_other_metadata(both_sides):
    sides = both_sides(to_gocardless="number")
    sides.site.merchant.mandate(1, shop="north", tier="gold")
    sides.run()
    assert sides.payer().body["metadata"] == {"shop": "north", "tier": "gold", "customer_number": "10001"}
    assert sides.states()["gocardless_customer posted"] == 1


def test_a_number_that_is_there_already_is_not_written_again(both_sides):
    sides = started(both_sides, to_gocardless="number")
    assert [path for _, path in sides.writes() if path.startswith("/customers/")] == []


def test_nothing_is_told_to_gocardless_unless_it_is_asked_for(both_sides):
    sides = both_sides()
    sides.site.merchant.mandate(1, shop="north")
    sides.run()
    sides.in_erp(email="new@example.com")
    sides.run()
    assert "gocardless_customer posted" not in sides.states()
    assert sides.payer().body["metadata"] == {"shop": "north"}
    assert sides.payer().body["email"] == "load1@example.com"


def test_a_customer_with_three_other_keys_is_held_and_keeps_them(both_sides):
    sides = both_sides(to_gocardless="number")
    full = {"a": "1", "b": "2", "c": "3"}
    sides.site.merchant.mandate(1, **full)
    sides.run()
    assert sides.payer().body["metadata"] == full
    assert sides.held()[sides.payer().id] == "metadata_full"

    sides.in_gocardless(metadata={"a": "1", "b": "2"})
    sides.site.release()
    sides.to_gocardless()
    assert sides.payer().body["metadata"] == {"a": "1", "b": "2", "customer_number": "10001"}


def test_a_number_that_somebody_else_wrote_is_not_overwritten(both_sides):
    sides = both_sides(to_gocardless="number")
    sides.site.merchant.mandate(1, customer_number="4711")
    sides.run()
    assert sides.payer().body["metadata"] == {"customer_number": "4711"}
    assert sides.held()[sides.payer().id] == "metadata_taken"


def test_a_customer_that_is_linked_to_another_number_gets_that_one(both_sides):
    sides = started(both_sides, 1, to_gocardless="number")
    links = sides.site.at.runtime.store.customers
    links.replace(sides.site.name, sides.payer().id, "10003", by="Ada", note="moved")
    sides.run()
    assert sides.payer().body["metadata"] == {"customer_number": "10003"}
    links.replace(sides.site.name, sides.payer().id, "10001", by="Ada", note="moved back")
    sides.run()
    assert sides.payer().body["metadata"] == {"customer_number": "10001"}


# --- name, e-mail and address ----------------------------------------------------------------------------------------


def test_a_change_in_the_erp_is_told_to_gocardless(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_erp(
        name="Nordlys Drift AS", email="books@nordlys.example",
        address={"addressLine1": "Havnegata 2", "city": "Oslo", "postalCode": "0150"},
    )  # fmt: skip
    report, update = sides.run()
    assert (report.held, update.held, update.submissions) == ([], [], 1)
    body = sides.payer().body
    assert (body["company_name"], body["email"]) == ("Nordlys Drift AS", "books@nordlys.example")
    assert {name: body[name] for name in ADDRESS} == ADDRESS
    assert body["metadata"] == {"customer_number": "10001"}


def test_a_change_in_gocardless_is_told_to_the_erp(both_sides):
    sides = started(both_sides, **BOTH)
    before = dict(sides.debtor().attributes)
    sides.in_gocardless(company_name="Nordlys Drift AS", email="books@nordlys.example", **ADDRESS)
    report, update = sides.run()
    assert (report.held, update.held, update.submissions) == ([], [], 0)
    debtor = sides.debtor()
    assert (debtor.name, debtor.email) == ("Nordlys Drift AS", "books@nordlys.example")
    assert debtor.address["addressLine1"] == "Havnegata 2"
    assert (debtor.address["city"], debtor.address["postalCode"]) == ("Oslo", "0150")
    assert debtor.attributes == before


def test_a_person_keeps_given_and_family_name_apart(both_sides):
    sides = both_sides(**BOTH)
    sides.payer()
    sides.in_gocardless(company_name=None, given_name="Kari", family_name="Moe")
    sides.in_erp(name="Kari Moe")
    sides.run()
    sides.in_erp(name="Kari Anne Moe")
    sides.run()
    body = sides.payer().body
    assert (body["company_name"], body["given_name"], body["family_name"]) == (None, "Kari Anne", "Moe")


def test_what_was_different_when_they_were_linked_stays_different(both_sides):
    sides = both_sides(**BOTH)
    sides.payer()
    sides.in_erp(name="Known Otherwise", email="other@example.com")
    sides.run()
    sides.run()
    assert sides.payer().body["company_name"] == "Load Customer 1"
    assert sides.debtor().name == "Known Otherwise"


def test_changes_of_different_fields_on_both_sides_meet(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_gocardless(email="payer@example.com")
    sides.in_erp(name="Nordlys Drift AS")
    sides.run()
    assert (sides.payer().body["company_name"], sides.payer().body["email"]) == (
        "Nordlys Drift AS",
        "payer@example.com",
    )
    assert (sides.debtor().name, sides.debtor().email) == ("Nordlys Drift AS", "payer@example.com")


def test_when_both_sides_changed_the_same_field_the_erp_wins(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_gocardless(email="payer@example.com")
    sides.in_erp(email="debtor@example.com")
    sides.run()
    sides.run()
    assert sides.payer().body["email"] == sides.debtor().email == "debtor@example.com"


@pytest.mark.parametrize(
    ("settings", "gocardless", "erp"),
    [
        ({"to_gocardless": "details"}, "debtor@example.com", "debtor@example.com"),
        ({"to_erp": "details"}, "payer@example.com", "payer@example.com"),
        ({"to_gocardless": "number"}, "payer@example.com", "debtor@example.com"),
    ],
)
def test_changes_go_only_the_way_that_is_open(both_sides, settings, gocardless, erp):
    sides = started(both_sides, **settings)
    sides.in_gocardless(email="payer@example.com")
    sides.in_erp(email="debtor@example.com")
    sides.run()
    sides.run()
    assert (sides.payer().body["email"], sides.debtor().email) == (gocardless, erp)


def test_a_line_that_is_cleared_is_cleared_on_the_other_side_but_never_a_name_or_an_email(both_sides):
    sides = both_sides(**BOTH)
    sides.payer()
    sides.in_gocardless(address_line2="c/o Moe", city="Oslo")
    sides.in_erp(address={"addressLine2": "c/o Moe", "city": "Oslo"})
    sides.run()
    sides.in_erp(email="", address={"addressLine2": ""})
    sides.run()
    body = sides.payer().body
    assert (body["address_line2"], body["city"], body["email"]) == (None, "Oslo", "load1@example.com")


def test_an_erp_customer_that_several_payers_share_is_told_nothing_of_them(both_sides):
    sides = started(both_sides, 1, 2, **BOTH)
    links = sides.site.at.runtime.store.customers
    links.replace(sides.site.name, sides.payer(2).id, "10001", by="Ada", note="one web shop debtor")
    sides.in_gocardless(1, email="one@example.com")
    sides.in_erp(1, name="Web shop")
    sides.run()
    assert sides.debtor(1).email == "load1@example.com"
    assert sides.payer(1).body["company_name"] == "Load Customer 1"


def test_an_inactive_erp_customer_is_left_alone(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_erp(status="Inactive", name="Gone")
    sides.in_gocardless(email="payer@example.com")
    report, update = sides.run()
    assert (report.held, update.submissions) == ([], 0)
    assert (sides.payer().body["company_name"], sides.debtor().email) == ("Load Customer 1", "load1@example.com")


# --- never back and forth --------------------------------------------------------------------------------------------


def test_after_a_change_on_each_side_further_runs_write_nothing(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_erp(1, email="debtor@example.com", address={"city": "Bergen"})
    sides.in_gocardless(2, company_name="Payer Ltd", **ADDRESS)
    sides.run()
    written = sides.writes()
    for _ in range(3):
        sides.site.merchant.tick()
        sides.run()
    assert sides.writes() == written
    assert sides.site.unfinished() == {}


def test_a_side_that_spells_a_value_its_own_way_does_not_start_a_quarrel(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_erp(email="Debtor@Example.com", address={"postalCode": "SW1A 1AA"})
    sides.run()
    sides.in_gocardless(email="debtor@example.com", postal_code="SW1A1AA")
    written = sides.writes()
    sides.run()
    sides.run()
    assert sides.writes() == written


def test_a_value_that_comes_back_later_is_a_change_of_its_own(both_sides):
    sides = started(both_sides, **BOTH)
    for name in ("Second AS", "Third AS", "Second AS"):
        sides.in_erp(name=name)
        sides.run()
        assert sides.payer().body["company_name"] == name
    for email in ("b@example.com", "c@example.com", "b@example.com"):
        sides.in_gocardless(email=email)
        sides.run()
        assert sides.debtor().email == email


def test_a_run_that_only_looks_at_new_events_reads_no_customers_again(both_sides):
    sides = started(both_sides, **BOTH)
    requests = sides.site.at.gocardless.faults.requests
    requests.clear()
    sides.site.run_new()
    assert ("GET", "/customers") not in requests


# --- when it cannot be written ---------------------------------------------------------------------------------------


def test_a_token_that_may_only_read_holds_the_change_until_it_may_write(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_erp(email="debtor@example.com")
    vault = sides.site.at.runtime.store.vault
    vault.write(sides.site.name, "gocardless_access_token", READ_ONLY_TOKEN)
    _, update = sides.run()
    assert [hold.code for hold in update.held] == ["insufficient_permissions"]
    assert "read-write token" in update.held[0].next_step
    assert sides.payer().body["email"] == "load1@example.com"

    vault.write(sides.site.name, "gocardless_access_token", READ_WRITE_TOKEN)
    sides.site.release()
    sides.run()
    assert sides.payer().body["email"] == "debtor@example.com"


def test_a_newer_change_takes_the_place_of_one_that_is_held(both_sides):
    sides = started(both_sides, **BOTH)
    vault = sides.site.at.runtime.store.vault
    vault.write(sides.site.name, "gocardless_access_token", READ_ONLY_TOKEN)
    sides.in_erp(email="debtor@example.com")
    sides.run()
    vault.write(sides.site.name, "gocardless_access_token", READ_WRITE_TOKEN)
    sides.in_erp(name="Nordlys Drift AS")
    sides.run()
    body = sides.payer().body
    assert (body["company_name"], body["email"]) == ("Nordlys Drift AS", "debtor@example.com")
    assert (sides.states()["gocardless_customer posted"], sides.held()) == (1, {})
    assert sides.states()["gocardless_customer withdrawn"] == 1


def test_two_changes_that_wait_together_are_sent_as_one(both_sides):
    sides = started(both_sides, **BOTH)
    for email in ("first@example.com", "second@example.com"):
        sides.in_erp(2, email=email)
        sides.in_gocardless(3, email=email)
        sides.site.at.read(SCOPE)
        sides.site.at.link()
    written = len(sides.writes())
    report, update = sides.run()
    assert (report.held, update.held, len(sides.writes()) - written) == ([], [], 2)
    assert sides.payer(2).body["email"] == sides.debtor(3).email == "second@example.com"


def test_a_removed_customer_is_held(both_sides):
    sides = started(both_sides, **BOTH)
    removed = sides.payer()
    sides.in_erp(email="debtor@example.com")
    sides.site.run()
    with sides.site.merchant.world.lock:
        sides.site.merchant.world.customers.remove(removed)
    assert [hold.code for hold in sides.to_gocardless().held] == ["customer_missing"]


def test_a_value_that_gocardless_does_not_take_is_held_with_its_words(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_erp(email="not an address")
    _, update = sides.run()
    assert [hold.code for hold in update.held] == ["validation_failed"]
    assert "email" in update.held[0].reason


def test_a_change_that_waits_for_gocardless_is_not_the_erps_to_post_but_a_held_one_is_shown(both_sides):
    sides = started(both_sides, **BOTH)
    sides.in_erp(email="not an address")
    sides.site.run()
    runtime, connection = sides.site.at.runtime, sides.site.at.connection
    assert nothing_unposted(runtime, connection, SCOPE).rows == []
    sides.to_gocardless()
    assert len(nothing_unposted(runtime, connection, SCOPE).rows) == 1
