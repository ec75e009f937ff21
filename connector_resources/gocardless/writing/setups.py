"""Mandate set-ups as requests: the billing request, the payer's hosted page for it, and GoCardless's own e-mail.

Pure. Each posting takes two or three steps, because a page belongs to a request that exists. A page that was made twice is
another address of the same request (gocardless.md section 2.4); an e-mail that was sent twice cannot be taken back, so one
whose outcome is not known is never repeated.
"""

from __future__ import annotations

from typing import Any

from bookkeeping.mandate_setup_rules import PREFILLED
from bookkeeping.postings import Posting
from connector_resources.erp.contract import Complete, Planned, PlannedSubmission, PostingWork
from connector_resources.gocardless.client import action_request, create_request
from connector_resources.gocardless.writing import direct_mandates
from connector_resources.gocardless.writing.documents import (
    CREATE,
    FLOWS,
    NOTIFY,
    OUR_REFERENCE,
    idempotency_key,
    planned_request,
)

REQUESTS = "billing_requests"
FLOW = "flow"
#: metadata key of a billing request that holds the ERP's customer number.
ERP_CUSTOMER = "erp_customer"


def next_step(work: PostingWork) -> Planned:
    """The next request of a set-up."""
    posting = work.posting
    if direct_mandates.is_direct(posting):
        return direct_mandates.next_step(work)
    done = {each.step: each.document for each in work.done}
    if CREATE not in done:
        return billing_request(posting)
    if FLOW not in done:
        return _flow(posting, done[CREATE].number)
    if posting.facts.get("notify") and NOTIFY not in done:
        return _notice(posting, done[CREATE].number)
    return Complete(posting.key)


def billing_request(posting: Posting) -> PlannedSubmission:
    """`POST /billing_requests` for a mandate."""
    facts = posting.facts
    mandate = {"currency": facts["currency"], "description": facts.get("description")}
    links = {name: facts[name] for name in ("customer", "creditor") if facts.get(name)}
    fields: dict[str, Any] = {
        "mandate_request": {name: value for name, value in mandate.items() if value},
        "metadata": {OUR_REFERENCE: posting.reference, ERP_CUSTOMER: facts["erp_customer"]},
    }
    if links:
        fields["links"] = links
    request = create_request(REQUESTS, fields, idempotency_key(posting.connection, f"{posting.key}/{CREATE}"))
    return planned_request(posting, CREATE, request, f"Mandate request for ERP customer {facts['erp_customer']}")


def _flow(posting: Posting, request_id: str) -> PlannedSubmission:
    facts = posting.facts
    prefilled = {name: facts[f"prefilled_{name}"] for name in PREFILLED if facts.get(f"prefilled_{name}")}
    optional = {"redirect_uri": facts.get("redirect_uri"), "exit_uri": facts.get("exit_uri")}
    fields: dict[str, Any] = {"links": {"billing_request": request_id}, "prefilled_customer": prefilled, **optional}
    present = {name: value for name, value in fields.items() if value}
    request = create_request(FLOWS, present, idempotency_key(posting.connection, f"{posting.key}/{FLOW}"))
    return planned_request(posting, FLOW, request, f"Hosted page of {request_id}")


def _notice(posting: Posting, request_id: str) -> PlannedSubmission:
    fields = {"notification_type": "email", "redirect_uri": posting.facts.get("redirect_uri")}
    present = {name: value for name, value in fields.items() if value}
    key = idempotency_key(posting.connection, f"{posting.key}/{NOTIFY}")
    request = action_request(REQUESTS, request_id, NOTIFY, key, present)
    return planned_request(posting, NOTIFY, request, f"E-mail to the payer of {request_id}")
