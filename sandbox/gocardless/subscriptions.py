"""`/subscriptions`: create, list, amend, pause, resume, cancel (gocardless.md section 2.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.field_checks import (
    check_amount,
    check_currency,
    check_known,
    check_metadata,
    check_reference,
    check_text,
    read_date,
    read_links,
)
from sandbox.gocardless.paging import ListRules, list_records
from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.payments import usable_mandate
from sandbox.gocardless.problems import FieldErrors, invalid_filters, invalid_state, invalid_usage
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import scheme_of
from sandbox.gocardless.subscription_states import MONTHS
from sandbox.gocardless.timestamps import stamp

_CREATE_FIELDS = (
    "amount", "app_fee", "count", "currency", "day_of_month", "end_date", "interval", "interval_unit", "links",
    "metadata", "month", "name", "payment_reference", "retry_if_possible", "start_date",
)  # fmt: skip
_UPDATE_FIELDS = ("amount", "app_fee", "metadata", "name", "payment_reference", "retry_if_possible")
_LIST = ListRules(links=("customer", "mandate"), fields=("status",))
MAX_STATUSES = 5


def create(call: Call) -> Reply:
    fields = call.fields("subscriptions")
    mandate = usable_mandate(call.world, read_links(fields))
    _check(fields, mandate, call)
    world, now = call.world, stamp(call.world.now())
    start = (
        fields.get("start_date")
        or world.builder.next_charge_date(str(mandate.body["scheme"]), mandate.status).isoformat()
    )
    body: dict[str, Any] = {
        "id": world.ids.new("subscriptions"), "created_at": now, "amount": fields["amount"],
        "app_fee": fields.get("app_fee"), "count": fields.get("count"), "currency": fields["currency"],
        "day_of_month": fields.get("day_of_month"), "earliest_charge_date_after_resume": None,
        "end_date": fields.get("end_date"), "interval": fields.get("interval", 1),
        "interval_unit": fields["interval_unit"], "links": {"mandate": mandate.id},
        "metadata": dict(fields.get("metadata") or {}), "month": fields.get("month"), "name": fields.get("name"),
        "parent_plan_paused": False, "payment_reference": fields.get("payment_reference"),
        "retry_if_possible": bool(fields.get("retry_if_possible")), "start_date": start,
        "status": "pending_customer_approval" if mandate.status == "pending_customer_approval" else "active",
        "upcoming_payments": [],
    }  # fmt: skip
    hidden = {"customer": mandate.links["customer"], "scheme": mandate.body["scheme"], "app": call.token.app}
    subscription = world.subscriptions.add(Record(body["id"], now, body, hidden=hidden))
    world.subscription_states.start(subscription)
    return one("subscriptions", subscription, 201)


def _check(fields: dict[str, Any], mandate: Record, call: Call) -> None:
    errors, scheme = FieldErrors("subscriptions"), scheme_of(str(mandate.body["scheme"]))
    check_known(errors, fields, _CREATE_FIELDS)
    check_amount(errors, fields)
    check_currency(errors, fields, scheme)
    check_metadata(errors, fields)
    check_text(errors, fields, "name")
    check_reference(errors, fields.get("payment_reference"), scheme, "payment_reference")
    check_amount(errors, fields, "interval", required=False)
    check_amount(errors, fields, "count", required=False)
    _check_recurrence(errors, fields)
    start, end = read_date(errors, fields, "start_date"), read_date(errors, fields, "end_date")
    if start is not None and start < call.world.builder.next_charge_date(scheme.name, mandate.status):
        errors.add("start_date", "must be on or after mandate's next_possible_charge_date")
    if end is not None and fields.get("count") is not None:
        errors.add("end_date", "cannot be given together with count")
    errors.refuse_if_any()


def _check_recurrence(errors: FieldErrors, fields: dict[str, Any]) -> None:
    unit, day, month = fields.get("interval_unit"), fields.get("day_of_month"), fields.get("month")
    if unit not in ("weekly", "monthly", "yearly"):
        errors.add("interval_unit", "must be one of weekly, monthly, yearly")
    if day is not None and (not isinstance(day, int) or not (day == -1 or 1 <= day <= 28)):
        errors.add("day_of_month", "must be between 1 and 28, or -1")
    if month is not None and month not in MONTHS:
        errors.add("month", "is not a month")
    if unit == "weekly" and (day is not None or month is not None):
        errors.add("day_of_month", "cannot be set for weekly subscriptions")
    if unit == "monthly" and month is not None:
        errors.add("month", "cannot be set for monthly subscriptions")
    if unit == "yearly" and (day is None) != (month is None):
        errors.add("month", "and day_of_month must be set together")


def index(call: Call) -> Reply:
    if len(call.query.get("status", "").split(",")) > MAX_STATUSES:
        raise invalid_filters(f"at most {MAX_STATUSES} statuses can be asked for")
    return list_records(call, call.world.subscriptions, _LIST)


def show(call: Call) -> Reply:
    return one("subscriptions", call.record(call.world.subscriptions, "subscription"))


def update(call: Call) -> Reply:
    subscription, fields = _own(call), call.fields("subscriptions")
    errors = FieldErrors("subscriptions")
    check_known(errors, fields, _UPDATE_FIELDS)
    check_amount(errors, fields, required=False)
    check_metadata(errors, fields)
    check_text(errors, fields, "name")
    errors.refuse_if_any()
    if subscription.status in ("cancelled", "finished"):
        raise invalid_state("subscription_already_ended", "This subscription has ended")
    _do(lambda: call.world.subscription_states.amend(subscription, fields.get("amount")))
    changes = {name: fields[name] for name in _UPDATE_FIELDS[1:] if name in fields}
    if "metadata" in changes:
        changes["metadata"] = dict(changes["metadata"] or {})
    subscription.change(**changes)
    return one("subscriptions", subscription)


def pause(call: Call) -> Reply:
    subscription = _own(call)
    if subscription.status in ("cancelled", "finished"):
        raise invalid_state("subscription_already_ended", "This subscription has ended")
    _do(lambda: call.world.subscription_states.pause(subscription))
    return one("subscriptions", subscription)


def resume(call: Call) -> Reply:
    subscription = _own(call)
    _do(lambda: call.world.subscription_states.resume(subscription))
    return one("subscriptions", subscription)


def cancel(call: Call) -> Reply:
    subscription = call.record(call.world.subscriptions, "subscription")
    _do(lambda: call.world.subscription_states.cancel(subscription))
    return one("subscriptions", subscription)


def _own(call: Call) -> Record:
    """The subscription. Raises 403 when another app, or the merchant, made it (gocardless.md section 1.3)."""
    subscription = call.record(call.world.subscriptions, "subscription")
    if call.token.app is not None and subscription.hidden["app"] != call.token.app:
        raise invalid_usage(403, "resource_created_by_another_app", "This subscription was created by another app")
    return subscription


def _do(step: Callable[[], None]) -> None:
    try:
        step()
    except IllegalStep as problem:
        raise invalid_state(str(problem), "The subscription is not in a state that allows this") from problem


ENDPOINTS = (
    Endpoint("POST", "/subscriptions", create, idempotent=True),
    Endpoint("GET", "/subscriptions", index),
    Endpoint("GET", "/subscriptions/{identity}", show),
    Endpoint("PUT", "/subscriptions/{identity}", update),
    Endpoint("POST", "/subscriptions/{identity}/actions/pause", pause),
    Endpoint("POST", "/subscriptions/{identity}/actions/resume", resume),
    Endpoint("POST", "/subscriptions/{identity}/actions/cancel", cancel),
)
