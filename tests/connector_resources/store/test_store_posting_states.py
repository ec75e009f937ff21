"""Every move of a posting from every state: the legal ones arrive, all others are refused and change nothing."""

from __future__ import annotations

import pytest

from connector_resources.erp.contract import Complete, Hold
from connector_resources.errors import IllegalTransition
from connector_resources.store.trail import TrailEntry

STATES = ("pending", "claimed", "posted", "delivered", "held", "withdrawn")
LEGAL = {
    ("claim", "pending"): "claimed",
    ("claim", "claimed"): "claimed",
    ("hold", "pending"): "held",
    ("hold", "claimed"): "held",
    ("release", "held"): "pending",
    ("withdraw", "held"): "withdrawn",
    ("unclaim", "claimed"): "pending",
    ("post", "pending"): "posted",
    ("post", "claimed"): "posted",
    ("deliver", "pending"): "delivered",
    ("deliver", "claimed"): "delivered",
}
MOVES = ("claim", "hold", "release", "withdraw", "unclaim", "post", "deliver")
WHY = "the fee is zero"


def act(books, make, move, key):
    ledger = books.store.ledger
    match move:
        case "claim":
            books.claim(make.planned(make.posting(1), step="again"))
        case "hold":
            ledger.hold("acme", [Hold(key, "period_closed", "closed", "open it")])
        case "release":
            ledger.release("acme", [key], by="ada", note="linked")
        case "withdraw":
            ledger.withdraw("acme", [key], by="ada", note="by hand")
        case "unclaim":
            ledger.unclaim("acme", [key])
        case "post":
            ledger.complete("acme", [Complete(key, WHY)], settled_state="posted")
        case "deliver":
            ledger.complete("acme", [Complete(key, WHY)], settled_state="delivered")


@pytest.mark.parametrize(("move", "state"), sorted(LEGAL))
def test_a_legal_move_arrives_and_leaves_one_trail_row_about_the_posting(books, store, make, move, state):
    key = books.posting_in(state)
    before = len(store.trail.about("acme", ["PM1"]))

    act(books, make, move, key)

    assert books.state_of(key) == LEGAL[move, state]
    rows = store.trail.about("acme", ["PM1"])
    assert len(rows) == before + 1
    assert rows[-1].payload["posting"] == key
    assert rows[-1].payload["state"] == LEGAL[move, state]
    assert store.trail.verify("acme").ok


@pytest.mark.parametrize(("move", "state"), sorted({(m, s) for m in MOVES for s in STATES} - set(LEGAL)))
def test_an_illegal_move_is_refused_and_changes_nothing(books, store, make, move, state):
    key = books.posting_in(state)
    before = store.trail.head("acme")

    with pytest.raises(IllegalTransition, match=key):
        act(books, make, move, key)

    assert books.state_of(key) == state
    assert store.trail.head("acme") == before


def test_one_illegal_move_keeps_a_whole_group_where_it_was(books, store):
    keys = [books.posting_in("held", 1), books.posting_in("posted", 2), books.posting_in("held", 3)]

    with pytest.raises(IllegalTransition, match="posting EV2:receipt is posted; only held can become pending") as error:
        store.ledger.release("acme", keys, by="ada", note="all of them")

    assert [books.state_of(key) for key in keys] == ["held", "posted", "held"]
    assert "connector trace EV2:receipt" in error.value.next_step


def test_a_posting_that_does_not_exist_cannot_move(store):
    with pytest.raises(IllegalTransition, match="EV9:receipt is not there"):
        store.ledger.hold("acme", [Hold("EV9:receipt", "x", "y", "z")])


def test_the_postings_of_another_connection_cannot_be_moved(books, store):
    key = books.posting_in("held")

    with pytest.raises(IllegalTransition):
        store.ledger.release("other", [key], by="ada", note="wrong connection")


def test_a_posting_is_not_complete_without_a_settled_submission(books, store):
    key = books.posting_in("claimed")

    with pytest.raises(IllegalTransition, match="no settled submission"):
        store.ledger.complete("acme", [Complete(key)], settled_state="posted")


def test_a_posting_is_not_complete_while_a_submission_is_open(books, store):
    books.submission_in("unknown")

    with pytest.raises(IllegalTransition, match="open"):
        store.ledger.complete("acme", [Complete("EV1:receipt", WHY)], settled_state="posted")


@pytest.mark.parametrize(("outcome", "why"), [("unknown", "open"), ("posted", "document 000123")])
def test_a_posting_that_may_be_in_the_erp_is_not_given_back(books, store, outcome, why):
    books.submission_in(outcome)

    with pytest.raises(IllegalTransition, match=why):
        store.ledger.unclaim("acme", ["EV1:receipt"])


def test_completing_needs_a_state_that_settles(books, store):
    key = books.posting_in("claimed")

    with pytest.raises(ValueError, match="held"):
        store.ledger.complete("acme", [Complete(key, WHY)], settled_state="held")


def test_a_move_joins_the_callers_transaction_and_is_undone_with_it(books, store, make):
    key = books.posting_in("pending")

    with make.undone(store) as transaction:
        store.ledger.hold("acme", [Hold(key, "x", "y", "z")], within=transaction)
        store.trail.append("acme", [TrailEntry("note", "PM1", {})], within=transaction)

    assert books.state_of(key) == "pending"
    assert store.trail.verify("acme").ok


def test_holding_keeps_the_reason_and_releasing_clears_it(books, store):
    key = books.posting_in("held")
    held = store.ledger.get("acme", key)
    assert (held.held_code, held.held_reason, held.held_next_step) == (
        "customer_unmapped",
        "no ERP customer",
        "link it",
    )
    assert [row.posting.key for row in store.ledger.held("acme")] == [key]
    assert [row.posting.key for row in store.ledger.held(None)] == [key]

    store.ledger.release("acme", [key], by="ada", note="linked to 10042")

    released = store.ledger.get("acme", key)
    assert (released.held_code, released.held_reason, released.held_next_step) == ("", "", "")
    assert store.ledger.held("acme") == []
    row = store.trail.about("acme", ["PM1"])[-1]
    assert (row.kind, row.payload["by"], row.payload["note"]) == ("released", "ada", "linked to 10042")
