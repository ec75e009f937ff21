"""`/payments`: collect, list, annotate, cancel, retry (gocardless.md section 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
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
from sandbox.gocardless.mandate_states import USABLE
from sandbox.gocardless.paging import ListRules, list_records
from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.problems import FieldErrors, invalid_state, invalid_usage
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import Scheme, scheme_of
from sandbox.gocardless.world import World

_CREATE_FIELDS = (
    "amount", "app_fee", "charge_date", "currency", "description", "faster_ach", "links", "metadata", "reference",
    "retry_if_possible", "psu_interaction_type",
)  # fmt: skip

_LIST = ListRules(
    links=("creditor", "customer", "mandate", "subscription"),
    fields=("status", "currency", "scheme"),
    dates=("charge_date",),
    sorts=("charge_date", "amount"),
    exclusive=(("creditor", "customer"),),
)


def create(call: Call) -> Reply:
    fields = call.fields("payments")
    errors = FieldErrors("payments")
    mandate = usable_mandate(call.world, read_links(fields))
    scheme = scheme_of(str(mandate.body["scheme"]))
    check_known(errors, fields, _CREATE_FIELDS)
    charge_date = check_payment(call, errors, fields, scheme, mandate)
    errors.refuse_if_any()
    payment = call.world.builder.payment(
        mandate, fields["amount"], fields["currency"], charge_date=charge_date, description=fields.get("description"),
        reference=fields.get("reference"), metadata=fields.get("metadata"), app_fee=fields.get("app_fee"),
        retry_if_possible=bool(fields.get("retry_if_possible")),
    )  # fmt: skip
    return one("payments", payment, 201)


def usable_mandate(world: World, links: Mapping[str, Any]) -> Record:
    """The mandate to collect from. Raises 400 without one, 404 for an unknown one, 422 when it cannot be used."""
    identity = links.get("mandate")
    if not identity:
        raise invalid_usage(400, "invalid_type", "The mandate of your request is incorrectly typed")
    mandate = world.mandates.get(identity)
    if mandate is None:
        raise invalid_usage(404, "link_not_found", f"mandate {identity} not found")
    if mandate.links.get("new_mandate"):
        new = {"new_mandate": str(mandate.links["new_mandate"])}
        raise invalid_state("mandate_replaced", "Mandate has been replaced by another mandate", new)
    if mandate.status not in USABLE:
        raise invalid_state("mandate_is_inactive", "Mandate is failed, cancelled or expired")
    return mandate


def check_payment(
    call: Call, errors: FieldErrors, fields: Mapping[str, Any], scheme: Scheme, mandate: Record
) -> date | None:
    """Every field of a payment; returns the charge date asked for."""
    check_amount(errors, fields)
    check_currency(errors, fields, scheme)
    check_metadata(errors, fields)
    check_reference(errors, fields.get("reference"), scheme)
    check_text(errors, fields, "description")
    check_amount(errors, fields, "app_fee", required=False)
    if fields.get("app_fee") is not None and call.token.app is None:
        errors.add("app_fee", "can only be set by a partner app")
    charge_date = read_date(errors, fields, "charge_date")
    earliest = call.world.builder.next_charge_date(scheme.name, mandate.status)
    if charge_date is not None and charge_date < earliest:
        errors.add("charge_date", "must be on or after mandate's next_possible_charge_date")
    amount = fields.get("amount")
    if call.world.settings.enforce_amount_limits and isinstance(amount, int) and amount > 0:
        if amount < scheme.smallest:
            errors.add("amount", "is less than the minimum amount of this scheme")
        elif amount > scheme.largest:
            errors.add("amount", "exceeds the maximum amount of this scheme")
    reference = fields.get("reference")
    if scheme.name == "becs" and reference and _reference_used(call.world, str(mandate.links["creditor"]), reference):
        errors.add("reference", "has already been used")
    return charge_date


def _reference_used(world: World, creditor: str, reference: str) -> bool:
    return any(p.body["reference"] == reference and p.links["creditor"] == creditor for p in world.payments)


def index(call: Call) -> Reply:
    return list_records(call, call.world.payments, _LIST)


def show(call: Call) -> Reply:
    return one("payments", call.record(call.world.payments, "payment"))


def update(call: Call) -> Reply:
    payment, fields = call.record(call.world.payments, "payment"), call.fields("payments")
    errors = FieldErrors("payments")
    check_known(errors, fields, ("metadata", "retry_if_possible"))
    check_metadata(errors, fields)
    errors.refuse_if_any()
    if "metadata" in fields:
        payment.change(metadata=dict(fields["metadata"] or {}))
    if "retry_if_possible" in fields:
        payment.change(retry_if_possible=bool(fields["retry_if_possible"]))
    return one("payments", payment)


def cancel(call: Call) -> Reply:
    payment = call.record(call.world.payments, "payment")
    if payment.status not in ("pending_submission", "pending_customer_approval"):
        raise invalid_state("cancellation_failed", "This payment can no longer be cancelled")
    call.world.payment_states.cancel(payment)
    return one("payments", payment)


def retry(call: Call) -> Reply:
    payment = call.record(call.world.payments, "payment")
    errors = FieldErrors("payments")
    wish = read_date(errors, call.action_data(), "charge_date")
    errors.refuse_if_any()
    mandate = call.world.mandates.get(str(payment.links.get("mandate")))
    if payment.status != "failed" or mandate is None or mandate.status not in USABLE:
        raise invalid_state("retry_failed", "This payment cannot be retried")
    payment.hidden["charge_date_wish"] = wish
    try:
        call.world.payment_states.retry(payment)
    except IllegalStep as problem:
        raise invalid_state("retry_failed", str(problem)) from problem
    return one("payments", payment)


ENDPOINTS = (
    Endpoint("POST", "/payments", create, idempotent=True),
    Endpoint("GET", "/payments", index),
    Endpoint("GET", "/payments/{identity}", show),
    Endpoint("PUT", "/payments/{identity}", update),
    Endpoint("POST", "/payments/{identity}/actions/cancel", cancel),
    Endpoint("POST", "/payments/{identity}/actions/retry", retry),
)
