"""The inbox: once per event id whichever way it came, complete when it returns, and cheap to ask what is new."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from connector_resources.store.store import Store


@pytest.fixture
def drop(store, make):
    def drop(*events, connection="acme"):
        store.deliveries.keep([make.delivery(*events, connection=connection)])
        return store.deliveries.take()

    return drop


def test_an_event_is_new_once_whether_pushed_or_polled(store, drop, make):
    assert drop(make.event(1), make.event(1)) == 1
    assert drop(make.event(1), make.event(2)) == 1
    assert store.inbox.drop_polled("acme", [make.event(2), make.event(3)], day_of=make.day_of) == 1
    assert store.inbox.drop_polled("acme", [make.event(1), make.event(3)], day_of=make.day_of) == 0
    assert drop(make.event(3), connection="other") == 1

    kinds = [row.kind for row in store.trail.about("acme", ["WB1", ""])]
    assert kinds == ["webhook_received", "webhook_received", "events_polled"]
    assert store.inbox.count("acme", make.day, make.day).total == 3


def test_waiting_names_each_day_with_unprocessed_events_until_they_are_processed(store, drop, make):
    drop(make.event(1), make.event(2), make.event(3, minutes=24 * 60))
    drop(make.event(4), connection="other")
    next_day = make.day + timedelta(days=1)

    waiting = store.inbox.waiting()

    assert [(w.connection, w.activity_day, w.count) for w in waiting] == [
        ("acme", make.day, 2),
        ("acme", next_day, 1),
        ("other", make.day, 1),
    ]
    assert waiting[2].highest_seq == store.inbox.highest_seq()
    store.inbox.mark_processed("acme", ["EV1", "EV2", "EV3"])
    assert [w.connection for w in store.inbox.waiting()] == ["other"]


def test_new_events_come_in_the_order_they_happened(store, drop, make):
    drop(make.event(3), make.event(10, minutes=5), make.event(9, minutes=5), make.event(1))

    events = store.inbox.new_events("acme", make.day, make.day)

    assert [event.event_id for event in events] == ["EV1", "EV3", "EV10", "EV9"]
    first = events[0]
    assert (first.subject, first.resource_type, first.action) == ("PM1", "payments", "confirmed")
    assert first.created_at == make.start + timedelta(minutes=1)
    assert first.created_at.tzinfo is UTC
    assert first.activity_day == make.day
    assert first.body == make.event(1)
    assert [e.event_id for e in store.inbox.new_events("acme", make.day, make.day, limit=2)] == ["EV1", "EV3"]
    store.inbox.mark_processed("acme", ["EV1", "EV3"])
    assert [e.event_id for e in store.inbox.new_events("acme", make.day, make.day)] == ["EV10", "EV9"]


def test_the_activity_day_is_the_callers_to_decide(store, make):
    store.inbox.drop_polled("acme", [make.event(1)], day_of=lambda moment: date(2026, 3, 1))

    assert store.inbox.waiting()[0].activity_day == date(2026, 3, 1)


def test_subjects_are_streamed_once_each_while_they_are_being_processed(store, drop, make):
    drop(*[make.event(n, subject=f"PM{n % 7}") for n in range(1, 22)])

    subjects = store.inbox.subjects("acme", make.day, make.day, only_new=True, resource_type="payments")
    assert isinstance(subjects, Iterator)
    seen = []
    for subject in subjects:
        seen.append(subject)
        ids = [body["id"] for body in store.inbox.story("acme", [subject])[subject]]
        store.inbox.mark_processed("acme", ids)

    assert seen == [f"PM{n}" for n in range(7)]
    options = {"resource_type": "payments"}
    assert list(store.inbox.subjects("acme", make.day, make.day, only_new=True, **options)) == []
    assert len(list(store.inbox.subjects("acme", make.day, make.day, only_new=False, **options))) == 7
    assert list(store.inbox.subjects("acme", make.day, make.day, only_new=False, resource_type="refunds")) == []


def test_a_story_holds_every_event_of_a_subject_of_any_day_in_order(store, drop, make):
    story = [
        make.event(1, "created", subject="PM1"),
        make.event(2, "confirmed", subject="PM1", minutes=3000),
        make.event(3, "failed", subject="PM1", minutes=4000),
    ]
    drop(story[2], make.event(7), story[0])
    drop(story[1])

    assert store.inbox.story("acme", ["PM1", "PM9"]) == {"PM1": story}
    assert len(store.inbox.story("acme", [f"PM{n}" for n in range(1200)])) == 2


def test_counts_by_type_and_action(store, drop, make):
    drop(make.event(1), make.event(2), make.event(3, "failed"))
    store.inbox.mark_processed("acme", ["EV1"])

    counts = store.inbox.count("acme", make.day, make.day)

    assert (counts.total, counts.new) == (3, 2)
    assert counts.by == {("payments", "confirmed"): 2, ("payments", "failed"): 1}


def test_a_window_includes_its_beginning_and_not_its_end(store, drop, make):
    drop(*[make.event(n) for n in range(5)])

    def minute(n):
        return make.start + timedelta(minutes=n)

    assert store.inbox.events_in_window("acme", minute(1), minute(3), "payments") == 2
    assert store.inbox.events_in_window("acme", minute(1), minute(3), "refunds") == 0


def test_waiting_for_new_events_ends_as_soon_as_one_is_dropped(url, make):
    with Store.open(url, clock=lambda: datetime.now(UTC)) as store:
        seq = store.inbox.highest_seq()
        assert not store.inbox.wait_for_new(seq, timeout_s=0.1)
        later = threading.Timer(0.2, lambda: store.inbox.drop_polled("acme", [make.event(1)], day_of=make.day_of))
        later.start()

        assert store.inbox.wait_for_new(seq, timeout_s=20)

        later.join()
        assert store.inbox.highest_seq() > seq
