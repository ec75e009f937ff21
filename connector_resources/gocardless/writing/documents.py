"""From postings to the exact requests that GoCardless gets, and what a sent request asked for. Pure: no I/O, no clock.

A further kind is a function here that gives its request, a case in `planning`, and a row in the tables below.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import orjson

from bookkeeping.collection_rules import METADATA_VALUE_LIMIT, order_of
from bookkeeping.postings import Posting
from connector_resources.erp.contract import Document, PlannedSubmission
from connector_resources.gocardless.client import Json, action_request, create_request, update_request
from connector_resources.transport.messages import Request

#: metadata key of everything we create; its value is the posting's reference (section 8).
OUR_REFERENCE = "mlc_ref"
#: where the rules look first for the invoice of a payment (`books.invoice_references`).
INVOICE = "invoice"

CREATE, UPDATE, NOTIFY = "create", "update", "notify"
#: hosted pages of billing requests; they can neither be read nor listed.
FLOWS = "billing_request_flows"
#: (resource type, action) -> the statuses after which the action is done, whoever did it (section 6.3).
GOALS: Mapping[tuple[str, str], frozenset[str]] = {
    ("payments", "cancel"): frozenset({"cancelled"}),
    ("subscriptions", "cancel"): frozenset({"cancelled"}),
    ("subscriptions", "pause"): frozenset({"paused"}),
    ("subscriptions", "resume"): frozenset({"active"}),
}
#: resource type -> what its documents are called.
DOCUMENT_KINDS: Mapping[str, str] = {
    "payments": "payment",
    "subscriptions": "subscription",
    "customers": "customer",
    "customer_bank_accounts": "customer_bank_account",
    "mandates": "mandate",
    "billing_requests": "billing_request",
    "billing_request_flows": "billing_request_flow",
}
#: resource type -> the link its list can be narrowed by, to look for what we created.
LISTED_BY: Mapping[str, str] = {
    "payments": "mandate",
    "subscriptions": "mandate",
    "customer_bank_accounts": "customer",
    "mandates": "customer_bank_account",
}

#: details of an ERP customer that GoCardless has under the same names.
ADDRESS = ("email", "address_line1", "address_line2", "address_line3", "city", "postal_code", "country_code")

#: what of a created resource must be as we asked (section 6.2). The rest GoCardless decides itself or rewrites: a charge
#: date is rolled to a working day, an account number is never shown again.
COMPARED = frozenset(
    {"amount", "currency", "links", "metadata", "interval_unit", "interval", "day_of_month", "month", "count"}
)
#: fields whose values may stand in a reason; names and addresses of people may not.
_SHOWN = frozenset({"amount", "currency", "interval_unit", "interval", "day_of_month", "month", "count"})
_KEYS = uuid.UUID("6f0d3a52-6d9b-5c0e-9a51-3a3c1f7f2b64")


def idempotency_key(connection: str, reference: str) -> str:
    """36 characters, the same for the same submission of the same connection (section 6.2)."""
    return str(uuid.uuid5(_KEYS, f"{connection}/{reference}"))


def collection(posting: Posting) -> PlannedSubmission:
    """`POST /payments`. Raises `KeyError` or `ValueError` when the posting carries no whole order."""
    order = order_of(posting)
    fields: dict[str, Any] = {
        "amount": order.amount.minor,
        "currency": order.amount.currency,
        "charge_date": order.charge_date.isoformat() if order.charge_date else None,
        "description": order.description or None,
        "reference": order.payment_reference or None,
        "retry_if_possible": order.retry_if_possible or None,
        "metadata": {OUR_REFERENCE: order.reference},
        "links": {"mandate": order.mandate},
    }
    if posting.invoices:
        fields["metadata"][INVOICE] = ", ".join(posting.invoices)[:METADATA_VALUE_LIMIT]
    present = {name: value for name, value in fields.items() if value is not None}
    reference = f"{posting.key}/{CREATE}"
    request = create_request("payments", present, idempotency_key(posting.connection, reference))
    return planned_request(
        posting, CREATE, request, f"Collect {order.amount} from {order.mandate} for {order.reference}"
    )


def cancellation(posting: Posting, payment_id: str) -> PlannedSubmission:
    """`POST /payments/:id/actions/cancel`."""
    key = idempotency_key(posting.connection, f"{posting.key}/cancel")
    return planned_request(
        posting, "cancel", action_request("payments", payment_id, "cancel", key), f"Cancel {payment_id}"
    )


def customer_update(posting: Posting, fields: Mapping[str, Any], version: str) -> PlannedSubmission:
    """`PUT /customers/:id` with these fields; `version` is that of the customer they were made from."""
    request = update_request("customers", posting.subject, fields)
    summary = f"Customer {posting.subject}: {', '.join(sorted(fields))}"
    return planned_request(posting, UPDATE, request, summary, etag=version)


def registration(posting: Posting) -> PlannedSubmission:
    """`POST /customers` for a customer that only the ERP knows. A name of the ERP's is that of a company."""
    facts = posting.facts
    known = {"company_name": facts["name"], **{name: facts[name] for name in ADDRESS if facts.get(name)}}
    metadata = {OUR_REFERENCE: posting.reference, facts["metadata_key"]: facts["metadata_value"]}
    reference = f"{posting.key}/{CREATE}"
    request = create_request(
        "customers", {**known, "metadata": metadata}, idempotency_key(posting.connection, reference)
    )
    return planned_request(posting, CREATE, request, f"Register ERP customer {facts['erp_customer']}")


def document_of(resource_type: str, resource: Json, dashboard: str) -> Document:
    """The resource as the protocol keeps it. `dashboard` is the address of the environment's dashboard."""
    details = {name: str(resource[name]) for name in ("status", "created_at", "expires_at") if resource.get(name)}
    url = resource.get("authorisation_url") or f"{dashboard}/{resource_type}/{resource['id']}"
    return Document(DOCUMENT_KINDS[resource_type], str(resource["id"]), url=url, details=details)


def version_of(resource: Json) -> str:
    """A fingerprint in place of the version that GoCardless does not keep: equal content, equal version."""
    return hashlib.sha256(orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def planned_request(
    posting: Posting, step: str, request: Request, summary: str, *, etag: str = ""
) -> PlannedSubmission:
    """`request` as one step of `posting`, for the protocol."""
    return PlannedSubmission(
        reference=f"{posting.key}/{step}",
        step=step,
        method=request.method,
        path=request.url,
        body=request.body or b"",
        content_type=request.content_type,
        posting_keys=(posting.key,),
        headers=request.headers,
        etag=etag,
        summary=summary,
    )


# --- a sent request, read back ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """What a stored request asks for: `create`, `update` or an action, on which resource, with which fields."""

    action: str
    resource_type: str
    resource_id: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def our_reference(self) -> str:
        return str((self.fields.get("metadata") or {}).get(OUR_REFERENCE, ""))


def request_of(planned: PlannedSubmission) -> Request:
    """The planned bytes as a request."""
    return Request(
        planned.method,
        planned.path,
        headers=planned.headers,
        body=planned.body,
        content_type=planned.content_type,
        write=True,
    )


def read_request(planned: PlannedSubmission) -> Sent:
    """The meaning of a planned request, from its method, path and exact bytes."""
    resource_type, *rest = planned.path.strip("/").split("/")
    content = orjson.loads(planned.body)
    match rest:
        case []:
            return Sent(CREATE, resource_type, "", content[resource_type])
        case [resource_id]:
            return Sent(UPDATE, resource_type, unquote(resource_id), content[resource_type])
        case [resource_id, "actions", action]:
            return Sent(action, resource_type, unquote(resource_id), content["data"])
    raise ValueError(f"{planned.method} {planned.path} is no request of this connector")


def differences(sent: Sent, resource: Json, compared: Collection[str] = COMPARED) -> list[str]:
    """In what the resource is not what was asked for; empty when it is. Absent and null are the same (section 3.1).

    Of a create only the fields `compared` count; an update must stand there with every field, an action with its goal.
    """
    if sent.action not in (CREATE, UPDATE):
        goal = GOALS[sent.resource_type, sent.action]
        status = resource.get("status")
        return [] if status in goal else [f"it is {status}, not {' or '.join(sorted(goal))}"]
    found: list[str] = []
    for name, wanted in sent.fields.items():
        if sent.action == CREATE and name not in compared:
            continue
        if isinstance(wanted, dict):
            there = resource.get(name) or {}
            found += [_difference(f"{name}.{key}", value, there.get(key)) for key, value in wanted.items()]
        else:
            found.append(_difference(name, wanted, resource.get(name), is_shown=name in _SHOWN))
    return [difference for difference in found if difference]


def _difference(name: str, wanted: Any, there: Any, *, is_shown: bool = True) -> str:
    if (wanted or None) == (there or None):
        return ""
    return f"{name} is {there}, not {wanted}" if is_shown else f"{name} differs"
