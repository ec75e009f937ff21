"""Who must be told what of a customer that changed on one side, and what is nobody's change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bookkeeping.customer_rules import (
    Agreement,
    CustomerDetails,
    CustomerPolicy,
    Known,
    Sides,
    align_customer,
    carries,
    changed_details,
    details_of,
    gocardless_fields,
    superseded,
)
from bookkeeping.entities import Customer

OPEN = CustomerPolicy("details", "details", "erp_customer")
DETAILS = CustomerDetails("Ada Ltd", "ada@example.com", "1 High St", "", "", "Leeds", "LS1 1AA", "GB")


def customer(make, **changes):
    values = {
        "company_name": "Ada Ltd", "email": "ada@example.com", "address_line1": "1 High St", "city": "Leeds",
        "postal_code": "LS1 1AA", "country_code": "GB", "metadata": {"erp_customer": "42"},
    }  # fmt: skip
    return Customer("CU1", make.start, **{**values, **changes})


def agreed(number="42", erp=DETAILS):
    return Agreement("CU1", Known(DETAILS), Known(erp) if erp else None, number)


def align(make, sides, agreement, policy=OPEN, **unsent):
    return align_customer(sides, agreement, policy, make.settings(), make.start, **unsent)


def test_what_both_sides_say_at_first_is_agreed_however_different(make):
    erp = replace(DETAILS, name="Known Otherwise")
    aligned = align(make, Sides(customer(make), "42", erp), None)
    assert (aligned.to_gocardless, aligned.to_erp) == (None, None)
    assert aligned.agreement == Agreement("CU1", Known(DETAILS), Known(erp), "42")


def test_the_number_is_told_once_and_again_when_it_changes(make):
    sides = Sides(customer(make, metadata={}), "42", DETAILS)
    first = align(make, sides, None)
    assert first.to_gocardless.facts == {
        "customer": "CU1", "erp_customer": "42", "metadata_key": "erp_customer", "metadata_value": "42",
    }  # fmt: skip
    assert align(make, sides, first.agreement).to_gocardless is None
    moved = align(make, replace(sides, number="43"), first.agreement)
    assert (moved.to_gocardless.facts["metadata_value"], moved.to_gocardless.facts["metadata_before"]) == ("43", "42")


@pytest.mark.parametrize("policy", [CustomerPolicy(), CustomerPolicy("number", "link", "erp_customer")])
def test_details_are_told_only_where_that_is_asked_for(make, policy):
    sides = Sides(customer(make, email="new@example.com"), "42", replace(DETAILS, name="New Ltd"))
    aligned = align(make, sides, agreed(), policy)
    assert (aligned.to_gocardless, aligned.to_erp) == (None, None)


def test_each_change_goes_to_the_side_that_did_not_make_it(make):
    sides = Sides(customer(make, email="new@example.com"), "42", replace(DETAILS, city="York", postal_code="YO1"))
    aligned = align(make, sides, agreed())
    assert changed_details(aligned.to_gocardless) == ("city", "postal_code")
    assert changed_details(aligned.to_erp) == ("email",)
    assert aligned.to_gocardless.facts["city"] == "York"
    assert aligned.to_erp.facts["email"] == "new@example.com"
    assert aligned.to_erp.key != aligned.to_gocardless.key


def test_the_erp_wins_where_both_changed_the_same(make):
    sides = Sides(customer(make, email="payer@example.com"), "42", replace(DETAILS, email="debtor@example.com"))
    aligned = align(make, sides, agreed())
    assert aligned.to_gocardless.facts["email"] == "debtor@example.com"
    assert aligned.to_erp is None
    only_back = align(make, sides, agreed(), CustomerPolicy("off", "details"))
    assert (only_back.to_gocardless, changed_details(only_back.to_erp)) == (None, ("email",))


def test_a_value_that_arrives_where_it_was_sent_is_no_change_there(make):
    sides = Sides(customer(make, email="b@example.com"), "42", DETAILS)
    first = align(make, sides, agreed())
    arrived = replace(
        sides, erp=replace(DETAILS, email="B@example.com"), customer=customer(make, email="c@example.com")
    )
    second = align(make, arrived, first.agreement)
    assert second.to_gocardless is None
    assert second.to_erp.facts["email"] == "c@example.com"
    assert second.agreement.erp.sent == {"email": ("c@example.com",)}


def test_several_values_on_their_way_may_arrive_late_or_never(make):
    known = Known(DETAILS, {"email": ("b@example.com", "c@example.com")})
    assert known.after(replace(DETAILS, email="c@example.com"), {}).sent == {}
    assert known.after(replace(DETAILS, email="b@example.com"), {}).sent == {"email": ("c@example.com",)}
    assert known.after(DETAILS, {}).sent == known.sent
    other = replace(DETAILS, email="x@example.com")
    assert known.changed(other) == {"email"}
    assert known.after(other, {}).sent == {}


def test_case_and_blanks_are_no_change(make):
    erp = replace(DETAILS, name="ADA  Ltd", postal_code="ls11aa")
    aligned = align(make, Sides(customer(make), "42", erp), agreed())
    assert (aligned.to_gocardless, aligned.to_erp) == (None, None)


def test_an_empty_name_email_or_country_is_never_sent(make):
    erp = replace(DETAILS, name="", email="", country_code="", city="")
    aligned = align(make, Sides(customer(make), "42", erp), agreed())
    assert changed_details(aligned.to_gocardless) == ("city",)
    assert gocardless_fields(aligned.to_gocardless, "Ada Ltd", "", "") == {"city": None}


def test_without_a_readable_erp_only_gocardless_can_change(make):
    aligned = align(make, Sides(customer(make, city="York"), "42", None), agreed(erp=None))
    assert changed_details(aligned.to_erp) == ("city",)
    again = align(make, Sides(customer(make, city="York"), "42", None), aligned.agreement)
    assert (again.to_erp, again.agreement) == (None, aligned.agreement)


def test_a_shared_erp_customer_is_told_nothing_and_tells_only_its_number(make):
    sides = Sides(customer(make, metadata={}, city="York"), "42", replace(DETAILS, name="Shop"), is_shared=True)
    aligned = align(make, sides, agreed(number=""))
    assert aligned.to_erp is None
    assert changed_details(aligned.to_gocardless) == ()


def test_a_newer_change_carries_what_was_never_sent(make):
    first = align(make, Sides(customer(make), "42", replace(DETAILS, city="York")), agreed())
    sides = Sides(customer(make), "42", replace(DETAILS, city="York", name="New Ltd"))
    second = align(make, sides, first.agreement, unsent_to_gocardless=changed_details(first.to_gocardless))
    assert changed_details(second.to_gocardless) == ("city", "name")
    assert carries(second.to_gocardless, first.to_gocardless)
    assert not carries(first.to_gocardless, second.to_gocardless)
    pair = [first.to_gocardless, second.to_gocardless]
    assert superseded(pair) == {first.to_gocardless.key: second.to_gocardless.key}


def test_a_number_that_was_not_told_is_not_carried_by_a_change_of_details(make):
    told = align(make, Sides(customer(make, metadata={}), "42", DETAILS), None)
    sides = Sides(customer(make, metadata={}), "42", replace(DETAILS, city="York"))
    changed = align(make, sides, told.agreement)
    assert superseded([told.to_gocardless, changed.to_gocardless]) == {}


def test_a_value_that_comes_back_has_another_key_and_the_same_plan_the_same(make):
    there = Sides(customer(make, city="York"), "42", DETAILS)
    first = align(make, there, agreed(erp=None), CustomerPolicy("off", "details"))
    assert align(make, there, agreed(erp=None), CustomerPolicy("off", "details")) == first
    back = align(make, Sides(customer(make), "42", None), first.agreement, CustomerPolicy("off", "details"))
    again = align(make, replace(there, erp=None), back.agreement, CustomerPolicy("off", "details"))
    assert len({first.to_erp.key, back.to_erp.key, again.to_erp.key}) == 3


@pytest.mark.parametrize(
    ("name", "present", "wanted"),
    [
        ("New Ltd", ("Ada Ltd", "", ""), {"company_name": "New Ltd"}),
        ("Ada Maria Berg", ("", "Ada", "Berg"), {"given_name": "Ada Maria", "family_name": "Berg"}),
        ("Ada van Dam", ("", "Ada", "Berg"), {"given_name": "Ada", "family_name": "van Dam"}),
        ("Eva Maria Moe", ("", "Ada", "Berg"), {"given_name": "Eva Maria", "family_name": "Moe"}),
        ("Cher", ("", "Ada", "Berg"), {"company_name": "Cher"}),
    ],
)
def test_a_name_goes_where_gocardless_keeps_it(make, name, present, wanted):
    aligned = align(make, Sides(customer(make), "42", replace(DETAILS, name=name)), agreed())
    assert gocardless_fields(aligned.to_gocardless, *present) == wanted


def test_a_customer_without_a_name_has_none(make):
    assert details_of(customer(make, company_name=None)).name == ""
