"""`/redirect_flows`: the legacy hosted page, closed to new integrators but still met (gocardless.md section 2.4)."""

from __future__ import annotations

from typing import Any

from sandbox.gocardless.calls import Call, Endpoint, Reply, one
from sandbox.gocardless.customer_bank_accounts import add as add_account
from sandbox.gocardless.customer_bank_accounts import required_details
from sandbox.gocardless.field_checks import check_metadata, check_text, read_links
from sandbox.gocardless.mandates import choose_creditor
from sandbox.gocardless.problems import FieldErrors, invalid_state
from sandbox.gocardless.records import Record
from sandbox.gocardless.timestamps import stamp

_PAGE = (
    b'<html><body><form method="post"><input name="iban"><input name="email">'
    b"<button>Confirm</button></form></body></html>"
)


def create(call: Call) -> Reply:
    fields, world = call.fields("redirect_flows"), call.world
    errors = FieldErrors("redirect_flows")
    check_metadata(errors, fields)
    for name in ("session_token", "success_redirect_url"):
        check_text(errors, fields, name, most=2000, required=True)
    creditor = choose_creditor(world, read_links(fields), errors)
    errors.refuse_if_any()
    now, identity = stamp(world.now()), world.ids.new("redirect_flows")
    body: dict[str, Any] = {
        "id": identity, "created_at": now, "confirmation_url": None, "description": fields.get("description"),
        "links": {"creditor": creditor}, "mandate_reference": None, "metadata": dict(fields.get("metadata") or {}),
        "redirect_url": f"{call.base_url}/redirect/{identity}", "scheme": fields.get("scheme"),
        "session_token": fields["session_token"], "success_redirect_url": fields["success_redirect_url"],
    }  # fmt: skip
    flow = world.redirect_flows.add(Record(identity, now, body, hidden={"given": None}))
    return one("redirect_flows", flow, 201)


def show(call: Call) -> Reply:
    return one("redirect_flows", call.record(call.world.redirect_flows, "redirect flow"))


def page(call: Call) -> Reply:
    call.record(call.world.redirect_flows, "redirect flow")
    return Reply(200, _PAGE, content_type="text/html")


def submit(call: Call) -> Reply:
    flow = call.record(call.world.redirect_flows, "redirect flow")
    flow.hidden["given"] = {name: value for name, value in dict(call.document or {}).items() if value}
    target = f"{flow.body['success_redirect_url']}?redirect_flow_id={flow.id}"
    return Reply(303, b"", content_type="text/html", headers={"Location": target})


def complete(call: Call) -> Reply:
    """Make customer, account and mandate of what the payer gave; needs the session token the flow was made with."""
    world, flow = call.world, call.record(call.world.redirect_flows, "redirect flow")
    if call.action_data().get("session_token") != flow.body["session_token"]:
        raise invalid_state("redirect_flow_incomplete", "The session token does not match")
    if "mandate" in flow.links:
        raise invalid_state("redirect_flow_already_completed", "This redirect flow was completed already")
    given = flow.hidden["given"]
    if given is None:
        raise invalid_state("redirect_flow_incomplete", "The payer has not completed the page yet")
    details = required_details(FieldErrors("redirect_flows"), given)
    customer = world.builder.customer({"given_name": "Redirected", "family_name": "Payer", **given})
    holder = f"{customer.body['given_name']} {customer.body['family_name']}"
    account = add_account(world, customer, {"account_holder_name": holder}, details)
    mandate = world.builder.mandate(account, str(flow.links["creditor"]))
    flow.link(customer=customer.id, customer_bank_account=account.id, mandate=mandate.id)
    flow.change(confirmation_url=f"{call.base_url}/redirect/{flow.id}", mandate_reference=mandate.body["reference"])
    return one("redirect_flows", flow)


ENDPOINTS = (
    Endpoint("POST", "/redirect_flows", create, idempotent=True),
    Endpoint("GET", "/redirect_flows/{identity}", show),
    Endpoint("POST", "/redirect_flows/{identity}/actions/complete", complete),
    Endpoint("GET", "/redirect/{identity}", page, open=True),
    Endpoint("POST", "/redirect/{identity}", submit, open=True),
)
