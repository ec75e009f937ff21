"""Cursor paging, filters and the event feed as it really behaves (checklist 10.1.3, 10.1.4 and 10.1.13)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox.gocardless.load import load_confirmed_payments

DAY = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)


def refused_filters(answer: requests.Response) -> bool:
    error = answer.json()["error"]
    return answer.status_code == 400 and error["errors"][0]["reason"] == "invalid_filters"


@pytest.fixture
def loaded(api: Any) -> Any:
    """120 payments of 4 customers, one event each, every five minutes."""
    api.loaded = load_confirmed_payments(api.world, 120, customers=4, at=DAY, currency="EUR")
    return api


def ids(answer: requests.Response, name: str) -> list[str]:
    return [row["id"] for row in answer.json()[name]]


def test_a_page_holds_50_records_newest_first_unless_asked_otherwise(loaded: Any) -> None:
    answer = loaded.get("/payments")
    rows, meta = answer.json()["payments"], answer.json()["meta"]
    assert len(rows) == 50
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
    assert meta == {"cursors": {"before": None, "after": rows[-1]["id"]}, "limit": 50}


def test_following_after_gives_every_record_once_and_ends_with_null(loaded: Any) -> None:
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 33}
    while True:
        answer = loaded.get("/payments", **query)
        seen += ids(answer, "payments")
        after = answer.json()["meta"]["cursors"]["after"]
        if after is None:
            break
        query["after"] = after
    assert seen == list(reversed(loaded.loaded.payments))


def test_before_leads_back_to_the_page_one_came_from(loaded: Any) -> None:
    first = loaded.get("/payments", limit=10)
    second = loaded.get("/payments", limit=10, after=ids(first, "payments")[-1])
    assert second.json()["meta"]["cursors"]["before"] == ids(second, "payments")[0]
    back = loaded.get("/payments", limit=10, before=ids(second, "payments")[0])
    assert ids(back, "payments") == ids(first, "payments")
    assert back.json()["meta"]["cursors"]["before"] is None


def test_records_made_while_paging_do_not_shift_the_pages(loaded: Any) -> None:
    first = ids(loaded.get("/payments", limit=60), "payments")
    loaded.payment()
    second = ids(loaded.get("/payments", limit=500, after=first[-1]), "payments")
    assert first + second == list(reversed(loaded.loaded.payments))


def test_a_customer_removed_while_paging_still_works_as_a_cursor(api: Any) -> None:
    made = [api.customer()["id"] for _ in range(4)]
    api.session.delete(f"{api.base}/customers/{made[2]}", timeout=10)
    assert ids(api.get("/customers", after=made[2]), "customers") == [made[1], made[0]]
    assert ids(api.get("/customers"), "customers") == [made[3], made[1], made[0]]


@pytest.mark.parametrize("limit", ["0", "501", "ten", "-1", "1.5"])
def test_a_limit_out_of_range_is_refused(api: Any, limit: str) -> None:
    assert refused_filters(api.get("/payments", limit=limit))


def test_the_largest_page_holds_500(api: Any) -> None:
    load_confirmed_payments(api.world, 501, customers=2, at=DAY)
    answer = api.get("/payments", limit=500)
    assert len(answer.json()["payments"]) == 500
    assert answer.json()["meta"]["cursors"]["after"] is not None


@pytest.mark.parametrize(
    "query",
    [
        {"creditor": "CR1", "customer": "CU1"},
        {"after": "PM1", "before": "PM2"},
        {"after": "PM404"},
        {"created_at": "2026-06-01T00:00:00Z"},
        {"created_at[after]": "2026-06-01T00:00:00Z"},
        {"created_at[gte]": "yesterday"},
        {"created_at[gte]": "2026-06-01"},
        {"charge_date[gte]": "soon"},
        {"state": "confirmed"},
        {"sort_field": "colour"},
    ],
)
def test_filters_that_conflict_or_do_not_exist_are_refused(api: Any, query: dict[str, str]) -> None:
    assert refused_filters(api.session.get(f"{api.base}/payments", params=query, timeout=10))


def test_time_filters_have_millisecond_precision(loaded: Any) -> None:
    rows = loaded.get("/payments", limit=500).json()["payments"]
    edge = rows[60]["created_at"]
    counts = {
        name: len(loaded.listed("/payments", limit=500, **{f"created_at__{name}": edge}).json()["payments"])
        for name in ("gt", "gte", "lt", "lte")
    }
    assert counts == {"gt": 60, "gte": 61, "lt": 59, "lte": 60}


def test_payments_are_filtered_by_customer_status_list_and_charge_date(loaded: Any) -> None:
    customer = loaded.loaded.customers[0]
    assert len(loaded.get("/payments", customer=customer, limit=500).json()["payments"]) == 30
    assert len(loaded.get("/payments", status="paid_out,confirmed", limit=500).json()["payments"]) == 120
    assert loaded.get("/payments", status="failed").json()["payments"] == []
    assert loaded.listed("/payments", charge_date__gt="2026-05-20").json()["payments"] == []
    assert len(loaded.listed("/payments", charge_date__lte="2026-05-20", limit=500).json()["payments"]) == 120


def test_payments_can_be_sorted_by_amount(loaded: Any) -> None:
    rows = loaded.get("/payments", sort_field="amount", sort_direction="asc", limit=20).json()["payments"]
    assert [row["amount"] for row in rows] == sorted(row["amount"] for row in rows)


def test_mandates_are_filtered_by_status_list_and_one_owner_only(api: Any) -> None:
    mandate = api.mandate()
    customer = mandate["links"]["customer"]
    assert ids(api.get("/mandates", customer=customer, status="active,pending_submission"), "mandates") == [
        mandate["id"]
    ]
    assert refused_filters(api.get("/mandates", customer=customer, creditor=mandate["links"]["creditor"]))


def test_refunds_of_payments_are_listed_unless_mandate_refunds_are_asked_for(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_confirmed", payment["id"])
    fields = {"amount": 500, "total_amount_confirmation": 500, "links": {"payment": payment["id"]}}
    of_payment = api.made("refunds", **fields)
    of_mandate = api.made("refunds", amount=300, links={"mandate": payment["links"]["mandate"]})
    assert ids(api.get("/refunds"), "refunds") == [of_payment["id"]]
    assert ids(api.get("/refunds", refund_type="mandate"), "refunds") == [of_mandate["id"]]


def test_many_events_may_share_one_millisecond_and_none_is_lost(api: Any) -> None:
    for number in range(7):
        api.control("events", {"resource_type": "payments", "action": "created", "links": {"payment": f"PM{number}"}})
    moment = api.get("/events").json()["events"][0]["created_at"]
    assert len(api.listed("/events", created_at__gte=moment).json()["events"]) == 7
    assert api.listed("/events", created_at__gt=moment).json()["events"] == []
    pages = [ids(api.get("/events", limit=3), "events")]
    while len(pages[-1]) == 3:
        pages.append(ids(api.get("/events", limit=3, after=pages[-1][-1]), "events"))
    assert len({event for page in pages for event in page}) == 7


def test_an_event_may_appear_late_with_an_old_creation_time(api: Any) -> None:
    api.payment()
    before = len(api.get("/events", limit=500).json()["events"])
    late = {"resource_type": "payments", "action": "confirmed", "links": {"payment": "PM1"}, "late_s": 1800}
    event = api.control("events", {**late, "created_at": "2026-06-01T07:00:00.000Z"})["id"]
    assert len(api.get("/events", limit=500).json()["events"]) == before
    assert api.get(f"/events/{event}").status_code == 404
    api.until("2026-06-01T08:30:00Z")
    rows = api.get("/events", limit=500).json()["events"]
    assert rows[-1]["id"] == event
    assert rows[-1]["created_at"] == "2026-06-01T07:00:00.000Z"


def test_events_older_than_18_months_are_gone(api: Any) -> None:
    old = {"resource_type": "payments", "action": "confirmed", "links": {"payment": "PM1"}}
    gone = api.control("events", {**old, "created_at": "2024-11-30T23:59:59.999Z"})["id"]
    kept = api.control("events", {**old, "created_at": "2024-12-01T08:00:00.000Z"})["id"]
    assert ids(api.get("/events"), "events") == [kept]
    assert api.get(f"/events/{gone}").status_code == 404


def test_events_take_one_id_filter_or_a_resource_type(api: Any) -> None:
    payment = api.payment()
    assert api.events(payment=payment["id"]) == [("payments", "created")]
    assert ("mandates", "created") in api.events(resource_type="mandates")
    assert refused_filters(api.get("/events", payment=payment["id"], resource_type="payments"))


def test_included_resources_come_once_under_linked(api: Any) -> None:
    payment = api.payment()
    api.simulated("payment_confirmed", payment["id"])
    body = api.get("/events", resource_type="payments", include="payment").json()
    assert len(body["events"]) == 3
    assert [row["id"] for row in body["linked"]["payments"]] == [payment["id"]]
    assert refused_filters(api.get("/events", include="payment"))


def test_customers_never_cause_events(api: Any) -> None:
    customer = api.customer()
    api.put(f"/customers/{customer['id']}", {"customers": {"city": "Köln"}})
    api.session.delete(f"{api.base}/customers/{customer['id']}", timeout=10)
    assert api.events() == []


def test_a_hundred_pages_of_500_of_50000_payments_arrive_quickly(api: Any) -> None:
    load_confirmed_payments(api.world, 50_000, customers=100, at=DAY, story=())
    query: dict[str, Any] = {"limit": 500}
    spent, pages = timedelta(0), 0
    while True:
        answer = api.get("/payments", **query)
        spent, pages = spent + answer.elapsed, pages + 1
        query["after"] = (
            answer.content.rsplit(b'"after":"', 1)[-1][:14].decode() if b'"after":"' in answer.content else None
        )
        if query["after"] is None:
            break
    assert pages == 100
    # A guard against pages that walk the whole collection, with much room for a busy machine.
    assert spent < timedelta(seconds=5)
