"""`/instalment_schedules`: a total in parts, whose payments are created at once (gocardless.md section 2)."""

from __future__ import annotations

from datetime import date, timedelta
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
from sandbox.gocardless.payments import usable_mandate
from sandbox.gocardless.problems import FieldErrors, invalid_state
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import scheme_of
from sandbox.gocardless.timestamps import stamp

_CREATE_FIELDS = (
    "app_fee", "currency", "instalments", "links", "metadata", "name", "payment_reference", "retry_if_possible",
    "total_amount",
)  # fmt: skip
_LIST = ListRules(links=("customer", "mandate"), fields=("status",))
_CANCELLABLE = ("pending_submission", "pending_customer_approval")


def create(call: Call) -> Reply:
    fields = call.fields("instalment_schedules")
    mandate = usable_mandate(call.world, read_links(fields))
    scheme = scheme_of(str(mandate.body["scheme"]))
    errors = FieldErrors("instalment_schedules")
    check_known(errors, fields, _CREATE_FIELDS)
    check_currency(errors, fields, scheme)
    check_metadata(errors, fields)
    check_text(errors, fields, "name", required=True)
    check_reference(errors, fields.get("payment_reference"), scheme, "payment_reference")
    check_amount(errors, fields, "total_amount")
    parts = _parts(errors, fields.get("instalments"))
    if parts and fields.get("total_amount") != sum(amount for amount, _ in parts):
        errors.add("total_amount", "must equal the sum of the instalments")
    earliest = call.world.builder.next_charge_date(scheme.name, mandate.status)
    if any(day < earliest for _, day in parts):
        errors.add("instalments", "charge_date must be on or after mandate's next_possible_customer_charge_date")
    errors.refuse_if_any()
    return one("instalment_schedules", _add(call, fields, mandate, parts), 201)


def _parts(errors: FieldErrors, instalments: Any) -> list[tuple[int, date]]:
    """(amount, charge date) of each part: given with dates, or by a start date, an interval and the amounts."""
    if isinstance(instalments, list) and instalments and all(isinstance(part, dict) for part in instalments):
        dated = [(part.get("amount"), read_date(errors, part, "charge_date")) for part in instalments]
    elif isinstance(instalments, dict) and isinstance(instalments.get("amounts"), list):
        dated = _scheduled(errors, instalments)
    else:
        errors.add("instalments", "must be a list with dates, or a schedule with amounts")
        return []
    parts = [(amount, day) for amount, day in dated if isinstance(amount, int) and amount > 0 and day is not None]
    if len(parts) != len(dated):
        errors.add("instalments", "each needs a positive amount and a charge date")
    return parts


def _scheduled(errors: FieldErrors, schedule: dict[str, Any]) -> list[tuple[Any, date | None]]:
    start, unit, interval = (
        read_date(errors, schedule, "start_date"),
        schedule.get("interval_unit"),
        schedule.get("interval"),
    )
    if unit not in ("weekly", "monthly", "yearly") or not isinstance(interval, int) or interval < 1:
        errors.add("instalments", "a schedule needs an interval and its unit")
        return []
    return [
        (amount, None if start is None else _step(start, unit, number * interval))
        for number, amount in enumerate(schedule["amounts"])
    ]


def _step(start: date, unit: str, count: int) -> date:
    if unit == "weekly":
        return start + timedelta(weeks=count)
    months = count if unit == "monthly" else 12 * count
    year, month0 = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month0 + 1, min(start.day, 28))


def _add(call: Call, fields: dict[str, Any], mandate: Record, parts: list[tuple[int, date]]) -> Record:
    world, now = call.world, stamp(call.world.now())
    body: dict[str, Any] = {
        "id": world.ids.new("instalment_schedules"), "created_at": now, "currency": fields["currency"],
        "links": {"customer": mandate.links["customer"], "mandate": mandate.id, "payments": []},
        "metadata": dict(fields.get("metadata") or {}), "name": fields["name"], "payment_errors": {},
        "status": "active",
        "total_amount": fields["total_amount"],
    }  # fmt: skip
    schedule = world.instalment_schedules.add(Record(body["id"], now, body))
    event = world.emit(
        schedule, "instalment_schedules", "created",
        cause="instalment_schedule_created", origin="api", description="Instalment schedule created.",
    )  # fmt: skip
    for amount, day in parts:
        payment = world.builder.payment(
            mandate, amount, fields["currency"], charge_date=day, description=fields["name"],
            reference=fields.get("payment_reference"), metadata=fields.get("metadata"),
            links={"instalment_schedule": schedule.id}, cause="instalment_schedule_created", parent=event,
        )  # fmt: skip
        body["links"]["payments"].append(payment.id)
    schedule.change(links=body["links"])
    return schedule


def index(call: Call) -> Reply:
    return list_records(call, call.world.instalment_schedules, _LIST)


def show(call: Call) -> Reply:
    return one("instalment_schedules", call.record(call.world.instalment_schedules, "instalment schedule"))


def update(call: Call) -> Reply:
    schedule = call.record(call.world.instalment_schedules, "instalment schedule")
    fields = call.fields("instalment_schedules")
    errors = FieldErrors("instalment_schedules")
    check_known(errors, fields, ("metadata",))
    check_metadata(errors, fields)
    errors.refuse_if_any()
    schedule.change(metadata=dict(fields.get("metadata") or {}))
    return one("instalment_schedules", schedule)


def cancel(call: Call) -> Reply:
    world, schedule = call.world, call.record(call.world.instalment_schedules, "instalment schedule")
    if schedule.status != "active":
        raise invalid_state("cancellation_failed", "This instalment schedule can no longer be cancelled")
    schedule.change(status="cancelled")
    event = world.emit(
        schedule, "instalment_schedules", "cancelled",
        cause="instalment_schedule_cancelled", origin="api", description="Instalment schedule cancelled.",
    )  # fmt: skip
    for identity in schedule.links["payments"]:
        payment = world.payments.get(identity)
        if payment is not None and payment.status in _CANCELLABLE:
            world.payment_states.cancel(payment, "instalment_schedule_cancelled", "api", event)
    return one("instalment_schedules", schedule)


ENDPOINTS = (
    Endpoint("POST", "/instalment_schedules", create, idempotent=True),
    Endpoint("GET", "/instalment_schedules", index),
    Endpoint("GET", "/instalment_schedules/{identity}", show),
    Endpoint("PUT", "/instalment_schedules/{identity}", update),
    Endpoint("POST", "/instalment_schedules/{identity}/actions/cancel", cancel),
)
