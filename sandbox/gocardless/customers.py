"""`/customers`: create, list, edit, remove. No event is ever written for any of it (gocardless.md section 0, fact
3).
"""

from __future__ import annotations

from typing import Any

from sandbox.gocardless.builder import CUSTOMER_FIELDS
from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.field_checks import check_known, check_metadata, check_text
from sandbox.gocardless.mandate_states import USABLE
from sandbox.gocardless.paging import ListRules, list_records
from sandbox.gocardless.problems import FieldErrors, invalid_usage
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import SCHEMES
from sandbox.gocardless.world import World

LANGUAGES = ("en", "fr", "de", "pt", "es", "it", "nl", "da", "nb", "sl", "sv")


def has_currency(world: World, customer: Record, currency: str) -> bool:
    mandates = world.mandates.with_link("customer", customer.id)
    return any(SCHEMES[str(mandate.body["scheme"])].currency == currency for mandate in mandates)


def create(call: Call) -> Reply:
    refuse_when_restricted(call)
    fields = call.fields("customers")
    _check(fields, None)
    return one("customers", call.world.builder.customer(fields, fields.get("metadata")), 201)


def refuse_when_restricted(call: Call) -> None:
    """In live, direct creation is for approved payment pages only (gocardless.md section 0, fact 18)."""
    if call.world.settings.restricted_creates:
        raise invalid_usage(403, "forbidden", "This endpoint is restricted; use billing requests")


def _check(fields: dict[str, Any], customer: Record | None) -> None:
    errors = FieldErrors("customers")
    check_known(errors, fields, (*CUSTOMER_FIELDS, "metadata"))
    check_metadata(errors, fields)
    for name in CUSTOMER_FIELDS:
        check_text(errors, fields, name)
    merged = {**(customer.body if customer else {}), **fields}
    if not merged.get("company_name") and not (merged.get("given_name") and merged.get("family_name")):
        errors.add("given_name", "can't be blank unless a company name is given")
    email = merged.get("email")
    if not email:
        errors.add("email", "can't be blank")
    elif not isinstance(email, str) or "@" not in email:
        errors.add("email", "is not an e-mail address")
    country = fields.get("country_code")
    if country is not None and not (isinstance(country, str) and len(country) == 2 and country.isupper()):
        errors.add("country_code", "is not an ISO 3166-1 alpha-2 code")
    if fields.get("language") is not None and fields["language"] not in LANGUAGES:
        errors.add("language", "is not a supported language")
    if customer is not None and customer.body["swedish_identity_number"] and "swedish_identity_number" in fields:
        errors.add("swedish_identity_number", "cannot be changed")
    errors.refuse_if_any()


def index(call: Call) -> Reply:
    world = call.world
    rules = ListRules(
        matches={
            "currency": lambda customer, value: has_currency(world, customer, value),
            "action_required": lambda _customer, value: value == "false",
        },
        sorts=("name", "company_name"),
    )
    query = {**call.query}
    if query.get("sort_field") == "name":
        query["sort_field"] = "family_name"
        rules = ListRules(matches=rules.matches, sorts=("family_name",))
    call.query = query
    return list_records(call, world.customers, rules)


def show(call: Call) -> Reply:
    return one("customers", call.record(call.world.customers, "customer"))


def update(call: Call) -> Reply:
    customer, fields = call.record(call.world.customers, "customer"), call.fields("customers")
    _check(fields, customer)
    changes = {name: fields[name] for name in CUSTOMER_FIELDS if name in fields}
    if "metadata" in fields:
        changes["metadata"] = dict(fields["metadata"] or {})
    customer.change(**changes)
    return one("customers", customer)


def remove(call: Call) -> Reply:
    """Irreversible: mandates are cancelled, the customer and its subscriptions vanish from lists."""
    world, customer = call.world, call.record(call.world.customers, "customer")
    for mandate in list(world.mandates.with_link("customer", customer.id)):
        if mandate.status in USABLE:
            world.mandate_states.cancel(mandate)
    for subscription in list(world.subscriptions.with_link("customer", customer.id)):
        world.subscriptions.remove(subscription)
    world.customers.remove(customer)
    if world.settings.removal_status == 204:
        return Reply(204, b"")
    return one("customers", customer)


ENDPOINTS = (
    Endpoint("POST", "/customers", create, idempotent=True),
    Endpoint("GET", "/customers", index),
    Endpoint("GET", "/customers/{identity}", show),
    Endpoint("PUT", "/customers/{identity}", update),
    Endpoint("DELETE", "/customers/{identity}", remove),
)
