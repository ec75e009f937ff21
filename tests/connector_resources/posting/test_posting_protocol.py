"""The posting protocol against the stand-ins: what is posted once, what is held, what stops a run and how it goes on."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from connector_resources.errors import TokenRefused, WrongCompany
from sandbox.visma.records import Payment
from tests.sites import Site, datev_site, visma_site

CREATE = r"/v1/customerPayment$"


def test_what_is_not_allowed_stops_the_run_and_leaves_the_rest_for_the_next(visma):
    for customer in (1, 2, 3):
        visma.merchant.collected(customer=customer)
    visma.break_next("error_before", CREATE, status=403, skip=1)

    report = visma.run()

    assert "does not allow POST" in report.stopped
    assert "approve the scopes" in report.stopped
    assert len(visma.company.payments) == 1
    assert sum(visma.unfinished().values()) >= 2
    assert visma.run().stopped == ""
    assert (visma.unfinished(), visma.clearing()) == ({}, 30_000)


def test_a_used_up_quota_stops_the_run_and_names_the_wait(visma):
    for customer in (1, 2, 3):
        visma.merchant.collected(customer=customer)
    visma.break_next("rate_limit", CREATE, skip=1, headers={"Retry-After": "900"})

    report = visma.run()

    assert "900 s" in report.stopped
    assert report.retry_after_s == 900
    assert len(visma.company.payments) == 1
    visma.merchant.tick(timedelta(seconds=901))
    assert visma.run().stopped == ""
    assert (visma.unfinished(), visma.clearing()) == ({}, 30_000)


def test_a_quota_that_is_soon_refilled_is_waited_out_in_the_run(visma):
    visma.merchant.collected()
    visma.break_next("rate_limit", CREATE, headers={"Retry-After": "7"})

    assert visma.run().stopped == ""

    assert 7 in visma.at.naps
    assert visma.unfinished() == {}


def test_three_unanswered_writes_in_a_row_stop_the_run(visma):
    for customer in (1, 2, 3, 4, 5):
        visma.merchant.collected(customer=customer)
    visma.break_next("drop_before", r"/v\d/", times=100)

    report = visma.run()

    assert "3 writes in a row were not answered" in report.stopped
    assert len(visma.writes()) == 3
    visma.at.erp.faults.clear()
    visma.run()
    assert (visma.unfinished(), visma.clearing()) == ({}, 50_000)


def test_a_write_that_never_arrives_is_parked_after_three_attempts_and_sent_again_when_released(visma):
    payment = visma.merchant.collected()
    visma.break_next("drop_before", CREATE, times=100)
    for _ in range(4):
        visma.run()

    (row,) = visma.at.runtime.store.ledger.held(visma.name)
    assert (row.posting.subject, row.held_code) == (payment.id, "cannot_tell")
    assert "sent 3 times" in row.held_next_step
    assert [path for _, path in visma.writes() if path.endswith("customerPayment")] == ["/v1/customerPayment"] * 3
    visma.run()
    assert len([path for _, path in visma.writes() if path.endswith("customerPayment")]) == 3

    visma.at.erp.faults.clear()
    visma.release()
    visma.run()
    assert (visma.unfinished(), visma.clearing()) == ({}, 10_000)


def test_a_request_that_was_turned_away_does_not_count_as_an_attempt(visma):
    visma.merchant.collected()
    for _ in range(4):
        visma.break_next("error_before", CREATE, status=403)
        visma.run()
    visma.break_next("drop_before", CREATE)

    report = visma.run()

    assert report.held == []
    assert (visma.unfinished(), visma.clearing()) == ({}, 10_000)


def by_hand(site: Site, reference: str, amount_minor: int = 10_000) -> Payment:
    """A draft that a bookkeeper typed in with our reference."""
    company = site.company
    with company.lock:
        today = company.clock.now().date()
        payment = Payment(
            **company.stamps(), type="Payment", number=company.next_number("payment"), customer="10001", method="GC",
            cash_account="1985", currency="EUR", amount_minor=amount_minor, dated=today, applied_on=today,
            period="202606", reference=reference, rate=Decimal(1),
        )  # fmt: skip
        company.store_payment(payment)
    return payment


def test_two_candidates_for_an_unanswered_write_are_a_persons_decision(visma):
    payment = visma.merchant.collected()
    typed = by_hand(visma, payment.id)
    visma.break_next("drop_after", CREATE)

    report = visma.run()

    (hold,) = report.held
    assert (hold.code, visma.held()) == ("cannot_tell", {payment.id: "cannot_tell"})
    assert "000001, 000002" in hold.next_step
    assert visma.run().submissions == 0
    visma.company.clerk.delete_payment(typed.number)
    visma.release()
    report = visma.run()
    assert (report.adopted, visma.unfinished(), visma.clearing()) == (1, {}, 10_000)
    assert len(visma.company.payments) == 1


def test_a_candidate_with_another_amount_is_a_persons_decision(visma):
    payment = visma.merchant.collected()
    by_hand(visma, payment.id, amount_minor=9_999)
    visma.break_next("drop_before", CREATE)

    (hold,) = visma.run().held

    assert hold.code == "cannot_tell"
    assert "99.99" in hold.next_step
    assert len(visma.company.payments) == 1


def test_what_is_turned_away_when_sent_again_is_looked_up_before_it_is_sent_once_more(visma):
    """The first request is still on its way: it arrives when the run that gave up on it has ended."""
    payment = visma.merchant.collected()
    visma.break_next("drop_before", CREATE)
    visma.break_next("error_before", CREATE, status=403)
    assert "does not allow POST" in visma.run().stopped
    by_hand(visma, payment.id)

    report = visma.run()

    assert (report.adopted, visma.unfinished(), visma.clearing()) == (1, {}, 10_000)
    assert len(visma.company.payments) == 1


def test_an_unmapped_customer_is_held_until_linked_and_then_posted_by_itself(visma):
    payment = visma.merchant.collected(customer=9)

    visma.run()

    assert visma.held()[payment.id] == "customer_unmapped"
    assert visma.company.payments == {}
    visma.company.add_customer("10009", "Load Customer 9")
    report = visma.run()
    assert (report.held, visma.unfinished(), visma.clearing()) == ([], {}, 10_000)
    assert visma.company.books.receivable("10009", "EUR") == -10_000


def test_a_closed_period_is_held_and_posted_after_it_was_reopened_and_released(visma):
    payment = visma.merchant.collected()
    visma.company.close_period("202606")
    visma.run()
    assert visma.held() == {payment.id: "period_closed"}

    visma.company.reopen_period("202606")
    assert visma.run().submissions == 0, "a held posting waits for a person"
    visma.release()
    visma.run()

    assert (visma.unfinished(), visma.clearing()) == ({}, 10_000)


def test_a_currency_without_accounts_is_held(visma):
    payment = visma.merchant.collected(customer=2, currency="SEK")

    visma.run()

    (row,) = visma.at.runtime.store.ledger.held(visma.name)
    assert (row.posting.subject, row.held_code) == (payment.id, "currency_unmapped")
    assert "SEK" in row.held_reason
    assert visma.company.payments == {}


def test_a_reversal_waits_for_the_receipt_it_takes_back(visma):
    payment = visma.merchant.collected()
    visma.company.close_period("202606")
    visma.run()
    visma.merchant.fail(payment)

    visma.run()

    assert visma.held() == {payment.id: "period_closed"}
    (waiting,) = visma.at.runtime.store.ledger.waiting_on(visma.name)
    assert (waiting.kind, waiting.reversed_state) == ("receipt_reversal", "held")
    assert visma.company.payments == {}
    visma.company.reopen_period("202606")
    visma.release()
    visma.run()
    assert (visma.unfinished(), visma.clearing()) == ({}, 0)
    assert sorted(kind for kind, _ in visma.company.payments) == ["Payment", "VoidPayment"]


def test_what_was_withdrawn_is_never_posted(visma):
    visma.merchant.collected()
    visma.company.close_period("202606")
    visma.run()
    (row,) = visma.at.runtime.store.ledger.held(visma.name)
    visma.at.runtime.store.ledger.withdraw(visma.name, [row.posting.key], by="Ada", note="booked by hand")
    visma.company.reopen_period("202606")

    visma.run()

    assert visma.company.payments == {}
    assert visma.at.states()["receipt withdrawn"] == 1


WRONG = {
    "another tenant": {"tenant_id": "00000000-0000-4000-8000-000000000000"},
    "another company": {"company_name": "Sydlys Drift AS"},
    "an id that hides everything": {"company_id": "999"},
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_the_wrong_visma_company_is_a_clear_error_and_nothing_is_posted(tmp_path, wrong):
    with visma_site(tmp_path, erp_settings=WRONG[wrong]) as site:
        site.merchant.collected()
        with pytest.raises((WrongCompany, TokenRefused), match="nordic"):
            site.run()
        assert site.writes() == []


def test_the_wrong_company_is_noticed_before_an_unanswered_write_is_looked_up(visma):
    visma.merchant.collected()
    visma.break_next("drop_after", CREATE)
    visma.break_next("error_before", CREATE, method="GET", status=503, times=5)
    visma.run()
    assert visma.unfinished()
    sent = visma.writes()

    visma.company.name = "Sydlys Drift AS"
    with pytest.raises(WrongCompany):
        visma.at.post()

    assert visma.writes() == sent
    visma.company.name = "Nordlys Drift AS"
    visma.at.post()
    assert (visma.unfinished(), visma.clearing()) == ({}, 10_000)


def test_a_datev_client_without_the_service_is_held_with_the_reason(tmp_path):
    with datev_site(tmp_path, erp_settings={"client_number": 3}) as site:
        payment = site.merchant.collected()
        site.run()
        ledger = site.at.runtime.store.ledger
        (debtor,) = ledger.held(site.name)
        assert (debtor.posting.kind, debtor.held_code) == ("customer", "1008838")
        assert "permission" in debtor.held_reason
        assert [(each.subject, each.reverses) for each in ledger.waiting_on(site.name)] == [
            (payment.id, debtor.posting.key)
        ]
        assert site.at.erp.datacentre.books("455148-3").rows == []
