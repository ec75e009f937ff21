"""`/billing_request_flows` and a stand-in of the hosted page the payer is sent to (gocardless.md section 2.4).

Creating a flow is not de-duplicated by the idempotency key. The page is a plain form; posting it collects the details,
fulfils the billing request and sends the browser back.
"""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import Any

from sandbox.gocardless.billing_requests import collect_account, collect_customer, fulfil_request, refresh
from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.field_checks import read_links
from sandbox.gocardless.problems import invalid_state, invalid_usage, not_found
from sandbox.gocardless.records import Record
from sandbox.gocardless.timestamps import parse_stamp, stamp

LIFETIME = timedelta(days=7)
_PAGE_FIELDS = (
    "given_name",
    "family_name",
    "company_name",
    "email",
    "iban",
    "branch_code",
    "account_number",
    "country_code",
)


def create(call: Call) -> Reply:
    fields, world = call.fields("billing_request_flows"), call.world
    identity = read_links(fields).get("billing_request")
    request = world.billing_requests.get(str(identity or ""))
    if request is None:
        raise invalid_usage(404, "link_not_found", f"billing request {identity} not found")
    if request.status not in ("pending", "ready_to_fulfil"):
        raise invalid_state("billing_request_not_open", f"This billing request is {request.status}")
    now, flow_id = stamp(world.now()), world.ids.new("billing_request_flows")
    body: dict[str, Any] = {
        "id": flow_id, "created_at": now, "authorisation_url": f"{call.base_url}/flow/{flow_id}",
        "auto_fulfil": fields.get("auto_fulfil", True), "customer_details_captured": False,
        "exit_uri": fields.get("exit_uri"), "expires_at": stamp(world.now() + LIFETIME),
        "language": fields.get("language"),
        "links": {"billing_request": request.id}, "lock_bank_account": bool(fields.get("lock_bank_account")),
        "lock_currency": bool(fields.get("lock_currency")),
        "lock_customer_details": bool(fields.get("lock_customer_details")),
        "prefilled_bank_account": fields.get("prefilled_bank_account"),
        "prefilled_customer": fields.get("prefilled_customer"), "redirect_uri": fields.get("redirect_uri"),
        "session_token": None, "show_redirect_buttons": bool(fields.get("show_redirect_buttons")),
        "show_success_redirect_button": bool(fields.get("show_success_redirect_button")),
        "skip_success_screen": bool(fields.get("skip_success_screen")),
    }  # fmt: skip
    flow = world.billing_request_flows.add(Record(flow_id, now, body))
    _emit(call, request, "flow_created", flow)
    # Not remembered for the idempotency key: each POST gives a new address for the same billing request.
    return Reply(201, one("billing_request_flows", flow).body)


def initialise(call: Call) -> Reply:
    flow = call.record(call.world.billing_request_flows, "billing request flow")
    flow.change(session_token=f"sesh_{call.world.ids.letters('session', 12)}")
    return one("billing_request_flows", flow)


def page(call: Call) -> Reply:
    """The hosted page: a form with the prefilled details."""
    flow, request = _visited(call)
    _emit(call, request, "flow_visited", flow)
    prefilled = flow.body["prefilled_customer"] or {}
    inputs = "".join(
        f'<label>{escape(name)} <input name="{name}" value="{escape(str(prefilled.get(name) or ""))}"></label>'
        for name in _PAGE_FIELDS
    )
    form = f'<form method="post">{inputs}<button>Confirm</button></form>'
    text = f"<html><body><h1>Set up a Direct Debit</h1>{form}</body></html>"
    return Reply(200, text.encode(), content_type="text/html")


def submit(call: Call) -> Reply:
    """The payer confirmed: collect, fulfil, and go back to the merchant."""
    flow, request = _visited(call)
    given = {name: value for name, value in dict(call.document or {}).items() if value}
    world = call.world
    collect_customer(world, request, {**(flow.body["prefilled_customer"] or {}), **given})
    collect_account(world, request, given)
    request.hidden["done"].update(("confirm_payer_details", "bank_authorisation"))
    refresh(request)
    flow.change(customer_details_captured=True)
    if flow.body["auto_fulfil"]:
        fulfil_request(world, request)
    target = flow.body["redirect_uri"]
    if not target:
        return Reply(200, b"<html><body><h1>All done</h1></body></html>", content_type="text/html")
    return Reply(303, b"", content_type="text/html", headers={"Location": str(target)})


def leave(call: Call) -> Reply:
    """The payer gave up."""
    flow, request = _visited(call)
    _emit(call, request, "flow_exited", flow)
    return Reply(303, b"", content_type="text/html", headers={"Location": str(flow.body["exit_uri"] or "/")})


def _visited(call: Call) -> tuple[Record, Record]:
    flow = call.record(call.world.billing_request_flows, "billing request flow")
    if call.world.now() > parse_stamp(flow.body["expires_at"]):
        raise invalid_usage(410, "flow_expired", "This page has expired")
    request = call.world.billing_requests.get(str(flow.links["billing_request"]))
    if request is None:
        raise not_found("billing request", str(flow.links["billing_request"]))
    return flow, request


def _emit(call: Call, request: Record, action: str, flow: Record) -> None:
    call.world.emit(
        request, "billing_requests", action, cause=f"billing_request_{action}", origin="payer",
        description=f"Billing request {action.replace('_', ' ')}.", links={"billing_request_flow": flow.id},
    )  # fmt: skip


ENDPOINTS = (
    Endpoint("POST", "/billing_request_flows", create),
    Endpoint("POST", "/billing_request_flows/{identity}/actions/initialise", initialise),
    Endpoint("GET", "/flow/{identity}", page, open=True),
    Endpoint("POST", "/flow/{identity}", submit, open=True),
    Endpoint("GET", "/flow/{identity}/exit", leave, open=True),
)
