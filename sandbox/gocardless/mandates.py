"""`/mandates`: create, list, annotate, cancel, reinstate (gocardless.md sections 2 and 2.5)."""

from __future__ import annotations

from typing import Any

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.customers import refuse_when_restricted
from sandbox.gocardless.field_checks import check_known, check_metadata, check_text, read_links
from sandbox.gocardless.mandate_states import USABLE
from sandbox.gocardless.paging import ListRules, list_records
from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.problems import FieldErrors, invalid_state, invalid_usage
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import SCHEMES
from sandbox.gocardless.world import World

_CREATE_FIELDS = (
    "authorisation_source", "funds_settlement", "links", "metadata", "payer_ip_address", "reference", "scheme",
)  # fmt: skip
_LIST = ListRules(
    links=("customer", "customer_bank_account", "creditor"),
    fields=("reference", "scheme", "status", "mandate_type"),
    exclusive=(("customer", "customer_bank_account", "creditor"),),
)


def create(call: Call) -> Reply:
    refuse_when_restricted(call)
    fields = call.fields("mandates")
    links = read_links(fields)
    account = _account(call.world, links)
    errors = FieldErrors("mandates")
    check_known(errors, fields, _CREATE_FIELDS)
    check_metadata(errors, fields)
    _check_scheme(errors, fields, account)
    _check_reference(errors, fields)
    creditor = choose_creditor(call.world, links, errors)
    errors.refuse_if_any()
    mandate = call.world.builder.mandate(
        account, creditor, scheme=fields.get("scheme"), reference=fields.get("reference"),
        metadata=fields.get("metadata"), funds_settlement=fields.get("funds_settlement") or "managed",
    )  # fmt: skip
    return one("mandates", mandate, 201)


def _account(world: World, links: dict[str, Any]) -> Record:
    identity = links.get("customer_bank_account")
    if not identity:
        raise invalid_usage(400, "invalid_type", "The customer_bank_account of your request is incorrectly typed")
    account = world.customer_bank_accounts.get(identity)
    if account is None:
        raise invalid_usage(404, "link_not_found", f"customer bank account {identity} not found")
    if not account.body["enabled"]:
        raise invalid_state("bank_account_disabled", "This bank account is disabled")
    customer = world.customers.known(str(account.links["customer"]))
    if customer is None or customer.removed:
        raise invalid_state("customer_data_removed", "The data of this customer was removed")
    return account


def choose_creditor(world: World, links: dict[str, Any], errors: FieldErrors) -> str:
    """The creditor named, or the only one; with several, one must be named."""
    named = links.get("creditor")
    if named:
        if world.creditors.get(named) is None:
            raise invalid_usage(404, "link_not_found", f"creditor {named} not found")
        return str(named)
    if len(world.creditors) == 1:
        return world.creditors.ordered[0].id
    errors.add("links.creditor", "can't be blank when there are several creditors")
    return ""


def _check_scheme(errors: FieldErrors, fields: dict[str, Any], account: Record) -> None:
    name = fields.get("scheme")
    if name is None:
        return
    scheme = SCHEMES.get(name)
    if scheme is None:
        errors.add("scheme", "is not a known scheme")
    elif scheme.currency != account.body["currency"]:
        errors.add("scheme", "does not fit the currency of the bank account")


def _check_reference(errors: FieldErrors, fields: dict[str, Any]) -> None:
    reference = fields.get("reference")
    check_text(errors, fields, "reference", most=35)
    if isinstance(reference, str) and reference and (len(reference) < 6 or reference.startswith("DDIC")):
        errors.add("reference", "must have at least 6 characters and not start with DDIC")


def index(call: Call) -> Reply:
    if call.world.mandates_moved_on != call.world.today():
        for mandate in call.world.mandates:
            _move_on(call.world, mandate)
        call.world.mandates_moved_on = call.world.today()
    return list_records(call, call.world.mandates, _LIST)


def show(call: Call) -> Reply:
    mandate = call.record(call.world.mandates, "mandate")
    _move_on(call.world, mandate)
    return one("mandates", mandate)


def _move_on(world: World, mandate: Record) -> None:
    """The next possible charge date is as of today: it moves on every day."""
    if mandate.status in USABLE:
        earliest = world.builder.next_charge_date(str(mandate.body["scheme"]), mandate.status).isoformat()
        if earliest != mandate.body["next_possible_charge_date"]:
            mandate.change(next_possible_charge_date=earliest)


def update(call: Call) -> Reply:
    mandate, fields = call.record(call.world.mandates, "mandate"), call.fields("mandates")
    errors = FieldErrors("mandates")
    check_known(errors, fields, ("metadata",))
    check_metadata(errors, fields)
    errors.refuse_if_any()
    mandate.change(metadata=dict(fields.get("metadata") or {}))
    return one("mandates", mandate)


def cancel(call: Call) -> Reply:
    mandate = call.record(call.world.mandates, "mandate")
    if mandate.status not in USABLE:
        raise invalid_state("cancellation_failed", "This mandate can no longer be cancelled")
    call.world.mandate_states.cancel(mandate)
    return one("mandates", mandate)


def reinstate(call: Call) -> Reply:
    mandate = call.record(call.world.mandates, "mandate")
    if mandate.links.get("new_mandate"):
        new = {"new_mandate": str(mandate.links["new_mandate"])}
        raise invalid_state("mandate_replaced", "Mandate has been replaced by another mandate", new)
    try:
        call.world.mandate_states.reinstate(mandate)
    except IllegalStep as problem:
        raise invalid_state("mandate_not_inactive", str(problem)) from problem
    return one("mandates", mandate)


ENDPOINTS = (
    Endpoint("POST", "/mandates", create, idempotent=True),
    Endpoint("GET", "/mandates", index),
    Endpoint("GET", "/mandates/{identity}", show),
    Endpoint("PUT", "/mandates/{identity}", update),
    Endpoint("POST", "/mandates/{identity}/actions/cancel", cancel),
    Endpoint("POST", "/mandates/{identity}/actions/reinstate", reinstate),
)
