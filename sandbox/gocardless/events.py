"""`/events`: the change feed, with late arrivals, its age limit and linked resources (gocardless.md sections 2 and
4).
"""

from __future__ import annotations

import orjson

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.paging import ListRules, find_page, render
from sandbox.gocardless.problems import invalid_filters, not_found
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import EVENT_LINKS

_ID_FILTERS = tuple(name for name in EVENT_LINKS if name != "parent_event")

_LIST = ListRules(
    links=(*_ID_FILTERS, "parent_event"),
    fields=("action", "resource_type"),
    matches={"include": lambda _record, _value: True},
    exclusive=(("resource_type", *_ID_FILTERS),),
)

#: what may be included with which resource type: link name -> plural
_INCLUDABLE = {
    "billing_requests": {"billing_request": "billing_requests"},
    "creditors": {"creditor": "creditors"},
    "instalment_schedules": {"instalment_schedule": "instalment_schedules"},
    "mandates": {"mandate": "mandates"},
    "payments": {"payment": "payments"},
    "payouts": {"payout": "payouts"},
    "refunds": {"refund": "refunds"},
    "subscriptions": {"subscription": "subscriptions"},
}


def index(call: Call) -> Reply:
    call.world.release_late_events()
    include = call.query.get("include")
    plural = ""
    if include is not None:
        plural = _INCLUDABLE.get(call.query.get("resource_type", ""), {}).get(include, "")
        if not plural:
            raise invalid_filters("include needs the resource_type whose resources are to be included")
    page, limit = find_page(call, call.world.events, _LIST, floor=call.world.oldest_event())
    extra = _linked(call, page.records, include, plural) if include else b""
    return render("events", page, limit, extra)


def show(call: Call) -> Reply:
    call.world.release_late_events()
    event = call.record(call.world.events, "event")
    if event.created_at < call.world.oldest_event():
        raise not_found("event", call.identity)
    return one("events", event)


def _linked(call: Call, events: list[Record], include: str, plural: str) -> bytes:
    collection = call.world.collection(plural)
    ids = dict.fromkeys(str(event.links[include]) for event in events if include in event.links)
    records = [record for record in (collection.get(identity) for identity in ids) if record is not None]
    return b',"linked":{' + orjson.dumps(plural) + b":[" + b",".join(record.json for record in records) + b"]}"


ENDPOINTS = (
    Endpoint("GET", "/events", index),
    Endpoint("GET", "/events/{identity}", show),
)
