"""A recurring charge becomes one subscription, follows its charge, and nothing is asked of GoCardless twice."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from bookkeeping.money import Money
from connector_resources.errors import Conflict
from connector_resources.gocardless.writing.documents import idempotency_key
from connector_resources.store.subscription_schema import SUBSCRIPTIONS
from connector_resources.subscriptions.ordering import MOST_AGE, subscribe_again
from connector_resources.subscriptions.run import SubscriptionReport, subscribe


def test_a_charge_becomes_a_subscription_with_its_words(desk):
    desk.bill(count=12)

    report = desk.run()

    (made,) = desk.subscriptions()
    assert (made.body["amount"], made.body["currency"], made.body["name"]) == (2_000, "EUR", "Hosting")
    assert (made.body["interval_unit"], made.body["interval"], made.body["day_of_month"]) == ("monthly", 1, 1)
    assert (made.body["start_date"], made.body["count"]) == ("2026-07-01", 12)
    assert made.body["metadata"] == {"mlc_ref": "RC1#1", "recurring_charge": "RC1"}
    assert made.links["mandate"] == desk.site.merchant.mandate(1).id
    assert [each.reference for each in report.created] == ["RC1#1"]
    assert desk.left(report) == {"RC1": "followed"}
    assert (desk.states(), desk.rows()["RC1#1"].subscription_id) == ({"RC1#1": "active"}, made.id)
    assert desk.site.trail_is_whole()


def test_the_key_of_a_subscription_is_deterministic(desk):
    desk.bill()
    desk.run()
    fields = {"amount": 100, "currency": "EUR", "interval_unit": "weekly", "links": {"mandate": "MD404"}}
    key = idempotency_key(desk.site.name, "subscription:RC1#1/create")
    with (
        desk.site.at.runtime.gocardless(desk.site.at.connection) as client,
        pytest.raises(Conflict) as conflict,
    ):
        client.create("subscriptions", fields, key)
    assert conflict.value.conflicting_id == desk.subscriptions()[0].id


def test_a_second_run_makes_no_write(desk):
    desk.bill()
    desk.bill("RC2", customer=2)
    desk.run()
    desk.run()
    before, head = desk.writes(), desk.store.trail.head(desk.site.name)

    report = desk.run()

    assert desk.writes() == before
    assert desk.store.trail.head(desk.site.name) == head
    assert desk.left(report) == {"RC1": "followed", "RC2": "no_gocardless_customer"}


def test_amount_and_text_follow_the_charge(desk):
    desk.bill()
    desk.run()
    desk.bill(amount=Money(2_500, "EUR"), description="Hosting plus")

    report = desk.run()

    (made,) = desk.subscriptions()
    assert (made.body["amount"], made.body["name"]) == (2_500, "Hosting plus")
    assert [(each.action, each.code) for each in report.changes] == [("amend", "charge_changed")]
    assert (desk.rows()["RC1#1"].amount, desk.rows()["RC1#1"].amendments) == (Money(2_500, "EUR"), 1)
    before = desk.writes()
    assert desk.left(desk.run()) == {"RC1": "followed"}
    assert desk.writes() == before


def test_a_charge_on_hold_pauses_and_resumes(desk):
    desk.bill()
    desk.run()
    desk.bill(on_hold=True)
    assert desk.left(desk.run()) == {"RC1": "on_hold"}
    assert desk.statuses() == {"RC1#1": "paused"}

    desk.bill(amount=Money(3_000, "EUR"))
    report = desk.run()

    assert [each.action for each in report.changes] == ["amend", "resume"]
    assert desk.statuses() == {"RC1#1": "active"}
    assert desk.subscriptions()[0].body["amount"] == 3_000


def test_another_schedule_cancels_and_makes_another_subscription_after_what_was_charged(desk):
    desk.bill()
    desk.run()
    desk.days_later(22)
    payment = desk.charge_next()
    assert payment.body["charge_date"] == "2026-07-01"
    desk.bill(interval=2)

    report = desk.run()

    assert [each.action for each in report.changes] == ["cancel"]
    assert [each.reference for each in report.created] == ["RC1#2"]
    assert desk.statuses() == {"RC1#1": "cancelled", "RC1#2": "active"}
    # The payment of the first of July is on its way; every second month from then on is September.
    assert desk.subscriptions()[1].body["start_date"] == "2026-09-01"
    assert desk.rows()["RC1#1"].paid_through == date(2026, 7, 1)


@pytest.mark.parametrize("way", ["inactive", "gone"])
def test_a_charge_that_ended_cancels_its_subscription(desk, way):
    desk.bill()
    desk.bill("RC2", customer=2)
    desk.run()
    if way == "gone":
        del desk.charges["RC1"]
    else:
        desk.bill(active=False)

    desk.run()

    assert desk.statuses() == {"RC1#1": "cancelled"}
    assert desk.rows()["RC1#1"].ours


def test_nothing_is_cancelled_because_the_erp_shows_no_charge_at_all(desk):
    desk.bill()
    desk.run()
    desk.charges.clear()

    report = desk.run()

    assert "shows no recurring charge at all" in report.why_nothing
    assert desk.statuses() == {"RC1#1": "active"}


def test_charges_that_were_read_long_ago_change_nothing(desk):
    desk.bill()
    desk.read()
    desk.site.merchant.tick(MOST_AGE + timedelta(minutes=1))
    assert "were read last at 2026-06-03" in desk.subscribe().why_nothing
    assert desk.subscriptions() == []


def test_an_event_run_compares_only_after_news(desk):
    desk.bill()
    desk.run()
    runtime, connection = desk.site.at.runtime, desk.site.at.connection
    quiet = subscribe(runtime, connection, only_new=True)
    assert "Nothing has changed" in quiet.why_nothing
    desk.site.merchant.tick()
    desk.read()
    assert subscribe(runtime, connection, only_new=True).why_nothing == ""


def test_what_somebody_cancels_in_gocardless_stays_cancelled_until_a_person_allows_another(desk):
    desk.bill()
    desk.run()
    desk.act("cancel")

    assert desk.left(desk.run()) == {"RC1": "cancelled_by_a_person"}

    assert subscribe_again(desk.store, desk.site.name, "RC1", by="Ada", note="agreed") == 1
    desk.run()
    assert desk.statuses() == {"RC1#1": "cancelled", "RC1#2": "active"}


def test_what_somebody_pauses_or_amends_in_gocardless_is_seen_from_its_events(desk):
    desk.bill()
    desk.run()
    desk.act("pause")
    assert desk.left(desk.run()) == {"RC1": "paused_by_a_person"}
    desk.act("resume")
    desk.act("amend", "RC1#1", 999)

    report = desk.run()

    # The ERP leads: the amount is put back.
    assert [each.action for each in report.changes] == ["amend"]
    assert desk.subscriptions()[0].body["amount"] == 2_000


def test_a_cancelled_mandate_ends_the_subscription_and_a_new_one_gets_another(desk):
    desk.bill()
    desk.run()
    desk.site.merchant.cancel_mandate(desk.site.merchant.mandate(1))
    assert desk.left(desk.run()) == {"RC1": "mandate_not_usable"}
    assert desk.states() == {"RC1#1": "cancelled"}

    del desk.site.merchant.mandates[1, "EUR"]
    with desk.world.lock:
        customer = desk.world.customers.ordered[0]
        account = desk.world.builder.bank_account(
            customer.id, "Load Customer 1", "DE2EUR", country_code="DE", currency="EUR", ending="22"
        )
        desk.world.builder.mandate(account, desk.world.creditors.ordered[0].id, status="active")
    desk.site.merchant.tick()
    desk.run()

    assert desk.statuses() == {"RC1#1": "cancelled", "RC1#2": "active"}


def test_after_ten_amendments_another_subscription_takes_over(desk):
    desk.bill()
    desk.run()
    for step in range(1, 12):
        desk.bill(amount=Money(2_000 + 100 * step, "EUR"))
        desk.run()
    assert desk.statuses() == {"RC1#1": "cancelled", "RC1#2": "active"}
    assert [each.body["amount"] for each in desk.subscriptions()] == [3_000, 3_100]


def test_amendments_that_somebody_else_used_up_are_noticed(desk):
    desk.bill()
    desk.run()
    for step in range(10):
        desk.act("amend", "RC1#1", 5_000 + step)
    desk.bill(amount=Money(2_700, "EUR"))

    held = desk.run()
    assert [hold.code for hold in held.held] == []

    desk.run()
    assert desk.statuses() == {"RC1#1": "cancelled", "RC1#2": "active"}
    assert desk.site.held() == {}


def test_a_refused_subscription_is_held_and_planned_anew_when_the_charge_changes(desk):
    desk.bill(description="Hosting")
    desk.refuse_next("POST")
    desk.run()
    assert desk.states() == {"RC1#1": "held"}
    assert desk.left(desk.run()) == {"RC1": "subscription_held"}
    assert desk.subscriptions() == []

    desk.bill(description="Hosting plus")
    desk.run()

    assert desk.states() == {"RC1#1": "withdrawn", "RC1#2": "active"}
    assert desk.statuses() == {"RC1#2": "active"}
    assert desk.site.held() == {}


def test_what_a_person_withdraws_is_not_asked_again(desk):
    desk.bill()
    desk.run()
    desk.bill(amount=Money(2_500, "EUR"))
    desk.refuse_next("PUT")
    desk.run()
    (held,) = desk.store.ledger.held(desk.site.name)
    desk.store.ledger.withdraw(desk.site.name, [held.posting.key], by="Ada", note="not this one")

    assert desk.left(desk.run()) == {"RC1": "withdrawn_by_a_person"}
    assert desk.subscriptions()[0].body["amount"] == 2_000

    desk.bill(amount=Money(2_600, "EUR"))
    desk.run()
    assert desk.subscriptions()[0].body["amount"] == 2_600


def test_a_dry_run_sends_nothing(desk):
    desk.bill()
    desk.read()
    report = subscribe(desk.site.at.runtime, desk.site.at.connection, send=False)
    assert [each.reference for each in report.created] == ["RC1#1"]
    assert desk.subscriptions() == []


def test_the_database_lets_one_subscription_follow_a_charge(desk):
    desk.bill()
    desk.run()
    with desk.store.begin() as transaction:
        stored = transaction.execute(select(SUBSCRIPTIONS)).mappings().one()
        second = insert(SUBSCRIPTIONS).values({**stored, "reference": "RC1#2", "number": 2})
        with pytest.raises(IntegrityError):
            transaction.execute(second)


def test_the_report_says_in_a_sentence_what_was_done(desk):
    desk.bill()
    report = desk.run()
    assert isinstance(report, SubscriptionReport)
    assert report.sentence() == "1 subscriptions ordered, 0 changes, 1 charges followed, 0 not, 0 held, 1 requests sent"
