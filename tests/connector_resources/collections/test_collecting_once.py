"""A due invoice becomes one payment, the payment its receipt, and nothing is collected twice or forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector_resources.collections.ordering import MOST_AGE
from connector_resources.collections.run import collect
from connector_resources.errors import ConnectorError
from connector_resources.gocardless.writing.documents import idempotency_key
from connector_resources.posting.planning import Scope
from tests.evenings import DAY


def test_a_due_invoice_is_collected_and_its_receipt_settles_it(desk):
    desk.site.merchant.mandate(1)
    desk.invoice("900001", 12_500)

    report = desk.run()

    assert [order.reference for order in report.orders] == ["900001#1"]
    payment = desk.payment("900001#1")
    assert (payment.body["amount"], payment.body["currency"]) == (12_500, "EUR")
    assert payment.body["metadata"] == {"mlc_ref": "900001#1", "invoice": "900001"}
    assert payment.body["reference"] == "900001"
    assert desk.states() == {"900001#1": "in_flight"}
    assert desk.rows()["900001#1"].payment_id == payment.id

    desk.site.merchant.collect(payment)
    after = desk.run()

    assert desk.states() == {"900001#1": "collected"}
    assert desk.site.company.documents["Invoice", "900001"].balance_minor == 0
    assert (after.orders, after.held) == ((), [])
    assert desk.site.unfinished() == {}


def test_a_run_without_news_makes_no_write_and_says_why(desk):
    desk.site.merchant.mandate(1)
    desk.invoice("900001")
    desk.run()
    # The second run learns from the event feed what it ordered itself.
    desk.run()
    before = desk.writes()
    head = desk.store.trail.head(desk.site.name)

    report = desk.run()

    assert desk.writes() == before
    assert desk.store.trail.head(desk.site.name) == head
    assert desk.reasons(report) == {"900001": "in_flight"}


def test_a_collected_invoice_whose_receipt_is_not_in_the_erp_is_not_collected_again(desk):
    desk.site.merchant.mandate(1)
    desk.invoice("900001")
    desk.run()
    desk.site.merchant.collect(desk.payment("900001#1"))
    desk.site.poll()

    desk.site.at.read(Scope(DAY, DAY, only_new=True))
    desk.read()

    report = desk.collect()

    assert desk.reasons(report) == {"900001": "collected_already"}
    assert len(desk.payments()) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error_after", "html_after", "truncate"])
def test_an_unanswered_write_is_looked_up_and_the_invoice_is_collected_once(desk, kind):
    desk.site.merchant.mandate(1)
    desk.invoice("900001")
    desk.break_next(kind, status=500)

    desk.run()
    desk.site.merchant.tick()
    desk.run()

    assert desk.taken() == {"900001": 10_000}
    assert desk.states() == {"900001#1": "in_flight"}


def test_another_payment_under_the_same_key_is_compared_and_not_accepted(desk):
    mandate = desk.site.merchant.mandate(1)
    desk.invoice("900001")
    with desk.world.lock:
        other = desk.world.builder.payment(mandate, 777, "EUR", metadata={"invoice": "somebody else's"})
        used = idempotency_key("nordic", "collection:900001#1/create")
        desk.world.idempotency[used] = (other.id, desk.world.now())

    report = desk.run()

    assert [hold.code for hold in report.held] == ["exists_differently"]
    assert desk.reasons(desk.run()) == {"900001": "collection_held"}
    assert desk.payments() == [other]


def test_nothing_is_planned_from_invoices_that_were_read_long_ago(desk):
    desk.site.merchant.mandate(1)
    desk.invoice("900001")
    desk.read()
    desk.site.at.link()
    desk.site.merchant.tick(MOST_AGE + timedelta(minutes=1))

    report = desk.collect()

    assert "were read last at" in report.why_nothing
    assert desk.payments() == []


def test_a_read_that_breaks_off_changes_nothing(desk):
    for number in range(1, 4):
        desk.invoice(f"90000{number}")
    desk.read()
    desk.site.break_next("error_before", "customerinvoice", method="GET", status=500, times=9)

    with pytest.raises(ConnectorError):
        desk.read()

    assert desk.store.receivables.count_open("nordic") == 3


def test_a_run_for_an_event_plans_only_after_news(desk):
    desk.site.merchant.mandate(1)
    desk.invoice("900001")
    desk.run()
    runtime, connection = desk.site.at.runtime, desk.site.at.connection

    quiet = collect(runtime, connection, only_new=True)

    assert quiet.why_nothing == "Nothing has changed since the open invoices were last read and judged."
    desk.invoice("900002")
    desk.site.merchant.tick()
    desk.read()
    assert [order.reference for order in collect(runtime, connection, only_new=True).orders] == ["900002#1"]
    desk.cancel_at_gocardless(desk.payment("900002#1"))
    desk.site.run_new()
    told = collect(runtime, connection, only_new=True)
    assert desk.reasons(told)["900002"] == "cancelled_by_a_person"
