"""Payers without a mandate are asked on GoCardless's hosted pages; what they did is learnt from GoCardless alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

from connector_resources.store.mandate_setups import SetupState

LINK = {"mode": "link", "redirect_uri": "https://merchant.example/thanks"}


def set_ups(desk) -> dict[str, str]:
    return {row.reference: row.state.value for row in desk.store.mandate_setups.all(desk.site.name)}


def complete(url: str) -> None:
    """What the payer does on the hosted page; the browser is sent back, which nobody believes."""
    details = {"iban": "DE89370400440532013000", "email": "books@third.example", "company_name": "Third Ltd"}
    answer = requests.post(url, data=details, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text


@pytest.fixture
def asking(open_desk):
    with open_desk(mandate_setup=LINK) as desk:
        desk.invoice("900003", customer=3)
        yield desk


def test_a_customer_new_to_gocardless_sets_up_a_mandate_and_is_collected_from(asking):
    report = asking.run()

    (row,) = report.set_ups
    assert (row.customer, row.currency, row.state) == ("10003", "EUR", SetupState.WAITING)
    assert row.url
    assert row.expires_at == asking.site.at.runtime.clock() + timedelta(days=7)
    assert asking.run().not_eligible[0].next_step.startswith(f"The payer was asked to set up a mandate: {row.url}")

    complete(row.url)
    asking.run()

    assert set_ups(asking) == {"10003/EUR#1": "fulfilled"}
    (link,) = asking.store.customers.by_erp(asking.site.name, ["10003"])["10003"]
    assert link.method == "mandate_setup"
    assert asking.taken() == {"900003": 10_000}


def test_the_page_shows_what_the_erp_knows_of_the_customer(asking):
    (row,) = asking.run().set_ups

    page = requests.get(row.url, timeout=10).text

    assert 'value="Load Customer 3"' in page
    assert 'value="load3@example.com"' in page


def test_a_payer_is_asked_once_and_again_when_the_link_has_expired(asking):
    asking.run()
    asking.run()
    assert set_ups(asking) == {"10003/EUR#1": "waiting"}

    for _ in range(4):
        asking.days_later(8)
        asking.run()

    assert set_ups(asking) == {"10003/EUR#1": "expired", "10003/EUR#2": "expired", "10003/EUR#3": "expired"}


def test_an_unanswered_request_asks_the_payer_once(asking):
    asking.break_next("drop_after", path="/billing_requests$")
    asking.break_next("drop_after", path="/billing_request_flows$")

    asking.run()
    asking.run()

    with asking.world.lock:
        assert len(asking.world.billing_requests.ordered) == 1
    assert set_ups(asking) == {"10003/EUR#1": "waiting"}


def test_a_payer_who_signed_up_elsewhere_meanwhile_is_found_and_not_asked(asking):
    asking.site.run_new()
    asking.read()
    asking.site.merchant.mandate(3)

    asking.collect()

    assert set_ups(asking) == {}
    assert asking.taken() == {"900003": 10_000}


def test_gocardless_is_asked_to_notify_and_its_refusal_leaves_the_link(open_desk):
    with open_desk(mandate_setup={"mode": "notify"}) as desk:
        desk.invoice("900003", customer=3)

        report = desk.run()

        assert [hold.code for hold in report.held] == ["billing_request_action_unavailable"]
        (row,) = report.set_ups
        assert (row.state, bool(row.url)) == (SetupState.WAITING, True)


def test_gocardless_notifies_the_payer_once(open_desk):
    with open_desk(mandate_setup={"mode": "notify"}, world={"notifies_mandate_requests": True}) as desk:
        desk.invoice("900003", customer=3)

        desk.run()
        desk.run()

        with desk.world.lock:
            (request,) = desk.world.billing_requests.ordered
        assert request.hidden["notified"] == 1
        assert desk.site.unfinished() == {}


def test_an_unanswered_notification_is_left_to_a_person(open_desk):
    with open_desk(mandate_setup={"mode": "notify"}, world={"notifies_mandate_requests": True}) as desk:
        desk.invoice("900003", customer=3)
        desk.break_next("drop_after", path="/actions/notify$")

        report = desk.run()

        assert [hold.code for hold in report.held] == ["cannot_tell"]
        with desk.world.lock:
            assert desk.world.billing_requests.ordered[0].hidden["notified"] == 1


def test_nobody_is_asked_unless_the_connection_says_so(desk):
    desk.invoice("900003", customer=3)

    report = desk.run()

    assert report.set_ups == ()
    assert desk.writes() == []
