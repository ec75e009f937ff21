"""One payment for several invoices of a payer, with an allocation table that its receipt follows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.visma.clerk import Clerk


@pytest.fixture
def grouped(open_desk) -> Iterator:
    with open_desk(mode="grouped") as desk:
        desk.site.merchant.mandate(1)
        desk.site.merchant.mandate(2)
        desk.invoice("900001", 10_000)
        desk.invoice("900002", 2_500)
        desk.invoice("900003", 4_000, customer=2)
        desk.run()
        yield desk


def group(desk):
    (payment,) = [p for p in desk.payments() if p.body["metadata"]["invoice"] == "900001, 900002"]
    return payment


def test_a_payer_is_charged_once_and_both_invoices_are_settled(grouped):
    payment = group(grouped)
    assert payment.body["amount"] == 12_500
    assert len(grouped.payments()) == 2
    row = grouped.rows()[payment.body["metadata"]["mlc_ref"]]
    assert [(part.item, part.amount.minor, part.attempt) for part in row.parts] == [
        ("900001", 10_000, 1),
        ("900002", 2_500, 1),
    ]

    grouped.site.merchant.collect(payment)
    grouped.run()

    documents = grouped.site.company.documents
    assert [documents["Invoice", number].balance_minor for number in ("900001", "900002", "900003")] == [0, 0, 4_000]
    assert grouped.site.unfinished() == {}


def test_a_group_is_cancelled_and_made_anew_without_the_invoice_that_was_paid(grouped):
    Clerk(grouped.site.company).pay_invoice("900001", 10_000)

    grouped.run()
    grouped.run()

    assert group(grouped).status == "cancelled"
    assert grouped.taken() == {"900002": 2_500, "900003": 4_000}
    assert grouped.payment("900002#2").body["amount"] == 2_500


def test_a_group_that_failed_is_tried_again_as_a_group_with_new_attempts(grouped):
    payment = group(grouped)
    with grouped.world.lock:
        grouped.world.payment_states.submit(payment)
    grouped.site.merchant.tick()
    grouped.site.merchant.fail(payment)
    grouped.run()
    grouped.days_later(5)

    grouped.run()

    rows = [row for row in grouped.rows().values() if row.customer == "10001"]
    assert [sorted(part.attempt for part in row.parts) for row in rows] == [[1, 1], [2, 2]]
    assert len({row.reference for row in rows}) == 2
    assert grouped.taken() == {"900001, 900002": 12_500, "900003": 4_000}
