"""Exact Online's due invoices through GoCardless and back: the receipt, the late failure, the item opened again."""

from __future__ import annotations

from datetime import timedelta

from sandbox.exact_online.clerk import Clerk
from sandbox.faults import Fault
from tests.polder import DAY


def test_a_due_invoice_is_collected_settled_and_told_to_exact(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    polder.due(20260002, 5_000, customer=2)

    report = polder.run()

    payment = polder.payments()["20260001#1"]
    assert payment.body["amount"] == 12_100
    assert polder.payment_reference(20260001) == payment.id
    assert polder.reasons(report) == {"20260002": "no_gocardless_customer"}
    assert (report.held, report.stopped_because) == ([], "")

    polder.merchant.collect(payment)
    polder.run()
    assert "20260001" not in {i.number for i in polder.runtime.store.receivables.open("polder")}
    assert [row.state.value for row in polder.runtime.store.collections.all("polder")] == ["collected"]


def test_a_run_without_news_writes_to_neither_side(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    polder.run()
    polder.run()
    before = (polder.writes(), len(polder.payments()), polder.runtime.store.trail.head("polder"))

    polder.run()

    assert (polder.writes(), len(polder.payments()), polder.runtime.store.trail.head("polder")) == before


def test_a_late_failure_opens_the_invoice_again_and_it_is_collected_once_more(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    polder.run()
    polder.merchant.collect(polder.payments()["20260001#1"])
    polder.run()
    polder.merchant.fail(polder.payments()["20260001#1"])

    assert polder.reasons(polder.run()) == {"20260001": "waits_to_retry"}
    polder.merchant.tick(timedelta(days=5))
    polder.run()

    again = polder.payments()["20260001#2"]
    assert (again.body["amount"], again.status) == (12_100, "pending_submission")
    assert len(polder.payments()) == 2


def test_an_invoice_of_exacts_own_collection_is_left_to_exact(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    Clerk(polder.division).select_for_collection(20260001)

    assert polder.reasons(polder.run()) == {"20260001": "on_hold"}
    assert polder.payments() == {}


def test_an_invoice_paid_otherwise_in_exact_has_its_payment_cancelled(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    polder.run()
    Clerk(polder.division).pay_invoice(20260001, 12_100, on=DAY)

    report = polder.run()

    assert [stop.code for stop in report.stopped] == ["paid_otherwise"]
    assert polder.payments()["20260001#1"].status == "cancelled"


def test_the_receivable_names_the_payment_only_while_it_collects_the_invoice(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    polder.run()
    first = polder.payments()["20260001#1"]
    assert polder.payment_reference(20260001) == first.id

    polder.merchant.fail(first)
    polder.run()
    assert polder.payment_reference(20260001) == ""

    polder.merchant.tick(timedelta(days=5))
    polder.run()
    assert polder.payment_reference(20260001) == polder.payments()["20260001#2"].id
    assert {row.held_code for row in polder.runtime.store.ledger.held("polder")} == set()


def test_an_invoice_with_a_payment_reference_of_its_own_keeps_it(polder):
    polder.merchant.mandate(1)
    dated = DAY - timedelta(days=14)
    own = "RF18 5390 0754 7034"
    polder.division.add_invoice(20260001, "10001", 12_100, dated=dated, due=DAY, PaymentReference=own)
    polder.run()
    assert polder.payments()["20260001#1"].status == "pending_submission"
    assert polder.payment_reference(20260001) == own


def test_a_reference_that_a_person_wrote_meanwhile_stays(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    polder.run()
    (row,) = polder.division.tables["Terms"].where("InvoiceNumber", 20260001)
    polder.division.tables["Terms"].change(row["ID"], PaymentReference="RF18 5390 0754 7034")

    polder.merchant.fail(polder.payments()["20260001#1"])
    polder.run()

    assert polder.payment_reference(20260001) == "RF18 5390 0754 7034"


def test_a_reference_whose_writing_was_not_answered_is_taken_back_as_well(polder):
    polder.merchant.mandate(1)
    polder.due(20260001)
    polder.sandbox.faults.add(Fault("error_after", method="PUT", path="Receivables", status=503, times=9))
    polder.run()
    polder.sandbox.faults.clear()

    polder.merchant.fail(polder.payments()["20260001#1"])
    polder.run()

    assert polder.payment_reference(20260001) == ""
    assert list(polder.runtime.store.ledger.held("polder")) == []


def test_references_are_not_written_unless_the_connection_says_so(open_polder):
    with open_polder(erp={"write_payment_reference": False}) as polder:
        polder.merchant.mandate(1)
        polder.due(20260001)
        polder.run()
        assert polder.payment_reference(20260001) == ""
        assert polder.payments()["20260001#1"].status == "pending_submission"
