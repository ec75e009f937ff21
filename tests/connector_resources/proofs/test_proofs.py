"""Every proof is silent about books in order, and names the defect that is put before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connector_resources.posting.planning import Scope
from connector_resources.proofs import proofs
from connector_resources.proofs.findings import Findings
from connector_resources.store.deliveries import Delivery
from connector_resources.store.posting_codec import encode_posting
from sandbox.clock import SandboxClock
from sandbox.gocardless.world import World
from tests.evenings import DAY, MORNING
from tests.merchant import Merchant
from tests.sites import LAST, Site, visma_site

ALL = (
    proofs.payouts_proven,
    proofs.balanced_postings,
    proofs.nothing_missed,
    proofs.nothing_unposted,
    proofs.clearing_balance,
    proofs.erp_agrees,
    proofs.trail_verifies,
)


def look(site: Site, proof: Callable[..., Findings], *, only_new: bool = False) -> Findings:
    return proof(site.at.runtime, site.at.connection, Scope(DAY, LAST, only_new))


def subjects(findings: Findings) -> list[str]:
    return [row.subject for row in findings.rows]


def business(site: Site) -> dict[str, Any]:
    """A receipt that stays, one taken back, a refund, and a payout; everything posted."""
    merchant = site.merchant
    stays, fails, refunded = (merchant.collected(10_000 * n, customer=n) for n in (1, 2, 3))
    site.run_new()
    merchant.fail(fails)
    merchant.refund(refunded, 4_000)
    site.run_new()
    payout = merchant.pay_out()
    waiting = merchant.collected(7_000, customer=4)
    report = site.run_new()
    assert (report.stopped, report.held) == ("", [])
    return {"stays": stays, "fails": fails, "refunded": refunded, "payout": payout, "waiting": waiting}


@pytest.fixture(params=["visma", "datev"])
def site(request: pytest.FixtureRequest) -> Site:
    return request.getfixturevalue(request.param)


def test_books_in_order_are_found_in_order_by_every_proof(site):
    business(site)

    found = {proof.__name__: look(site, proof) for proof in ALL}

    assert {name: f.rows for name, f in found.items() if f.rows} == {}
    checked = {name: f.checked for name, f in found.items()}
    assert checked.pop("erp_agrees") == (6 if site.name == "nordic" else 0)
    assert all(checked.values()), checked


def execute(site: Site, statement: str, **values: Any) -> None:
    with site.at.runtime.store.begin() as transaction:
        changed = transaction.execute(text(statement), values).rowcount
    assert changed == 1


def test_a_payout_whose_items_do_not_sum_up_is_not_proven(site):
    payout = business(site)["payout"]
    items = site.at.runtime.store.entities.payout_items(site.name, payout.id)
    site.at.runtime.store.entities.put_payout_items(site.name, payout.id, items[1:])

    findings = look(site, proofs.payouts_proven)

    assert findings.severe
    assert set(subjects(findings)) == {payout.id}


def test_a_payout_whose_items_were_never_read_is_not_proven(site):
    site.merchant.collected()
    payout = site.merchant.pay_out()
    site.poll()
    with site.at.runtime.gocardless(site.at.connection) as client:
        body = client.get("payouts", payout.id)
    site.at.runtime.store.entities.put(site.name, "payouts", [body], day_of=lambda moment: moment.date())

    findings = look(site, proofs.payouts_proven)

    assert subjects(findings) == [payout.id]
    assert "were not read" in findings.rows[0].message


def test_a_posting_whose_debits_and_credits_differ_is_named(visma):
    business(visma)
    store = visma.at.runtime.store
    row = next(r for r in store.ledger.of_day(visma.name, DAY, LAST) if r.posting.kind == "receipt")
    body = encode_posting(replace(row.posting, lines=row.posting.lines[:1]))
    execute(visma, "UPDATE postings SET body = :body WHERE key = :key", body=body, key=row.posting.key)

    findings = look(visma, proofs.balanced_postings)

    assert (findings.severe, subjects(findings)) == (True, [row.posting.key])


def test_a_webhook_that_cannot_be_taken_apart_is_missed_until_a_run_can_read_it(visma):
    store = visma.at.runtime.store
    store.deliveries.keep([Delivery(visma.name, b'{"events": []}', "WB7", 0, "Mars/Olympus")])
    store.deliveries.take()

    findings = look(visma, proofs.nothing_missed)

    assert "WB7" in subjects(findings)
    with store.begin() as transaction:
        transaction.execute(text("UPDATE inbox_deliveries SET time_zone = 'Europe/Oslo'"))
    visma.run_new()
    assert "WB7" not in subjects(look(visma, proofs.nothing_missed))


def test_an_event_that_nobody_decided_is_missed(site):
    business(site)
    payment = site.merchant.collected(1_000, customer=5)
    site.poll()
    undecided = [event["id"] for event in site.events(payment.id)]

    findings = look(site, proofs.nothing_missed)

    assert set(undecided) <= set(subjects(findings))
    assert any("payments.confirmed" in row.message for row in findings.rows)
    site.run_new()
    assert look(site, proofs.nothing_missed).rows == []


def test_what_is_held_or_pending_is_unposted(visma):
    business(visma)
    visma.company.close_period("202606")
    held = visma.merchant.collected(1_000, customer=1)
    visma.run_new()
    pending = visma.merchant.collected(2_000, customer=2)
    scope = Scope(DAY, LAST, only_new=True)
    visma.poll()
    visma.at.read(scope)
    visma.at.plan(scope)

    findings = look(visma, proofs.nothing_unposted)

    rows = visma.at.runtime.store.ledger.of_subjects(visma.name, [held.id, pending.id])
    assert set(subjects(findings)) == {row.posting.key for found in rows.values() for row in found}
    assert any("closed" in row.message for row in findings.rows)
    assert any(row.next_step for row in findings.rows)


def test_a_difference_on_the_clearing_account_is_named_by_its_payment(visma):
    business(visma)
    visma.company.close_period("202606")
    held = visma.merchant.collected(1_000, customer=1)
    visma.run_new()

    findings = look(visma, proofs.clearing_balance)

    assert subjects(findings) == [held.id]
    assert "its booking is missing" in findings.rows[0].message


def test_a_payout_that_is_not_booked_is_named_for_each_of_its_payments(visma):
    visma.merchant.collected()
    visma.run_new()
    visma.company.close_period("202606")
    visma.merchant.pay_out()
    visma.run_new()

    findings = look(visma, proofs.clearing_balance)

    assert len(findings.rows) == 1
    assert "is not booked yet" in findings.rows[0].message


@pytest.fixture
def old_site(tmp_path: Path) -> Iterator[Site]:
    """A merchant whose business began before the cut-over of 1 June."""
    with visma_site(tmp_path, merchant=Merchant(World(SandboxClock(MORNING - timedelta(days=9)), seed=1))) as opened:
        yield opened


def test_what_stood_in_the_books_at_the_cut_over_is_no_difference(old_site):
    merchant = old_site.merchant
    _, refunded, retried, charged_back = (merchant.collected(1_000 * n, customer=n) for n in (1, 2, 3, 4))
    unpaid = merchant.order(9_000, customer=5)
    merchant.charge_back(charged_back)
    merchant.pay_out()
    merchant.refund(refunded, 500)
    merchant.tick(MORNING - merchant.world.now())
    merchant.fail(unpaid)
    merchant.fail(retried)
    merchant.retry(retried)
    merchant.collect(retried)
    merchant.cancel_chargeback(charged_back)
    merchant.pay_out()
    old_site.run_new()
    old_site.run()

    # The first receipt of this one was booked by hand, so a person must void it; only that is open.
    assert old_site.held() == {retried.id: "document_unknown"}
    assert subjects(look(old_site, proofs.clearing_balance)) == [retried.id]


def test_a_document_that_a_clerk_voided_is_found(visma):
    made = business(visma)
    number = next(p.number for p in visma.company.payments.values() if p.reference == made["waiting"].id)
    visma.company.clerk.void_payment(number)

    findings = look(visma, proofs.erp_agrees)

    (row,) = visma.at.runtime.store.ledger.of_subjects(visma.name, [made["waiting"].id])[made["waiting"].id]
    assert subjects(findings) == [row.posting.key]
    assert "voided" in findings.rows[0].message


def test_a_document_that_was_moved_to_another_customer_is_found(visma):
    made = business(visma)
    payment = next(p for p in visma.company.payments.values() if p.reference == made["waiting"].id)
    with visma.company.lock:
        payment.customer = "10005"
        visma.company.touch(payment)

    findings = look(visma, proofs.erp_agrees)

    assert len(findings.rows) == 1
    assert "customer is 10005" in findings.rows[0].message


def test_an_erp_that_cannot_be_read_is_a_finding_and_no_failure(visma):
    business(visma)
    visma.break_next("error_before", r"/v1/customerPayment", method="GET", status=503, times=50)

    findings = look(visma, proofs.erp_agrees)

    assert not findings.severe
    assert "could not be read" in findings.rows[0].message


TAMPERED = "UPDATE trail SET subject = 'PM00SOMEBODY' WHERE connection = :name AND seq = :seq"


def test_a_tampered_trail_row_is_found(site):
    business(site)
    execute(site, TAMPERED, name=site.name, seq=3)

    findings = look(site, proofs.trail_verifies)

    assert (findings.severe, subjects(findings)) == (True, ["row 3"])


def test_a_run_for_new_events_reads_only_what_was_added_to_the_trail(site):
    business(site)
    whole = look(site, proofs.trail_verifies).checked
    assert look(site, proofs.trail_verifies, only_new=True).checked == 0
    site.merchant.collected(1_000, customer=5)
    site.run_new()

    added = look(site, proofs.trail_verifies, only_new=True)

    assert (added.rows, 0 < added.checked < whole) == ([], True)
    assert look(site, proofs.trail_verifies).checked == whole + added.checked


def test_what_was_done_to_old_rows_is_found_by_the_next_full_look(site):
    business(site)
    look(site, proofs.trail_verifies)
    execute(site, TAMPERED, name=site.name, seq=3)

    assert look(site, proofs.trail_verifies, only_new=True).rows == []
    assert subjects(look(site, proofs.trail_verifies)) == ["row 3"]


def test_a_tampered_new_row_is_found_by_a_run_for_new_events(site):
    business(site)
    last = look(site, proofs.trail_verifies).checked
    site.merchant.collected(1_000, customer=5)
    site.run_new()
    execute(site, TAMPERED, name=site.name, seq=last + 2)

    assert subjects(look(site, proofs.trail_verifies, only_new=True)) == [f"row {last + 2}"]
    assert subjects(look(site, proofs.trail_verifies, only_new=True)) == [f"row {last + 2}"]
