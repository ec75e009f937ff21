"""Finding the customer and the invoice: by evidence, strongest first, and never by a guess."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkeeping.entities import Customer
from bookkeeping.matching import (
    Ambiguous,
    CustomerCandidate,
    CustomerMatch,
    InvoiceCandidate,
    NoMatch,
    match_customer,
    match_invoices,
    normalised_name,
)
from bookkeeping.money import Money, total

NOW = datetime(2024, 3, 4, tzinfo=UTC)
ADA = Customer("CU1", NOW, company_name="Ada & Søn A/S", email="Ada@Example.com", metadata={"erp_no": "10042"})


def find(*candidates, customer=ADA, keys=("erp_no",)):
    return match_customer(customer, candidates, keys)


def test_the_stored_link_is_stronger_than_everything_else():
    linked = CustomerCandidate("7", "Somebody", gocardless_customer="CU1")
    number = CustomerCandidate("10042", "Ada & Søn A/S", "ada@example.com")
    assert find(number, linked) == CustomerMatch("7", "stored_link")


@pytest.mark.parametrize(
    ("candidate", "method"),
    [
        (CustomerCandidate("10042", "Somebody"), "metadata:erp_no"),
        (CustomerCandidate("8", "Somebody", " ADA@example.COM "), "email"),
        (CustomerCandidate("9", "ADA & SØN  a/s"), "name"),
    ],
)
def test_each_evidence_finds_the_customer_and_names_itself(candidate, method):
    assert find(CustomerCandidate("1", "Ada"), candidate) == CustomerMatch(candidate.number, method)


def test_only_what_is_believed_is_evidence_in_the_order_given():
    by_name, by_email = CustomerCandidate("9", "Ada & Søn A/S"), CustomerCandidate("8", "Somebody", "ada@example.com")
    assert match_customer(ADA, [by_name], (), ("link", "email")) == NoMatch(
        "no active ERP customer has the id or e-mail of CU1"
    )
    assert match_customer(ADA, [by_name, by_email], (), ("name", "email")) == CustomerMatch("9", "name")
    assert match_customer(ADA, [by_name, by_email], (), ("email", "name")) == CustomerMatch("8", "email")
    assert match_customer(ADA, [by_name], (), ("name",)) == CustomerMatch("9", "name")


def test_a_part_of_the_name_is_no_evidence():
    result = find(CustomerCandidate("1", "Ada & Søn"), CustomerCandidate("2", "Ada & Søn A/S Holding"))
    assert isinstance(result, NoMatch)


@pytest.mark.parametrize("field", ["email", "name"])
def test_two_equal_candidates_are_left_to_a_person(field):
    same = {"email": ("X", "ada@example.com"), "name": ("Ada & Søn A/S", "")}[field]
    result = find(CustomerCandidate("2", *same), CustomerCandidate("1", *same))
    assert result == Ambiguous(("1", "2"), f"2 ERP customers share the {field.replace('email', 'e-mail')} of CU1")


def test_weaker_evidence_never_breaks_a_tie_of_stronger():
    by_mail = [CustomerCandidate(n, "X", "ada@example.com") for n in ("1", "2")]
    assert isinstance(find(*by_mail, CustomerCandidate("3", "Ada & Søn A/S")), Ambiguous)


def test_inactive_customers_are_never_chosen():
    assert isinstance(find(CustomerCandidate("10042", "Ada & Søn A/S", "ada@example.com", active=False)), NoMatch)
    asleep = find(CustomerCandidate("7", "X", active=False, gocardless_customer="CU1"))
    assert isinstance(asleep, NoMatch)
    assert "inactive" in asleep.why


def test_a_candidate_linked_to_another_gocardless_customer_is_not_taken():
    assert isinstance(find(CustomerCandidate("10042", "Ada & Søn A/S", gocardless_customer="CU2")), NoMatch)


def test_a_nameless_customer_is_not_matched_by_its_id():
    nameless = Customer("CU9", NOW)
    assert isinstance(find(CustomerCandidate("1", "CU9"), customer=nameless), NoMatch)


def test_names_are_normalised_not_abbreviated():
    assert normalised_name("  Müller,  Söhne & Co. ") == normalised_name("MULLER SOHNE CO")
    assert normalised_name("Müller Co") != normalised_name("Müller")


def invoice(number, minor=10000, customer="C1", currency="GBP", **changes):
    return InvoiceCandidate(number, customer, Money(minor, currency), **changes)


def match(references, invoices, minor=10000, customer="C1"):
    return match_invoices(references, invoices, Money(minor, "GBP"), customer)


def settled(result):
    return [(allocation.invoice, allocation.amount.minor) for allocation in result.allocations]


@pytest.mark.parametrize(
    ("reference", "method"),
    [
        ("INV-0017", "reference"), ("inv 0017", "reference"), ("INV0017", "reference"),
        ("Payment for inv-0017, thanks", "reference_in_text"), ("erp:main:C1:INV-0017", "reference_in_text"),
    ],
)  # fmt: skip
def test_an_invoice_is_found_by_its_number(reference, method):
    result = match([reference], [invoice("INV-0017"), invoice("INV-0018")])
    assert (settled(result), result.method, result.on_account.minor) == ([("INV-0017", 10000)], method, 0)


def test_leading_zeros_are_ignored_only_when_nothing_fits_better():
    both = [invoice("0017"), invoice("17")]
    assert settled(match(["17"], both)) == [("17", 10000)]
    lax = match(["17"], [invoice("0017")])
    assert (settled(lax), lax.method) == ([("0017", 10000)], "reference_without_zeros")


def test_further_references_of_an_invoice_count():
    assert settled(match(["RF18 5390"], [invoice("1", references=("RF185390",))])) == [("1", 10000)]


@pytest.mark.parametrize("text", ["order 10017", "INV-00171", "x17y", "inv-001"])
def test_a_number_inside_another_word_is_no_match(text):
    result = match([text], [invoice("INV-0017"), invoice("17", 500)])
    assert (settled(result), result.method, result.on_account.minor) == ([], "none", 10000)


def test_a_part_payment_leaves_the_rest_open_and_an_overpayment_goes_on_account():
    part = match(["A1"], [invoice("A1", 15000)])
    assert (settled(part), part.on_account.minor) == ([("A1", 10000)], 0)
    assert part.notes == ("invoice A1 keeps 50.00 GBP open",)
    over = match(["A1"], [invoice("A1", 4000)])
    assert (settled(over), over.on_account.minor) == ([("A1", 4000)], 6000)
    assert "on account" in over.notes[0]


def test_several_invoices_in_one_reference_are_filled_oldest_first():
    invoices = [invoice("A2", 7000, due_on=date(2024, 1, 9)), invoice("A1", 7000, due_on=date(2024, 2, 9))]
    assert settled(match(["A1, A2"], invoices)) == [("A2", 7000), ("A1", 3000)]


def test_the_best_reference_that_finds_anything_decides():
    invoices = [invoice("A1"), invoice("A2")]
    assert settled(match(["nonsense", "A2", "A1"], invoices)) == [("A2", 10000)]


def test_one_reference_that_fits_two_invoices_settles_neither():
    result = match(["KID1"], [invoice("A1", references=("KID1",)), invoice("A2", references=("KID1",))])
    assert settled(result) == []
    assert "fits several invoices: A1, A2" in result.notes[0]


def test_an_invoice_of_another_customer_is_reported_not_settled():
    result = match(["A1"], [invoice("A1", customer="C2"), invoice("A2")])
    assert settled(result) == []
    assert result.notes == ("invoice A1 belongs to customer C2, not C1",)


def test_an_invoice_in_another_currency_is_reported_not_settled():
    result = match(["A1"], [invoice("A1", currency="EUR")])
    assert (settled(result), result.notes) == ([], ("invoice A1 is in EUR, the payment in GBP",))


def test_an_amount_alone_decides_only_for_the_single_open_invoice():
    assert match([], [invoice("A1"), invoice("B1", customer="C2")]).method == "only_open_invoice"
    assert match([], [invoice("A1"), invoice("A2")]).method == "none"
    assert match([], [invoice("A1"), invoice("A2", 1)]).method == "none"
    assert match([], [invoice("A1", 9999)]).method == "none"
    assert match([], [invoice("A1")], customer=None).method == "none"


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(-50, 500), st.sampled_from(["C1", "C2"]))),
    st.lists(st.text("A0123456789 ,-", max_size=9)), st.integers(1, 900),
)  # fmt: skip
def test_whatever_is_matched_the_parts_sum_to_the_amount(drawn, references, minor):
    invoices = [invoice(f"A{i}", units, customer) for i, units, customer in drawn]
    result = match(references, invoices, minor)
    amounts = [allocation.amount for allocation in result.allocations]
    assert total(amounts, "GBP") + result.on_account == Money(minor, "GBP")
    assert all(amount.minor > 0 for amount in amounts)
    assert result.on_account.minor >= 0
    assert {a.invoice for a in result.allocations} <= {i.number for i in invoices if i.customer == "C1"}
