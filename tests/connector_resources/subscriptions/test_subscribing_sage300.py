"""Sage 300's recurring charges from end to end: followed, billed by Sage or by us, and every payment on its invoice once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import CollectionReport, collect
from connector_resources.erp.contract import Hold
from connector_resources.posting.planning import Scope
from connector_resources.subscriptions.reading import read_recurring_charges
from connector_resources.subscriptions.run import SubscriptionReport, subscribe
from sandbox.gocardless.records import Record
from sandbox.sage300.clerk import Clerk
from sandbox.sage300.company import Company
from tests.evenings import DAY, MORNING, evening_sage300, evening_world
from tests.installations import Installation, sage300_installation
from tests.merchant import Merchant

FIRST = date(2026, 7, 1)
LAST = date(2026, 12, 31)
SCHEDULES = {"MONTHLY": {"unit": "monthly"}}


@dataclass(slots=True)
class Harbour:
    """Sage with one recurring charge, GoCardless, and the connector between them."""

    at: Installation
    merchant: Merchant
    clerk: Clerk
    company: Company

    def charge(self, code: str = "HOSTING", amount: int = 2_000, customer: str = "10001", **values: str) -> None:
        given = {"EffectiveDate": FIRST.isoformat(), "InvoiceDescription": "Hosting", **values}
        self.clerk.add_recurring_charge(code, customer, amount, "MONTHLY", **given)

    def day(self) -> tuple[SubscriptionReport, CollectionReport]:
        """What the day job does, a minute later."""
        self.merchant.tick()
        report = self.at.run(DAY, LAST)
        assert report.stopped == "", report.stopped
        runtime, connection = self.at.runtime, self.at.connection
        with runtime.erp(connection) as connector:
            read_open_invoices(runtime.store, connection.name, connector)
            read_recurring_charges(runtime.store, connection.name, connector)
        subscribed = subscribe(runtime, connection)
        return subscribed, collect(runtime, connection)

    def until(self, day: date) -> None:
        self.merchant.tick(timedelta(days=(day - self.merchant.world.clock.now().date()).days))

    def subscriptions(self) -> list[Record]:
        with self.merchant.world.lock:
            return list(self.merchant.world.subscriptions.ordered)

    def charge_next(self) -> Record:
        with self.merchant.world.lock:
            payment = self.merchant.world.subscription_states.charge(self.subscriptions()[-1])
        assert payment is not None
        return payment

    def open(self) -> dict[str, int]:
        """Open A/R documents of the company: number -> what is due, minor units."""
        rows = self.company.tables["ARPostedDocuments"]
        due = {row["DocumentNumber"]: row["CustomerCurrencyAmountDue"] for row in rows}
        return {number: int(amount * 100) for number, amount in due.items() if amount}


@pytest.fixture
def harbour(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Harbour]:
    """`request.param` are further settings of the section `subscriptions`."""
    merchant = Merchant(evening_world(MORNING))
    company = evening_sage300(2, merchant.world.clock)
    sections = {
        "subscriptions": {"enabled": True, **getattr(request, "param", {})},
        "collections": {"enabled": True, "window_days": 60},
    }
    erp = {"post_mode": "post", "schedules": SCHEDULES}
    merchant.mandate(1)
    with sage300_installation(tmp_path, merchant.world, company, erp_settings=erp, **sections) as at:
        yield Harbour(at, merchant, Clerk(company), company)


def test_a_recurring_charge_of_sage_is_followed_and_a_second_day_writes_nothing(harbour):
    harbour.charge()

    subscribed, _ = harbour.day()

    (made,) = harbour.subscriptions()
    assert (made.body["amount"], made.body["name"], made.body["start_date"]) == (2_000, "Hosting", "2026-07-01")
    assert made.body["metadata"]["recurring_charge"] == "HOSTING/10001"
    assert {left.code for left in subscribed.left} == {"followed"}
    requests = harbour.at.gocardless.faults.requests
    before = [(method, path) for method, path in requests if method != "GET"]
    harbour.day()
    assert [(method, path) for method, path in requests if method != "GET"] == before


def test_the_invoice_that_sage_makes_is_settled_by_the_subscription_s_payment_and_never_collected_on_its_own(harbour):
    harbour.charge()
    harbour.day()
    harbour.until(date(2026, 6, 25))
    payment = harbour.charge_next()
    harbour.until(FIRST)
    (number,) = harbour.clerk.run_recurring(FIRST)

    subscribed, collected = harbour.day()

    assert {each.invoice.number: each.code for each in collected.not_eligible} == {number: "covered_by_subscription"}
    assert collected.orders == ()
    # Sage has moved the charge on to August; that changes nothing.
    assert {left.code for left in subscribed.left} == {"followed"}
    assert len(harbour.subscriptions()) == 1

    harbour.merchant.collect(payment)
    harbour.day()

    assert number not in harbour.open()
    assert harbour.at.states()["receipt posted"] == 1
    assert [each for each in harbour.merchant.world.payments.ordered if each.id != payment.id] == []


def test_an_invoice_collected_on_its_own_before_leaves_the_subscription_to_begin_with_the_next(harbour):
    harbour.charge(EffectiveDate=DAY.isoformat())
    (number,) = harbour.clerk.run_recurring(DAY)
    runtime, connection = harbour.at.runtime, harbour.at.connection
    harbour.at.run(DAY, DAY)
    with runtime.erp(connection) as connector:
        read_open_invoices(runtime.store, connection.name, connector)
    assert [each.parts[0].item for each in collect(runtime, connection).orders] == [number]

    harbour.day()

    (made,) = harbour.subscriptions()
    assert made.body["start_date"] == "2026-07-03"


@pytest.mark.parametrize("harbour", [{"sales_invoices": {"write": "all", "text": "Membership"}}], indirect=True)
def test_where_nobody_bills_each_payment_gets_one_invoice_which_its_receipt_settles(harbour):
    harbour.charge()
    harbour.day()
    harbour.until(date(2026, 6, 25))
    payment = harbour.charge_next()
    harbour.until(FIRST)
    harbour.merchant.collect(payment)

    for _ in range(3):
        _, collected = harbour.day()
        assert collected.orders == ()

    states = harbour.at.states()
    assert (states["sales_invoice posted"], states["receipt posted"]) == (1, 1)
    assert harbour.open() == {}
    rows = harbour.company.tables["ARPostedDocuments"]
    ours = [row for row in rows if row["DocumentNumber"].startswith("GCI")]
    assert [row["DocumentNumber"] for row in ours] == [f"GCI{payment.id}".upper()]
    assert harbour.at.runtime.store.ledger.held("harbour") == []

    harbour.merchant.charge_back(payment)
    harbour.day()

    # The claim is true: nothing takes the invoice back, and the customer owes the money again.
    assert harbour.at.states()["sales_invoice posted"] == 1
    assert sum(harbour.open().values()) == 2_000


@pytest.mark.parametrize(
    "harbour", [{"sales_invoices": {"write": "foreign", "after_failure": "credit"}}], indirect=True
)
def test_payments_of_subscriptions_that_follow_no_charge_are_billed_and_credited_when_taken_back(harbour):
    mandate = harbour.merchant.mandate(1)
    with harbour.merchant.world.lock:
        payment = harbour.merchant.world.builder.payment(
            mandate, 4_500, "EUR", metadata={}, links={"subscription": "SB_FOREIGN"}, description="Gym"
        )
    harbour.merchant.collect(payment)
    harbour.day()
    assert harbour.open() == {}
    assert harbour.at.states()["sales_invoice posted"] == 1

    harbour.merchant.charge_back(payment)
    for _ in range(2):
        harbour.day()

    states = harbour.at.states()
    assert (states["receipt_reversal posted"], states["correction posted"]) == (1, 1)


@pytest.mark.parametrize("harbour", [{"sales_invoices": {"write": "all"}}], indirect=True)
def test_a_receipt_waits_for_an_invoice_that_is_held_and_goes_on_when_a_person_withdraws_it(harbour):
    harbour.charge()
    harbour.day()
    harbour.until(date(2026, 6, 25))
    payment = harbour.charge_next()
    harbour.until(FIRST)
    harbour.merchant.collect(payment)
    store, key = harbour.at.runtime.store, f"sales_invoice:{payment.id}"
    harbour.at.read(Scope(DAY, LAST, only_new=False))
    harbour.at.link()
    harbour.at.plan(Scope(DAY, LAST, only_new=False))
    with store.begin() as transaction:
        store.ledger.hold("harbour", [Hold(key, "period_closed", "closed", "reopen")], within=transaction)
    harbour.at.post()
    (waiting,) = store.ledger.waiting_on("harbour")
    assert (waiting.kind, waiting.reverses, waiting.reversed_state) == ("receipt", key, "held")

    store.ledger.withdraw("harbour", [key], by="Ada", note="billed by hand")
    harbour.at.post()

    assert store.ledger.waiting_on("harbour") == []
    assert harbour.at.states()["receipt posted"] == 1
