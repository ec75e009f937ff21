"""Deliveries: kept as they came, taken apart once whoever asks, and never lost when they cannot be taken apart."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from connector_resources.errors import StoreError
from connector_resources.store.deliveries import DELIVERIES_AT_ONCE
from connector_resources.store.schema import INBOX_DELIVERIES, INBOX_EVENTS, TRAIL
from connector_resources.store.store import Store


def states(store) -> list[str]:
    with store.database.read() as reading:
        return list(reading.scalars(select(INBOX_DELIVERIES.c.state).order_by(INBOX_DELIVERIES.c.id)))


def event_ids(store) -> list[str]:
    with store.database.read() as reading:
        return list(reading.scalars(select(INBOX_EVENTS.c.event_id).order_by(INBOX_EVENTS.c.seq)))


def test_a_webhook_is_kept_as_it_came_and_taken_with_one_row_of_the_trail(store, make, clock):
    webhook = make.delivery(make.event(1), make.event(2), {"id": "EV3"})
    store.deliveries.keep([webhook])
    assert (states(store), event_ids(store), store.trail.head("acme")[0]) == (["waiting"], [], 0)
    clock.advance(60)

    assert store.deliveries.take() == 2

    with store.database.read() as reading:
        kept = reading.execute(select(INBOX_DELIVERIES)).one()
        received = set(reading.scalars(select(INBOX_EVENTS.c.received_at)))
    assert (bytes(kept.body), kept.webhook_id, kept.event_count, kept.state) == (webhook.body, "WB1", 3, "taken")
    assert received == {make.start}
    (row,) = store.trail.about("acme", ["WB1"])
    assert row.kind == "webhook_received"
    assert row.payload == {
        "sha256": kept.sha256, "delivery": kept.id, "received_at": make.start.isoformat(),
        "events": 2, "malformed": 1, "new_event_ids": ["EV1", "EV2"],
    }  # fmt: skip


def test_taking_again_changes_nothing(store, make):
    store.deliveries.keep([make.delivery(make.event(1))])
    assert store.deliveries.take() == 1
    before = store.trail.head("acme")

    assert store.deliveries.take(again=True) == 0

    assert (store.trail.head("acme"), event_ids(store)) == (before, ["EV1"])


def test_a_webhook_that_comes_again_adds_its_delivery_and_no_event(store, make):
    first, second = make.delivery(make.event(1), make.event(2)), make.delivery(make.event(2), make.event(3))
    store.deliveries.keep([first])
    store.deliveries.keep([first, second])

    assert store.deliveries.take() == 3

    assert sorted(event_ids(store)) == ["EV1", "EV2", "EV3"]
    told = [row.payload["new_event_ids"] for row in store.trail.about("acme", ["WB1"])]
    assert told == [["EV1", "EV2"], [], ["EV3"]]


def test_only_one_connection_is_taken_or_the_oldest_of_all(store, make):
    names = ("acme", "other", "acme")
    store.deliveries.keep([make.delivery(make.event(n), connection=name) for n, name in enumerate(names)])

    assert store.deliveries.take("other") == 1
    assert states(store) == ["waiting", "taken", "waiting"]
    assert store.deliveries.take(most=1) == 1
    assert states(store) == ["taken", "taken", "waiting"]


def test_of_a_shared_webhook_only_the_events_of_the_organisation_are_taken(store, make):
    events = [make.event(n) for n in (1, 2, 3)]
    for event, organisation in zip(events, ("OR1", "OR2", "OR1"), strict=True):
        event["links"]["organisation"] = organisation
    store.deliveries.keep([make.delivery(*events, organisation="OR1")])

    assert store.deliveries.take() == 2
    assert sorted(event_ids(store)) == ["EV1", "EV3"]


def test_activity_days_are_told_in_the_time_zone_of_the_connection(store, make):
    late = make.event(1, minutes=14 * 60)
    store.deliveries.keep([make.delivery(late, time_zone="Europe/Oslo", connection="oslo"), make.delivery(late)])
    store.deliveries.take()

    days = {each.connection: each.activity_day for each in store.inbox.waiting()}
    assert days == {"oslo": date(2026, 3, 3), "acme": date(2026, 3, 2)}


def test_a_backlog_is_taken_in_many_transactions_and_whole(store, make):
    count = 2 * DELIVERIES_AT_ONCE + 1
    store.deliveries.keep([make.delivery(make.event(n), webhook_id=f"WB{n}") for n in range(count)])

    assert store.deliveries.take() == count

    assert set(states(store)) == {"taken"}
    assert event_ids(store) == [f"EV{n}" for n in range(count)]
    assert store.trail.verify("acme").ok


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"body": b"\xff{"}, "not a JSON object"), ({"time_zone": "Mars/Olympus"}, "ZoneInfoNotFoundError")],
    ids=["bytes", "time zone"],
)
def test_what_cannot_be_taken_apart_is_kept_named_and_blocks_nothing(store, make, changes, why):
    broken = make.delivery(make.event(1), webhook_id="WB7", **changes)
    store.deliveries.keep([broken, make.delivery(make.event(2))])

    assert store.deliveries.take() == 1

    assert states(store) == ["unreadable", "taken"]
    (left,) = store.deliveries.unreadable("acme")
    assert (left.webhook_id, why in left.problem, "WB7" in left.described) == ("WB7", True, True)
    (row,) = store.trail.about("acme", ["WB7"])
    assert (row.kind, row.payload["problem"]) == ("webhook_unreadable", left.problem)
    with store.database.read() as reading:
        bodies = list(reading.scalars(select(INBOX_DELIVERIES.c.body).order_by(INBOX_DELIVERIES.c.id)))
    assert bytes(bodies[0]) == broken.body
    assert store.deliveries.unreadable("other") == []


def test_what_could_not_be_taken_apart_is_tried_again_and_told_once(store, make):
    store.deliveries.keep([make.delivery(make.event(1), time_zone="Mars/Olympus")])
    store.deliveries.take()
    before = store.trail.head("acme")
    assert store.deliveries.take(again=True) == 0
    assert store.trail.head("acme") == before

    # What a later program, or another machine, can read.
    with store.begin() as transaction:
        transaction.execute(update(INBOX_DELIVERIES).values(time_zone="Europe/Oslo"))
    assert store.deliveries.take() == 0
    assert store.deliveries.take(again=True) == 1

    assert (states(store), store.deliveries.unreadable("acme")) == (["taken"], [])


def test_bytes_that_were_altered_after_they_were_received_are_not_believed(store, make):
    store.deliveries.keep([make.delivery(make.event(1))])
    with store.begin() as transaction:
        transaction.execute(update(INBOX_DELIVERIES).values(body=make.delivery(make.event(2)).body))

    assert store.deliveries.take() == 0

    (left,) = store.deliveries.unreadable("acme")
    assert "hash" in left.problem
    assert event_ids(store) == []


def test_what_the_database_refuses_of_one_delivery_keeps_no_other_waiting(store, make):
    refuse = (
        "CREATE TRIGGER refused BEFORE INSERT ON inbox_events WHEN NEW.event_id = 'EV2' "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        if store.database.is_sqlite
        else "ALTER TABLE inbox_events ADD CONSTRAINT refused CHECK (event_id <> 'EV2')"
    )
    allow = "DROP TRIGGER refused" if store.database.is_sqlite else "ALTER TABLE inbox_events DROP CONSTRAINT refused"
    store.deliveries.keep([make.delivery(make.event(n), webhook_id=f"WB{n}") for n in (1, 2, 3)])
    with store.begin() as transaction:
        transaction.exec_driver_sql(refuse)
    try:
        assert store.deliveries.take() == 2
        assert states(store) == ["taken", "unreadable", "taken"]
        assert "the database refuses" in store.deliveries.unreadable("acme")[0].problem
    finally:
        with store.begin() as transaction:
            transaction.exec_driver_sql(allow)

    assert store.deliveries.take(again=True) == 1
    assert sorted(event_ids(store)) == ["EV1", "EV2", "EV3"]


def test_a_transaction_that_fails_leaves_the_delivery_waiting_and_the_inbox_as_it_was(store, make):
    store.deliveries.keep([make.delivery(make.event(1))])
    with store.begin() as transaction:
        transaction.exec_driver_sql("ALTER TABLE trail RENAME TO trail_away")
    try:
        with pytest.raises((StoreError, SQLAlchemyError)):
            store.deliveries.take()
        assert (states(store), event_ids(store)) == (["waiting"], [])
    finally:
        with store.begin() as transaction:
            transaction.exec_driver_sql("ALTER TABLE trail_away RENAME TO trail")

    assert store.deliveries.take() == 1


def test_deliveries_are_kept_all_or_none(store, make):
    with pytest.raises(SQLAlchemyError):
        store.deliveries.keep([make.delivery(make.event(1)), make.delivery(make.event(2), event_count=None)])

    assert states(store) == []


def test_a_process_that_is_killed_while_it_takes_leaves_what_another_one_takes(store, url, make, start_python):
    store.deliveries.keep([make.delivery(make.event(n), webhook_id=f"WB{n}") for n in range(120)])
    killed = start_python(
        "from sqlalchemy import event\n"
        "commits = []\n"
        "def last_moment(connection):\n"
        "    commits.append(1)\n"
        "    if len(commits) == 2: os._exit(9)\n"
        "event.listen(store.database.engine, 'commit', last_moment)\n"
        "store.deliveries.take()",
        url,
    )
    assert killed.wait(timeout=60) == 9
    assert states(store).count("taken") == len(event_ids(store)) == DELIVERIES_AT_ONCE

    store.deliveries.take()

    assert sorted(event_ids(store)) == sorted(f"EV{n}" for n in range(120))
    assert store.trail.verify("acme").ok


def test_processes_that_take_at_once_take_each_delivery_once(store, url, make, start_python):
    count = 4 * DELIVERIES_AT_ONCE
    store.deliveries.keep([make.delivery(make.event(n), webhook_id=f"WB{n}") for n in range(count)])
    lines = "print('ready', flush=True); sys.stdin.readline(); print(store.deliveries.take())"
    processes = [start_python(lines, url) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()

    told = [process.communicate(timeout=60) for process in processes]

    assert sum(int(output) for output, _ in told) == count, told
    assert sorted(event_ids(store)) == sorted(f"EV{n}" for n in range(count))
    with store.database.read() as reading:
        rows = list(reading.scalars(select(TRAIL.c.subject).where(TRAIL.c.kind == "webhook_received")))
    assert sorted(rows) == sorted(f"WB{n}" for n in range(count))
    assert store.trail.verify("acme").ok


def test_webhooks_kept_and_taken_at_once_by_threads_are_all_there(url, make):
    with Store.open(url, clock=lambda: datetime.now(UTC)) as store:

        def deliver(name: str) -> None:
            for n in range(10):
                events = [make.event(k) for k in range(n * 10, n * 10 + 15)]
                store.deliveries.keep([make.delivery(*events, connection=name, webhook_id=f"WB{n}")])
                store.deliveries.take()

        threads = [threading.Thread(target=deliver, args=[f"c{n % 2}"]) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [store.inbox.count(name, make.day, make.day).total for name in ("c0", "c1")] == [105, 105]
        assert store.trail.verify("c0").ok
        assert store.trail.verify("c1").ok


def test_waiting_for_new_events_ends_as_soon_as_a_webhook_is_kept(store, make, clock):
    before = clock.moment
    assert not store.inbox.wait_for_new(0, timeout_s=5)
    assert clock.moment - before >= timedelta(seconds=5)
    store.deliveries.keep([make.delivery(make.event(1))])

    waited_from = clock.moment
    assert store.inbox.wait_for_new(0, timeout_s=5)
    assert clock.moment == waited_from


def test_what_is_unreadable_wakes_nobody(store, make):
    store.deliveries.keep([make.delivery(make.event(1), body=b"{}")])
    store.deliveries.take()

    assert not store.inbox.wait_for_new(0, timeout_s=1)


def test_bodies_are_emptied_when_their_events_are_taken_or_cannot_be(store, make, clock):
    store.deliveries.keep([make.delivery(make.event(1)), make.delivery(make.event(2), body=b"{}")])
    store.deliveries.take()
    store.deliveries.keep([make.delivery(make.event(3))])
    clock.advance(3600)

    assert store.erasure.prune("acme", clock.moment) == 2

    assert store.deliveries.unreadable("acme") == []
    assert store.deliveries.take(again=True) == 1
    assert sorted(event_ids(store)) == ["EV1", "EV3"]
