"""Ping, customer polling and open invoices of the Visma connector over real HTTP, and what a thousand receipts cost."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.money import Money
from sandbox.visma.app import VismaSandbox
from sandbox.visma.company import CUSTOMER_TENANT_ID, Company


def problems(connector: Any) -> dict[str, str]:
    """What is not ok, by check. Every such line must say what to do."""
    lines = [line for line in connector.ping().lines if not line.ok]
    assert all(line.next_step for line in lines)
    return {line.what: line.detail for line in lines}


def test_a_correct_connection_passes_every_check(connector: Any) -> None:
    report = connector.ping()
    assert report.ok, [line for line in report.lines if not line.ok]
    assert len(report.lines) > 15


def test_another_company_is_noticed_by_its_name(build: Any) -> None:
    assert problems(build(company_name="Sydlys AS")) == {
        "company": "WrongCompany: Visma answers for Nordlys Drift AS, not Sydlys AS"
    }


def test_a_wrong_company_id_is_noticed_although_visma_answers_200(build: Any) -> None:
    assert "no company at all" in problems(build(company_id="999"))["company"]


@pytest.mark.parametrize("tenant", [CUSTOMER_TENANT_ID, "00000000-0000-0000-0000-000000000000"])
def test_a_wrong_tenant_fails_at_the_token(build: Any, tenant: str) -> None:
    assert problems(build(tenant_id=tenant)).keys() == {"token"}


@pytest.mark.parametrize(
    ("changes", "what", "detail"),
    [
        ({"payment_method": "OLD"}, "payment method", "OLD does not exist or is inactive"),
        ({"ledger": "7"}, "ledger", "7 is no actual ledger"),
        ({"branch": "9"}, "branch", "9 does not exist or is inactive"),
        ({"accounts": {"fees": "7700"}}, "account fees", "7700 is inactive"),
        ({"accounts": {"fees": "1500"}}, "account fees", "1500 takes no manual entries"),
        ({"accounts": {"fees": "4711"}}, "account fees", "4711 does not exist"),
        ({"accounts": {"fees": "7770"}}, "account sales_returns", "no account is configured"),
        (
            {"currencies": {"EUR": {"clearing_cash_account": "1986", "bank_account": "1920"}}},
            "cash account EUR",
            "1986 is kept in GBP",
        ),
        ({"attributes": {"mandate": "GCOTHER"}}, "attribute", "GCOTHER does not exist"),
        (
            {"fee_vat_mode": "gl_vat", "vat_codes": {"GB_VAT_1": {"vat_id": "77", "vat_category": "1"}}},
            "VAT code",
            "VAT id 77 of GB_VAT_1 does not exist",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(build: Any, changes: dict[str, Any], what: str, detail: str) -> None:
    assert problems(build(**changes))[what] == detail


def test_an_attribute_without_a_customer_class_is_noticed(connector: Any, company: Company) -> None:
    for each in company.customer_classes.values():
        each.attributes.clear()
    assert "linked to no customer class" in problems(connector)["attribute"]


def test_closed_books_are_noticed(connector: Any, company: Company) -> None:
    for period in company.periods:
        company.close_period(period)
    assert problems(connector)["financial periods"] == "no period is open in every ledger"


# --- polling -----------------------------------------------------------------------------------------------------------


def test_customers_are_read_whole_once_and_then_only_what_changed(
    build: Any, company: Company, given: SimpleNamespace
) -> None:
    for number in range(7):
        company.add_customer(name=f"Kunde {number}", currency="NOK")
    company.clock.advance(timedelta(days=2))
    changed = company.customers[given.CUSTOMER]
    changed.attributes["GCCUST"] = "CU1"
    company.touch(changed)

    first = build(page_size=3)
    assert len(list(first.customers())) == 8
    mark = first.customers_mark()
    assert mark is not None
    again = build()
    rows = list(again.customers(mark))

    assert [(row.number, row.gocardless_customer, row.email) for row in rows] == [
        (given.CUSTOMER, "CU1", "post@fjell.example")
    ]
    assert again.customers_mark() == mark


def test_a_poll_reaches_back_over_a_change_of_summer_time(build: Any, company: Company) -> None:
    """A row stamped two hours before the mark comes again; one stamped a day before does not."""
    company.clock.advance(timedelta(days=1))
    recent = company.add_customer().number
    mark = "2026-03-03T13:00:00.000"  # 12:00 UTC, while the row was stamped at 10:00 UTC

    assert [row.number for row in build().customers(mark)] == [recent]


def test_a_poll_that_brings_nothing_keeps_its_mark(build: Any, company: Company) -> None:
    company.clock.advance(timedelta(days=1))
    reader = build()
    assert list(reader.customers("2026-03-09T11:00:00.000")) == []
    assert reader.customers_mark() is None


def test_an_upgrade_that_touches_every_row_is_read_like_a_first_poll(build: Any, company: Company) -> None:
    for _ in range(5):
        company.add_customer()
    company.clock.advance(timedelta(days=2))
    company.touch_everything()

    assert len(list(build().customers("2026-03-04T00:00:00.000"))) == 6


def test_open_invoices_are_those_with_a_balance(connector: Any, company: Company, given: SimpleNamespace) -> None:
    company.add_invoice("A1", given.CUSTOMER, 1000, external_reference="ORD-1", payment_reference="0042")
    company.add_invoice("A2", given.CUSTOMER, 2000, released=False)
    company.add_invoice("A3", given.CUSTOMER, 3000, "GBP", dated=date(2026, 2, 1))
    company.clerk.pay_invoice("A1", 400)

    found = {each.number: each for each in connector.open_invoices()}
    assert found.keys() == {"A1", "A3"}
    assert found["A1"].open_amount == Money(600, "EUR")
    assert found["A1"].total_amount == Money(1000, "EUR")
    assert found["A1"].references == ("0042", "ORD-1")
    assert found["A3"].open_amount == Money(3000, "GBP")
    assert found["A3"].due_on == date(2026, 2, 15)


def test_customer_numbers_with_reserved_characters_are_encoded_in_paths(
    desk: Any, company: Company, given: SimpleNamespace
) -> None:
    company.add_customer("A/1+2", "Skrå AS")
    desk.run(given.mandate("active", payer=given.party("A/1+2")))

    assert not desk.held
    assert company.customers["A/1+2"].attributes["GCMSTATUS"] == "active"


# --- the budget --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_thousand_receipts_and_a_payout_cost_two_calls_each_and_a_few_more(
    build: Any, given: SimpleNamespace, company: Company, sandbox: VismaSandbox
) -> None:
    items = []
    for number in range(1000):
        customer = company.add_customer().number
        company.add_invoice(f"F{number:05}", customer, 1000 + number)
        payer = given.party(customer, f"CU{number}")
        names = {"event": f"EV{number:05}", "payer": payer, "invoices": (f"F{number:05}",)}
        items.append(given.receipt(f"PM{number:05}", 1000 + number, **names))
    desk = given.Desk(build())

    desk.run(*items).run(given.payout())

    assert not desk.held
    assert len(desk.completed) == 1001
    assert {each.status for each in company.documents.values()} == {"Closed"}
    calls = len(sandbox.faults.requests)
    assert calls <= 2.05 * 1000 + 30, calls
