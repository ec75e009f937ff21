"""Customers by row version, their links and details, mandates, payment references: kept alike, and never invented."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.postings import PostingKind
from sandbox.faults import Fault


def read(site: Any, mark: str | None = None) -> tuple[dict[str, bool], str | None]:
    """Number -> active, of everything the feed tells; and the next mark. The store keeps them, as linking does."""
    connector = site.connector()
    found = list(connector.customers(mark))
    site.store.customers.put_erp("polder", found)
    return {each.number: each.active for each in found}, connector.customers_mark()


def test_the_first_reading_has_all_customers_and_the_next_only_changes(site: Any) -> None:
    first, mark = read(site)
    assert first == {"42": True, "43": True}
    assert read(site, mark)[0] == {}
    site.division.add_account("44", "Nieuw", Status="C")
    site.division.tables["Accounts"].change(site.division.account("43")["ID"], Blocked=True)
    assert read(site, mark)[0] == {"44": True, "43": False}


def test_prospects_and_suppliers_are_no_customers_and_one_that_stops_being_one_is_told(site: Any) -> None:
    site.division.add_account("50", "Misschien", Status="P")
    first, mark = read(site)
    assert "50" not in first
    site.division.tables["Accounts"].change(site.division.account("42")["ID"], Status="S")
    assert read(site, mark)[0] == {"42": False}


def test_a_customer_that_is_deleted_becomes_inactive(site: Any) -> None:
    _, mark = read(site)
    site.division.tables["Accounts"].remove(site.division.account("43")["ID"])
    assert read(site, mark)[0] == {"43": False}


def test_a_division_that_moved_to_another_database_is_read_anew(site: Any) -> None:
    _, mark = read(site)
    site.division.tables["Accounts"].remove(site.division.account("43")["ID"])
    site.division.move()
    assert read(site, mark)[0] == {"42": True, "43": False}


def test_after_a_longer_pause_than_deletions_are_kept_everything_is_read_anew(site: Any) -> None:
    _, mark = read(site)
    site.division.tables["Accounts"].remove(site.division.account("43")["ID"])
    for _ in range(3):
        site.division.clock.advance(timedelta(days=25))
        site.connector().ping()
    assert read(site, mark)[0] == {"42": True, "43": False}


@pytest.mark.parametrize("mark", ["", "12345", "{}", '{"strange": 1}'])
def test_a_mark_that_is_none_of_ours_reads_everything(site: Any, mark: str) -> None:
    assert read(site, mark)[0] == {"42": True, "43": True}


def test_a_customer_carries_what_matching_wants(site: Any) -> None:
    site.division.add_account(
        "60", "Jansen", SearchCode="CU000777", VATNumber="NL001", Country="NL", City="Delft", Postcode="2611",
        AddressLine1="Markt 1", Email="j@jansen.example",
    )  # fmt: skip
    site.division.add_account("61", "Smit", SearchCode="SMIT")
    found = {each.number: each for each in site.connector().customers()}
    jansen = found["60"]
    assert (jansen.gocardless_customer, jansen.vat_number, jansen.country_code) == ("CU000777", "NL001", "NL")
    assert (jansen.address_line1, jansen.city, jansen.postal_code) == ("Markt 1", "Delft", "2611")
    assert found["61"].gocardless_customer == ""


# --- links and details -------------------------------------------------------------------------------------------------


def customer(given: SimpleNamespace, number: str | None = "42", **facts: str) -> Any:
    key = f"customer:CU000123:{len(facts)}"
    return given.posting(
        PostingKind.CUSTOMER, "CU000123", event=key, reference="GCCU000123", customer=number, facts=facts
    )


def test_the_gocardless_id_goes_into_an_empty_search_code_only(site: Any, given: SimpleNamespace) -> None:
    linked = customer(given)
    site.post(linked)
    assert site.division.account("42")["SearchCode"].strip() == "CU000123"
    assert site.row(linked).documents[-1].document.number
    site.division.tables["Accounts"].change(site.division.account("43")["ID"], SearchCode="VRIES")
    other = customer(given, "43", x="1")
    site.post(other)
    assert site.division.account("43")["SearchCode"] == "VRIES"
    assert site.state(other) == "posted"


def test_details_changed_in_gocardless_are_written_and_nothing_else(site: Any, given: SimpleNamespace) -> None:
    site.division.tables["Accounts"].change(site.division.account("42")["ID"], City="Utrecht", Phone="030")
    item = customer(
        given, name="Bakker en Zoon B.V.", email="post@bakker.example", city="Zeist", changed="name email city"
    )
    site.post(item)
    assert site.held() == {}
    account = site.division.account("42")
    assert (account["Name"], account["City"], account["Phone"]) == ("Bakker en Zoon B.V.", "Zeist", "030")
    (write,) = site.store.submissions.of_posting("polder", item.key)
    assert sorted(json.loads(write.planned.body)) == ["City", "Name"]


def test_a_customer_without_a_link_is_held_or_made(site: Any, given: SimpleNamespace) -> None:
    item = customer(given, None, name="Nieuw B.V.", email="post@nieuw.example", country_code="NL")
    site.post(item)
    assert site.held() == {"CU000123": "customer_unmapped"}
    site.release()
    site.post(create_customers=True)
    assert site.held() == {}
    (made,) = [row for row in site.division.tables["Accounts"] if row["Name"] == "Nieuw B.V."]
    assert (made["Status"], made["SearchCode"].strip(), made["Country"]) == ("C", "CU000123", "NL")


def test_nobody_is_made_twice(site: Any, given: SimpleNamespace) -> None:
    item = customer(given, None, name="Bakker", email="post@bakker.example")
    site.post(item, create_customers=True)
    assert site.held() == {"CU000123": "customer_exists"}
    assert len(list(site.division.tables["Accounts"])) == 2


# --- mandates ----------------------------------------------------------------------------------------------------------


def bank_account(site: Any, code: str = "42", **details: Any) -> str:
    division = site.division
    with division.lock:
        row = {"ID": division.new_id(), "Account": division.account(code)["ID"], "BankAccount": "NL00", "Main": True}
        return str(division.tables["BankAccounts"].add({**row, "Blocked": False, **details})["ID"])


def test_a_mandate_is_made_cancelled_and_brought_back(site: Any, given: SimpleNamespace) -> None:
    main = bank_account(site)
    site.post(given.mandate("active", event="EV1"))
    (row,) = site.division.tables["DirectDebitMandates"]
    assert (row["Reference"], row["Main"], row["BankAccount"]) == ("MD000123", 0, main)
    assert row["Account"] == site.division.account("42")["ID"]
    site.post(given.mandate("cancelled", event="EV2"))
    (row,) = site.division.tables["DirectDebitMandates"]
    assert row["CancellationDate"].date() == given.DAY
    site.post(given.mandate("active", event="EV3"))
    (row,) = site.division.tables["DirectDebitMandates"]
    assert row["CancellationDate"] is None
    before = site.calls()
    site.post(given.mandate("active", event="EV4"))
    assert not [x for x in site.sandbox.faults.requests[before:] if x[0] in ("PUT", "POST") and "Mandates" in x[1]]


@pytest.mark.parametrize("status", ["failed", "expired", "consumed", "blocked", "suspended_by_payer"])
def test_a_mandate_that_is_over_and_was_never_there_is_not_made(site: Any, given: SimpleNamespace, status: str) -> None:
    bank_account(site)
    item = given.mandate(status)
    site.post(item)
    assert site.state(item) == "posted"
    assert list(site.division.tables["DirectDebitMandates"]) == []


def test_without_a_bank_account_of_the_customer_no_mandate_can_be_made(site: Any, given: SimpleNamespace) -> None:
    bank_account(site, Blocked=True)
    item = given.mandate("active")
    site.post(item)
    assert (site.state(item), site.held()) == ("posted", {})
    assert list(site.division.tables["DirectDebitMandates"]) == []


def test_a_mandate_that_stands_on_another_customer_is_held(site: Any, given: SimpleNamespace) -> None:
    bank_account(site)
    site.post(given.mandate("active", event="EV1"))
    site.post(given.mandate("cancelled", event="EV2", customer="43"))
    assert site.held() == {"MD000123": "mandate_elsewhere"}


def test_mandates_are_left_alone_where_wished(site: Any, given: SimpleNamespace) -> None:
    bank_account(site)
    item = given.mandate("active")
    site.post(item, mandate_sync="off")
    assert site.state(item) == "posted"
    assert list(site.division.tables["DirectDebitMandates"]) == []


# --- the receivable ----------------------------------------------------------------------------------------------------


def test_the_payment_that_collects_an_invoice_stands_on_its_receivable(site: Any, given: SimpleNamespace) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.posting(
        PostingKind.INVOICE_STATUS, "26700042", event="EV1", invoices=("26700042",), facts={"payment": "PM000123"}
    )
    site.post(item, write_payment_reference=True)
    assert site.state(item) == "posted"
    (term,) = site.division.tables["Terms"]
    assert term["PaymentReference"] == "PM000123"
    (claim,) = site.connector().open_invoices()
    assert claim.references == ("PM000123",)


def test_a_reference_cleared_without_an_answer_does_not_wipe_out_the_next_attempts(
    site: Any, given: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    (term,) = site.division.tables["Terms"]
    term["PaymentReference"] = "PM000123"
    facts = {"payment": "PM000123", "state": "failed"}
    failed = given.posting(PostingKind.INVOICE_STATUS, "26700042", event="EV2", invoices=("26700042",), facts=facts)
    site.sandbox.faults.add(Fault("drop_after", method="PUT", path="Receivables"))
    wait = site.sleep

    def wait_while_the_next_attempt_is_written(seconds: float) -> None:
        if not term["PaymentReference"]:
            term["PaymentReference"] = "PM000456"
        wait(seconds)

    monkeypatch.setattr(site, "sleep", wait_while_the_next_attempt_is_written)
    report = site.post(failed, write_payment_reference=True)

    assert (report.adopted, site.state(failed), term["PaymentReference"]) == (1, "posted", "PM000456")


def test_payment_references_are_not_written_unless_wished(site: Any, given: SimpleNamespace) -> None:
    site.division.add_invoice(26700042, "42", 12_100)
    item = given.posting(
        PostingKind.INVOICE_STATUS, "26700042", event="EV1", invoices=("26700042",), facts={"payment": "PM000123"}
    )
    site.post(item)
    assert site.state(item) == "posted"
    assert {x[0] for x in site.sandbox.faults.requests if "/api/v1/" in x[1]} == {"GET"}
