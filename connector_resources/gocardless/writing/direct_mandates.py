"""Mandates from bank details that the ERP holds: customer, bank account and mandate, one step each. Pure.

The IBAN is no part of a request as it is planned and stored: like an access token it is put in when the request is sent, from
where it lies sealed. The same set-up always gives the same keys, so a step that was not answered is made once.
Source: gocardless.md sections 2 and 2.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bookkeeping.mandate_setup_rules import PREFILLED
from bookkeeping.postings import Posting
from connector_resources.erp.contract import Complete, Planned, PlannedSubmission, PostingWork
from connector_resources.gocardless.client import create_request
from connector_resources.gocardless.writing.documents import OUR_REFERENCE, idempotency_key, planned_request
from connector_resources.transport.messages import Request

CUSTOMER, BANK_ACCOUNT, MANDATE = "customer", "bank_account", "mandate"
#: metadata keys: the ERP's customer number, and the mandate that the payer signed there.
ERP_CUSTOMER, ERP_MANDATE = "erp_customer", "erp_mandate"
#: stands in the stored request in place of an IBAN, before the name under which the vault holds it.
SEALED = "sealed:"
#: resource type of the step whose request takes an IBAN.
ACCOUNTS = "customer_bank_accounts"


def is_direct(posting: Posting) -> bool:
    """Whether a MANDATE_SETUP posting asks nobody."""
    return bool(posting.facts.get("bank_details"))


def next_step(work: PostingWork) -> Planned:
    """The next request of a direct set-up."""
    done = {each.step for each in work.done}
    step = next((each for each in _steps(work.posting) if each not in done), None)
    return Complete(work.posting.key) if step is None else request_of_step(work, step)


def request_of_step(work: PostingWork, step: str) -> PlannedSubmission:
    """The request that `step` sends, or has sent. The steps before it must be done."""
    posting, made = work.posting, {each.step: each.document.number for each in work.done}
    customer = posting.facts.get("customer") or made.get(CUSTOMER, "")
    match step:
        case "customer":
            return _customer(posting)
        case "bank_account":
            return _bank_account(posting, customer)
        case "mandate":
            return _mandate(posting, made[BANK_ACCOUNT])
    raise ValueError(f"{posting.key} has no step {step}")


def with_iban(request: Request, iban: str) -> Request:
    """The request with the IBAN in its place."""
    content = orjson.loads(request.body or b"{}")
    content[ACCOUNTS]["iban"] = iban
    return Request(
        request.method,
        request.url,
        headers=request.headers,
        body=orjson.dumps(content),
        content_type=request.content_type,
        write=True,
    )


def sealed_name(fields: Mapping[str, Any]) -> str:
    """The name under which the vault holds the IBAN of a stored request; "" when it has none."""
    given = str(fields.get("iban", ""))
    return given.removeprefix(SEALED) if given.startswith(SEALED) else ""


def _steps(posting: Posting) -> tuple[str, ...]:
    """A customer that GoCardless knows is not made again."""
    return (BANK_ACCOUNT, MANDATE) if posting.facts.get("customer") else (CUSTOMER, BANK_ACCOUNT, MANDATE)


def _customer(posting: Posting) -> PlannedSubmission:
    facts = posting.facts
    known = {name: facts[f"prefilled_{name}"] for name in PREFILLED if facts.get(f"prefilled_{name}")}
    known.setdefault("company_name", facts["holder"])
    fields = {**known, "metadata": {OUR_REFERENCE: posting.reference, ERP_CUSTOMER: facts["erp_customer"]}}
    return _planned(posting, CUSTOMER, "customers", fields, f"Customer for ERP customer {facts['erp_customer']}")


def _bank_account(posting: Posting, customer: str) -> PlannedSubmission:
    facts = posting.facts
    fields = {
        "account_holder_name": facts["holder"],
        "currency": facts["currency"],
        "iban": f"{SEALED}{facts['bank_details']}",
        "metadata": {OUR_REFERENCE: posting.reference},
        "links": {"customer": customer},
    }
    return _planned(posting, BANK_ACCOUNT, ACCOUNTS, fields, f"Bank account of {customer}")


def _mandate(posting: Posting, bank_account: str) -> PlannedSubmission:
    facts = posting.facts
    signed = {ERP_MANDATE: facts["signed_mandate"]} if facts.get("signed_mandate") else {}
    creditor = {"creditor": facts["creditor"]} if facts.get("creditor") else {}
    fields = {
        "scheme": facts["scheme"],
        "metadata": {OUR_REFERENCE: posting.reference, **signed},
        "links": {"customer_bank_account": bank_account, **creditor},
    }
    return _planned(posting, MANDATE, "mandates", fields, f"Mandate on {bank_account}, {facts['scheme']}")


def _planned(
    posting: Posting, step: str, resource_type: str, fields: Mapping[str, Any], summary: str
) -> PlannedSubmission:
    key = idempotency_key(posting.connection, f"{posting.key}/{step}")
    return planned_request(posting, step, create_request(resource_type, fields, key), summary)
