"""Every open invoice that is not collected has a reason; what GoCardless itself refuses is held and planned anew."""

from __future__ import annotations

from tests.evenings import DAY


def second_customer(desk, *, currency: str = "EUR") -> None:
    """A payer who signed up twice: another GoCardless customer that is linked to 10001 as well."""
    merchant = desk.site.merchant
    mandate = merchant.mandate(9, currency, customer_number="10001")
    assert mandate.links["customer"] != merchant.mandate(1).links["customer"]


def test_missing_and_cancelled_mandates_other_currencies_and_limits_are_listed(desk):
    merchant = desk.site.merchant
    merchant.mandate(1)
    merchant.cancel_mandate(merchant.mandate(2))
    desk.invoice("900001", 500_001, customer=1)
    desk.invoice("900002", customer=2)
    desk.invoice("900003", customer=3)
    desk.invoice("900004", currency="GBP", customer=1)
    desk.invoice("900005", 99, customer=1)
    desk.invoice("900006", customer=1, due=DAY.replace(day=20))

    report = desk.run()

    assert desk.reasons(report) == {
        "900001": "over_limit",
        "900002": "mandate_not_usable",
        "900003": "no_gocardless_customer",
        "900004": "currency_mismatch",
        "900005": "below_minimum",
        "900006": "not_due_yet",
    }
    assert desk.payments() == []
    assert all(each.reason for each in report.not_eligible)


def test_a_payer_who_signed_up_twice_is_listed_until_one_mandate_is_left(desk):
    second_customer(desk)
    desk.invoice("900001")

    assert desk.reasons(desk.run()) == {"900001": "duplicate_customer"}

    desk.site.merchant.cancel_mandate(desk.site.merchant.mandate(9))
    desk.run()

    assert desk.payment("900001#1").links["mandate"] == desk.site.merchant.mandate(1).id


def test_a_mandate_made_before_the_cut_over_is_found(desk):
    """Its events are older than everything that was read; it is known by the list alone."""
    desk.site.merchant.mandate(1)
    with desk.world.lock:
        desk.world.events.ordered.clear()
    desk.invoice("900001")
    desk.read()

    desk.collect()

    assert desk.taken() == {"900001": 10_000}


def test_what_gocardless_refuses_is_held_for_a_person(open_desk):
    with open_desk(world={"enforce_amount_limits": True}, limits={"EUR": {"largest": 9_000}}) as desk:
        desk.site.merchant.mandate(1)
        desk.invoice("900001", 600_000)

        assert [hold.code for hold in desk.run().held] == ["validation_failed"]

        assert desk.states() == {"900001#1": "held"}
        assert desk.reasons(desk.run()) == {"900001": "collection_held"}


def test_what_waited_for_a_mandate_that_was_cancelled_is_planned_anew_with_the_next_one(desk):
    merchant = desk.site.merchant
    merchant.mandate(1)
    desk.invoice("900001")
    desk.break_next("drop_before", times=2)
    desk.run()
    merchant.cancel_mandate(merchant.mandate(1))

    report = desk.run()

    assert (report.held, desk.reasons(report)) == ([], {"900001": "mandate_not_usable"})
    assert desk.states() == {"900001#1": "withdrawn"}
    with desk.world.lock:
        lost = merchant.mandate(1)
        account = desk.world.customer_bank_accounts.get(lost.links["customer_bank_account"])
        replacement = desk.world.builder.mandate(account, lost.links["creditor"], status="active")
    desk.run()
    assert desk.payment("900001#2").links["mandate"] == replacement.id
