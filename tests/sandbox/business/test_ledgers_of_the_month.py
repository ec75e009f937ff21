"""The month in the other ledgers: Sage 300 with recurring charges, and two companies of IFS Cloud with a creditor each.

Whoever collects is played by a few calls of GoCardless's API, or nobody does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

import pytest
import requests

from sandbox.business.exact_ledger import ExactLedger, open_division
from sandbox.business.ifs_ledger import IfsLedger, open_tenant
from sandbox.business.ledger import Ledger
from sandbox.business.ledger_expectations import ledger_books
from sandbox.business.ledger_month import LedgerMonth
from sandbox.business.ledger_plan import LedgerCharge, plan_ledger_month
from sandbox.business.merchant import creditor_of, open_world
from sandbox.business.plan import MONTH_END, SETUP
from sandbox.business.sage_ledger import SageLedger, open_company
from sandbox.clock import SandboxClock
from sandbox.gocardless.app import create_app
from sandbox.gocardless.world import READ_WRITE_TOKEN
from sandbox.serve import running

SEED, ORDINARY = 3, 4


def month_of(profile: str, ledger: Ledger, until: date = MONTH_END) -> LedgerMonth:
    plan = plan_ledger_month(SEED, ORDINARY, profile)
    month = LedgerMonth(plan, open_world(plan.profile, SEED), ledger)
    play(month, SETUP.date(), until)
    return month


def play(month: LedgerMonth, first: date, last: date) -> None:
    while first <= last:
        month.play_day(first)
        first += timedelta(days=1)


def subscribe(month: LedgerMonth, charge: LedgerCharge, **changes: object) -> None:
    """What somebody who follows the charge asks of GoCardless."""
    asked = {
        "amount": charge.amount_minor,
        "currency": charge.currency,
        "name": charge.code,
        "interval_unit": charge.schedule.lower(),
        "start_date": charge.dates[0].isoformat(),
        "links": {"mandate": month.mandate_of(charge.customer).id},
        **changes,
    }
    headers = {"Authorization": f"Bearer {READ_WRITE_TOKEN}", "GoCardless-Version": "2015-07-06"}
    with running(create_app(month.world)) as address:
        answer = requests.post(f"{address}/subscriptions", json={"subscriptions": asked}, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text


def faults(month: LedgerMonth) -> dict[str, str]:
    return {charge.number.partition("/")[0]: charge.fault for charge in ledger_books(month).charges}


def without_zeros(owed: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    kept = {name: {key: minor for key, minor in rows.items() if minor} for name, rows in owed.items()}
    return {name: rows for name, rows in kept.items() if rows}


def test_sage_shows_what_its_people_booked_when_nobody_collects() -> None:
    company = open_company(SandboxClock(SETUP))
    month = month_of("irish", SageLedger(company))
    books = ledger_books(month)

    by_customer: dict[str, dict[str, int]] = {}
    for currency, rows in company.books.receivables().items():
        for customer, minor in rows.items():
            by_customer.setdefault(customer, {})[currency] = minor
    assert without_zeros(by_customer) == without_zeros(books.billed) == without_zeros(books.receivables)
    assert company.books.balance("1020") == books.transfers["EUR"] > 0
    assert books.carried == ()


def test_sage_bills_a_recurring_charge_on_each_of_its_days() -> None:
    company = open_company(SandboxClock(SETUP))
    month = month_of("irish", SageLedger(company))

    billed = {
        charge.code: tuple(
            row["DocumentDate"]
            for row in company.tables["ARPostedDocuments"]
            if row["CustomerNumber"] == charge.customer
        )
        for charge in month.plan.charges
    }
    assert billed == {charge.code: charge.dates for charge in month.plan.charges}
    assert {len(dates) for dates in billed.values()} == {1, 3}


def test_a_charge_is_well_followed_by_one_subscription_with_its_amount_on_its_days() -> None:
    month = month_of("irish", SageLedger(open_company(SandboxClock(SETUP))), date(2026, 6, 3))
    assert faults(month) == {"COFFEE": "not_followed", "COPIER": "not_followed"}

    for charge in month.plan.charges:
        subscribe(month, charge)
    play(month, date(2026, 6, 4), MONTH_END)

    assert faults(month) == {"COFFEE": "", "COPIER": ""}
    books = ledger_books(month)
    assert books.strangers == ()
    coffee = month.plan.charges[0]
    assert books.receivables[coffee.customer] != books.billed[coffee.customer]
    carried = [item.amount_minor for item in books.carried if item.customer == coffee.customer]
    assert set(carried) == {coffee.amount_minor}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [({"amount": 1_000}, "wrong_amount"), ({"start_date": "2026-06-11"}, "wrong_days")],
)
def test_a_charge_that_is_badly_followed_is_told_off(changes: dict[str, object], fault: str) -> None:
    month = month_of("irish", SageLedger(open_company(SandboxClock(SETUP))), date(2026, 6, 3))
    subscribe(month, month.plan.charges[0], **changes)
    play(month, date(2026, 6, 4), MONTH_END)

    assert faults(month)["COFFEE"] == fault


def test_a_charge_that_two_subscriptions_follow_is_told_off() -> None:
    month = month_of("irish", SageLedger(open_company(SandboxClock(SETUP))), date(2026, 6, 3))
    for _ in range(2):
        subscribe(month, month.plan.charges[0])

    assert faults(month)["COFFEE"] == "followed_twice"


def test_a_ledger_without_recurring_charges_takes_no_month_with_them() -> None:
    with pytest.raises(TypeError, match="ExactLedger bills no recurring charges"):
        month_of("irish", ExactLedger(open_division(SandboxClock(SETUP))))


def test_both_companies_of_ifs_show_what_their_people_booked_when_nobody_collects() -> None:
    tenant = open_tenant(SandboxClock(SETUP))
    month = month_of("nordsee", IfsLedger(tenant))
    books = ledger_books(month)

    by_customer: dict[str, dict[str, int]] = {}
    for company, own in tenant.books.items():
        for currency, rows in own.told()["receivable"].items():
            for number, minor in rows.items():
                by_customer.setdefault(f"{company}:{number}", {})[currency] = minor
    assert without_zeros(by_customer) == without_zeros(books.billed)
    for company, currency in (("10", "EUR"), ("20", "GBP")):
        assert tenant.books[company].balance("1930", currency) == books.transfers[currency] > 0


def test_the_branch_has_customers_mandates_and_invoices_of_its_own() -> None:
    month = month_of("nordsee", IfsLedger(open_tenant(SandboxClock(SETUP))), date(2026, 6, 3))
    world, profile = month.world, month.plan.profile
    own, branch = (creditor_of(world, profile, currency) for currency in ("EUR", "GBP"))

    assert own != branch
    schemes = Counter((mandate.links["creditor"], mandate.body["scheme"]) for mandate in world.mandates)
    assert set(schemes) == {(own, "sepa_core"), (branch, "bacs")}
    companies = {(i.customer.partition(":")[0], i.number.partition(":")[0]) for i in month.plan.invoices}
    assert companies == {("10", "10"), ("20", "20")}
    assert {i.currency for i in month.plan.invoices if i.number.startswith("20:")} == {"GBP"}
