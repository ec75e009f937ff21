"""Entities keep the newest body per id and say what changed; decisions keep the first; marks keep the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from connector_resources.store.entities import Changes


@dataclass(frozen=True)
class Decision:
    event_id: str
    subject: str
    outcome: str = "posted"
    reason: str = ""
    posting_key: str | None = None


def payment(number: int, **changes):
    return {"id": f"PM{number}", "created_at": "2026-03-02T10:00:00.000Z", "amount": 100 * number, **changes}


def test_putting_tells_new_changed_and_same(store, make):
    put = store.entities.put
    assert put("acme", "payments", [payment(1), payment(2)], day_of=make.day_of) == Changes(2, 0, 0)

    changes = put("acme", "payments", [payment(1), payment(2, status="failed"), payment(3)], day_of=make.day_of)

    assert changes == Changes(new=1, changed=1, same=1)
    assert store.entities.get("acme", "payments", ["PM2", "PM3", "PM9"]) == {
        "PM2": payment(2, status="failed"),
        "PM3": payment(3),
    }
    assert store.entities.count("acme", "payments") == 3
    assert store.entities.count("acme", "refunds") == store.entities.count("other", "payments") == 0


def test_what_was_told_before_our_clock_says_is_dated_by_whoever_told_it(store, make):
    now = store.database.now()

    def read_at(told_at):
        store.entities.put("acme", "payouts", [payment(1)], day_of=make.day_of, told_at=told_at)
        return store.entities.fetched_at("acme", "payouts", "PM1")

    assert read_at(now - timedelta(hours=1)) == now - timedelta(hours=1)
    assert read_at(now + timedelta(hours=1)) == read_at(None) == now


def test_the_order_of_fields_is_no_change(store, make):
    body = payment(1)
    store.entities.put("acme", "payments", [body], day_of=make.day_of)

    again = store.entities.put("acme", "payments", [dict(reversed(body.items()))], day_of=make.day_of)

    assert again == Changes(0, 0, 1)


def test_the_last_body_of_an_id_in_one_call_wins(store, make):
    store.entities.put("acme", "payments", [payment(1), payment(1, status="paid_out")], day_of=make.day_of)

    assert store.entities.get("acme", "payments", ["PM1"])["PM1"]["status"] == "paid_out"


def test_decimals_come_back_to_the_last_digit(store, make):
    body = payment(1, rate=Decimal("1.10000000000000000001"), fee=Decimal("0.10"), note="1.10")
    store.entities.put("acme", "payments", [body], day_of=make.day_of)

    read = store.entities.get("acme", "payments", ["PM1"])["PM1"]

    assert read == body
    assert str(read["fee"]) == "0.10"
    assert isinstance(read["amount"], int)


def test_missing_ids_come_in_the_order_given(store, make):
    store.entities.put("acme", "payments", [payment(n) for n in range(0, 1200, 2)], day_of=make.day_of)
    ids = [f"PM{n}" for n in range(1200)]

    assert store.entities.missing("acme", "payments", [*ids, "PM1"]) == [f"PM{n}" for n in range(1, 1200, 2)]
    assert len(store.entities.get("acme", "payments", ids)) == 600


def test_a_day_is_streamed(store, make):
    bodies = [payment(n) for n in (3, 1, 2)]
    other_day = payment(4, created_at="2026-03-03T10:00:00.000Z")
    timeless = {"id": "PM5"}
    store.entities.put("acme", "payments", [*bodies, other_day, timeless], day_of=make.day_of)

    found = store.entities.of_day("acme", "payments", make.day, make.day)

    assert isinstance(found, Iterator)
    assert [body["id"] for body in found] == ["PM1", "PM2", "PM3"]
    assert len(list(store.entities.of_day("acme", "payments", make.day, make.day + timedelta(days=1)))) == 4
    assert [body["id"] for body in store.entities.all("acme", "payments")] == ["PM1", "PM2", "PM3", "PM4", "PM5"]


def test_payout_items_never_read_are_not_the_same_as_none(store):
    assert store.entities.payout_items("acme", "PO1") is None

    store.entities.put_payout_items("acme", "PO1", [])

    assert store.entities.payout_items("acme", "PO1") == []


def test_payout_items_replace_an_earlier_list_and_keep_their_order(store):
    items = [{"type": "payment_paid_out", "amount": f"{n}.5"} for n in range(1500)]
    store.entities.put_payout_items("acme", "PO1", items)
    store.entities.put_payout_items("acme", "PO2", items[:1])

    store.entities.put_payout_items("acme", "PO1", items[:1200][::-1])

    assert store.entities.payout_items("acme", "PO1") == items[:1200][::-1]
    assert store.entities.payout_items("acme", "PO2") == items[:1]


def test_the_first_decision_about_an_event_stays(store):
    first = Decision("EV1", "PM1", "posted", "confirmed", "EV1:receipt")

    assert store.decisions.record("acme", [first, Decision("EV2", "PM1", "covered", "paid out")]) == 2
    assert store.decisions.record("acme", [Decision("EV1", "PM1", "ignored", "again"), Decision("EV3", "PM2")]) == 1

    rows = store.decisions.of_subjects("acme", ["PM1", "PM9"])["PM1"]
    assert [(row.event_id, row.outcome, row.reason, row.posting_key) for row in rows] == [
        ("EV1", "posted", "confirmed", "EV1:receipt"),
        ("EV2", "covered", "paid out", None),
    ]
    trail = store.trail.about("acme", ["PM1"])
    assert [(row.kind, row.payload["event_id"]) for row in trail] == [("decided", "EV1"), ("decided", "EV2")]


def test_of_two_decisions_in_one_call_the_first_stays(store):
    assert store.decisions.record("acme", [Decision("EV1", "PM1", "posted"), Decision("EV1", "PM1", "ignored")]) == 1

    assert store.decisions.of_subjects("acme", ["PM1"])["PM1"][0].outcome == "posted"


def test_decisions_of_a_day_follow_the_events(store, make):
    events = [make.event(1), make.event(2), make.event(3, minutes=2000)]
    store.inbox.drop_polled("acme", events, day_of=make.day_of)
    store.decisions.record("acme", [Decision("EV2", "PM2"), Decision("EV3", "PM3"), Decision("EV1", "PM1")])

    assert [row.event_id for row in store.decisions.of_day("acme", make.day, make.day)] == ["EV1", "EV2"]


def test_a_mark_keeps_its_last_value_per_connection(store):
    store.marks.set("acme", "watermark", "1")
    store.marks.set("acme", "watermark", "2")
    store.marks.set("other", "watermark", "9")

    assert store.marks.get("acme", "watermark") == "2"
    assert store.marks.get("acme", "customers") is None


def test_a_mark_set_within_a_transaction_goes_with_it(store, make):
    with make.undone(store) as transaction:
        store.marks.set("acme", "watermark", "1", within=transaction)

    assert store.marks.get("acme", "watermark") is None


def test_days_that_repeat_and_bodies_without_a_day_are_each_kept_as_they_are(store, make):
    bodies = [
        payment(1, created_at="2026-03-02T10:00:00.000Z"),
        {"id": "PM2"},
        payment(3, created_at="2026-03-02T10:00:00.000Z"),
        payment(4, created_at="2026-03-01T10:00:00.000Z"),
        payment(5, created_at="2026-03-02T10:00:00.000Z"),
        {"id": "PM6"},
    ]
    store.entities.put("acme", "payments", bodies, day_of=lambda moment: moment.date())

    second, first = make.day, make.day - timedelta(days=1)
    assert [each["id"] for each in store.entities.of_day("acme", "payments", second, second)] == ["PM1", "PM3", "PM5"]
    assert [each["id"] for each in store.entities.of_day("acme", "payments", first, first)] == ["PM4"]
    assert list(store.entities.all("acme", "payments")) == bodies


def test_ids_are_found_whatever_stands_in_them(store, make):
    odd = ['PM"1', "PM'2", "PM,3", "{PM4}", "PM ü5", "PM\\6", "%", "NULL"]
    store.entities.put("acme", "payments", [{"id": each} for each in odd], day_of=make.day_of)

    assert set(store.entities.get("acme", "payments", [*odd, *odd, "PM7"])) == set(odd)
    assert store.entities.get("acme", "payments", []) == {}
