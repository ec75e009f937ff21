"""Customers by the day of their change, mandates in optional fields, open invoices and recurring charges."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.money import Money
from connector_resources.errors import BadAnswer

DETAILS = {"changed": "city email name", "revision": "1", "name": "Nordlys BV", "email": "new@nordlys.example"}


def optional(site: Any, number: str = "1200") -> dict[str, str]:
    rows = site.company.tables["ARCustomers"][number]["CustomerOptionalFieldValues"]
    return {row["OptionalField"]: row["Value"] for row in rows}


def read(site: Any, mark: str | None = None, **changes: Any) -> tuple[list[str], str]:
    """Numbers of the customers that were told, and the new mark."""
    connector = site.connector(**changes)
    numbers = [row.number for row in connector.customers(mark)]
    return numbers, connector.customers_mark()


# --- mandates and links --------------------------------------------------------------------------------------------------


def test_a_mandate_is_written_into_optional_fields(site: Any, given: SimpleNamespace) -> None:
    report = site.post(given.mandate("active"))

    assert report.held == []
    assert optional(site) == {
        "GCMANDATE": "MD000123", "GCMDSTATUS": "ACTIVE", "GCMDDATE": "20260302", "GCSCHEME": "SEPA_CORE",
        "GCBANK": "BA000123",
    }  # fmt: skip


def test_its_end_changes_what_stands_there_and_nothing_else(site: Any, given: SimpleNamespace) -> None:
    site.post(given.mandate("active"))
    site.company.clerk.edit_customer("1200", City="Utrecht")

    report = site.post(given.mandate("cancelled", event="EV00077"))

    assert report.held == []
    assert optional(site)["GCMDSTATUS"] == "CANCELLED"
    assert site.company.tables["ARCustomers"]["1200"]["City"] == "Utrecht"


def test_the_end_of_an_old_mandate_leaves_the_new_one(site: Any, given: SimpleNamespace) -> None:
    site.post(given.mandate("active", "MD000999"))

    site.post(given.mandate("expired", event="EV00077"))

    assert (optional(site)["GCMANDATE"], optional(site)["GCMDSTATUS"]) == ("MD000999", "ACTIVE")


def test_what_is_there_already_costs_no_write(site: Any, given: SimpleNamespace) -> None:
    site.post(given.mandate("active"))
    site.sandbox.faults.requests.clear()

    site.post(given.mandate("active", event="EV00077"))

    assert {method for method, _ in site.sandbox.faults.requests} == {"GET"}


def test_by_setting_mandates_stay_here(site: Any, given: SimpleNamespace) -> None:
    made = given.mandate("active")

    site.post(made, mandate_store="own")

    assert optional(site) == {}
    assert "own" in site.row(made).nothing_to_book


def test_a_field_that_does_not_exist_is_named(site: Any, given: SimpleNamespace) -> None:
    site.post(given.mandate("active"), optional_fields={"mandate": "NOSUCH"})

    assert site.held() == {"MD000123": "optional_field_refused"}


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error_after"])
def test_an_unanswered_update_is_looked_up(site: Any, given: SimpleNamespace, kind: str) -> None:
    made = given.mandate("active")
    site.break_next(kind, "ARCustomers", method="PATCH")

    site.post(made)

    assert (site.state(made), site.held()) == ("posted", {})
    assert optional(site)["GCMANDATE"] == "MD000123"


def test_a_linked_customer_carries_the_gocardless_id_and_keeps_the_first(site: Any, given: SimpleNamespace) -> None:
    site.post(given.posting(given.kinds.CUSTOMER, "CU000123"))
    site.post(given.posting(given.kinds.CUSTOMER, "CU000999", event="EV00099"))

    assert optional(site)["GCCUST"] == "CU000123"


def test_changed_details_are_written(site: Any, given: SimpleNamespace) -> None:
    site.company.clerk.edit_customer("1200", City="Utrecht")

    report = site.post(given.posting(given.kinds.CUSTOMER, "CU000123", facts=DETAILS))

    assert report.held == []
    row = site.company.tables["ARCustomers"]["1200"]
    assert (row["CustomerName"], row["Email"], row["City"]) == ("Nordlys BV", "new@nordlys.example", "")


def test_a_new_customer_is_made_once_under_its_gocardless_id(site: Any, given: SimpleNamespace) -> None:
    facts = {"name": "Zeeland Fietsen", "email": "info@zeeland.example", "city": "Goes"}
    made = given.posting(given.kinds.CUSTOMER, "CU000777", customer=None, facts=facts)
    site.break_next("drop_after", "ARCustomers", method="POST")
    creating = {"create_customers": True, "customer_group": "RTL", "customer_tax_group": "NOTAX"}

    report = site.post(made, **creating)

    assert (report.held, report.adopted) == ([], 1)
    row = site.company.tables["ARCustomers"]["CU000777"]
    assert (row["CustomerName"], row["City"], optional(site, "CU000777")) == (
        "Zeeland Fietsen", "Goes", {"GCCUST": "CU000777"},
    )  # fmt: skip


def test_none_is_made_beside_one_with_the_same_email(site: Any, given: SimpleNamespace) -> None:
    facts = {"name": "Nordlys", "email": "ap@nordlys.example"}
    made = given.posting(given.kinds.CUSTOMER, "CU000777", customer=None, facts=facts)

    site.post(made, create_customers=True, customer_group="RTL", customer_tax_group="NOTAX")

    assert site.held() == {"CU000777": "customer_exists"}


def test_a_number_that_cannot_stand_in_an_address_is_held(site: Any, given: SimpleNamespace) -> None:
    site.company.add_customer("A/B", "Slash")

    site.post(given.mandate("active", customer="A/B"))

    assert site.held() == {"MD000123": "customer_number_invalid"}


# --- the feed ------------------------------------------------------------------------------------------------------------


def test_at_first_all_customers_are_told_then_only_what_changed(site: Any, given: SimpleNamespace) -> None:
    site.company.clock.advance(given.hours(72))
    numbers, mark = read(site)
    assert numbers == ["1200", "1300"]

    site.company.clerk.edit_customer("1300", City="Delft")

    assert read(site, mark)[0] == ["1300"]


def test_a_second_change_on_the_same_day_is_told_and_a_reading_without_change_is_not(site: Any) -> None:
    _, mark = read(site)
    assert read(site, mark)[0] == []

    site.company.clerk.edit_customer("1300", City="Delft")
    numbers, mark = read(site, mark)
    assert numbers == ["1300"]
    assert read(site, mark)[0] == []

    site.company.clerk.edit_customer("1300", City="Leiden")
    assert read(site, mark)[0] == ["1300"]


def test_our_own_write_to_a_customer_is_no_change(site: Any, given: SimpleNamespace) -> None:
    _, mark = read(site)

    site.post(given.mandate("active"))

    assert read(site, mark)[0] == []


def test_a_mark_of_another_kind_means_reading_everything(site: Any) -> None:
    assert read(site, "2026-03-02T10:00:00")[0] == ["1200", "1300"]
    assert read(site, json.dumps({"day": "soon", "seen": {}}))[0] == ["1200", "1300"]


def test_inactive_customers_are_told_as_such(site: Any) -> None:
    site.company.add_customer("1400", "Gone", Status="Inactive")

    active = {row.number: row.active for row in site.connector().customers()}

    assert active == {"1200": True, "1300": True, "1400": False}


def test_customers_that_come_while_pages_are_read_shift_nothing(site: Any) -> None:
    site.company.switches.change({"page_size": 2})
    for number in range(2000, 2006):
        site.company.add_customer(str(number), f"Customer {number}")
    connector = site.connector()
    connector.prepare([])
    site.company.between_pages.append(lambda: site.company.add_customer("1000", "Comes first"))

    numbers = [row.number for row in connector.customers()]

    assert numbers == ["1200", "1300", *(str(number) for number in range(2000, 2006))]


# --- open invoices -------------------------------------------------------------------------------------------------------


def open_items(site: Any, **changes: Any) -> dict[str, int]:
    return {item.number: item.open_amount.minor for item in site.connector(**changes).open_invoices()}


def test_open_invoices_are_told_with_what_is_still_due(site: Any) -> None:
    site.company.add_invoice("1200", "IN1", 10_000, due=date(2026, 4, 1), PONumber="ORDER 7")
    site.company.add_invoice("1300", "CN1", 2_500, DocumentType="CreditNote")
    site.company.add_invoice("1300", "IN2", 5_000)
    site.company.clerk.receive("1300", "IN2", 5_000)

    items = {item.number: item for item in site.connector().open_invoices()}

    assert set(items) == {"IN1", "CN1"}
    assert (items["IN1"].open_amount, items["IN1"].due_on) == (Money(10_000, "EUR"), date(2026, 4, 1))
    assert items["IN1"].references == ("ORDER 7",)
    assert (items["CN1"].open_amount, items["CN1"].document_type) == (Money(-2_500, "EUR"), "credit")


def test_receipts_that_are_not_posted_lower_what_is_due(site: Any, given: SimpleNamespace) -> None:
    site.company.add_invoice("1200", "IN1", 10_000)
    site.company.clerk.receive("1200", "IN1", 2_000, post=False)

    site.post(given.receipt(minor=3_000, invoice="IN1"))

    assert open_items(site) == {"IN1": 5_000}


def test_a_payment_taken_back_reopens_its_invoice(site: Any, given: SimpleNamespace) -> None:
    site.company.add_invoice("1200", "IN1", 12_500)
    paid = given.receipt(invoice="IN1")

    site.post(paid, given.reversal(paid), post_mode="post")

    (item,) = site.connector().open_invoices()
    assert (item.open_amount.minor, item.reopens, item.document_type) == (12_500, "IN1", "invoice")


def test_documents_of_customers_on_hold_are_on_hold(site: Any) -> None:
    site.company.add_invoice("1200", "IN1", 10_000)
    site.company.clerk.hold_customer("1200")

    (item,) = site.connector().open_invoices()

    assert item.on_hold


def test_the_same_number_of_two_customers_is_told_apart(site: Any, given: SimpleNamespace) -> None:
    site.company.add_invoice("1200", "IN1", 12_500)
    site.company.add_invoice("1300", "IN1", 7_000)

    assert open_items(site) == {"IN1/1200": 12_500, "IN1/1300": 7_000}


def test_long_lists_are_read_page_by_page(site: Any) -> None:
    site.company.switches.change({"page_size": 3})
    for number in range(8):
        site.company.add_invoice("1200", f"IN{number}", 1_000)

    assert len(open_items(site)) == 8


def test_a_list_that_changes_while_it_is_read_is_read_again(site: Any) -> None:
    site.company.switches.change({"page_size": 3})
    for number in range(8):
        site.company.add_invoice("1200", f"IN{number}", 1_000)
    site.company.between_pages.append(lambda: site.company.add_invoice("1200", "IN00", 1_000))

    assert len(open_items(site)) == 9


def test_one_that_never_stands_still_is_given_up(site: Any) -> None:
    site.company.switches.change({"page_size": 2})
    for number in range(5):
        site.company.add_invoice("1200", f"IN{number}", 1_000)
    for number in range(100):
        name = f"IN0{number:03d}"
        site.company.between_pages.append(lambda name=name: site.company.add_invoice("1200", name, 1_000))

    with pytest.raises(BadAnswer, match="changed while it was read"):
        open_items(site)


@pytest.mark.parametrize(
    "switches",
    [
        {"dialect": "v3", "odata_prefix": "", "count_as_text": True},
        {"filter_enums": "number"},
        {"batch_numbers_with_decimals": True, "number_style": "scale3"},
        {"date_style": "plain", "number_style": "one_place"},
    ],
)
def test_other_dialects_are_understood(site: Any, given: SimpleNamespace, switches: dict[str, Any]) -> None:
    site.company.switches.change(switches)
    site.company.add_invoice("1200", "IN1", 12_500)
    spoken = {
        "odata_dialect": switches.get("dialect", "v4"),
        "enum_literals": "number" if switches.get("filter_enums") == "number" else "name",
    }
    paid = given.receipt(invoice="IN1")

    numbers, mark = read(site, **spoken)
    report = site.post(paid, post_mode="post", **spoken)

    assert (numbers, report.held, site.state(paid)) == (["1200", "1300"], [], "posted")
    assert site.company.books.receivable("1200", "EUR") == 0
    assert read(site, mark, **spoken)[0] == []


# --- recurring charges ---------------------------------------------------------------------------------------------------


def test_recurring_charges_are_told_with_their_interval(site: Any) -> None:
    add = site.company.clerk.add_recurring_charge
    add("RENT", "1200", 10_000, "MONTHLY", EffectiveDate="2026-03-15")
    add("CARE", "1300", 90_000, "YEARLY", EffectiveDate="2026-05-31", Status="Inactive")
    add("ODD", "1300", 500, "QUARTERLY", EffectiveDate="2026-03-15")
    schedules = {"MONTHLY": {"unit": "monthly"}, "YEARLY": {"unit": "yearly"}}

    found = {charge.number: charge for charge in site.connector(schedules=schedules).recurring_charges()}

    assert set(found) == {"RENT/1200", "CARE/1300"}
    rent, care = found["RENT/1200"], found["CARE/1300"]
    assert (rent.amount, rent.interval_unit, rent.interval) == (Money(10_000, "EUR"), "monthly", 1)
    assert (rent.day_of_month, rent.month, rent.active) == (15, None, True)
    assert (care.day_of_month, care.month, care.active) == (31, 5, False)


def test_a_charge_may_end_by_date_or_by_number(site: Any) -> None:
    add = site.company.clerk.add_recurring_charge
    add("A", "1200", 1_000, "MONTHLY", EffectiveDate="2026-03-15", ExpirationType="SpecificDate",
        ExpirationDate="2026-12-31")  # fmt: skip
    add("B", "1200", 1_000, "MONTHLY", EffectiveDate="2026-03-15", ExpirationType="NumberOfInvoices",
        MaximumNumberOfInvoices=6)  # fmt: skip

    found = {x.number[0]: x for x in site.connector(schedules={"MONTHLY": {"unit": "monthly"}}).recurring_charges()}

    assert (found["A"].ends_on, found["A"].count) == (date(2026, 12, 31), None)
    assert (found["B"].ends_on, found["B"].count) == (None, 6)


def test_a_charge_keeps_its_first_day_while_it_is_billed(site: Any) -> None:
    site.company.clerk.add_recurring_charge("RENT", "1200", 10_000, "MONTHLY", EffectiveDate="2026-01-31")
    schedules = {"MONTHLY": {"unit": "monthly"}}
    before = list(site.connector(schedules=schedules).recurring_charges())

    site.company.clerk.run_recurring(on=date(2026, 2, 28))

    assert list(site.connector(schedules=schedules).recurring_charges()) == before


def test_an_invoice_made_from_a_charge_quotes_it(site: Any) -> None:
    site.company.clerk.add_recurring_charge("RENT", "1200", 10_000, "MONTHLY", EffectiveDate="2026-03-01")
    (number,) = site.company.clerk.run_recurring(on=date(2026, 3, 1))
    site.company.add_invoice("1200", "IN1", 10_000)

    items = site.connector(schedules={"MONTHLY": {"unit": "monthly"}}).open_invoices()

    quoted = {item.number: item.references for item in items}
    assert quoted == {number: ("RENT/1200",), "IN1": ()}


def test_the_payment_of_a_subscription_settles_the_invoice_of_its_charge(site: Any, given: SimpleNamespace) -> None:
    site.company.clerk.add_recurring_charge("RENT", "1200", 10_000, "MONTHLY", EffectiveDate="2026-03-01")
    (number,) = site.company.clerk.run_recurring(on=date(2026, 3, 1))
    site.company.add_invoice("1200", "IN1", 10_000)
    facts = {"recurring_charge": "RENT/1200", "charge_date": "2026-03-02"}

    site.post(given.receipt(minor=10_000, facts=facts))

    (entry,) = site.receipts()
    assert [line["DocumentNumber"] for line in entry["AppliedReceiptsAdjustments"]] == [number]


def test_without_schedules_nothing_is_read(site: Any) -> None:
    assert list(site.connector().recurring_charges()) == []
    assert not any("RecurringCharges" in path for _, path in site.sandbox.faults.requests)
