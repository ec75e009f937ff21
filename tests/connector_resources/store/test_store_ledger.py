"""Planning once per key, and what the ledger answers: work, days, subjects, counts, and every id a person may have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from bookkeeping.postings import PostingKind, Unbalanced
from connector_resources.erp.contract import Complete
from connector_resources.store.ledger_reading import LedgerCount, WaitingOn

RECEIPTS = [PostingKind.RECEIPT]
BOTH = [PostingKind.RECEIPT, PostingKind.RECEIPT_REVERSAL]


def keys_of(work):
    return [item.posting.key for item in work]


def reversal(make, number, reverses):
    return make.posting(
        number, key=f"EV{number}:receipt_reversal", kind=PostingKind.RECEIPT_REVERSAL, reverses=reverses
    )


def test_a_key_is_planned_once_for_ever(store, make):
    first = make.posting(1)
    assert store.ledger.plan("acme", [first, make.posting(2), first]) == 2

    assert store.ledger.plan("acme", [replace(first, text="another text"), make.posting(3)]) == 1

    assert store.ledger.get("acme", first.key).posting == first
    trail = store.trail.about("acme", ["PM1"])
    assert [(row.kind, row.payload["posting"], row.payload["amount_minor"]) for row in trail] == [
        ("planned", "EV1:receipt", 100)
    ]


def test_the_same_key_of_another_connection_is_another_posting(store, make):
    store.ledger.plan("acme", [make.posting(1)])

    assert store.ledger.plan("other", [make.posting(1, connection="other")]) == 1
    assert store.ledger.get("nobody", "EV1:receipt") is None


def test_an_unbalanced_posting_keeps_the_whole_group_out(store, make):
    crooked = make.posting(2, lines=make.posting(2).lines[:1])

    with pytest.raises(Unbalanced, match="EV2:receipt"):
        store.ledger.plan("acme", [make.posting(1), crooked])

    assert store.ledger.get("acme", "EV1:receipt") is None


def test_a_posting_of_another_connection_is_refused(store, make):
    with pytest.raises(ValueError, match="other"):
        store.ledger.plan("acme", [make.posting(1, connection="other")])


def test_the_activity_day_is_that_of_the_event(store, make):
    late = make.posting(1, booking_date=date(2026, 3, 5))
    without_event = make.posting(2, event_id="", booking_date=date(2026, 3, 6))
    store.inbox.drop_polled("acme", [make.event(1)], day_of=make.day_of)

    store.ledger.plan("acme", [late, without_event])

    assert store.ledger.get("acme", late.key).activity_day == make.day
    assert store.ledger.get("acme", without_event.key).activity_day == date(2026, 3, 6)


def test_work_comes_oldest_first_by_kind_day_and_limit(store, make):
    yesterday = make.day - timedelta(days=1)
    store.ledger.plan(
        "acme",
        [
            make.posting(2),
            make.posting(1),
            make.posting(3, booking_date=yesterday),
            make.posting(4, kind=PostingKind.REFUND, key="EV4:refund"),
        ],
    )
    store.ledger.plan("other", [make.posting(5, connection="other")])

    assert keys_of(store.ledger.next_work("acme", RECEIPTS, limit=10)) == ["EV3:receipt", "EV1:receipt", "EV2:receipt"]
    assert keys_of(store.ledger.next_work("acme", RECEIPTS, limit=1)) == ["EV3:receipt"]
    assert keys_of(store.ledger.next_work("acme", RECEIPTS, limit=9, days=(yesterday, yesterday))) == ["EV3:receipt"]
    assert keys_of(store.ledger.next_work("acme", [PostingKind.REFUND], limit=10)) == ["EV4:refund"]


@pytest.mark.parametrize(
    ("state", "is_work"),
    [
        ("claimed", False),
        ("unknown", False),
        ("accepted", False),
        ("rejected", False),
        ("parked", False),
        ("posted", True),
        ("not_sent", True),
        ("absent", True),
    ],
)
def test_a_posting_is_work_unless_its_submission_is_open_or_it_is_held(books, store, state, is_work):
    books.submission_in(state)

    assert bool(store.ledger.next_work("acme", RECEIPTS, limit=10)) is is_work


def test_settled_and_withdrawn_postings_are_no_work(books, store):
    for number, state in enumerate(("posted", "delivered", "held", "withdrawn"), start=1):
        books.posting_in(state, number)

    assert store.ledger.next_work("acme", RECEIPTS, limit=10) == []


@pytest.mark.parametrize("seconds", [1, 0, -3600])
def test_work_shows_what_is_done_in_order_whatever_the_clock_does(books, store, make, clock, seconds):
    item = make.posting(1)
    submission_id = books.submission_in("not_sent")
    for step, outcome in (("create", "posted"), ("release", "posted")):
        clock.advance(seconds)
        (submission_id,) = books.claim(make.planned(item, step=step))
        books.settle(submission_id, outcome)

    (work,) = store.ledger.next_work("acme", RECEIPTS, limit=10)

    assert [step.step for step in work.done] == ["create", "release"]
    assert work.done[0].document == make.settlements["posted"].document
    assert not work.done[0].verified


def test_a_reversal_waits_for_what_it_takes_back_and_then_knows_its_document(books, store, make):
    store.ledger.plan("acme", [reversal(make, 2, "EV1:receipt")])
    assert store.ledger.next_work("acme", BOTH, limit=10) == []
    waiting = WaitingOn("EV2:receipt_reversal", "receipt_reversal", "PM2", "EV1:receipt", None)
    assert store.ledger.waiting_on("acme") == [waiting]

    books.submission_in("posted")
    assert keys_of(store.ledger.next_work("acme", BOTH, limit=10)) == ["EV1:receipt"]
    assert store.ledger.waiting_on("acme") == [replace(waiting, reversed_state="claimed")]

    store.ledger.complete("acme", [Complete("EV1:receipt")], settled_state="delivered")

    (work,) = store.ledger.next_work("acme", BOTH, limit=10)
    assert work.posting.key == "EV2:receipt_reversal"
    assert [step.document.number for step in work.reversed_documents] == ["000123"]
    assert store.ledger.waiting_on("acme") == []


def test_a_day_is_streamed_with_documents(books, store, make):
    books.posting_in("posted", 1)
    store.ledger.plan("acme", [make.posting(n) for n in range(2, 1105)])
    store.ledger.plan("acme", [make.posting(2000, booking_date=make.day + timedelta(days=1))])

    rows = store.ledger.of_day("acme", make.day, make.day)

    assert isinstance(rows, Iterator)
    found = list(rows)
    assert len(found) == 1104
    assert [step.document.number for row in found if row.state == "posted" for step in row.documents] == ["000123"]
    assert list(store.ledger.of_day("acme", make.day, make.day, [PostingKind.PAYOUT])) == []


def test_the_postings_of_subjects_are_grouped(store, make):
    store.ledger.plan("acme", [make.posting(1), reversal(make, 2, "EV1:receipt"), make.posting(3, subject="PM1")])

    found = store.ledger.of_subjects("acme", ["PM1", "PM2", "PM9"])

    assert {subject: [row.posting.key for row in rows] for subject, rows in found.items()} == {
        "PM1": ["EV1:receipt", "EV3:receipt"],
        "PM2": ["EV2:receipt_reversal"],
    }


@pytest.mark.parametrize("text", ["EV1:receipt", "EV1", "PM1", "GCEV1", "GCEV1:create", "000123"])
def test_a_posting_is_found_by_every_id_a_person_may_have(books, store, make, text):
    books.posting_in("posted", 1)
    store.ledger.plan("acme", [make.posting(2)])
    store.ledger.plan("other", [make.posting(1, connection="other")])

    assert [row.posting.key for row in store.ledger.find("acme", text)] == ["EV1:receipt"]
    everywhere = {row.posting.connection for row in store.ledger.find(None, text)}
    assert "acme" in everywhere
    assert ("other" in everywhere) is (text not in ("GCEV1:create", "000123"))
    assert store.ledger.find("acme", "EV") == []


def test_counts_by_kind_state_and_currency(books, store, make):
    books.posting_in("posted", 1)
    mandate = make.posting(4, key="EV4:mandate_status", kind=PostingKind.MANDATE_STATUS, lines=())
    store.ledger.plan("acme", [make.posting(2), make.posting(3), mandate])
    store.ledger.plan("acme", [make.posting(5, booking_date=make.day + timedelta(days=1))])

    assert store.ledger.counts("acme", make.day, make.day) == [
        LedgerCount("mandate_status", "pending", 1, 0, ""),
        LedgerCount("receipt", "pending", 2, 500, "EUR"),
        LedgerCount("receipt", "posted", 1, 100, "EUR"),
    ]
    assert sum(count.count for count in store.ledger.counts("acme")) == 5


def test_nothing_to_book_is_kept_with_its_reason(store, make):
    store.ledger.plan("acme", [make.posting(1)])

    store.ledger.complete("acme", [Complete("EV1:receipt", "before the cut-over")], settled_state="posted")

    row = store.ledger.get("acme", "EV1:receipt")
    assert (row.state, row.nothing_to_book, row.documents) == ("posted", "before the cut-over", ())
    assert row.settled_at == make.start
    assert store.trail.about("acme", ["PM1"])[-1].payload["nothing_to_book"] == "before the cut-over"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("unfinished", "ix_postings_unfinished"),
        ("open", "ix_submissions_open"),
        ("held", "ix_postings_held"),
        ("waiting", "ix_inbox_events_waiting"),
        ("deliveries", "ix_inbox_deliveries_untaken"),
    ],
)
def test_the_questions_asked_every_few_seconds_use_the_small_indexes(store, query, index):
    from sqlalchemy import event

    if not store.database.is_sqlite:
        pytest.skip("PostgreSQL chooses by its statistics")
    plans = []

    def explain(connection, cursor, statement, parameters, context, many):
        if statement.startswith("SELECT"):
            plans.extend(str(row) for row in cursor.execute("EXPLAIN QUERY PLAN " + statement, parameters).fetchall())

    event.listen(store.database.engine, "before_cursor_execute", explain)
    match query:
        case "unfinished":
            store.ledger.next_work("acme", RECEIPTS, limit=10)
        case "open":
            store.submissions.open("acme")
        case "held":
            store.ledger.held("acme")
        case "waiting":
            store.inbox.waiting()
        case "deliveries":
            store.deliveries.take()
            store.inbox.wait_for_new(0, timeout_s=0)

    assert any(index in plan for plan in plans), plans
