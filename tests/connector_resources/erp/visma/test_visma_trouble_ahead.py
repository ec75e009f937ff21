"""Lost answers, refusals, stale versions and queued work: every write ends as exactly one document, or with a person."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bookkeeping.postings import PostingKind
from connector_resources.erp.contract import (
    Absent,
    Accepted,
    CannotTell,
    Found,
    Posted,
    Rejected,
    Verified,
    VerifyRequest,
)
from connector_resources.errors import NotSent, RateLimited, Uncertain
from sandbox.faults import Fault
from sandbox.visma.app import VismaSandbox
from sandbox.visma.company import Company

#: what can happen to a request that Visma does process.
AFTER = [
    Fault("drop_after", method="POST", path="^/v"),
    Fault("error_after", method="POST", path="^/v", status=500),
    Fault("error_after", method="POST", path="^/v", status=504),
    Fault("html_after", method="POST", path="^/v", status=502),
]
#: and to one that it does not.
BEFORE = [
    Fault("drop_before", method="POST", path="^/v"),
    Fault("error_before", method="POST", path="^/v", status=500),
    Fault("html", method="POST", path="^/v", status=502),
]


def copy_of(fault: Fault) -> Fault:
    return Fault(fault.kind, fault.method, fault.path, status=fault.status)


@pytest.mark.parametrize("fault", AFTER, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_every_step_of_a_story_is_found_again_when_its_answer_is_lost(
    desk: Any, given: SimpleNamespace, company: Company, sandbox: VismaSandbox, fault: Fault
) -> None:
    company.add_invoice("000224", given.CUSTOMER, 12500)
    first = given.receipt(invoices=("000224",))
    story = [first, given.reversal(first), given.refund(), given.payout()]
    story.append(given.refund_reversal(story[2]))
    for item in story:
        steps = 4 if item in (story[2],) else 2
        for _ in range(steps):
            planned = desk.next(item)
            sandbox.faults.add(copy_of(fault))
            with pytest.raises(Uncertain):
                desk.connector.submit(planned)
            finding = desk.find(planned)
            assert isinstance(finding, Found), (planned.reference, finding)
            desk.note(planned, Posted(finding.document))
        desk.run()

    assert not desk.held
    assert company.books.balance("1985", "EUR") == -24000
    assert len(company.payments) == 4
    assert len([key for key in company.batches if key[0] == "GL"]) == 1


@pytest.mark.parametrize("fault", BEFORE, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_every_step_is_surely_absent_when_it_never_arrived(
    desk: Any, given: SimpleNamespace, company: Company, sandbox: VismaSandbox, fault: Fault
) -> None:
    first = given.receipt()
    story = [first, given.reversal(first), given.refund(), given.payout()]
    for item in story:
        for _ in range(4 if item in (story[2],) else 2):
            planned = desk.next(item)
            sandbox.faults.add(copy_of(fault))
            with pytest.raises(Uncertain):
                desk.connector.submit(planned)
            assert desk.find(planned) == Absent(), planned.reference
            desk.note(planned, desk.send(planned))
        desk.run()

    assert not desk.held


def test_a_lost_change_of_a_customer_is_found_by_its_attributes(
    desk: Any, given: SimpleNamespace, sandbox: VismaSandbox
) -> None:
    planned = desk.next(given.mandate("active"))
    assert desk.find(planned) == Absent()
    sandbox.faults.add(Fault("drop_after", method="PUT"))
    with pytest.raises(Uncertain):
        desk.connector.submit(planned)

    assert isinstance(desk.find(planned), Found)


def test_a_lost_new_customer_is_found_by_its_link(
    build: Any, given: SimpleNamespace, company: Company, sandbox: VismaSandbox
) -> None:
    desk = given.Desk(build(create_customers=True, customer_class="1"))
    item = given.posting(PostingKind.CUSTOMER, "CU9", payer=given.party(None, "CU9"), facts={"name": "Dal"})
    planned = desk.next(item)
    assert desk.find(planned) == Absent()
    sandbox.faults.add(Fault("drop_after", method="POST", path="customer"))
    with pytest.raises(Uncertain):
        desk.connector.submit(planned)

    found = desk.find(planned)
    assert isinstance(found, Found)
    assert company.customers[found.document.number].attributes["GCCUST"] == "CU9"


def test_many_lost_receipts_are_found_with_one_list(
    desk: Any, given: SimpleNamespace, company: Company, sandbox: VismaSandbox
) -> None:
    company.add_customer("10043")
    payers = [given.party(), given.party("10043", "CU2")]
    items = [given.receipt(f"PM{n:03}", 100 + n, event=f"EV{n}", payer=payers[n % 2]) for n in range(30)]
    planned = [desk.next(item) for item in items]
    for each in planned[:20]:
        desk.connector.submit(each)
    sandbox.faults.requests.clear()

    findings = desk.connector.find([desk.open(each) for each in planned])

    assert [isinstance(each, Found) for each in findings] == [True] * 20 + [False] * 10
    assert len(sandbox.faults.requests) == 1


def test_two_documents_with_our_reference_need_a_person(desk: Any, given: SimpleNamespace) -> None:
    planned = desk.next(given.receipt())
    desk.connector.submit(planned)
    desk.connector.submit(planned)

    finding = desk.find(planned)
    assert isinstance(finding, CannotTell)
    assert "000001, 000002" in finding.instructions


def test_a_document_with_our_reference_and_another_amount_needs_a_person(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    planned = desk.next(given.receipt())
    desk.connector.submit(planned)
    company.clerk.edit_payment("000001", amount_minor=12501)

    finding = desk.find(planned)
    assert isinstance(finding, CannotTell)
    assert "125.01 EUR, not 125.00 EUR" in finding.instructions


def test_a_voided_document_does_not_count_as_ours(desk: Any, given: SimpleNamespace, company: Company) -> None:
    planned = desk.next(given.receipt())
    desk.connector.submit(planned)
    company.clerk.release_payment("000001")
    company.clerk.void_payment("000001")

    assert desk.find(planned) == Absent()


def test_a_draft_that_was_deleted_before_its_release_needs_a_person(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    item = given.receipt()
    desk.note(planned := desk.next(item), desk.send(planned))
    planned = desk.next(item)
    company.clerk.delete_payment("000001")

    assert isinstance(desk.find(planned), CannotTell)
    assert isinstance(desk.send(planned), Rejected)


# --- release -----------------------------------------------------------------------------------------------------------


def released(desk: Any, given: SimpleNamespace) -> Any:
    item = given.receipt()
    desk.note(planned := desk.next(item), desk.send(planned))
    return desk.next(item)


def test_a_release_of_what_is_released_already_is_a_success(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    planned = released(desk, given)
    company.clerk.release_payment("000001")

    outcome = desk.connector.submit(planned)
    assert isinstance(outcome, Posted)
    assert outcome.document.details["status"] == "Open"


def test_already_released_is_believed_only_after_the_status_says_so(
    desk: Any, given: SimpleNamespace, sandbox: VismaSandbox, company: Company
) -> None:
    planned = released(desk, given)
    body = '{"message": "Payment can\'t be updated because it is already released."}'
    sandbox.faults.add(Fault("error_before", method="POST", path="release", status=400, body=body))

    assert isinstance(desk.connector.submit(planned), Rejected)
    assert company.payments["Payment", "000001"].status == "Balanced"


def test_a_stale_version_is_read_again_and_sent_again(desk: Any, given: SimpleNamespace, company: Company) -> None:
    planned = released(desk, given)
    company.clerk.edit_payment("000001", reference="PM00ABC123")

    assert isinstance(desk.connector.submit(planned), Posted)
    assert company.payments["Payment", "000001"].status == "Open"


def test_a_stale_version_with_another_amount_is_not_released(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    planned = released(desk, given)
    company.clerk.edit_payment("000001", amount_minor=1)

    outcome = desk.connector.submit(planned)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "changed_meanwhile"
    assert company.payments["Payment", "000001"].status == "Balanced"


def test_a_stale_version_seen_by_another_process_goes_to_a_person(
    build: Any, desk: Any, given: SimpleNamespace, company: Company
) -> None:
    """A fresh process that re-sends stored bytes does not know what the document should look like."""
    planned = released(desk, given)
    company.clerk.edit_payment("000001", reference="PM00ABC123")

    assert build().submit(planned).code == "changed_meanwhile"


def test_a_version_that_is_stale_for_ever_ends_after_three_tries(
    desk: Any, given: SimpleNamespace, sandbox: VismaSandbox
) -> None:
    planned = released(desk, given)
    sandbox.faults.add(Fault("error_before", method="POST", path="release", status=412, times=9, body=" "))
    sandbox.faults.requests.clear()

    assert desk.connector.submit(planned).code == "changed_meanwhile"
    assert len([each for each in sandbox.faults.requests if each[0] == "POST"]) == 3


def test_a_void_with_a_stale_version_is_tried_again(desk: Any, given: SimpleNamespace, company: Company) -> None:
    item = given.receipt()
    desk.run(item)
    company.touch(company.payments["Payment", "000001"])

    desk.run(given.reversal(item))
    assert not desk.held
    assert company.payments["Payment", "000001"].status == "Voided"


def test_a_failed_action_is_a_refusal_and_changes_nothing(desk: Any, given: SimpleNamespace, company: Company) -> None:
    planned = released(desk, given)
    company.action_answers.append("failed")

    outcome = desk.connector.submit(planned)
    assert isinstance(outcome, Rejected)
    assert "The action could not be completed." in outcome.reason


@pytest.mark.parametrize("answer", ["in_process", "accepted"])
def test_queued_actions_are_polled_to_their_end(
    desk: Any, given: SimpleNamespace, company: Company, answer: str
) -> None:
    company.switches.change({"deferred_requests": 3})
    item = given.receipt()
    desk.run(given.receipt("PM0", event="EV0"))
    company.action_answers.append(answer)
    desk.run(item)
    company.action_answers.extend([answer, answer])
    desk.run(given.reversal(item))

    assert not desk.held
    assert company.payments["Payment", "000002"].status == "Voided"


def test_an_action_that_is_never_done_goes_to_a_person(desk: Any, given: SimpleNamespace, company: Company) -> None:
    planned = released(desk, given)
    company.action_answers.append("in_process")
    company.switches.change({"deferred_requests": 10_000})
    outcome = desk.connector.submit(planned)
    assert isinstance(outcome, Accepted)
    assert isinstance(desk.connector.poll(desk.open(planned, job_id=outcome.job_id)), Accepted)

    company.clock.advance(timedelta(hours=2))
    ended = desk.connector.poll(desk.open(planned, job_id=outcome.job_id))
    assert isinstance(ended, Rejected)
    assert ended.code == "action_not_done"


# --- the background API ------------------------------------------------------------------------------------------------


def test_a_whole_story_in_the_background_ends_in_the_same_books(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    desk = given.Desk(build(use_background=True))
    item = given.receipt()
    desk.run(item, given.refund(), given.payout(), given.mandate("active")).run(given.reversal(item))

    assert not desk.held
    assert company.books.balance("1985", "EUR") == -28000
    assert company.customers[given.CUSTOMER].attributes["GCMSTATUS"] == "active"


def test_a_job_that_finished_with_400_is_a_refusal(build: Any, given: SimpleNamespace, company: Company) -> None:
    desk = given.Desk(build(use_background=True))
    company.customers[given.CUSTOMER].status = "Inactive"

    outcome = desk.send(desk.next(given.receipt()))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "customer_inactive"


def test_a_job_that_failed_is_a_refusal_unless_its_document_is_there(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    desk = given.Desk(build(use_background=True))
    company.job_outcomes.append("failed")
    outcome = desk.send(desk.next(given.receipt()))

    assert isinstance(outcome, Rejected)
    assert "aborted" in outcome.reason


def test_a_job_that_ended_without_a_document_is_held_and_sent_again_when_released(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    """`job_without_result`: a clerk has deleted what the job made, and the job is not kept any more."""
    desk = given.Desk(build(use_background=True))
    planned = desk.next(given.receipt())
    accepted = desk.connector.submit(planned)
    company.finish_deferred()
    company.jobs.clear()
    company.clerk.delete_payment("000001")

    ended = desk.connector.poll(desk.open(planned, job_id=accepted.job_id))

    assert isinstance(ended, Rejected)
    assert (ended.code, "Look for it in Visma" in ended.next_step) == ("job_without_result", True)
    assert isinstance(desk.send(planned), Posted)
    assert len(company.payments) == 1


def test_a_job_whose_content_is_gone_is_settled_by_its_document(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    desk = given.Desk(build(use_background=True))
    planned = desk.next(given.receipt())
    outcome = desk.connector.submit(planned)
    company.finish_deferred()
    company.jobs.clear()

    ended = desk.connector.poll(desk.open(planned, job_id=outcome.job_id))
    assert isinstance(ended, Posted)
    assert ended.document.number == "000001"


# --- limits, tokens, hosts ---------------------------------------------------------------------------------------------


def test_a_write_beyond_the_limit_is_surely_not_sent(
    desk: Any, given: SimpleNamespace, sandbox: VismaSandbox, company: Company
) -> None:
    planned = desk.next(given.receipt())
    sandbox.faults.add(Fault("rate_limit", method="POST", times=9, headers={"Retry-After": "1800"}))

    with pytest.raises(RateLimited) as caught:
        desk.connector.submit(planned)
    assert caught.value.retry_after_s >= 1800
    assert not company.payments


def test_a_token_that_expires_midway_is_replaced_and_nothing_doubles(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    planned = desk.next(given.receipt())
    company.tokens.revoke_all()

    assert isinstance(desk.connector.submit(planned), Posted)
    assert len(company.payments) == 1


def test_a_missing_scope_is_no_reason_to_hold_a_posting(build: Any, given: SimpleNamespace, company: Company) -> None:
    desk = given.Desk(build(scopes=("vismanet_erp_service_api:read",)))

    with pytest.raises(NotSent, match="approve the scopes"):
        desk.connector.submit(desk.next(given.receipt()))
    assert not company.payments


@pytest.mark.parametrize("base", ["https://api.finance.visma.net", "https://integration.visma.net/API/controller/api"])
def test_the_new_number_is_read_from_any_of_vismas_hosts(
    desk: Any, given: SimpleNamespace, company: Company, base: str
) -> None:
    company.switches.change({"location_base": base, "location_lower_case": True})
    assert desk.send(desk.next(given.receipt())).document.number == "000001"


def test_a_number_from_a_foreign_host_is_not_believed(desk: Any, given: SimpleNamespace, company: Company) -> None:
    company.switches.change({"location_base": "https://evil.example"})
    planned = desk.next(given.receipt())

    with pytest.raises(Uncertain, match="did not name it"):
        desk.connector.submit(planned)
    assert isinstance(desk.find(planned), Found)


def test_business_errors_that_come_as_500_are_looked_up_first(
    desk: Any, given: SimpleNamespace, company: Company
) -> None:
    company.switches.change({"business_errors_as_500": True})
    company.customers[given.CUSTOMER].status = "Inactive"
    planned = desk.next(given.receipt())

    with pytest.raises(Uncertain):
        desk.connector.submit(planned)
    assert desk.find(planned) == Absent()


def test_drafts_of_before_the_newest_stamp_are_read_with_one_more_list(
    build: Any, given: SimpleNamespace, company: Company, sandbox: VismaSandbox
) -> None:
    connector = build()
    older, newer = given.Desk(connector), given.Desk(connector)
    for desk, name in ((older, "A"), (newer, "B")):
        company.clock.advance(timedelta(minutes=5))
        for number in range(6):
            item = given.receipt(f"PM{name}{number}", event=f"EV{name}{number}")
            desk.note(planned := desk.next(item), desk.send(planned))
    newer.run()
    sandbox.faults.requests.clear()
    older.run()

    assert not older.held
    reads = [path for method, path in sandbox.faults.requests if method == "GET"]
    assert len(reads) == 3  # narrow and wide before the release, narrow after it


def test_documents_of_long_ago_are_read_back_with_a_list_of_their_period(
    build: Any, desk: Any, given: SimpleNamespace, company: Company, sandbox: VismaSandbox
) -> None:
    desk.run(*(given.receipt(f"PM{n}", event=f"EV{n}") for n in range(8)))
    company.clock.advance(timedelta(days=40))
    works = [desk.work_of(key) for key in desk.completed]
    requests = [VerifyRequest(each, each.done[-1].step, each.done[-1].document) for each in works]
    reader = build()
    sandbox.faults.requests.clear()

    assert all(isinstance(each, Verified) for each in reader.verify(requests))
    assert len([method for method, _ in sandbox.faults.requests if method == "GET"]) == 2


def test_a_page_that_grows_while_it_is_read_loses_no_draft(
    build: Any, given: SimpleNamespace, company: Company
) -> None:
    """Rows are inserted at the front between two pages, so that others slip to a page that was read already."""
    company.switches.change({"max_page_size": 4, "newest_first": True})
    desk = given.Desk(build(page_size=4))
    items = [given.receipt(f"PM{n}", event=f"EV{n}") for n in range(10)]
    for item in items:
        desk.note(planned := desk.next(item), desk.send(planned))
    company.between_pages.extend([lambda: company.add_customer()] * 3)

    desk.run()
    assert not desk.held
    assert len(desk.completed) == 10
