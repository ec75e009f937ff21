"""Every outcome of a submission from every state, claiming again, and what happens to the postings it carries."""

from __future__ import annotations

import pytest

from connector_resources.erp.contract import Document
from connector_resources.errors import IllegalTransition
from connector_resources.store.submissions import SettledNotSent, SettledPosted

STATES = ("claimed", "posted", "accepted", "rejected", "unknown", "not_sent", "absent", "parked")
OUTCOMES = STATES[1:]
LEGAL = {
    ("claimed", "posted"),
    ("claimed", "accepted"),
    ("claimed", "rejected"),
    ("claimed", "unknown"),
    ("claimed", "not_sent"),
    ("claimed", "absent"),
    ("claimed", "parked"),
    ("unknown", "posted"),
    ("unknown", "accepted"),
    ("unknown", "absent"),
    ("unknown", "parked"),
    ("accepted", "posted"),
    ("accepted", "rejected"),
    ("accepted", "parked"),
}
POSTING_AFTER = {"rejected": "held", "parked": "held"}
ILLEGAL = sorted({(state, outcome) for state in STATES for outcome in OUTCOMES} - LEGAL)


@pytest.mark.parametrize(("state", "outcome"), sorted(LEGAL))
def test_a_legal_outcome_is_recorded_with_one_trail_row(books, store, state, outcome):
    submission_id = books.submission_in(state)
    before = len(store.trail.about("acme", ["GCEV1:create"]))

    books.settle(submission_id, outcome)

    assert books.submission_state(submission_id) == outcome
    assert books.state_of("EV1:receipt") == POSTING_AFTER.get(outcome, "claimed")
    rows = store.trail.about("acme", ["GCEV1:create"])
    assert [row.kind for row in rows[before:]] == [f"submission_{outcome}"]
    assert store.trail.verify("acme").ok


@pytest.mark.parametrize(("state", "outcome"), ILLEGAL)
def test_an_illegal_outcome_is_refused_and_changes_nothing(books, store, state, outcome):
    submission_id = books.submission_in(state)
    before = store.trail.head("acme")

    with pytest.raises(IllegalTransition, match=f"submission {submission_id} is {state}"):
        books.settle(submission_id, outcome)

    assert books.submission_state(submission_id) == state
    assert store.trail.head("acme") == before


def test_one_illegal_outcome_keeps_a_whole_group_open(books, store, make):
    first, second = books.submission_in("claimed", 1), books.submission_in("posted", 2)

    with pytest.raises(IllegalTransition):
        store.submissions.settle(
            "acme", 1, [(first, SettledPosted(Document("payment", "1"))), (second, SettledNotSent("down"))]
        )

    assert books.submission_state(first, 1) == "claimed"


@pytest.mark.parametrize(("state", "attempts"), [("not_sent", 1), ("absent", 2), ("rejected", 1)])
def test_what_surely_did_not_happen_is_claimed_again_under_the_same_reference(books, store, make, state, attempts):
    submission_id = books.submission_in(state)
    if state == "rejected":
        store.ledger.release("acme", ["EV1:receipt"], by="ada", note="period opened")

    (again,) = store.submissions.claim("acme", 1, [make.planned(make.posting(1), body=b"new")], erp="visma")

    assert (again.id, again.attempts, again.state, again.planned.body) == (submission_id, attempts, "claimed", b"new")
    claims = [row for row in store.trail.about("acme", ["GCEV1:create"]) if row.kind == "submission_claimed"]
    first, second = (row.payload["sha256"] for row in claims)
    assert first == make.planned(make.posting(1)).sha256
    assert second == again.sha256 == make.planned(make.posting(1), body=b"new").sha256
    assert (again.code, again.reason, again.settled_at) == ("", "", None)


@pytest.mark.parametrize("state", ["claimed", "unknown", "accepted", "posted"])
def test_what_happened_or_may_have_happened_is_never_claimed_again(books, store, make, state):
    submission_id = books.submission_in(state)
    before = store.trail.head("acme")

    with pytest.raises(IllegalTransition):
        store.submissions.claim("acme", 1, [make.planned(make.posting(1))], erp="visma")

    assert books.submission_state(submission_id) == state
    assert store.trail.head("acme") == before


@pytest.mark.parametrize("state", ["claimed", "unknown", "accepted"])
def test_a_posting_in_an_open_submission_cannot_go_into_another(books, store, make, state):
    books.submission_in(state)

    with pytest.raises(IllegalTransition, match="already in submission"):
        store.submissions.claim("acme", 1, [make.planned(make.posting(1), step="other")], erp="visma")


def test_a_group_with_one_posting_that_is_not_to_be_had_claims_nothing(books, store, make):
    books.posting_in("pending", 1)
    books.posting_in("held", 2)

    with pytest.raises(IllegalTransition, match="EV2:receipt is held"):
        books.claim(make.planned(make.posting(1)), make.planned(make.posting(2)))

    assert books.state_of("EV1:receipt") == "pending"
    assert store.submissions.open("acme") == []


def test_a_group_that_names_a_posting_twice_is_refused(books, store, make):
    books.posting_in("pending")

    with pytest.raises(ValueError, match="once"):
        books.claim(make.planned(make.posting(1)), make.planned(make.posting(1), step="other"))


def test_releasing_a_parked_posting_asks_for_another_look_up_before_anything_is_sent(books, store, make):
    submission_id = books.submission_in("parked")
    held = store.ledger.get("acme", "EV1:receipt")
    assert (held.held_code, held.held_next_step) == ("cannot_tell", "look for GCEV1 in the ERP")

    store.ledger.release("acme", ["EV1:receipt"], by="ada", note="the duplicate is deleted")

    (open_row,) = store.submissions.open("acme")
    assert (open_row.submission_id, open_row.state, open_row.open.attempts) == (submission_id, "unknown", 0)
    assert store.ledger.next_work("acme", [make.posting(1).kind], limit=10) == []
    with pytest.raises(IllegalTransition):
        books.claim(make.planned(make.posting(1)))

    books.settle(submission_id, "absent")
    assert books.claim(make.planned(make.posting(1))) == [submission_id]
    assert store.trail.verify("acme").ok


def test_a_job_keeps_its_number_after_its_end(books, store):
    submission_id = books.submission_in("accepted")

    books.settle(submission_id, "posted")

    (row,) = store.submissions.of_posting("acme", "EV1:receipt")
    assert (row.job_id, row.document.number) == ("job-1", "000123")


def test_a_rejected_batch_holds_each_of_its_postings_with_the_reason(books, store, make):
    items = [make.posting(n) for n in range(1, 4)]
    store.ledger.plan("acme", items)
    (submission_id,) = books.claim(make.planned(*items))

    books.settle(submission_id, "rejected")

    held = store.ledger.held("acme")
    assert [row.posting.key for row in held] == [item.key for item in items]
    assert {(row.held_code, row.held_next_step) for row in held} == {("period_closed", "open it")}


def test_a_batch_claimed_again_carries_only_the_postings_of_the_new_request(books, store, make):
    items = [make.posting(n) for n in range(1, 4)]
    store.ledger.plan("acme", items)
    (submission_id,) = books.claim(make.planned(*items))
    books.settle(submission_id, "rejected")
    store.ledger.release("acme", [items[0].key, items[2].key], by="ada", note="these two")

    (again,) = store.submissions.claim("acme", 1, [make.planned(items[0], items[2])], erp="datev")

    assert again.planned.posting_keys == (items[0].key, items[2].key)
    assert store.submissions.of_posting("acme", items[1].key) == []


def test_the_stored_request_is_read_back_byte_for_byte(books, store, make):
    request = make.planned(make.posting(1), body=bytes(range(256)), etag='W/"7"', summary="one receipt")
    store.ledger.plan("acme", [make.posting(1)])

    books.claim(request)

    (row,) = store.submissions.of_posting("acme", "EV1:receipt")
    assert row.planned == request
    assert row.sha256 == request.sha256
    (open_row,) = store.submissions.open("acme")
    assert open_row.open.planned == request
    assert [work.posting for work in open_row.open.postings] == [make.posting(1)]


def test_a_read_back_marks_the_document_verified_and_renews_its_etag(books, store):
    books.submission_in("posted")
    fresh = Document("payment", "000123", "etag-2", "https://erp.example/000123", {"status": "balanced"})

    store.submissions.record_verified("acme", [("EV1:receipt", "create", fresh)])

    (step,) = store.ledger.get("acme", "EV1:receipt").documents
    assert step.verified
    assert step.document == fresh
    assert store.trail.about("acme", ["PM1"])[-1].kind == "verified"


def test_a_read_back_of_a_document_nobody_made_is_refused(books, store):
    from connector_resources.errors import StoreError

    books.submission_in("posted")

    with pytest.raises(StoreError, match="made document 999"):
        store.submissions.record_verified("acme", [("EV1:receipt", "create", Document("payment", "999"))])
