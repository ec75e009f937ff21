"""`/billing_requests`: a mandate or payment that the payer still has to agree to (gocardless.md section 2.4).

Which actions are left follows from what was collected; when nothing required is left, `fulfil` makes the mandate
and the payment. The hosted page that collects for the caller is in `billing_flows`.
"""

from __future__ import annotations

from typing import Any

from sandbox.gocardless.builder import CUSTOMER_FIELDS
from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.customer_bank_accounts import add as add_account
from sandbox.gocardless.customer_bank_accounts import refuse_duplicate, required_details
from sandbox.gocardless.field_checks import check_amount, check_currency, check_metadata, check_text, read_links
from sandbox.gocardless.mandates import choose_creditor
from sandbox.gocardless.paging import ListRules, list_records
from sandbox.gocardless.payment_states import IllegalStep
from sandbox.gocardless.problems import FieldErrors, invalid_state, invalid_usage
from sandbox.gocardless.records import Record
from sandbox.gocardless.schemes import CURRENCIES, SCHEMES
from sandbox.gocardless.timestamps import stamp
from sandbox.gocardless.world import World

_LIST = ListRules(links=("customer",), fields=("status",), timed=False)
_ENVELOPE = "billing_requests"
_PAY_BY_BANK = {"GBP": "faster_payments", "EUR": "sepa_credit_transfer"}
_CUSTOMER_KEYS = (
    "company_name",
    "created_at",
    "email",
    "family_name",
    "given_name",
    "id",
    "language",
    "metadata",
    "phone_number",
)
_DETAIL_KEYS = (
    "address_line1", "address_line2", "address_line3", "city", "country_code", "created_at",
    "danish_identity_number", "id",
    "postal_code", "region", "swedish_identity_number",
)  # fmt: skip
_ACCOUNT_KEYS = (
    "account_holder_name", "account_number_ending", "account_type", "bank_account_token", "bank_name", "country_code",
    "created_at", "currency", "enabled", "id", "links", "metadata", "payer_name_verification_result",
)  # fmt: skip


def create(call: Call) -> Reply:
    fields, world = call.fields(_ENVELOPE), call.world
    links, errors = read_links(fields), FieldErrors(_ENVELOPE)
    check_metadata(errors, fields)
    mandate_request = _mandate_request(errors, fields.get("mandate_request"))
    payment_request = _payment_request(errors, fields.get("payment_request"))
    if mandate_request is None and payment_request is None and not errors.entries:
        errors.add("mandate_request", "or payment_request can't be blank")
    creditor = choose_creditor(world, links, errors)
    errors.refuse_if_any()
    now = stamp(world.now())
    kept = {"creditor": creditor, "organisation": world.organisation_id}
    if mandate_request is not None:
        kept["mandate_request"] = world.ids.prefixed("MRQ")
    if payment_request is not None:
        kept["payment_request"] = world.ids.prefixed("PRQ")
    body: dict[str, Any] = {
        "id": world.ids.new("billing_requests"), "created_at": now, "actions": [],
        "fallback_enabled": bool(fields.get("fallback_enabled")), "fallback_occurred": False,
        "instalment_schedule_request": None, "links": kept, "mandate_request": mandate_request,
        "metadata": dict(fields.get("metadata") or {}), "payment_context_code": fields.get("payment_context_code"),
        "payment_purpose_code": fields.get("payment_purpose_code"), "payment_request": payment_request,
        "purpose_code": fields.get("purpose_code"),
        "resources": {"customer": None, "customer_bank_account": None, "customer_billing_detail": None},
        "status": "pending", "subscription_request": None,
    }  # fmt: skip
    request = world.billing_requests.add(Record(body["id"], now, body, hidden={"done": set()}))
    if links.get("customer"):
        _take_customer(world, request, links["customer"])
    refresh(request)
    _emit(world, request, "created", "billing_request_created")
    return one(_ENVELOPE, request, 201)


def _mandate_request(errors: FieldErrors, asked: Any) -> dict[str, Any] | None:
    if asked is None:
        return None
    if not isinstance(asked, dict):
        errors.add("mandate_request", "must be an object")
        return None
    scheme = asked.get("scheme")
    if scheme is not None and scheme not in SCHEMES:
        errors.add("mandate_request.scheme", "is not a known scheme")
    if asked.get("currency") is not None and asked["currency"] not in CURRENCIES:
        errors.add("mandate_request.currency", "is not a supported currency")
    if scheme == "pay_to" and not (asked.get("constraints") or {}).get("max_amount_per_payment"):
        errors.add("mandate_request.constraints", "max_amount_per_payment can't be blank")
    currency = asked.get("currency") or (SCHEMES[scheme].currency if scheme in SCHEMES else None)
    return {
        "authorisation_source": asked.get("authorisation_source") or "web", "consent_type": None,
        "constraints": asked.get("constraints"), "currency": currency, "description": asked.get("description"),
        "funds_settlement": asked.get("funds_settlement") or "managed", "links": {},
        "metadata": dict(asked.get("metadata") or {}), "payer_requested_dual_signature": False, "scheme": scheme,
        "sweeping": None, "verify": asked.get("verify") or "recommended",
    }  # fmt: skip


def _payment_request(errors: FieldErrors, asked: Any) -> dict[str, Any] | None:
    if asked is None:
        return None
    if not isinstance(asked, dict):
        errors.add("payment_request", "must be an object")
        return None
    check_amount(errors, asked)
    check_currency(errors, asked)
    check_text(errors, asked, "description", required=True)
    if asked.get("currency") not in _PAY_BY_BANK:
        errors.add("payment_request.currency", "must be GBP or EUR")
    return {
        "amount": asked.get("amount"), "app_fee": asked.get("app_fee"), "currency": asked.get("currency"),
        "description": asked.get("description"), "funds_settlement": "managed", "links": {},
        "metadata": dict(asked.get("metadata") or {}), "reference": asked.get("reference"),
        "scheme": asked.get("scheme") or _PAY_BY_BANK.get(str(asked.get("currency"))),
    }  # fmt: skip


def refresh(request: Record) -> None:
    """Recompute the actions and the status from what was collected."""
    body, done = request.body, request.hidden["done"]
    wanted = ["collect_customer_details", "collect_bank_account", "confirm_payer_details"]
    mandate_request = body["mandate_request"]
    if mandate_request is not None and mandate_request["currency"] is None:
        done.discard("choose_currency")
        wanted.insert(0, "choose_currency")
    if body["payment_request"] is not None:
        wanted.append("bank_authorisation")
    actions = [_action(name, name in done, body) for name in wanted]
    open_ones = [action for action in actions if action["required"] and action["status"] == "pending"]
    status = body["status"]
    if status in ("pending", "ready_to_fulfil"):
        status = "pending" if open_ones else "ready_to_fulfil"
    request.change(actions=actions, status=status)


def _action(name: str, done: bool, body: dict[str, Any]) -> dict[str, Any]:
    currency = (body["mandate_request"] or body["payment_request"])["currency"]
    details = {
        "default_country_code": None,
        "incomplete_fields": {"customer": ["email"], "customer_billing_detail": ["country_code"]},
    }
    return {
        "available_currencies": [currency] if currency else list(CURRENCIES),
        "bank_authorisation": {"adapter": "sandbox", "authorisation_type": "payment"}
        if name == "bank_authorisation"
        else None,
        "collect_customer_details": details if name == "collect_customer_details" and not done else None,
        "completes_actions": [],
        "institution_guess_status": None,
        "required": name != "confirm_payer_details",
        "requires_actions": ["collect_customer_details"] if name == "collect_bank_account" else [],
        "status": "completed" if done else "pending",
        "type": name,
    }


def collect_customer_details(call: Call) -> Reply:
    request, data = _open(call), call.action_data()
    given = {**(data.get("customer") or {}), **(data.get("customer_billing_detail") or {})}
    collect_customer(call.world, request, given)
    _emit(call.world, request, "collect_customer_details", "billing_request_collect_customer_details")
    return one(_ENVELOPE, request)


def collect_customer(world: World, request: Record, given: dict[str, Any]) -> None:
    """Create the payer, or complete the one that is linked. Raises 422 without a name or an e-mail address."""
    known = world.customers.get(str(request.links.get("customer", "")))
    fields = {name: value for name, value in given.items() if name in CUSTOMER_FIELDS}
    merged = {**(known.body if known else {}), **fields}
    errors = FieldErrors(_ENVELOPE)
    if not merged.get("email"):
        errors.add("customer.email", "can't be blank")
    if not merged.get("company_name") and not (merged.get("given_name") and merged.get("family_name")):
        errors.add("customer.given_name", "can't be blank unless a company name is given")
    errors.refuse_if_any()
    if known is None:
        known = world.builder.customer(fields, given.get("metadata"))
    else:
        known.change(**fields)
    _take_customer(world, request, known.id)
    refresh(request)


def _take_customer(world: World, request: Record, identity: str) -> None:
    customer = world.customers.get(identity)
    if customer is None:
        raise invalid_usage(404, "link_not_found", f"customer {identity} not found")
    request.link(customer=customer.id, customer_billing_detail=customer.id)
    details = {name: customer.body.get(name) for name in _DETAIL_KEYS}
    resources = {
        **request.body["resources"],
        "customer": {name: customer.body[name] for name in _CUSTOMER_KEYS},
        "customer_billing_detail": {**details, "ip_address": None, "schemes": []},
    }
    request.change(resources=resources)
    if customer.body["email"]:
        request.hidden["done"].add("collect_customer_details")
    # The index by customer was made before the link was known.
    world.billing_requests.reindex(request)


def collect_bank_account(call: Call) -> Reply:
    request = _open(call)
    collect_account(call.world, request, call.action_data())
    _emit(call.world, request, "collect_bank_account", "billing_request_collect_bank_account")
    return one(_ENVELOPE, request)


def collect_account(world: World, request: Record, given: dict[str, Any]) -> None:
    """Raises 422 before the customer details, or for wrong bank details; 409 for an account the customer has
    already.
    """
    customer = world.customers.get(str(request.links.get("customer", "")))
    if customer is None:
        raise invalid_state("billing_request_action_unavailable", "collect_customer_details comes first")
    errors = FieldErrors(_ENVELOPE)
    fields = {**given, "account_holder_name": given.get("account_holder_name") or _holder(customer)}
    details = required_details(errors, fields)
    wanted = (request.body["mandate_request"] or request.body["payment_request"])["currency"]
    if wanted not in (None, details.currency):
        errors.add("currency", f"must be {wanted}")
        errors.refuse_if_any()
    refuse_duplicate(world, customer, details)
    account = add_account(world, customer, fields, details)
    request.link(customer_bank_account=account.id)
    shown = {name: account.body[name] for name in _ACCOUNT_KEYS}
    request.hidden["done"].add("collect_bank_account")
    request.change(resources={**request.body["resources"], "customer_bank_account": shown})
    refresh(request)


def _holder(customer: Record) -> str:
    body = customer.body
    return str(body["company_name"] or f"{body['given_name']} {body['family_name']}")


def confirm_payer_details(call: Call) -> Reply:
    request = _open(call)
    if "collect_bank_account" not in request.hidden["done"]:
        raise invalid_state("billing_request_action_unavailable", "collect_bank_account comes first")
    request.hidden["done"].add("confirm_payer_details")
    refresh(request)
    _emit(call.world, request, "payer_details_confirmed", "billing_request_payer_details_confirmed")
    return one(_ENVELOPE, request)


def choose_currency(call: Call) -> Reply:
    request, data = _open(call), call.action_data()
    mandate_request = request.body["mandate_request"]
    if mandate_request is None or data.get("currency") not in CURRENCIES:
        raise invalid_state("billing_request_action_unavailable", "there is no currency to choose")
    request.change(mandate_request={**mandate_request, "currency": data["currency"]})
    refresh(request)
    _emit(call.world, request, "choose_currency", "billing_request_choose_currency")
    return one(_ENVELOPE, request)


def fulfil(call: Call) -> Reply:
    request = _open(call)
    fulfil_request(call.world, request)
    return one(_ENVELOPE, request)


def fulfil_request(world: World, request: Record) -> Record | None:
    """Make the mandate and the payment; returns the payment. Raises 422 while a required action is open."""
    if request.status != "ready_to_fulfil":
        raise invalid_state("billing_request_non_fulfillable", "There are required actions to be completed")
    account = world.customer_bank_accounts.get(str(request.links["customer_bank_account"]))
    asked = request.body["mandate_request"]
    links: dict[str, str] = {}
    creditor, payment = str(request.links["creditor"]), None
    if asked is not None:
        mandate = world.builder.mandate(account, creditor, scheme=asked["scheme"], metadata=asked["metadata"])
        links["mandate_request_mandate"] = mandate.id
        request.change(mandate_request={**asked, "scheme": mandate.body["scheme"], "links": {"mandate": mandate.id}})
    wanted = request.body["payment_request"]
    if wanted is not None:
        payment = world.builder.instant_payment(
            creditor, str(request.links["customer"]), wanted["amount"], wanted["currency"], wanted["scheme"],
            wanted["description"],
        )  # fmt: skip
        links["payment_request_payment"] = payment.id
        request.change(payment_request={**wanted, "links": {"payment": payment.id}})
    request.change(status="fulfilled")
    request.link(**links)
    for name in ("customer", "customer_bank_account"):
        links[name] = str(request.links[name])
    _emit(world, request, "fulfilled", "billing_request_fulfilled", links)
    return payment


def authorise_and_fulfil(world: World, request: Record) -> Record:
    """What the scenario simulators do: the bank says yes to the payment request, then everything is made."""
    if request.body["payment_request"] is None or request.status != "pending":
        raise IllegalStep(f"billing request {request.id} has no pending payment request")
    request.hidden["done"].add("bank_authorisation")
    refresh(request)
    payment = fulfil_request(world, request)
    if payment is None:
        raise IllegalStep(f"billing request {request.id} made no payment")
    return payment


def cancel(call: Call) -> Reply:
    request = _open(call)
    request.change(status="cancelled")
    _emit(call.world, request, "cancelled", "billing_request_cancelled")
    return one(_ENVELOPE, request)


def notify(call: Call) -> Reply:
    """E-mails the payer. GoCardless offers it for Instant Bank Pay requests; for mandates only where the world says so."""
    request, data = _open(call), call.action_data()
    errors = FieldErrors(_ENVELOPE)
    if data.get("notification_type") != "email":
        errors.add("notification_type", "must be email")
    errors.refuse_if_any()
    if request.body["payment_request"] is None and not call.world.settings.notifies_mandate_requests:
        raise invalid_state("billing_request_action_unavailable", "This billing request cannot be notified")
    request.hidden["notified"] = request.hidden.get("notified", 0) + 1
    return one(_ENVELOPE, request)


def index(call: Call) -> Reply:
    return list_records(call, call.world.billing_requests, _LIST)


def show(call: Call) -> Reply:
    return one(_ENVELOPE, call.record(call.world.billing_requests, "billing request"))


def _open(call: Call) -> Record:
    request = call.record(call.world.billing_requests, "billing request")
    if request.status not in ("pending", "ready_to_fulfil"):
        raise invalid_state("billing_request_not_open", f"This billing request is {request.status}")
    return request


def _emit(world: World, request: Record, action: str, cause: str, links: dict[str, str] | None = None) -> None:
    world.emit(
        request, _ENVELOPE, action,
        cause=cause, origin="api", description=f"Billing request {action.replace('_', ' ')}.", links=links,
    )  # fmt: skip


ENDPOINTS = (
    Endpoint("POST", "/billing_requests", create, idempotent=True),
    Endpoint("GET", "/billing_requests", index),
    Endpoint("GET", "/billing_requests/{identity}", show),
    Endpoint("POST", "/billing_requests/{identity}/actions/collect_customer_details", collect_customer_details),
    Endpoint("POST", "/billing_requests/{identity}/actions/collect_bank_account", collect_bank_account),
    Endpoint("POST", "/billing_requests/{identity}/actions/confirm_payer_details", confirm_payer_details),
    Endpoint("POST", "/billing_requests/{identity}/actions/choose_currency", choose_currency),
    Endpoint("POST", "/billing_requests/{identity}/actions/fulfil", fulfil),
    Endpoint("POST", "/billing_requests/{identity}/actions/cancel", cancel),
    Endpoint("POST", "/billing_requests/{identity}/actions/notify", notify),
)
