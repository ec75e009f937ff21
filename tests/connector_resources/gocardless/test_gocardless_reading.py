"""What a day needs is read from GoCardless with few calls, also what no webhook ever told us."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bookkeeping.rules import Outcome
from sandbox.clock import SandboxClock
from sandbox.gocardless.timestamps import stamp
from sandbox.gocardless.world import World
from tests.evenings import MORNING
from tests.merchant import Merchant
from tests.sites import Site, visma_site

MAY = datetime(2026, 5, 26, 8, 0, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with visma_site(tmp_path, customers=30) as opened:
        yield opened


@pytest.fixture
def old_site(tmp_path: Path) -> Iterator[Site]:
    """A merchant whose business began before the cut-over of 1 June."""
    with visma_site(tmp_path, merchant=Merchant(World(SandboxClock(MAY), seed=1))) as opened:
        yield opened


def calls(site: Site) -> Counter[str]:
    """GoCardless calls so far, by method and first part of the path."""
    return Counter(f"{method} /{path.split('/')[1]}" for method, path in site.at.gocardless.faults.requests)


def only(site: Site, *resource_types: str) -> list[dict]:
    return [event for event in site.events() if event["resource_type"] in resource_types]


@pytest.mark.parametrize("lost", [1, 3, 25], ids=["one", "few", "many"])
def test_receipts_whose_webhooks_were_lost_are_found_through_the_payout(site, lost):
    for number in range(1, lost + 1):
        site.merchant.collected(1_000 + number, customer=number)
    site.merchant.pay_out()
    site.deliver(*only(site, "payouts"))

    report = site.run_inbox()

    assert (report.stopped, report.held) == ("", [])
    states = site.at.states()
    assert (states["receipt posted"], states["payout posted"]) == (lost, 1)
    assert (site.unfinished(), site.clearing(), site.waiting()) == ({}, 0, [])
    suspense = site.company.books.balance("2990", "EUR")
    assert suspense == 0


def test_a_payout_knows_its_payment_was_collected_when_only_its_late_failure_is_known(site):
    payment, _ = site.merchant.collected(1_000), site.merchant.collected(2_000, customer=2)
    site.merchant.pay_out()
    site.merchant.fail(payment)
    failed = [event for event in site.events(payment.id) if event["action"] == "failed"]
    site.deliver(*failed, *only(site, "payouts"))

    site.run_inbox()

    assert site.company.books.balance("2990", "EUR") == 0
    assert "suspense" not in {role for role, _, _ in site.balances()}


def test_a_payouts_day_that_runs_before_the_day_of_its_payments_books_their_receipts_first(site):
    first_day = site.merchant.world.today()
    for customer in (1, 2):
        site.merchant.collected(1_000, customer=customer)
    site.merchant.tick(timedelta(days=1))
    site.merchant.pay_out()
    site.poll()

    site.at.run(first_day + timedelta(days=1), only_new=True)

    assert (site.at.states()["receipt posted"], site.at.states()["payout posted"]) == (2, 1)
    assert "suspense" not in {role for role, _, _ in site.balances()}
    assert site.clearing() == 0


@pytest.mark.parametrize(
    ("appears_after", "in_suspense"),
    [(timedelta(minutes=40), 0), (timedelta(days=1), -1_000)],
    ids=["late", "too late"],
)
def test_a_payout_waits_for_confirmations_as_long_as_events_may_be_late(site, appears_after, in_suspense):
    payment = site.merchant.collected(1_000)
    site.merchant.pay_out()
    _hide_confirmation(site, payment.id, appears_after)
    site.run_new()
    assert "payout posted" not in site.at.states()
    assert len(site.waiting()) == 1

    site.merchant.tick(timedelta(minutes=61))
    site.run_new()

    assert site.at.states()["payout posted"] == 1
    assert (site.unfinished(), site.waiting()) == ({}, [])
    assert site.company.books.balance("2990", "EUR") == in_suspense


def _hide_confirmation(site: Site, payment_id: str, appears_after: timedelta) -> None:
    world = site.merchant.world
    with world.lock:
        for event in list(world.events.ordered):
            if event.links.get("payment") == payment_id and event.body["action"] in ("confirmed", "paid_out"):
                world.events.hide(event, stamp(world.now() + appears_after))


@pytest.mark.parametrize("names_payout", [False, True], ids=["names only the creditor", "names the payout"])
def test_a_bounced_payout_and_its_repetition_are_booked(site, names_payout):
    site.merchant.world.settings.bounce_event_names_payout = names_payout
    site.merchant.collected(5_000)
    payout = site.merchant.pay_out()
    site.run_new()
    site.merchant.bounce_payout(payout)

    site.run_new()

    assert (site.waiting(), site.unfinished()) == ([], {})
    assert site.at.states()["payout_reversal posted"] == 1
    assert site.company.books.balance("1920", "EUR") == 0
    site.merchant.pay_out_again(payout)
    site.run_new()
    assert site.at.states()["payout_repeat posted"] == 1
    assert site.company.books.balance("1920", "EUR") == payout.body["amount"]


@pytest.mark.parametrize("names_payout", [False, True], ids=["names only the creditor", "names the payout"])
def test_a_bounce_on_another_day_is_booked_by_a_full_read_of_that_day(site, names_payout):
    site.merchant.world.settings.bounce_event_names_payout = names_payout
    site.merchant.collected(5_000)
    payout = site.merchant.pay_out()
    paid_on = site.at.connection.zone
    day = site.merchant.world.now().astimezone(paid_on).date()
    site.at.run(day)
    site.merchant.tick(timedelta(days=2))
    site.merchant.bounce_payout(payout)

    site.at.run(day + timedelta(days=2))

    assert (site.waiting(), site.unfinished()) == ([], {})
    assert site.at.states()["payout_reversal posted"] == 1


def test_a_bounce_that_fits_two_payouts_waits_and_is_shown(site):
    for customer in (1, 2):
        site.merchant.collected(5_000, customer=customer)
        site.merchant.pay_out()
    first, second = site.merchant.world.payouts.ordered
    site.run_new()
    site.merchant.bounce_payout(first)
    site.merchant.bounce_payout(second)
    bounce, _ = (event for event in site.events() if event["action"] == "bounced_payout")
    site.deliver(bounce)

    site.run_inbox()

    assert site.waiting() == ["bounced_payout"]
    assert "payout_reversal posted" not in site.at.states()


def test_a_converted_payout_is_booked_when_its_rate_is_known(tmp_path):
    world = World(SandboxClock(MORNING), seed=1, default_creditor=False)
    world.builder.creditor("Euro Merchant", "DE", accounts=("EUR",), fx_payout_currency="EUR")
    with visma_site(tmp_path, merchant=Merchant(world)) as site:
        site.merchant.collected(7_700, currency="GBP")
        payout = site.merchant.pay_out("GBP")
        site.run_new()
        assert "payout posted" not in site.at.states()
        site.merchant.confirm_rate(payout)

        site.run_new()

        assert (site.unfinished(), site.clearing("GBP")) == ({}, 0)
        assert site.company.books.balance("1920", "EUR") == payout.body["fx"]["fx_amount"]


def start_of_june(site: Site) -> None:
    site.merchant.tick(MORNING - site.merchant.world.now())


def test_what_was_collected_before_the_cut_over_is_paid_out_without_a_receipt(old_site):
    old_site.merchant.collected(5_000)
    start_of_june(old_site)
    old_site.merchant.pay_out()

    old_site.run_new()

    assert (old_site.unfinished(), old_site.waiting()) == ({}, [])
    assert "receipt posted" not in old_site.at.states()
    assert old_site.clearing() == -5_000, "the opening balance holds it"


def test_a_refund_of_a_payment_from_before_the_cut_over_finds_its_customer(old_site):
    payment = old_site.merchant.collected(5_000)
    old_site.merchant.pay_out()
    start_of_june(old_site)
    old_site.merchant.refund(payment, 2_000)

    report = old_site.run_new()

    assert (report.held, old_site.unfinished()) == ([], {})
    assert old_site.company.books.receivable("10001", "EUR") == 0
    assert old_site.clearing() == -2_000


def test_a_late_failure_of_a_receipt_from_before_the_cut_over_asks_a_person(old_site):
    payment = old_site.merchant.collected(5_000)
    old_site.merchant.pay_out()
    start_of_june(old_site)
    old_site.merchant.fail(payment)

    old_site.run_new()

    assert old_site.held() == {payment.id: "document_unknown"}


def test_a_refund_from_before_the_cut_over_that_comes_back_asks_a_person(old_site):
    payment = old_site.merchant.collected(5_000)
    old_site.merchant.pay_out()
    refund = old_site.merchant.refund(payment, 2_000)
    start_of_june(old_site)
    old_site.merchant.bounce_refund(refund)

    old_site.run_new()

    assert old_site.held() == {refund.id: "document_unknown"}


def test_a_payout_from_before_the_cut_over_that_bounces_is_booked_back(old_site):
    old_site.merchant.collected(5_000)
    payout = old_site.merchant.pay_out()
    start_of_june(old_site)
    old_site.merchant.bounce_payout(payout)

    old_site.run_new()

    assert (old_site.unfinished(), old_site.waiting()) == ({}, [])
    assert old_site.company.books.balance("1920", "EUR") == -payout.body["amount"]


def test_an_ordinary_failure_after_the_cut_over_is_nothing_to_book(old_site):
    payment = old_site.merchant.order(5_000)
    start_of_june(old_site)
    old_site.merchant.fail(payment)

    old_site.run_new()

    assert (old_site.held(), old_site.balances(), old_site.waiting()) == ({}, {}, [])


def test_events_from_before_the_cut_over_are_decided_and_block_nothing(old_site):
    old_site.merchant.collected(5_000)
    start_of_june(old_site)
    old_site.merchant.collected(6_000, customer=2)
    old_site.deliver(*old_site.events())

    old_site.at.run(MAY.date(), old_site.merchant.world.today(), only_new=True)

    assert old_site.waiting() == []
    store = old_site.at.runtime.store
    decided = store.decisions.of_subjects(old_site.name, [p.id for p in old_site.merchant.world.payments])
    outcomes = Counter(row.outcome for rows in decided.values() for row in rows if row.outcome != "nothing_to_post")
    assert outcomes[Outcome.BEFORE_CUT_OVER] >= 1
    assert (outcomes[Outcome.POSTED], old_site.clearing()) == (1, 6_000)


def test_new_events_close_together_cost_one_call_for_all_their_payments(site):
    for number in range(1, 21):
        site.merchant.collected(1_000, customer=number)
    site.run()
    for number in range(1, 21):
        site.merchant.collected(2_000, customer=number)
    before = calls(site)
    site.poll()
    assert (calls(site) - before).total() == 1

    site.run_inbox()

    assert calls(site) - before == Counter({"GET /events": 2})
    assert site.clearing() == 60_000


def test_a_resource_that_the_list_of_events_does_not_show_yet_is_fetched_by_id(site):
    payments = [site.merchant.collected(1_000, customer=number) for number in (1, 2, 3)]
    site.run()
    world = site.merchant.world
    world.settings.late_events_per_thousand = 1000
    late = [world.payment_states.fail(payment).body for payment in payments]
    assert not {event["id"] for event in late} & {event["id"] for event in site.events()}
    site.deliver(*late)

    site.run_inbox()

    bodies = site.at.runtime.store.entities.get(site.name, "payments", [p.id for p in payments])
    assert {body["status"] for body in bodies.values()} == {"failed"}
    assert (site.unfinished(), site.clearing()) == ({}, 0)
