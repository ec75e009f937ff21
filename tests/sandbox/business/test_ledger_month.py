"""The month that a ledger starts: what is planned, what the world and the ledger do, and who is told off for what.

Whoever collects is played here by a few lines that create payments in the world: well, or badly.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
import requests

from sandbox.business.exact_ledger import ExactLedger, open_division
from sandbox.business.ledger_expectations import CollectedInvoice, ledger_books
from sandbox.business.ledger_month import LedgerMonth
from sandbox.business.ledger_plan import MOST_MINOR, LedgerInvoice, LedgerPlan, Signing, Wanted, plan_ledger_month
from sandbox.business.merchant import open_world
from sandbox.business.plan import MONTH_END, SETUP
from sandbox.clock import SandboxClock
from sandbox.gocardless.app import create_app
from sandbox.gocardless.autopilot import Fate
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import READ_WRITE_TOKEN
from sandbox.serve import running


@dataclass
class Played:
    month: LedgerMonth
    ledger: ExactLedger
    day: date

    @property
    def plan(self) -> LedgerPlan:
        return self.month.plan

    def play(self, until: date = MONTH_END) -> None:
        """Day by day from where it stands, `until` included."""
        while self.day <= until:
            self.month.play_day(self.day)
            self.day += timedelta(days=1)

    def pay(self, *invoices: LedgerInvoice, amount: int = 0) -> Record:
        """A payment for these invoices from the mandate that their customer had from the start."""
        total = amount or sum(invoice.wanted_minor for invoice in invoices)
        named = ", ".join(invoice.number for invoice in invoices)
        mandate = self.month.mandate_of(invoices[0].customer)
        return self.month.world.builder.payment(mandate, total, "EUR", metadata={"invoice": named})

    def told(self, invoice: LedgerInvoice) -> CollectedInvoice:
        (found,) = [each for each in ledger_books(self.month).invoices if each.number == invoice.number]
        return found


def opened(seed: int = 3, ordinary: int = 12) -> Played:
    plan = plan_ledger_month(seed, ordinary)
    ledger = ExactLedger(open_division(SandboxClock(SETUP)))
    return Played(LedgerMonth(plan, open_world(plan.profile, seed), ledger), ledger, SETUP.date())


def due_early(plan: LedgerPlan, wanted: Wanted = Wanted.COLLECTED, *, fates: tuple[Fate, ...] = ()) -> LedgerInvoice:
    return next(i for i in plan.invoices if i.wanted is wanted and i.fates == fates and i.due_on < date(2026, 6, 9))


def test_equal_seeds_give_equal_plans() -> None:
    assert plan_ledger_month(5, 20) == plan_ledger_month(5, 20)
    assert plan_ledger_month(5, 20) != plan_ledger_month(6, 20)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("profile", ["dutch", "irish", "nordsee"])
def test_every_plan_holds_every_story(seed: int, profile: str) -> None:
    plan = plan_ledger_month(seed, 6, profile)
    fates = Counter(fate for invoice in plan.invoices for fate in invoice.fates)

    assert {invoice.wanted for invoice in plan.invoices} == set(Wanted)
    assert {customer.signing for customer in plan.customers} == set(Signing)
    assert set(Fate) - {Fate.CONFIRMED_TWICE} == set(fates)
    assert {invoice.currency for invoice in plan.invoices} == {"EUR", "GBP"}
    assert any(invoice.held for invoice in plan.invoices)
    assert plan.credits
    assert plan.refunds
    assert plan.cancellations
    assert {t.amount_minor == plan.invoice(t.invoice).amount_minor for t in plan.transfers} == {True, False}
    assert len({invoice.number for invoice in plan.invoices}) == len(plan.invoices)


def test_invoices_appear_on_their_day_and_the_bookkeeper_books_transfers() -> None:
    played = opened()
    played.play(date(2026, 6, 2))

    entries = {row["EntryNumber"] for row in played.ledger.division.tables["SalesEntries"]}
    issued = {int(i.number) for i in played.plan.invoices if i.issued_on <= date(2026, 6, 2)}
    assert entries == issued | {int(credit.number) for credit in played.plan.credits}
    (paid, *_) = played.plan.transfers
    customer = played.plan.invoice(paid.invoice).customer
    assert played.ledger.division.books.receivable(customer, "EUR") == 0
    assert played.ledger.division.books.balance("1100", "EUR") == paid.amount_minor


def test_gocardless_knows_the_signed_customers_and_makes_no_payment_itself() -> None:
    played = opened()
    played.play()

    signed = sum(customer.signing is Signing.SIGNED for customer in played.plan.customers)
    assert len(played.month.world.mandates) == signed
    assert len(played.month.world.payments) == 0


def test_when_nobody_collects_every_invoice_that_should_be_is_forgotten() -> None:
    played = opened()
    played.play()
    books = ledger_books(played.month)

    wanted = Counter(invoice.wanted for invoice in played.plan.invoices)
    faults = Counter(invoice.fault for invoice in books.invoices)
    assert faults == {"forgotten": wanted["collected"] + wanted["given_up"], "": wanted["left_alone"]}
    # Nothing was collected, so that the ledger must show what its own people have booked.
    owed = {
        customer: minor
        for currency, rows in played.ledger.division.books.receivables().items()
        for customer, minor in rows.items()
        if currency == "EUR"
    }
    assert owed == {customer: rows["EUR"] for customer, rows in books.receivables.items() if "EUR" in rows}
    assert books.transfers["EUR"] == played.ledger.division.books.balance("1100", "EUR")


def test_a_payment_meets_the_fate_of_its_invoice_and_attempt() -> None:
    played = opened()
    again = due_early(played.plan, fates=(Fate.FAILS, Fate.COLLECTED))
    played.play(date(2026, 6, 3))
    one = played.pay(again)
    played.play(date(2026, 6, 12))
    assert one.status == "failed"

    two = played.pay(again)
    played.play()

    assert two.status == "paid_out"
    told = played.told(again)
    assert (told.payments, told.alive, told.open_minor, told.fault) == (2, 1, 0, "")


def test_one_payment_for_several_invoices_meets_the_worst_of_their_fates() -> None:
    played = opened()
    bad = due_early(played.plan, Wanted.GIVEN_UP, fates=(Fate.FAILS, Fate.FAILS))
    good = due_early(played.plan)
    played.play(date(2026, 6, 3))
    payment = played.pay(good, bad)
    played.play(date(2026, 6, 12))

    assert payment.status == "failed"


def test_collecting_twice_is_told_off_even_when_one_is_cancelled_later() -> None:
    played = opened()
    invoice = due_early(played.plan)
    played.play(date(2026, 6, 3))
    played.pay(invoice)
    played.month.world.payment_states.cancel(played.pay(invoice))
    played.play()

    assert played.told(invoice).fault == "collected_twice"
    assert ledger_books(played.month).doubled == (invoice.number,)


def test_the_wrong_amount_is_told_off() -> None:
    played = opened()
    invoice = due_early(played.plan)
    played.play(date(2026, 6, 3))
    played.pay(invoice, amount=invoice.wanted_minor + 1)

    assert played.told(invoice).fault == "wrong_amount"


def test_collecting_what_should_be_left_alone_is_told_off() -> None:
    played = opened()
    over = next(i for i in played.plan.invoices if i.amount_minor > MOST_MINOR)
    played.play(date(2026, 6, 3))
    played.month.world.payment_states.cancel(played.pay(over))

    assert played.told(over).fault == "not_to_be_collected"


def test_not_stopping_what_was_paid_by_transfer_is_told_off() -> None:
    played = opened()
    paid = next(
        played.plan.invoice(t.invoice)
        for t in played.plan.transfers
        if played.plan.invoice(t.invoice).wanted is Wanted.GIVEN_UP
    )
    played.play(date(2026, 6, 3))
    payment = played.pay(paid)
    played.play(date(2026, 6, 4))
    assert played.told(paid).fault == "not_stopped"

    played.month.world.payment_states.fail(payment)
    assert played.told(paid).fault == ""


def test_a_payment_for_no_invoice_of_the_plan_is_a_stranger() -> None:
    played = opened()
    invoice = due_early(played.plan)
    played.play(date(2026, 6, 3))
    payment = played.pay(replace(invoice, number="99999999"))

    assert ledger_books(played.month).strangers == (payment.id,)


def test_a_payer_who_was_asked_signs_up_and_one_who_was_not_does_not() -> None:
    played = opened()
    (asked,) = [c for c in played.plan.customers if c.signing is Signing.WHEN_ASKED]
    played.play(date(2026, 6, 3))
    world, mandates = played.month.world, len(played.month.world.mandates)
    with running(create_app(world)) as address:
        ask(address, asked.planned.identity.email)
        ask(address, "somebody.else@example.nl")
    played.play(date(2026, 6, 9))

    assert len(world.mandates) == mandates + 1
    mandate = world.mandates.ordered[-1]
    customer = world.customers.known(str(mandate.links["customer"]))
    assert customer is not None
    assert customer.body["email"] == asked.planned.identity.email
    assert {request.status for request in world.billing_requests} == {"pending", "fulfilled"}


def test_the_json_form_keeps_every_figure() -> None:
    played = opened()
    played.play(date(2026, 6, 9))
    books = ledger_books(played.month)
    data = json.loads(books.to_json())

    assert data["receivables"] == {customer: dict(rows) for customer, rows in books.receivables.items()}
    assert [row["number"] for row in data["invoices"]] == [invoice.number for invoice in books.invoices]
    assert {row["wanted"] for row in data["invoices"]} == {"collected", "given_up", "left_alone"}


def ask(address: str, email: str) -> None:
    """Send somebody a hosted page, as whoever collects does."""
    headers = {"Authorization": f"Bearer {READ_WRITE_TOKEN}", "GoCardless-Version": "2015-07-06"}
    asked = {"billing_requests": {"mandate_request": {"currency": "EUR"}}}
    request = requests.post(f"{address}/billing_requests", json=asked, headers=headers, timeout=10).json()
    links = {"billing_request": request["billing_requests"]["id"]}
    flow = {"billing_request_flows": {"links": links, "prefilled_customer": {"company_name": "A", "email": email}}}
    requests.post(f"{address}/billing_request_flows", json=flow, headers=headers, timeout=10).raise_for_status()
