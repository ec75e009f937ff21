"""`/payouts` and `/payout_items`: read-only but for metadata; items go after six months (gocardless.md section 2.2)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

import orjson

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.field_checks import check_known, check_metadata
from sandbox.gocardless.paging import ListRules, list_records, read_limit
from sandbox.gocardless.problems import FieldErrors, invalid_filters, invalid_usage, not_found
from sandbox.gocardless.timestamps import months_before, stamp

_LIST = ListRules(
    links=("creditor", "creditor_bank_account"),
    fields=("currency", "payout_type", "reference", "status"),
    matches={"metadata": lambda record, value: value in record.body["metadata"].values()},
)
_ITEM_FILTERS = ("payout", "include_2020_tax_cutover", "limit", "after", "before")


def index(call: Call) -> Reply:
    return list_records(call, call.world.payouts, _LIST)


def show(call: Call) -> Reply:
    return one("payouts", call.record(call.world.payouts, "payout"))


def update(call: Call) -> Reply:
    payout, fields = call.record(call.world.payouts, "payout"), call.fields("payouts")
    errors = FieldErrors("payouts")
    check_known(errors, fields, ("metadata",))
    check_metadata(errors, fields)
    errors.refuse_if_any()
    payout.change(metadata=dict(fields.get("metadata") or {}))
    return one("payouts", payout)


def items(call: Call) -> Reply:
    """A page of a payout's items, in the order in which they were built; cursors are opaque."""
    for name in call.query:
        if name not in _ITEM_FILTERS:
            raise invalid_filters(f"unknown filter {name!r}")
    identity = call.query.get("payout")
    if not identity:
        raise invalid_filters("the payout filter is required")
    payout = call.world.payouts.get(identity)
    if payout is None:
        raise not_found("payout", identity)
    if payout.created_at < stamp(months_before(call.world.now(), call.world.settings.payout_item_months)):
        raise invalid_usage(410, "payout_items_expired", "Payout items are available for 6 months only")
    lines = call.world.payout_desk.items.get(identity, [])
    limit = read_limit(call.query)
    start = _position(call.query["after"]) if "after" in call.query else 0
    if "before" in call.query:
        start = max(0, _position(call.query["before"]) - limit)
    part = lines[start : start + limit]
    cursors = {
        "before": _cursor(start) if start else None,
        "after": _cursor(start + limit) if start + limit < len(lines) else None,
    }
    meta = orjson.dumps({"cursors": cursors, "limit": limit})
    return Reply(200, b'{"payout_items":[' + b",".join([x.json for x in part]) + b'],"meta":' + meta + b"}")


def _cursor(position: int) -> str:
    return urlsafe_b64encode(f"item:{position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        kind, _, number = urlsafe_b64decode(cursor.encode()).decode().partition(":")
    except (Base64Error, UnicodeDecodeError) as problem:
        raise invalid_filters(f"{cursor!r} is not a cursor of payout items") from problem
    if kind != "item" or not number.isdigit():
        raise invalid_filters(f"{cursor!r} is not a cursor of payout items")
    return int(number)


ENDPOINTS = (
    Endpoint("GET", "/payouts", index),
    Endpoint("GET", "/payouts/{identity}", show),
    Endpoint("PUT", "/payouts/{identity}", update),
    Endpoint("GET", "/payout_items", items),
)
