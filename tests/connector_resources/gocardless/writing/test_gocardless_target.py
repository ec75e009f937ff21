"""Collections reach GoCardless once and as they were ordered, whatever happens on the way and to the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from bookkeeping.collection_rules import order_of
from connector_resources.erp.contract import (
    Absent,
    Found,
    Mismatch,
    OpenSubmission,
    PlannedSubmission,
    Posted,
    PostingWork,
    Rejected,
    StepDone,
    VerifyRequest,
)
from connector_resources.gocardless.client import create_request
from connector_resources.gocardless.writing.documents import collection, idempotency_key
from connector_resources.transport import http_transport
from connector_resources.transport.exchange import Limits
from sandbox.gocardless.world import DISABLED_TOKEN, READ_ONLY_TOKEN, READ_WRITE_TOKEN

READ_LIMIT_S = 0.3
FAULTS: dict[str, dict[str, Any]] = {
    "drop_before": {},
    "drop_after": {},
    "error_before": {"status": 503},
    "error_after": {"status": 500},
    "html": {"status": 200},
    "html_after": {"status": 502},
    "truncate": {},
    "delay": {"delay_s": 2 * READ_LIMIT_S},
    "delay_after": {"delay_s": 2 * READ_LIMIT_S},
    "rate_limit": {"headers": {"Retry-After": "900"}},
}


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read time limit that a test can wait for."""
    monkeypatch.setattr(http_transport, "Limits", lambda: Limits(read_s=READ_LIMIT_S))


def use_token(collector, token):
    collector.store.vault.write(collector.site.name, "gocardless_access_token", token)


def test_a_collection_becomes_the_payment_that_was_ordered(collector, charge_date):
    posting = collector.order(
        12_500, charge_date=charge_date, description="Invoice INV-1", payment_reference="INV1", retry_if_possible=True
    )
    report = collector.run()
    assert (report.settled, report.held, report.stopped) == (1, [], "")
    (payment,) = collector.payments()
    body = payment.body
    assert (body["amount"], body["currency"], body["charge_date"]) == (12_500, "EUR", charge_date.isoformat())
    assert (body["description"], body["reference"], body["retry_if_possible"]) == ("Invoice INV-1", "INV1", True)
    assert body["metadata"] == {"mlc_ref": "INV-1#1", "invoice": "INV-1"}
    assert body["links"]["mandate"] == collector.site.merchant.mandate(1).id
    document = collector.document(posting)
    assert (document.kind, document.number) == ("payment", payment.id)
    assert document.url.endswith(f"/payments/{payment.id}")


def test_running_again_sends_nothing_again(collector):
    collector.order()
    collector.run()
    sent = collector.requests()
    assert collector.run().submissions == 0
    assert collector.requests() == sent


def test_the_receipt_of_a_collection_finds_its_invoice(collector):
    company = collector.site.company
    company.add_invoice("INV-7", "10001", 12_500)
    collector.site.merchant.collected(1_000)
    collector.site.run()
    collector.order(12_500, invoices=("INV-7",))
    collector.run()
    collector.site.merchant.collect(next(p for p in collector.payments() if p.body["metadata"].get("mlc_ref")))
    collector.site.run()
    (invoice,) = [d for d in company.documents.values() if d.number == "INV-7"]
    assert invoice.balance_minor == 0


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_payment_is_created_once_under_every_fault(collector, kind):
    posting = collector.order()
    collector.break_next(kind, **FAULTS[kind])
    for _ in range(2):
        collector.run()
        collector.site.merchant.tick(timedelta(hours=1))
    assert collector.state(posting) == "posted"
    assert [payment.body["metadata"]["mlc_ref"] for payment in collector.payments()] == ["INV-1#1"]
    assert collector.site.at.gocardless.faults.queued == []
    assert collector.site.trail_is_whole()


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_cancellation_is_done_once_under_every_fault(collector, kind):
    posting = collector.order()
    collector.run()
    cancel = collector.take_back(posting)
    collector.break_next(kind, "/actions/cancel$", **FAULTS[kind])
    for _ in range(2):
        collector.run()
        collector.site.merchant.tick(timedelta(hours=1))
    assert [payment.status for payment in collector.payments()] == ["cancelled"]
    assert collector.state(cancel) == "posted"
    cancelled = [event for event in collector.site.events() if event["action"] == "cancelled"]
    assert len(cancelled) == 1


# --- the idempotency key ---------------------------------------------------------------------------------------------


def planned(collector, **details) -> PlannedSubmission:
    return collection(collector.order(**details))


def test_the_key_is_the_same_for_the_same_collection_of_the_same_connection_only(collector):
    submission = planned(collector)
    key = dict(submission.headers)["idempotency-key"]
    assert key == idempotency_key("nordic", submission.reference)
    assert key != idempotency_key("berlin", submission.reference)
    assert key != idempotency_key("nordic", "collection:INV-2#1/create")
    assert len(key) <= 64
    assert collection(collector.planned[0]) == submission


def test_a_key_that_was_used_is_answered_with_the_payment_it_made(collector):
    submission = planned(collector)
    with collector.target() as target:
        first = target.submit(submission)
        again = target.submit(submission)
    assert isinstance(first, Posted)
    assert again == first
    assert len(collector.payments()) == 1


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("amount", 99_900, "amount is 12500, not 99900"),
        ("metadata", {"mlc_ref": "INV-1#1", "invoice": "INV-2"}, "metadata.invoice is INV-1, not INV-2"),
        ("links", {"mandate": "MD00OTHER"}, "links.mandate is MD"),
    ],
)
def test_a_key_that_was_used_for_something_else_is_refused_and_named(collector, field, value, shown):
    submission = planned(collector)
    content = orjson.loads(submission.body)
    content["payments"][field] = value
    with collector.target() as target:
        target.submit(submission)
        outcome = target.submit(replace(submission, body=orjson.dumps(content)))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "exists_differently"
    assert shown in outcome.reason
    assert collector.payments()[0].id in outcome.reason


def test_an_answer_that_was_lost_is_found_when_the_key_is_long_forgotten(collector):
    posting = collector.order()
    collector.break_next("drop_after", times=1)
    # The process ends before it can look.
    collector.break_next("drop_before", method="GET", times=20)
    collector.run()
    assert collector.state(posting) == "claimed"
    collector.site.at.gocardless.faults.clear()
    collector.site.merchant.tick(timedelta(days=40))
    assert collector.site.merchant.world.settings.idempotency_days < 40

    report = collector.run()
    assert (report.adopted, collector.state(posting), len(collector.payments())) == (1, "posted", 1)


def test_a_bank_account_that_exists_is_used_when_it_is_the_same_customers(collector):
    world = collector.site.merchant.world
    mandate = collector.site.merchant.mandate(1)
    with world.lock:
        account = world.customer_bank_accounts.get(mandate.links["customer_bank_account"])
        owner = str(account.links["customer"])
    details = {"account_holder_name": "Load Customer 1", "iban": "DE89370400440532013000"}

    def create(key: str, customer: str) -> Any:
        fields = {**details, "links": {"customer": customer}, "metadata": {"mlc_ref": key}}
        request = create_request("customer_bank_accounts", fields, key)
        submission = PlannedSubmission(
            key, "create", request.method, request.url, request.body or b"", request.content_type, (key,),
            headers=request.headers,
        )  # fmt: skip
        with collector.target() as target:
            return target.submit(submission)

    first, again = create("one", owner), create("two", owner)
    assert isinstance(first, Posted)
    assert isinstance(again, Posted)
    assert again.document.number == first.document.number


# --- looking up ------------------------------------------------------------------------------------------------------


def open_submission(collector, submission):
    return OpenSubmission(submission, claimed_at=collector.site.at.runtime.clock())


@pytest.mark.parametrize("count", [2, 12])
def test_many_submissions_are_found_or_surely_absent_with_few_calls(collector, count):
    submissions = [
        planned(collector, customer=number, amount=1_000 + number, reference=f"INV-{number}#1")
        for number in range(1, count + 1)
    ]
    sent = submissions[::2]
    with collector.target() as target:
        documents = {each.reference: target.submit(each).document for each in sent}
        collector.site.at.gocardless.faults.requests.clear()
        findings = target.find([open_submission(collector, each) for each in submissions])
    for submission, finding in zip(submissions, findings, strict=True):
        if submission.reference in documents:
            assert finding == Found(documents[submission.reference])
        else:
            assert finding == Absent()
    assert len(collector.requests("GET")) == (2 if count == 2 else 1)


def copy_of(collector, reference: str, amount: int) -> Any:
    """A payment that somebody else made under our reference."""
    mandate = collector.site.merchant.mandate(1)
    world = collector.site.merchant.world
    with world.lock:
        return world.builder.payment(mandate, amount, "EUR", metadata={"mlc_ref": reference, "invoice": "INV-1"})


@pytest.mark.parametrize(("amounts", "words"), [((12_500, 12_500), "several"), ((99,), "amount is 99, not 12500")])
def test_what_cannot_be_told_apart_waits_for_a_person(collector, amounts, words):
    posting = collector.order(12_500)
    for amount in amounts:
        copy_of(collector, posting.reference, amount)
    collector.break_next("drop_before")
    report = collector.run()
    assert (collector.held(posting), len(collector.payments())) == ("cannot_tell", len(amounts))
    assert words in report.held[0].next_step


def test_the_erp_is_never_asked_for_what_was_sent_to_gocardless(collector):
    posting = collector.order()
    collector.break_next("drop_after")
    collector.break_next("drop_before", method="GET", times=20)
    collector.run()
    collector.site.at.gocardless.faults.clear()
    collector.site.merchant.collected(1_000, customer=2)
    report = collector.site.run()
    assert (report.adopted, report.held, report.stopped) == (0, [], "")
    assert collector.state(posting) == "claimed"
    collector.run()
    assert collector.state(posting) == "posted"


def test_a_payment_that_reads_back_differently_is_held(collector):
    posting = collector.order(12_500)
    collector.run()
    document = collector.document(posting)
    other = replace(posting, facts={**posting.facts, "amount_minor": "1"})
    work = PostingWork(other, (StepDone("create", document),))
    gone = replace(document, number="PM00GONE")
    with collector.target() as target:
        answers = target.verify(
            [
                VerifyRequest(work, "create", document),
                VerifyRequest(work, "create", gone),
            ]
        )
    assert [isinstance(answer, Mismatch) for answer in answers] == [True, True]
    assert "amount is 12500, not 1" in answers[0].reason
    assert "not in GoCardless" in answers[1].reason


def test_many_payments_are_read_back_with_one_list(collector):
    for number in range(1, 12):
        collector.order(1_000 + number, customer=number, reference=f"INV-{number}#1")
    collector.site.at.gocardless.faults.requests.clear()
    report = collector.run()
    assert (report.settled, len(collector.payments())) == (11, 11)
    assert collector.requests("GET") == ["/payments"]


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_cancelled_mandate_holds_the_collection_with_what_to_do(collector):
    mandate = collector.site.merchant.mandate(1)
    collector.site.merchant.cancel_mandate(mandate)
    posting = collector.order()
    report = collector.run()
    assert collector.held(posting) == "mandate_is_inactive"
    assert "new mandate" in report.held[0].next_step


def test_a_replaced_mandate_names_the_new_one(collector):
    mandate, other = collector.site.merchant.mandate(1), collector.site.merchant.mandate(2)
    with collector.site.merchant.world.lock:
        mandate.change(links={**mandate.links, "new_mandate": other.id})
    collector.order()
    report = collector.run()
    assert report.held[0].code == "mandate_replaced"
    assert other.id in report.held[0].reason


def test_a_charge_date_that_is_too_early_is_held_with_gocardless_words(collector, charge_date):
    collector.order(charge_date=charge_date - timedelta(days=60))
    report = collector.run()
    assert report.held[0].code == "validation_failed"
    assert "charge_date" in report.held[0].reason


def test_an_unknown_mandate_is_held(collector):
    collector.order(mandate="MD00UNKNOWN")
    assert [hold.code for hold in collector.run().held] == ["link_not_found"]


def test_an_order_that_is_not_whole_is_held_before_anything_is_sent(collector):
    posting = collector.order()
    with collector.target() as target:
        broken = replace(posting, facts={"mandate": posting.subject})
        (answer,) = target.plan([PostingWork(broken)], posting.occurred_at)
    assert answer.code == "collection_incomplete"
    with pytest.raises(KeyError):
        order_of(broken)


def test_a_token_that_may_only_read_holds_and_a_good_one_sends_after_release(collector):
    posting = collector.order()
    use_token(collector, READ_ONLY_TOKEN)
    report = collector.run()
    assert (collector.held(posting), collector.payments()) == ("insufficient_permissions", [])
    assert "connector credentials set" in report.held[0].next_step
    use_token(collector, READ_WRITE_TOKEN)
    collector.release()
    collector.run()
    assert (collector.state(posting), len(collector.payments())) == ("posted", 1)


def test_a_refused_token_stops_the_run_and_loses_nothing(collector):
    posting = collector.order()
    use_token(collector, DISABLED_TOKEN)
    report = collector.run()
    assert "does not accept the access token" in report.stopped
    assert "connector credentials set nordic" in report.stopped
    assert DISABLED_TOKEN not in report.stopped
    use_token(collector, READ_WRITE_TOKEN)
    collector.run()
    assert (collector.state(posting), len(collector.payments())) == ("posted", 1)


def test_the_ping_says_whether_the_token_is_good(collector):
    with collector.target() as target:
        assert target.ping().ok
    use_token(collector, DISABLED_TOKEN)
    with collector.target() as target:
        assert not target.ping().ok


# --- cancelling ------------------------------------------------------------------------------------------------------


def test_a_cancellation_waits_for_its_collection_and_then_cancels_that_payment(collector):
    posting = collector.order()
    cancel = collector.take_back(posting)
    collector.run()
    assert (collector.state(posting), collector.state(cancel)) == ("posted", "posted")
    assert [payment.status for payment in collector.payments()] == ["cancelled"]
    assert collector.requests() == ["/payments", f"/payments/{collector.payments()[0].id}/actions/cancel"]


def test_a_payment_that_somebody_cancelled_before_counts_as_cancelled(collector):
    posting = collector.order()
    collector.run()
    world = collector.site.merchant.world
    with world.lock:
        world.payment_states.cancel(collector.payments()[0])
    cancel = collector.take_back(posting)
    assert collector.run().held == []
    assert collector.state(cancel) == "posted"


def test_a_payment_that_is_with_the_bank_cannot_be_cancelled_and_says_so(collector):
    posting = collector.order()
    collector.run()
    world = collector.site.merchant.world
    with world.lock:
        world.payment_states.submit(collector.payments()[0])
    cancel = collector.take_back(posting)
    report = collector.run()
    assert collector.held(cancel) == "cancellation_failed"
    assert "Refund" in report.held[0].next_step


def test_a_poll_for_a_job_is_a_mistake(collector):
    with collector.target() as target, pytest.raises(ValueError, match="job"):
        target.poll(replace(open_submission(collector, planned(collector)), job_id="7"))


def test_the_target_reads_nothing_that_only_an_erp_has(collector):
    with collector.target() as target:
        assert (list(target.customers()), target.customers_mark(), list(target.open_invoices())) == ([], None, [])
